"""Cards, replies and direct messages in a server: shown once, edited in place, found again when an answer was lost."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.chat import Failure, ThreadNote
from adapters.chats.discord import Discord as DiscordChat
from adapters.chats.discord.history import nonce
from adapters.chats.discord.ref import message_in
from adapters.chats.discord.text import label, link
from rules.card import Ping
from rules.incident import State
from tests.adapters.discord_cards import NOW, URL, hostile_card, hostile_text, make_card
from tests.adapters.discord_out import ANA, CHANNELS, DB, OPS, Clocked, config, failure, key_of, server
from tests.standins.discord import Discord, Message
from tests.standins.discord_state import Version
from tests.stories.telling import telling

Place = tuple[Discord, DiscordChat]
DB_CHANNEL, OPS_CHANNEL = CHANNELS["db"], CHANNELS["ops"]
ROLE = "165511591545143296"
LINE = ThreadNote(42, ("a line",))
LIMIT_OF_NONCES = 25
STARTER = 21
"""The kind of message with which Discord begins a thread."""


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with server() as (discord, chat):
        yield discord, chat


def only(discord: Discord, channel: str = DB) -> Message:
    [message] = discord.messages(channel)
    return message


async def test_a_card_is_posted_and_edited_in_place(place: Place) -> None:
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    again = await chat.update(DB_CHANNEL, ref, make_card(state=State.resolved, revision=2, resolved_at=NOW))
    assert again == ref
    message = only(discord)
    assert [version.by for version in message.versions] == ["messages.create", "messages.edit"]
    assert "✅ #42 Web servers are down" in discord.shown(message)
    assert discord.labels(message) == ["Open #42"] and message.embeds[0]["color"] == 0x2EB67D
    assert key_of(message) == "key-1"
    assert chat.link(DB_CHANNEL, ref) == f"https://discord.com/channels/{discord.guild}/{DB}/{message.id}"


async def test_nobody_is_called_but_by_policy_and_only_once(place: Place) -> None:
    discord, chat = place
    discord.role(ROLE, "dba", mentionable=True)
    pings = (Ping(ROLE, group=True), Ping(ANA, group=False))
    ref = await chat.post(DB_CHANNEL, make_card(title=f"<@{ANA}> @everyone", pings=pings), "key-1")
    await chat.update(DB_CHANNEL, ref, make_card(title="@here", pings=pings, revision=2))
    await chat.update(DB_CHANNEL, ref, make_card(revision=3))
    await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(42, (f"<@&{ROLE}> @here",)), "key-1-1")
    await chat.direct_message(ANA, f"<@&{ROLE}> @everyone", "key-2")
    assert [ping.whom for ping in discord.pings] == [f"<@&{ROLE}>", f"<@{ANA}>"]
    assert [version.content for version in only(discord).versions] == [f"<@&{ROLE}> <@{ANA}> #42 critical"] * 3
    said = [version for message in discord.said() if message.kind != STARTER for version in message.versions]
    assert len(said) == 5 and all(version.allowed is not None and version.allowed["parse"] == [] for version in said)


async def test_a_reply_is_in_the_thread_of_its_card(place: Place) -> None:
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(42, ("acknowledged by Ana: <@1> on it", "2 more")), "key-1-1")
    await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(42, ("resolved",)), "key-1-2")
    card = only(discord)
    first, second = discord.thread(DB, card.id)
    assert "acknowledged by Ana: <@1> on it\n2 more" in discord.shown(first) and "resolved" in discord.shown(second)
    assert discord.world.channels[card.id].name == "Incident #42"
    assert len(discord.calls("threads.create")) == 1


async def test_after_a_restart_the_thread_is_there_already(place: Place) -> None:
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    await chat.reply_in_thread(DB_CHANNEL, ref, LINE, "key-1-1")
    other = DiscordChat("guild", config(discord), Clocked(discord))
    await other.reply_in_thread(DB_CHANNEL, ref, LINE, "key-1-2")
    await other.stop()
    assert [key_of(reply) for reply in discord.thread(DB, only(discord).id)] == ["key-1-1", "key-1-2"]


@pytest.mark.parametrize("refused", [False, True], ids=["post reopens it", "post is refused"])
async def test_a_reply_reopens_an_archived_thread(place: Place, refused: bool) -> None:
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    await chat.reply_in_thread(DB_CHANNEL, ref, LINE, "key-1-1")
    thread = message_in(ref)
    discord.archive(thread)
    if refused:
        discord.faults.error("messages.create", 400, 50083, times=1)
    await chat.reply_in_thread(DB_CHANNEL, ref, LINE, "key-1-2")
    assert len(discord.thread(DB, thread)) == 2 and not discord.world.channels[thread].archived


async def test_a_locked_thread_is_left_alone_and_the_card_goes_on(place: Place) -> None:
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    await chat.reply_in_thread(DB_CHANNEL, ref, LINE, "key-1-1")
    discord.archive(message_in(ref), locked=True)
    await chat.reply_in_thread(DB_CHANNEL, ref, LINE, "key-1-2")
    await chat.update(DB_CHANNEL, ref, make_card(revision=2))
    assert len(discord.thread(DB, message_in(ref))) == 1


@pytest.mark.parametrize("exists", [False, True], ids=["made anew", "Discord allows no second one"])
async def test_a_thread_that_a_person_deleted(place: Place, exists: bool) -> None:
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    await chat.reply_in_thread(DB_CHANNEL, ref, LINE, "key-1-1")
    discord.delete_channel(message_in(ref))
    if not exists:
        only(discord).thread = ""
    await chat.reply_in_thread(DB_CHANNEL, ref, LINE, "key-1-2")
    left = [key_of(reply) for reply in discord.thread(DB, message_in(ref)) if not reply.deleted]
    assert left[-1:] == ([] if exists else ["key-1-2"])


async def test_a_bot_that_may_make_no_threads_says_so(place: Place) -> None:
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    discord.overwrite(DB, discord.bot_role, deny=["CREATE_PUBLIC_THREADS"])
    told = await failure(chat.reply_in_thread(DB_CHANNEL, ref, LINE, "key-1-1"))
    assert told.kind == Failure.channel_unreachable and "tocsin doctor" in told.reason
    await chat.update(DB_CHANNEL, ref, make_card(revision=2))


async def test_a_direct_message(place: Place) -> None:
    discord, chat = place
    await chat.direct_message(ANA, "#42 is yours\nsince 10 minutes", "key-1")
    [message] = discord.direct_messages(ANA)
    assert "#42 is yours\nsince 10 minutes" in discord.shown(message)
    for account in ("80351110224678999", "U01ANA", "", "../../guilds"):
        assert (await failure(chat.direct_message(account, "hello", "key-2"))).kind == Failure.channel_unreachable
    discord.world.users[ANA].closed = True
    told = await failure(chat.direct_message(ANA, "hello", "key-3"))
    assert (told.kind, "takes no messages from the bot" in told.reason) == (Failure.channel_unreachable, True)


async def test_a_deleted_card_is_posted_afresh_at_once(place: Place) -> None:
    """Also while Discord still takes its nonce for the message that is gone."""
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    discord.delete_message(DB, message_in(ref))
    assert (await failure(chat.update(DB_CHANNEL, ref, make_card()))).kind == Failure.message_gone
    assert await chat.find(DB_CHANNEL, "key-1") is None
    again = await chat.post(DB_CHANNEL, make_card(revision=2), "key-1")
    assert again != ref and only(discord).id == message_in(again)
    assert await chat.find(DB_CHANNEL, "key-1") == again


async def test_a_card_whose_message_is_gone_has_no_thread(place: Place) -> None:
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    discord.delete_message(DB, message_in(ref))
    assert (await failure(chat.reply_in_thread(DB_CHANNEL, ref, LINE, "key-1-1"))).kind == Failure.message_gone


async def test_a_card_is_not_edited_in_a_channel_that_nobody_checked(place: Place) -> None:
    """The config now names another channel: the old card is left alone, a new one goes where the clearance was looked at."""
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    moved = DB_CHANNEL.model_copy(update={"id": OPS})
    assert (await failure(chat.update(moved, ref, make_card(title="secret")))).kind == Failure.message_gone
    assert (await failure(chat.reply_in_thread(moved, ref, ThreadNote(42, ("secret",)), "k"))).kind == Failure.message_gone
    assert chat.link(moved, ref) == ""
    assert not any("secret" in discord.shown(message) for message in discord.said())


@pytest.mark.parametrize(
    "channel_id", ["", "C0DB", "db", "123", "41771983423143940/../../users/@me", "４１７７１９８３４２３１４３９４０"]
)
async def test_a_channel_without_an_id_of_discord(place: Place, channel_id: str) -> None:
    discord, chat = place
    odd = DB_CHANNEL.model_copy(update={"id": channel_id})
    for call in (chat.post(odd, make_card(), "k"), chat.find(odd, "k"), chat.inspect(odd)):
        assert (await failure(call)).kind == Failure.channel_unreachable
    assert discord.requests == []


# Did that post arrive?


def test_a_nonce_is_the_key_or_short_enough() -> None:
    keys = ["k3x9-17", "k" * 25, "k" * 26, "k3x9-123456789-987654321-1"]
    nonces = [nonce(key) for key in keys]
    assert nonces[:2] == keys[:2] and all(len(one) <= LIMIT_OF_NONCES for one in nonces)
    assert len({*nonces, nonce("k3x9-17", "5"), nonce("k3x9-17", "6")}) == 6
    assert nonce(keys[3]) == nonce(keys[3])


async def test_the_same_key_never_shows_twice_within_minutes(place: Place) -> None:
    discord, chat = place
    refs = {await chat.post(DB_CHANNEL, make_card(), "key-1") for _ in range(3)}
    [ref] = refs
    for _ in range(3):
        await chat.reply_in_thread(DB_CHANNEL, ref, LINE, "a-key-that-is-longer-than-a-nonce-may-be")
    await chat.direct_message(ANA, "hello", "key-2")
    await chat.direct_message(ANA, "hello", "key-2")
    assert len(discord.messages(DB)) == len(discord.thread(DB, message_in(ref))) == len(discord.direct_messages(ANA)) == 1


async def test_find_tells_posts_apart(place: Place) -> None:
    _, chat = place
    refs = {key: await chat.post(DB_CHANNEL, make_card(), key) for key in ("key-1", "key-11", "key-2")}
    for key, ref in refs.items():
        assert await chat.find(DB_CHANNEL, key) == ref
    assert await chat.find(DB_CHANNEL, "key-3") is None and await chat.find(DB_CHANNEL, "") is None
    assert await chat.find(OPS_CHANNEL, "key-1") is None


async def test_find_in_a_thread(place: Place) -> None:
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    assert await chat.find(DB_CHANNEL, "key-1-7", ref) is None  # there is no thread yet
    await chat.reply_in_thread(DB_CHANNEL, ref, LINE, "key-1-7")
    [reply] = discord.thread(DB, message_in(ref))
    assert await chat.find(DB_CHANNEL, "key-1-7", ref) == f"{message_in(ref)}:{reply.id}:key-1-7"
    assert await chat.find(DB_CHANNEL, "key-1-8", ref) is None
    assert await chat.find(DB_CHANNEL, "key-1-7") is None


async def test_find_turns_pages_and_begins_a_minute_early(place: Place) -> None:
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    posted = discord.clock.now()
    discord.clock.jump(10.0)
    for number in range(250):
        discord.world.keep(Message(discord.world.new_id(), DB, ANA, [Version(0.0, "", f"talk {number}")]))
    assert await chat.find(DB_CHANNEL, "key-1") == ref
    assert len(discord.calls("messages.list")) == 3
    assert await chat.find(DB_CHANNEL, "key-1", since=posted + 50.0) == ref
    assert await chat.find(DB_CHANNEL, "key-1", since=posted + 65.0) is None
    assert len(discord.calls("messages.list")) == 9 and len(discord.calls("guild*")) == 0


async def test_anybody_may_copy_a_footer_but_only_ours_counts(place: Place) -> None:
    discord, chat = place
    discord.world.enabled_intents.add("message_content")
    await chat.post(DB_CHANNEL, make_card(), "key-1")
    only(discord).author = ANA
    assert await chat.find(DB_CHANNEL, "key-1") is None


async def test_an_alert_cannot_pass_for_a_post(place: Place) -> None:
    _, chat = place
    words = "tocsin · key-2"
    await chat.post(DB_CHANNEL, make_card(title=words, summary=words, fields=((words, words),)), "key-1")
    assert await chat.find(DB_CHANNEL, "key-2") is None


async def test_an_empty_history_proves_nothing_to_who_may_not_read_it(place: Place) -> None:
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    assert await chat.find(OPS_CHANNEL, "key-1") is None  # really empty
    discord.overwrite(DB, discord.bot_role, deny=["READ_MESSAGE_HISTORY"])
    for thread in ("", ref):
        await chat.reply_in_thread(DB_CHANNEL, ref, LINE, "key-1-1")
        told = await failure(chat.find(DB_CHANNEL, "key-1", thread))
        assert told.kind == Failure.channel_unreachable and "Read Message History" in told.reason


async def test_a_restarted_chat_finds_what_the_old_one_posted_and_edited(place: Place) -> None:
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    await chat.update(DB_CHANNEL, ref, make_card(revision=2))
    other = DiscordChat("guild", config(discord), Clocked(discord))
    assert await other.find(DB_CHANNEL, "key-1") == ref
    await other.stop()


@pytest.mark.parametrize("window", [180.0, 0.0], ids=["Discord knows the nonce", "it has forgotten it"])
async def test_two_hundred_lost_answers_make_one_card_each(window: float, tmp_path: Path, seed: int) -> None:
    """Through the engine's own courier: what may have arrived is looked for before it is sent again."""
    dice = random.Random(seed)
    async with telling(tmp_path, chat="discord") as story:
        assert story.discord
        discord = story.discord
        discord.rates.on, discord.world.nonce_window = False, window
        lost = discord.faults.lose("messages.create", p=0.5, seed=seed)
        cut = discord.faults.cut("messages.create", p=0.2, seed=seed + 1)
        refused = discord.faults.reset("messages.create", p=0.3, seed=seed + 2)
        discord.faults.reset("messages.list", p=0.3, seed=seed + 3)
        discord.faults.lose("threads.create", p=0.3, seed=seed + 4)
        fired = 0
        while lost.struck + cut.struck + refused.struck < 200:
            some = range(fired, fired := fired + dice.randint(5, 30))
            await story.accepts([story.alert(f"Down{number}", dice.choice(("critical", "info"))) for number in some])
            await story.order("ana", f"ack {' '.join(str(number + 1) for number in some[:10])} on it")
            await story.shown(step="10s")
        cards = discord.messages()
        assert Counter(discord.shown(card).split(" ")[1] for card in cards) == Counter(f"#{n}" for n in range(1, fired + 1))
        assert len({key_of(card) for card in cards}) == fired
        replies = [reply for card in cards for reply in discord.thread(card.channel, card.id)]
        assert len(replies) > 20 and len({key_of(reply) for reply in replies}) == len(replies)
        said = [message for message in discord.said() if message.kind != STARTER]
        assert len(said) == len(cards) + len(replies), "a double was made, and deleted or hidden"


async def test_hostile_cards_go_through_as_text(place: Place) -> None:
    discord, chat = place
    dice, ours = random.Random(3), {URL}
    for number in range(30):
        card, other = hostile_card(dice), hostile_card(dice)
        ref = await chat.post(DB_CHANNEL, card, f"key-{number}")
        await chat.update(DB_CHANNEL, ref, other)
        for one in (card, other):
            ours |= {one.url, *(link(each.url, label(each.name)).partition("](")[2][:-1] for each in one.links)}
        await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(card.number, (hostile_text(dice),)), f"key-{number}-1")
        await chat.direct_message(ANA, hostile_text(dice), f"dm-{number}")
    assert len(discord.messages(DB)) == 30 and discord.mentions() == []
    assert {token.kind for token in discord.markup()} == {"bold", "timestamp", "masked"}
    assert {url for url, _ in discord.links()} <= ours
