"""The budgets of calls, learnt from what Discord says of them."""

from collections.abc import AsyncIterator

import pytest

from adapters.chat import DeliveryError, Failure, Lane, ThreadNote
from adapters.chats.discord import Discord as DiscordChat
from adapters.chats.discord.lanes import GLOBAL, Lanes
from adapters.chats.discord.ref import message_in
from adapters.chats.discord.route import edit_message, post_message
from rules.channel import Channel
from tests.adapters.discord_cards import make_card
from tests.adapters.discord_out import CHANNELS, DB, OPS, failure, server
from tests.standins.discord import Discord

Place = tuple[Discord, DiscordChat]
DB_CHANNEL, OPS_CHANNEL = CHANNELS["db"], CHANNELS["ops"]
ROUTE = post_message(DB)
HOUR = 3600.0


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with server(rates=True) as (discord, chat):
        yield discord, chat


def headers(limit: object, remaining: object, left: object, bucket: str = "b1") -> dict[str, str]:
    told = {"Limit": limit, "Remaining": remaining, "Reset-After": left, "Bucket": bucket}
    return {f"X-RateLimit-{name}": str(value) for name, value in told.items()}


def own(chat: DiscordChat, op: str, channel: Channel = DB_CHANNEL, ref: str = "") -> list[Lane]:
    """The lanes but the one of the whole bot, which must be there."""
    lanes = list(chat.lanes(op, channel, ref))
    lanes.remove(GLOBAL)
    return lanes


def names(chat: DiscordChat, op: str, channel: Channel = DB_CHANNEL, ref: str = "") -> set[str]:
    return {lane.name for lane in own(chat, op, channel, ref)}


async def test_what_was_never_called_is_called_one_at_a_time(place: Place) -> None:
    _, chat = place
    for op in ("post", "update", "reply_in_thread", "direct_message", "find", "inspect"):
        assert own(chat, op, ref=f"{DB}:1457916200058880000:k") and all(
            lane.burst == 1 and lane.per_second <= 1.0 for lane in own(chat, op)
        )
    assert chat.lanes("start", DB_CHANNEL) == []


async def test_each_channel_has_lanes_of_its_own(place: Place) -> None:
    _, chat = place
    for op in ("post", "update", "find"):
        assert not names(chat, op) & names(chat, op, OPS_CHANNEL)


async def test_budgets_are_learnt_from_answers_for_all_channels(place: Place) -> None:
    discord, chat = place
    before = own(chat, "post")
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    [lane], [other] = own(chat, "post"), own(chat, "post", OPS_CHANNEL)
    assert lane != before[0] and lane.name.endswith(DB) and other.name.endswith(OPS)
    limit, window = discord.rates.limits["messages.create"]
    assert lane.burst + window * lane.per_second <= limit + 0.01 and lane.per_second > 0.5
    assert (other.per_second, other.burst) == (lane.per_second, lane.burst)
    assert own(chat, "update", ref=ref)[0].per_second == 1.0  # of edits nothing is known yet


@pytest.mark.parametrize(("limit", "window"), [(5, 5.0), (1, 4.0), (50, 10.0), (2, 0.5), (10, 60.0)])
async def test_posts_at_the_pace_of_their_lanes_are_never_refused(place: Place, limit: int, window: float) -> None:
    discord, chat = place
    discord.rates.limits["messages.create"] = (limit, window)
    discord.rates.forget()
    due: dict[str, float] = {}
    for number in range(60):
        lanes = chat.lanes("post", DB_CHANNEL)
        tokens = [(lane, min(lane.burst, due.get(lane.name, float(lane.burst)))) for lane in lanes]
        wait = max(0.0, *((1.0 - left) / lane.per_second for lane, left in tokens))
        began = discord.clock.now()
        discord.clock.jump(wait)
        await chat.post(DB_CHANNEL, make_card(number + 1), f"key-{number}")
        passed = discord.clock.now() - began
        spent = {lane.name: left - 1.0 for lane, left in tokens}
        due = {lane.name: spent.get(lane.name, 0.0) + passed * lane.per_second for lane in chat.lanes("post", DB_CHANNEL)}
    assert discord.rates.refused == {}


def test_the_window_is_as_long_as_it_was_when_it_began() -> None:
    lanes = Lanes()

    def rate() -> float:
        [lane, _] = lanes.of("post", DB, "", 0.0)
        return lane.burst + lane.per_second * 5.0

    lanes.learn(ROUTE, headers(5, 2, 1.0))  # in the middle of a window
    lanes.learn(ROUTE, headers(5, 4, 5.0))
    assert rate() == pytest.approx(5.0)
    for remaining, left in ((3, 4.0), (0, 0.1)):
        lanes.learn(ROUTE, headers(5, remaining, left))
    assert rate() == pytest.approx(5.0)
    lanes.learn(ROUTE, headers(5, 4, 2.5))  # Discord now allows more
    assert rate() == pytest.approx(9.0)


