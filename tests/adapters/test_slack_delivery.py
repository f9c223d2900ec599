"""Cards, replies and direct messages in a workspace: shown once, edited in place, found again when an answer was lost."""

import html
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from adapters.chat import DeliveryError, Failure, ThreadNote
from adapters.chats.slack import Slack as SlackChat
from adapters.chats.slack.text import label, safe_url
from rules.channel import Channel
from rules.incident import State
from tests.adapters.slack_cards import NOW, URL, hostile_card, hostile_text, make_card
from tests.adapters.slack_out import ANA, CHANNELS, DB, OPS, Clocked, a_channel, config, failure, workspace
from tests.adapters.slack_rendering import render
from tests.standins.slack import Slack

Place = tuple[Slack, SlackChat]
DB_CHANNEL, OPS_CHANNEL = CHANNELS["db"], CHANNELS["ops"]


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with workspace() as (slack, chat):
        yield slack, chat


async def test_a_card_is_posted_and_edited_in_place(place: Place) -> None:
    slack, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    again = await chat.update(DB_CHANNEL, ref, make_card(state=State.resolved, revision=2, resolved_at=NOW))
    assert again == ref
    [message] = slack.messages(DB)
    assert [version.by for version in message.versions] == ["chat.postMessage", "chat.update"]
    assert message.text == "#42 resolved critical: Web servers are down"
    assert "✅ #42 Web servers are down" in slack.shown(message)
    assert slack.labels(message) == []
    assert message.colour == "#2eb67d"
    assert chat.link(DB_CHANNEL, ref) == f"https://standin.slack.com/archives/{DB}/p{message.ts.replace('.', '')}"


async def test_the_link_is_what_slack_would_give(place: Place) -> None:
    slack, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    told = await chat._client.call("chat.getPermalink", channel=DB, message_ts=slack.messages(DB)[0].ts)
    assert chat.link(DB_CHANNEL, ref) == told["permalink"]


async def test_every_post_and_edit_switches_off_what_slack_adds(place: Place) -> None:
    slack, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    await chat.update(DB_CHANNEL, ref, make_card(revision=2))
    await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(42, ("a line",)), "key-2")
    await chat.direct_message(ANA, "hello", "key-3")
    calls = [*slack.calls("chat.postMessage"), *slack.calls("chat.update")]
    assert len(calls) == 4
    for call in calls:
        assert {name: call.args[name] for name in ("unfurl_links", "unfurl_media", "link_names", "parse")} == {
            "unfurl_links": False, "unfurl_media": False, "link_names": False, "parse": "none",
        }  # fmt: skip
        assert call.args["text"]


async def test_a_reply_is_in_the_thread(place: Place) -> None:
    slack, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(42, ("acknowledged by Ana: <!here> on it", "2 more")), "key-2")
    [card] = slack.messages(DB)
    [reply] = slack.thread(DB, card.ts)
    assert [block["text"]["text"] for block in reply.blocks] == ["acknowledged by Ana: <!here> on it\n2 more"]
    assert slack.mentions() == []


async def test_a_direct_message(place: Place) -> None:
    slack, chat = place
    await chat.direct_message(ANA, "#42 is yours\nsince 10 minutes", "key-1")
    [message] = slack.direct_messages(ANA)
    assert "#42 is yours\nsince 10 minutes" in slack.shown(message)
    assert (await failure(chat.direct_message("U0NOBODY", "hello", "key-2"))).kind == Failure.channel_unreachable


async def test_a_deleted_card_is_gone(place: Place) -> None:
    slack, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    slack.messages(DB)[0].deleted = True
    assert (await failure(chat.update(DB_CHANNEL, ref, make_card()))).kind == Failure.message_gone
    assert await chat.find(DB_CHANNEL, "key-1") is None


async def test_a_card_too_old_to_edit_is_posted_afresh(place: Place) -> None:
    slack, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    slack.workspace.edit_window = -1.0
    assert (await failure(chat.update(DB_CHANNEL, ref, make_card()))).kind == Failure.message_gone


async def test_a_bot_that_was_removed_from_the_channel(place: Place) -> None:
    slack, chat = place
    bot = slack.workspace.bot_user
    for channel_id, channel in ((DB, DB_CHANNEL), (OPS, OPS_CHANNEL)):
        slack.workspace.channels[channel_id].members.remove(bot)
        told = await failure(chat.post(channel, make_card(), f"key-{channel_id}"))
        assert told.kind == Failure.channel_unreachable and "the bot is not in" in told.reason
        slack.workspace.channels[channel_id].members.append(bot)
        assert await chat.find(channel, f"key-{channel_id}") is None
        await chat.post(channel, make_card(), f"key-{channel_id}")
        assert len(slack.messages(channel_id)) == 1


