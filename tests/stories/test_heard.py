"""Who must be heard and is not: on a card, in /readyz, and through a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories.story import BASE
from tests.stories.telling import telling
from tests.stories.until import until

WATCHED = BASE.replace(
    "auth: {bearer: token-of-prometheus}",
    "auth: {bearer: token-of-prometheus}, expect: [{match: ['alertname=\"Watchdog\"'], every: 2s}]",
) + "  routes: [{match: ['alertname=\"Watchdog\"'], channels: []}]\n"  # fmt: skip
ABOUT = 'prometheus {alertname="Watchdog"} was not heard for more than 2s: is it down, or cut off from Tocsin?'


async def test_a_watchdog_falls_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.watch.EVERY_SECONDS", 0.1)
    monkeypatch.setattr("bot.heard.FLUSH_SECONDS", 0.1)
    async with telling(tmp_path, WATCHED) as story:
        await story.fires("Watchdog", severity="info")
        card = await story.card("ops")  # of the silence: the watchdog itself is shown nowhere
        await card.shows(state="firing", severity="critical", title=ABOUT)
        assert (await story.get("/readyz"))["degraded"] == {'source prometheus {alertname="Watchdog"}': ABOUT}
        await story.fires("DiskFull")
        await card.shows(state="firing")
        await story.passes("1h")  # the clock is set: nothing else is silent for that
        await story.restart()
        await card.shows(state="firing")  # still the one card
        await story.fires("Watchdog", severity="info")
        await card.shows(state="resolved")

        async def well() -> bool:
            return bool((await story.get("/readyz"))["degraded"] == {})

        await until(well)