@pytest.mark.parametrize(
    "odd",
    [{}, headers("x", 4, 5), headers(0, 0, 5), headers(5, 4, "nan"), headers(5, 4, -1), headers(5, 4, "inf"), headers(5, "", 1)],
)
def test_nonsense_teaches_nothing(odd: dict[str, str]) -> None:
    lanes = Lanes()
    lanes.learn(ROUTE, odd)
    assert lanes.of("post", DB, "", 0.0) == Lanes().of("post", DB, "", 0.0)


async def test_a_refusal_names_the_lane_that_is_full(place: Place) -> None:
    _, chat = place
    with pytest.raises(DeliveryError) as refused:
        for number in range(20):
            await chat.post(DB_CHANNEL, make_card(), f"key-{number}")
    assert refused.value.kind == Failure.rate_limited
    assert refused.value.lane in names(chat, "post") and refused.value.lane not in names(chat, "post", OPS_CHANNEL)
    assert 0.0 < (refused.value.retry_after or 0.0) <= 5.0
    await chat.post(OPS_CHANNEL, make_card(), "elsewhere")


async def test_edits_of_old_messages_hold_nothing_but_each_other(place: Place) -> None:
    discord, chat = place
    old = await chat.post(DB_CHANNEL, make_card(), "key-1")
    discord.clock.jump(HOUR + 1.0)
    new = await chat.post(DB_CHANNEL, make_card(43), "key-2")
    with pytest.raises(DeliveryError) as refused:
        for revision in range(20):
            await chat.update(DB_CHANNEL, old, make_card(revision=revision))
    assert (refused.value.kind, refused.value.lane) == (Failure.rate_limited, f"old-edit:{DB}")
    assert refused.value.lane in names(chat, "update", ref=old)
    others = names(chat, "update", ref=new) | names(chat, "post") | names(chat, "update", OPS_CHANNEL, old.replace(DB, OPS))
    assert refused.value.lane not in others
    await chat.update(DB_CHANNEL, new, make_card(43, revision=2))


async def test_edits_of_old_messages_become_slower_with_each_refusal_and_faster_again(place: Place) -> None:
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    discord.clock.jump(HOUR + 1.0)

    def pace() -> float:
        return next(lane.per_second for lane in own(chat, "update", ref=ref) if lane.name == f"old-edit:{DB}")

    paces = [pace()]
    discord.faults.limit("messages.edit", code=30046, times=9)
    for _ in range(9):
        assert (await failure(chat.update(DB_CHANNEL, ref, make_card()))).lane == f"old-edit:{DB}"
        paces.append(pace())
    assert paces == sorted(paces, reverse=True) and paces[1] == paces[0] / 2 and paces[-1] > 0.0
    for _ in range(200):
        discord.clock.jump(30.0)
        await chat.update(DB_CHANNEL, ref, make_card())
    assert pace() == paces[0]


async def test_a_reply_s_lanes_are_its_thread_s(place: Place) -> None:
    _, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    thread = message_in(ref)
    first = names(chat, "reply_in_thread", ref=ref)
    assert {name.rpartition(":")[2] for name in first} == {DB, thread}
    await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(42, ("a line",)), "key-1-1")
    assert {name.rpartition(":")[2] for name in names(chat, "reply_in_thread", ref=ref)} == {thread}
    assert not names(chat, "reply_in_thread", ref=ref) & names(chat, "post")
    assert {name.rpartition(":")[2] for name in names(chat, "find", ref=ref)} == {thread}


@pytest.mark.parametrize("ref", ["", "nonsense", "::", "a:b:c", f"{DB}:{'9' * 400}:k", f"{DB}:-5:k"])
async def test_an_odd_handle_is_no_trouble(place: Place, ref: str) -> None:
    assert names(place[1], "update", ref=ref) and names(place[1], "reply_in_thread", ref=ref)


def test_routes_of_one_bucket_share_a_lane() -> None:
    lanes = Lanes()
    for route in (ROUTE, edit_message(DB, "5")):
        lanes.learn(route, headers(5, 4, 5.0, "shared"))
    assert lanes.name(ROUTE) == lanes.name(edit_message(DB, "7")) == f"shared:{DB}"