async def test_a_workspace_on_the_free_plan(place: Place) -> None:
    """It has no user groups; nothing that cards need is missing."""
    slack, chat = place
    slack.workspace.free_plan = True
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    assert await chat.update(DB_CHANNEL, ref, make_card(revision=2)) == ref
    await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(42, ("acknowledged",)), "key-1-1")
    assert await chat.find(DB_CHANNEL, "key-1") == ref
    facts = await chat.inspect(DB_CHANNEL)
    assert facts.private is not None and facts.members is not None
    assert not [one for one in slack.requests if one.method.startswith("usergroups")]


async def test_a_card_is_not_edited_in_a_channel_that_nobody_checked(place: Place) -> None:
    """The config now names another channel: the old card is left alone, a new one goes where the clearance was looked at."""
    slack, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    moved = DB_CHANNEL.model_copy(update={"id": OPS})
    assert (await failure(chat.update(moved, ref, make_card(title="secret")))).kind == Failure.message_gone
    assert (await failure(chat.reply_in_thread(moved, ref, ThreadNote(42, ("secret",)), "k"))).kind == Failure.message_gone
    assert chat.link(moved, ref) == ""
    assert not any("secret" in slack.shown(message) for message in slack.said())


async def test_slack_may_call_the_channel_otherwise(place: Place) -> None:
    slack, chat = place
    named = a_channel("#db")
    ref = await chat.post(named, make_card(), "key-1")
    assert await chat.update(named, ref, make_card(revision=2)) == ref
    await chat.reply_in_thread(named, ref, ThreadNote(42, ("a line",)), "key-2")
    [message] = slack.messages(DB)
    assert len(message.versions) == 2
    assert len(slack.thread(DB, message.ts)) == 1


async def test_find_tells_posts_apart(place: Place) -> None:
    _, chat = place
    refs = {key: await chat.post(DB_CHANNEL, make_card(), key) for key in ("key-1", "key-11", "key-2")}
    for key, ref in refs.items():
        assert await chat.find(DB_CHANNEL, key) == ref
    assert await chat.find(DB_CHANNEL, "key-3") is None
    assert await chat.find(OPS_CHANNEL, "key-1") is None


async def test_find_in_a_thread(place: Place) -> None:
    slack, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(42, ("a line",)), "key-1-7")
    [reply] = slack.thread(DB, slack.messages(DB)[0].ts)
    assert await chat.find(DB_CHANNEL, "key-1-7", ref) == f"{DB}:{reply.ts}"
    assert await chat.find(DB_CHANNEL, "key-1-8", ref) is None
    assert await chat.find(DB_CHANNEL, "key-1-7") is None


async def test_find_turns_pages_and_begins_a_minute_early(place: Place) -> None:
    slack, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    posted = slack.clock.now()
    for number in range(450):
        await chat._client.call("chat.postMessage", channel=DB, text=f"talk {number}")
    assert await chat.find(DB_CHANNEL, "key-1") == ref
    assert len(slack.calls("conversations.history")) == 3
    assert await chat.find(DB_CHANNEL, "key-1", since=posted + 50.0) == ref
    assert await chat.find(DB_CHANNEL, "key-1", since=posted + 65.0) is None
    assert len(slack.calls("conversations.history")) == 7


async def test_anybody_may_copy_metadata_but_only_ours_counts(place: Place) -> None:
    slack, chat = place
    await chat.post(DB_CHANNEL, make_card(), "key-1")
    slack.messages(DB)[0].user = ANA
    assert await chat.find(DB_CHANNEL, "key-1") is None


async def test_find_without_the_right_to_read_history_says_so(place: Place) -> None:
    slack, chat = place
    slack.bot.scopes -= {"channels:history", "groups:history", "im:history", "mpim:history"}
    told = await failure(chat.find(DB_CHANNEL, "key-1"))
    assert told.kind == Failure.channel_unreachable  # posts go on: only this one cannot be told
    assert "cannot tell whether a post arrived" in told.reason
    assert "channels:history" in told.reason


async def test_a_restarted_chat_finds_what_the_old_one_posted(place: Place) -> None:
    slack, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    other = SlackChat("work", config(slack), Clocked(slack))
    await other.start()
    assert await other.find(DB_CHANNEL, "key-1") == ref
    await other.stop()


async def until_done(post: Callable[[], Awaitable[object]], find: Callable[[], Awaitable[object]]) -> None:
    """What the engine does: a post that may have arrived is looked for before it is made again."""
    doubtful = False
    for _ in range(200):
        try:
            if doubtful and await find() is not None:
                return
            doubtful = False
            await post()
            return
        except DeliveryError as problem:
            assert problem.kind in (Failure.unknown_outcome, Failure.transient, Failure.rate_limited), problem
            doubtful = doubtful or problem.kind == Failure.unknown_outcome
    raise AssertionError("never done")


