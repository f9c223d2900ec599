"""Who is in a user group of Slack, and what is told when that changes."""

from collections.abc import AsyncIterator

import pytest

from adapters.chat import Failure
from adapters.chats.slack import Slack as SlackChat
from tests.adapters.slack_out import ANA, BEN, failure, workspace
from tests.adapters.slack_site import site
from tests.standins.slack import Slack

Place = tuple[Slack, SlackChat]


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with workspace() as (slack, chat):
        slack.usergroup("S0DBA", "dba", [ANA, BEN])
        yield slack, chat


async def test_its_members_by_the_names_they_have_there(place: Place) -> None:
    slack, chat = place
    slack.user("U0CY", "cy", profile={"display_name": "Cy, on call", "real_name": "Cyrus"})
    slack.user("U0DI", "di", profile={"display_name": "", "real_name": "Diana"})
    slack.usergroup("S0LAB", "lab", ["U0CY", "U0DI"])
    assert await chat.members_of("S0LAB") == {"U0CY": "Cy, on call", "U0DI": "Diana"}
    assert set(await chat.members_of("S0DBA")) == {ANA, BEN}


async def test_only_people_of_ours(place: Place) -> None:
    slack, chat = place
    slack.user("U0BOT", "bot", is_bot=True)
    slack.user("U0GONE", "gone", deleted=True)
    slack.user("U0OTHER", "other", team_id="T0OTHER")
    slack.user("U0ALIEN", "alien", is_stranger=True)
    slack.usergroup("S0LAB", "lab", [ANA, "U0BOT", "U0GONE", "U0OTHER", "U0ALIEN"])
    assert set(await chat.members_of("S0LAB")) == {ANA}


async def test_a_group_that_is_not_there_has_nobody(place: Place) -> None:
    assert await place[1].members_of("S0NONE") == {}


async def test_a_workspace_without_groups_cannot_tell(place: Place) -> None:
    slack, chat = place
    slack.workspace.free_plan = True
    assert "plan_upgrade_required" in (await failure(chat.members_of("S0DBA"))).reason


@pytest.mark.parametrize("method", ["usergroups.users.list", "users.info"])
async def test_what_cannot_be_told_is_an_error_and_not_an_empty_group(place: Place, method: str) -> None:
    slack, chat = place
    slack.faults.error(method, "internal_error", times=1)
    assert (await failure(chat.members_of("S0DBA"))).kind in (Failure.transient, Failure.unknown_outcome)
    assert set(await chat.members_of("S0DBA")) == {ANA, BEN}


async def test_names_are_not_asked_for_again(place: Place) -> None:
    slack, chat = place
    await chat.members_of("S0DBA")
    asked = len(slack.calls("users.info"))
    await chat.members_of("S0DBA")
    assert asked == len(slack.calls("users.info")) == 2


@pytest.mark.parametrize(
    "event",
    [
        {"type": "subteam_members_changed", "subteam_id": "S0DBA", "added_users": [ANA], "removed_users": []},
        {"type": "subteam_updated", "subteam": {"id": "S0DBA", "date_delete": 1700000000}},
    ],
)
async def test_slack_tells_when_it_changes(event: dict[str, object]) -> None:
    async with Slack() as slack, site(slack) as here:
        await slack.event(event)
        await slack.until(lambda: here.desk.changed_groups)
        assert here.desk.changed_groups == [("work", "S0DBA")]
