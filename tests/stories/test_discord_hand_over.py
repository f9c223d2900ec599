"""Discord with replicas: only the leader is connected, and whoever leads next hears what is pressed on the cards of the last."""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from tests.standins.discord import Discord
from tests.stories.cluster import Cluster, cluster
from tests.stories.story import BASE, iso
from tests.stories.until import until
from tests.stories.views import Seen
from tests.stories.views_discord import ACCOUNTS, CHANNELS, DiscordView, config_of, move_in, with_ids

pytestmark = pytest.mark.real

WITHIN = 8.0
"""Seconds from kill -9 until clicks are heard again: 5 to lead, then a session."""


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[Discord, Cluster]]:
    async with AsyncExitStack() as stack:
        discord = move_in(await stack.enter_async_context(Discord()))
        yield discord, await stack.enter_async_context(cluster(tmp_path, config_of(discord), with_ids(BASE)))


async def fires(both: Cluster) -> None:
    labels = {"alertname": "PgDown", "severity": "critical", "cluster": "eu1"}
    alert = {"status": "firing", "labels": labels, "startsAt": iso(time.time())}
    headers = {"Authorization": "Bearer token-of-prometheus"}
    async with (
        aiohttp.ClientSession(both.url, headers=headers) as http,
        http.post("/webhooks/prometheus", json={"alerts": [alert]}) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def shown(discord: Discord, **wanted: str) -> Seen:
    """The one card of ops, when it shows that."""
    cards = await DiscordView(discord).cards("ops")
    found = [{name: getattr(card, name) for name in wanted} for card in cards]
    assert found == [wanted], found
    return cards[0]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "told to stop"])
async def test_the_gateway_changes_hands(
    place: tuple[Discord, Cluster], how: signal.Signals, record_property: Callable[[str, object], None]
) -> None:
    discord, both = place
    ops, gateway = CHANNELS["ops"], discord.gateway
    leader = await both.leader()
    await discord.connected()
    await fires(both)
    card = await until(lambda: shown(discord, state="firing"))
    assert len(gateway.sessions) == 1, "who follows is not connected"
    pressed = await discord.press(ops, card.ref, "Ack", user=ACCOUNTS["ana"])
    assert pressed.text == "#1 is acknowledged by Ana Petrova."

    began = time.monotonic()
    took = await both.hands_over(leader, how)
    await discord.until(lambda: gateway.live == gateway.sessions[1:2], WITHIN, "a session of the new leader, and no other")
    heard = time.monotonic() - began
    record_property("tell", f"Discord, {how.name}: another one leads after {took:.2f} s and hears clicks after {heard:.2f} s")
    assert heard < WITHIN
    assert await leader.ended() == (0 if how == signal.SIGTERM else -how)

    pressed = await discord.press(ops, card.ref, "Resolve", user=ACCOUNTS["ben"], version=0)
    if pressed.error:  # Discord gives up after 3 s, which a busy machine may take right now; people press again
        pressed = await discord.press(ops, card.ref, "Resolve", user=ACCOUNTS["ben"], version=0)
    assert pressed.text.startswith("#1 is resolved"), (pressed.text, pressed.error)
    after = await until(lambda: shown(discord, state="resolved", who="Ben Okafor"), what="the old card shows it")
    assert after.ref == card.ref
    typed = await discord.slash(ACCOUNTS["ana"], ops, "note", {"incident": 1, "note": "the cable"})
    assert "Noted on #1" in typed.text
    leader.start()
    await leader.ready()
    assert len(gateway.sessions) == 2, "who comes back follows"
