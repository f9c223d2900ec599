"""Who can read a channel: what Slack says, and the worst where it says nothing."""

from collections.abc import AsyncIterator

import pytest

from adapters.chat import Failure
from adapters.chats.slack import Slack as SlackChat
from adapters.chats.slack.identity import Identity
from tests.adapters.slack_out import ANA, BEN, CHANNELS, DB, a_channel, failure, workspace
from tests.adapters.slack_site import site
from tests.standins.slack import Slack

Place = tuple[Slack, SlackChat]
DB_CHANNEL = CHANNELS["db"]


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with workspace() as (slack, chat):
        yield slack, chat


def join(slack: Slack, user: str, **flags: object) -> None:
    slack.user(user, user.lower(), **flags)
    slack.workspace.channels[DB].members.append(user)


async def test_a_private_channel_of_our_own_people(place: Place) -> None:
    _, chat = place
    facts = await chat.inspect(DB_CHANNEL)
    assert (facts.private, facts.shared_outside, facts.archived, facts.members) == (True, False, False, frozenset({ANA, BEN}))


async def test_a_public_channel(place: Place) -> None:
    _, chat = place
    assert (await chat.inspect(CHANNELS["ops"])).private is False


@pytest.mark.parametrize("flag", ["is_ext_shared", "is_pending_ext_shared", "is_org_shared", "is_shared"])
async def test_a_shared_channel(place: Place, flag: str) -> None:
    slack, chat = place
    slack.workspace.channels[DB].flags[flag] = True
    assert (await chat.inspect(DB_CHANNEL)).shared_outside is True


@pytest.mark.parametrize("flag", ["shared_team_ids", "connected_team_ids"])
async def test_another_team_in_the_channel(place: Place, flag: str) -> None:
    slack, chat = place
    slack.workspace.channels[DB].flags[flag] = [slack.workspace.team, "T0OTHER"]
    assert (await chat.inspect(DB_CHANNEL)).shared_outside is True


@pytest.mark.parametrize(
    ("flag", "fact"),
    [
        ("is_private", "private"),
        ("is_archived", "archived"),
        ("is_ext_shared", "shared_outside"),
        ("is_org_shared", "shared_outside"),
    ],
)
async def test_what_slack_does_not_say_is_unknown(place: Place, flag: str, fact: str) -> None:
    slack, chat = place
    slack.workspace.channels[DB].flags[flag] = None
    assert getattr(await chat.inspect(DB_CHANNEL), fact) is None


async def test_an_archived_channel(place: Place) -> None:
    slack, chat = place
    slack.workspace.channels[DB].archived = True
    facts = await chat.inspect(DB_CHANNEL)
    assert (facts.archived, facts.members) == (True, None)


async def test_bots_are_not_readers(place: Place) -> None:
    slack, chat = place
    join(slack, "U0OTHERBOT", is_bot=True)
    join(slack, "USLACKBOT")
    facts = await chat.inspect(DB_CHANNEL)
    assert (facts.members, facts.shared_outside) == (frozenset({ANA, BEN}), False)


async def test_a_bot_of_strangers_is_an_outsider(place: Place) -> None:
    slack, chat = place
    join(slack, "U0THEIRBOT", is_bot=True, is_stranger=True)
    assert (await chat.inspect(DB_CHANNEL)).shared_outside is True


@pytest.mark.parametrize("flags", [{"is_restricted": True}, {"is_restricted": True, "is_ultra_restricted": True}])
async def test_a_guest_is_a_member_that_nobody_named(place: Place, flags: dict[str, bool]) -> None:
    slack, chat = place
    join(slack, "U0GUEST", **flags)
    facts = await chat.inspect(DB_CHANNEL)
    assert facts.members == frozenset({ANA, BEN, "U0GUEST"})


@pytest.mark.parametrize("flags", [{"is_stranger": True}, {"team_id": "T0OTHER"}])
async def test_a_stranger_makes_the_channel_shared(place: Place, flags: dict[str, object]) -> None:
    slack, chat = place
    join(slack, "U0STRANGER", **flags)
    facts = await chat.inspect(DB_CHANNEL)
    assert facts.shared_outside is True
    assert "U0STRANGER" in (facts.members or ())


async def test_somebody_who_may_not_be_looked_up_is_a_stranger(place: Place) -> None:
    slack, chat = place
    slack.workspace.channels[DB].members.append("U0HIDDEN")
    facts = await chat.inspect(DB_CHANNEL)
    assert (facts.shared_outside, facts.members) == (True, frozenset({ANA, BEN, "U0HIDDEN"}))


