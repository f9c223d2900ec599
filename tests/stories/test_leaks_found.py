"""Leaks that were found, each as a story of its own."""

from __future__ import annotations

import pytest

from tests.stories.story import BASE, Story
from tests.stories.until import until

CANARY = "kestrel-7731"
TEAMS = BASE.replace("match: ['team=\"payments\"']", "match: ['team=~\"payments|payroll\"']").replace(
    "group_by: [alertname, cluster]", "group_by: [cluster]"
)


@pytest.fixture
def chat() -> str:
    return "httpchat"


@pytest.mark.parametrize("config", [TEAMS])
async def test_a_silence_of_a_secret_incident_is_as_secret(story: Story) -> None:
    """What its alerts share need not be what makes them secret."""
    for team in ("payments", "payroll"):
        await story.accepts([story.alert("Fraud", summary="x", team=team, customer=CANARY)])
    number = (await story.card("vault")).number
    assert (await story.order("ana", f"silence #{number} 2h it is {CANARY}"))["ok"]
    for person in ("cleo", "ben"):
        told = (await story.order(person, "silences"))["text"]
        assert (CANARY in told) == (person == "ben"), told


async def test_a_silence_of_secret_alerts_is_as_secret(story: Story) -> None:
    await story.accepts([story.alert("Fraud", summary="x", team="payments", customer=CANARY)])
    await story.card("vault")
    assert (await story.order("ana", f'silence customer="{CANARY}" 2h'))["ok"]
    for person in ("cleo", "ben"):
        told = (await story.order(person, "silences"))["text"]
        assert (CANARY in told) == (person == "ben"), told


async def test_a_config_that_makes_more_secret_holds_for_what_fires(story: Story) -> None:
    """What stands there by the old rules is taken back, also while nobody reports it again."""
    await story.fires("Disk", team="storage", summary=CANARY)
    card = await story.card("ops")
    await card.shows(stub=False, text=CANARY)
    story.rewrite(lambda text: text.replace("team=\"payments\"", "team=~\"payments|storage\""))
    assert await story.app.reload()

    async def gone() -> bool:
        assert CANARY not in repr(await story.view.cards("ops"))
        return CANARY not in (await story.order("cleo", "incidents"))["text"]

    await until(gone, 3.0)
    await (await story.card("vault")).shows(stub=False, text=CANARY)