async def test_two_hundred_lost_answers_make_one_card_each(place: Place) -> None:
    slack, chat = place
    dice = random.Random(42)
    lost = slack.faults.lose("chat.postMessage", p=0.6, seed=1)
    slack.faults.reset("chat.postMessage", p=0.3, seed=2)
    slack.faults.reset("conversations.*", p=0.3, seed=3)
    number = 0
    while lost.struck < 200:
        number += 1
        channel, key, since = dice.choice((DB_CHANNEL, OPS_CHANNEL)), f"key-{number}", slack.clock.now()

        def post(card: int = number, channel: Channel = channel, key: str = key) -> Awaitable[object]:
            return chat.post(channel, make_card(card), key)

        def find(channel: Channel = channel, key: str = key, since: float = since) -> Awaitable[object]:
            return chat.find(channel, key, since=since)

        await until_done(post, find)
    keys = [message.metadata["event_payload"]["key"] for message in slack.messages()]
    assert sorted(keys) == sorted(f"key-{one}" for one in range(1, number + 1))


async def test_lost_answers_make_one_reply_each(place: Place) -> None:
    slack, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key")
    slack.faults.lose("chat.postMessage", p=0.6, seed=4)
    for number in range(60):
        key, note = f"key-{number}", ThreadNote(42, (f"line {number}",))

        def post(key: str = key, note: ThreadNote = note) -> Awaitable[object]:
            return chat.reply_in_thread(DB_CHANNEL, ref, note, key)

        def find(key: str = key) -> Awaitable[object]:
            return chat.find(DB_CHANNEL, key, ref)

        await until_done(post, find)
    replies = slack.thread(DB, slack.messages(DB)[0].ts)
    assert [reply.metadata["event_payload"]["key"] for reply in replies] == [f"key-{number}" for number in range(60)]


async def test_hostile_cards_go_through_as_text(place: Place) -> None:
    slack, chat = place
    dice, ours = random.Random(3), {URL}
    for number in range(150):
        card = hostile_card(dice)
        ours |= {safe_url(card.url), *(safe_url(one.url) for one in card.links)}
        ref = await chat.post(DB_CHANNEL, card, f"key-{number}")
        await chat.update(DB_CHANNEL, ref, hostile_card(random.Random(number)))
        ours |= {safe_url(one.url) for one in hostile_card(random.Random(number)).links}
        await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(card.number, (hostile_text(dice),)), f"key-{number}-1")
        await chat.direct_message(ANA, hostile_text(dice), f"dm-{number}")
    assert len(slack.messages(DB)) == 150
    assert slack.mentions() == []
    assert {html.unescape(url) for url, _ in slack.links()} <= ours
    assert all(words.rstrip("…") == label(words).rstrip("…") or words.startswith("open #") for _, words in slack.links())
    assert all(not render(request.args).mentions for request in slack.calls("chat.update"))


def lanes_of(chat: SlackChat, op: str, channel: Channel = DB_CHANNEL) -> dict[str, tuple[float, int]]:
    return {lane.name: (lane.per_second, lane.burst) for lane in chat.lanes(op, channel)}


async def test_lanes(place: Place) -> None:
    _, chat = place
    assert lanes_of(chat, "post") == lanes_of(chat, "reply_in_thread")
    assert lanes_of(chat, "post")[f"chat.postMessage:{DB}"] == (1.0, 1)
    assert set(lanes_of(chat, "post")) & set(lanes_of(chat, "post", OPS_CHANNEL)) == {"chat.postMessage"}
    assert set(lanes_of(chat, "update")) == {"chat.update"}
    assert set(lanes_of(chat, "find")) == {"conversations.history"}
    assert set(lanes_of(chat, "inspect")) == {"conversations.info", "conversations.members"}
    assert set(lanes_of(chat, "direct_message")) == {"chat.postMessage", "conversations.open"}
    assert lanes_of(chat, "start") == {}


@pytest.mark.parametrize(("op", "lane", "tier"), [("update", "chat.update", 50), ("inspect", "conversations.members", 100)])
async def test_a_lane_never_spends_more_than_its_tier_in_a_minute(place: Place, op: str, lane: str, tier: int) -> None:
    per_second, burst = lanes_of(place[1], op)[f"{lane}"]
    assert burst + 60.0 * per_second == pytest.approx(tier)


async def test_edits_at_the_pace_of_their_lane_are_never_refused() -> None:
    async with workspace(rates=True) as (slack, chat):
        ref = await chat.post(DB_CHANNEL, make_card(), "key")
        [(per_second, burst)] = lanes_of(chat, "update").values()
        for number in range(120):
            if number >= burst:
                slack.clock.jump(1.0 / per_second)
            await chat.update(DB_CHANNEL, ref, make_card(revision=number))
        assert len(slack.messages(DB)[0].versions) == 121