async def test_members_are_asked_for_each_time_but_people_are_remembered(place: Place) -> None:
    slack, chat = place
    await chat.inspect(DB_CHANNEL)
    asked = len(slack.calls("users.info"))
    join(slack, "U0NEW")
    assert (await chat.inspect(DB_CHANNEL)).members == frozenset({ANA, BEN, "U0NEW"})
    assert len(slack.calls("users.info")) == asked + 1
    slack.clock.jump(3601.0)
    await chat.inspect(DB_CHANNEL)
    assert len(slack.calls("users.info")) == asked + 4


async def test_many_members_are_read_page_by_page(place: Place) -> None:
    slack, chat = place
    for number in range(450):
        join(slack, f"U1N{number:03d}")
    facts = await chat.inspect(DB_CHANNEL)
    assert facts.members is not None
    assert len(facts.members) == 452
    assert len(slack.calls("conversations.members")) == 3


async def test_too_many_members_are_unknown(place: Place) -> None:
    slack, chat = place
    slack.workspace.channels[DB].members += [f"U1N{number:04d}" for number in range(1100)]
    assert (await chat.inspect(DB_CHANNEL)).members is None
    slack.workspace.channels[DB].flags["num_members"] = None  # even if Slack does not say how many
    assert (await chat.inspect(DB_CHANNEL)).members is None
    assert slack.calls("users.info") == []


async def test_a_limit_half_way_is_told_and_what_is_known_is_kept(place: Place) -> None:
    slack, chat = place
    for number in range(20):
        join(slack, f"U1N{number:03d}")
    slack.faults.limit("users.info", retry_after=9).times = 1
    told = await failure(chat.inspect(DB_CHANNEL))
    assert (told.kind, told.retry_after) == (Failure.rate_limited, 9.0)
    assert len((await chat.inspect(DB_CHANNEL)).members or ()) == 22


@pytest.mark.parametrize(
    ("method", "code"),
    [("conversations.info", "missing_scope"), ("users.info", "missing_scope"), ("conversations.members", "fetch_members_failed")],
)
async def test_what_cannot_be_asked_is_an_error(place: Place, method: str, code: str) -> None:
    slack, chat = place
    slack.faults.error(method, code, needed="users:read")
    told = await failure(chat.inspect(DB_CHANNEL))
    assert told.kind != Failure.credentials
    assert code in told.reason


async def test_a_channel_that_is_not_there(place: Place) -> None:
    _, chat = place
    assert (await failure(chat.inspect(a_channel("C0NONE")))).kind == Failure.channel_unreachable


@pytest.mark.parametrize(
    ("user", "home"),
    [
        ({"team_id": "T1"}, True), ({"team_id": "T2"}, False), ({}, False),
        ({"team_id": "T2", "enterprise_user": {"enterprise_id": "E1"}}, True),
        ({"team_id": "E1"}, True), ({"team_id": "T1", "is_stranger": True}, False), ({"team_id": ""}, False),
    ],
)  # fmt: skip
def test_who_is_one_of_ours(user: dict[str, object], home: bool) -> None:
    assert Identity(team="T1", enterprise="E1").is_home(user) is home


def test_nobody_is_ours_while_we_do_not_know_who_we_are() -> None:
    assert Identity().is_home({"team_id": ""}) is False
    assert Identity().wrote({"user": "", "bot_id": ""}) is False


async def test_an_event_about_a_channel_has_its_people_looked_at_anew() -> None:
    async with Slack(rates=False) as slack, site(slack) as place:
        assert (await place.chat.inspect(DB_CHANNEL)).shared_outside is False
        asked = len(slack.calls("users.info"))
        slack.user(BEN, "ben", team_id="T0OTHER")  # as when an account moves to another organisation
        assert (await place.chat.inspect(DB_CHANNEL)).shared_outside is False
        await slack.leave(DB, BEN)
        await slack.join(DB, BEN)
        assert (await place.chat.inspect(DB_CHANNEL)).shared_outside is True
        assert len(slack.calls("users.info")) == asked + 1, "who came is looked at, nobody else"
        await slack.rename(DB, "data")
        await place.chat.inspect(DB_CHANNEL)
        assert len(slack.calls("users.info")) == asked + 1 + 3
