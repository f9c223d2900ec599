"""What we said in a thread is taken back; who somebody is; what is told of a channel about which something changed."""

from collections.abc import AsyncIterator

import pytest

from adapters.chat import DeliveryError, Failure, ThreadNote
from adapters.chats.slack import Slack as SlackChat
from tests.adapters.slack_cards import make_card
from tests.adapters.slack_out import ANA, CHANNELS, DB, workspace
from tests.standins.slack import Slack

Place = tuple[Slack, SlackChat]
DB_CHANNEL = CHANNELS["db"]


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with workspace() as (slack, chat):
        yield slack, chat


async def a_thread(place: Place) -> str:
    """The handle of a card with two replies of ours and one of a person."""
    slack, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(42, ("a secret",)), "key-2")
    await slack.say(ANA, DB, "mine", thread_ts=slack.messages(DB)[0].ts)
    await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(42, ("another secret",)), "key-3")
    return ref


def thread(slack: Slack) -> list[str]:
    return [slack.shown(message) for message in slack.thread(DB, slack.messages(DB)[0].ts)]


async def test_only_what_we_said_goes_and_the_card_stays(place: Place) -> None:
    slack, chat = place
    ref = await a_thread(place)
    assert len(thread(slack)) == 3
    for _ in range(2):
        await chat.clear_thread(DB_CHANNEL, ref)
        assert thread(slack) == ["mine"]
    assert len(slack.messages(DB)) == 1 and len(slack.calls("chat.delete")) == 2
    await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(42, ("told again",)), "key-3")
    assert thread(slack) == ["mine", "told again"]


@pytest.mark.parametrize("code", ["cant_delete_message", "compliance_exports_prevent_deletion"])
async def test_where_nobody_may_delete_nothing_of_it_is_left_either(place: Place, code: str) -> None:
    slack, chat = place
    ref = await a_thread(place)
    slack.faults.error("chat.delete", code)
    await chat.clear_thread(DB_CHANNEL, ref)
    assert sorted(thread(slack)) == ["This was taken back.", "This was taken back.", "mine"]


async def test_a_thread_of_which_nothing_is_left(place: Place) -> None:
    slack, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    await chat.clear_thread(DB_CHANNEL, ref)
    slack.faults.error("conversations.replies", "thread_not_found")
    await chat.clear_thread(DB_CHANNEL, ref)
    assert slack.calls("chat.delete") == []


async def test_what_is_in_the_way_is_told(place: Place) -> None:
    slack, chat = place
    ref = await a_thread(place)
    slack.faults.limit("chat.delete", retry_after=7)
    with pytest.raises(DeliveryError) as limited:
        await chat.clear_thread(DB_CHANNEL, ref)
    assert (limited.value.kind, limited.value.retry_after, limited.value.lane) == (Failure.rate_limited, 7.0, "chat.delete")
    assert "chat.delete" in {lane.name for lane in chat.lanes("clear_thread", DB_CHANNEL, ref)}
    await chat.clear_thread(DB_CHANNEL, ref)
    assert thread(slack) == ["mine"]


async def test_what_people_call_somebody(place: Place) -> None:
    slack, chat = place
    slack.user("U0GUEST", "guest", profile={"display_name": "Gus T.", "real_name": "Gustav"})
    assert await chat.name_of("U0GUEST") == "Gus T."
    assert await chat.name_of("U0NOBODY") == "U0NOBODY"
