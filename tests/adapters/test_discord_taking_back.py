"""What we said in a thread is taken back; who somebody is; what is told of a channel about which something changed."""

from collections.abc import AsyncIterator

import pytest

from adapters.chat import DeliveryError, Failure, ThreadNote
from adapters.chats.discord import Discord as DiscordChat
from adapters.chats.discord.ref import message_in
from tests.adapters.discord_cards import make_card
from tests.adapters.discord_out import ANA, CHANNELS, DB, OPS, failure, server
from tests.adapters.discord_site import site
from tests.standins.discord import Discord

Place = tuple[Discord, DiscordChat]
DB_CHANNEL = CHANNELS["db"]
CY = "80351110224678930"


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with server() as (discord, chat):
        yield discord, chat


async def a_thread(place: Place) -> str:
    """The handle of a card with two replies of ours and one of a person."""
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(42, ("a secret",)), "key-1-1")
    discord.say(ANA, message_in(ref), "mine")
    await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(42, ("another secret",)), "key-1-2")
    return ref


def thread(discord: Discord, ref: str) -> list[str]:
    found = discord.thread(DB, message_in(ref))
    return [one.embeds[0]["description"] if one.embeds else one.content for one in found]


async def test_only_what_we_said_goes_and_the_card_stays(place: Place) -> None:
    discord, chat = place
    ref = await a_thread(place)
    assert len(thread(discord, ref)) == 3
    for _ in range(2):
        await chat.clear_thread(DB_CHANNEL, ref)
        assert thread(discord, ref) == ["mine"]
    assert [message.id for message in discord.messages(DB)] == [message_in(ref)]
    assert len(discord.calls("messages.delete")) == 2


async def test_what_was_taken_back_can_be_told_again_at_once(place: Place) -> None:
    """Discord would take the same reply within minutes for the one that it had already."""
    discord, chat = place
    ref = await a_thread(place)
    await chat.clear_thread(DB_CHANNEL, ref)
    for _ in range(2):
        await chat.reply_in_thread(DB_CHANNEL, ref, ThreadNote(42, ("told again",)), "key-1-2")
    assert thread(discord, ref) == ["mine", "told again"]


async def test_a_card_without_a_thread(place: Place) -> None:
    discord, chat = place
    ref = await chat.post(DB_CHANNEL, make_card(), "key-1")
    await chat.clear_thread(DB_CHANNEL, ref)
    assert discord.calls("messages.delete") == []


async def test_an_archived_thread_is_opened_for_it(place: Place) -> None:
    discord, chat = place
    ref = await a_thread(place)
    discord.archive(message_in(ref))
    await chat.clear_thread(DB_CHANNEL, ref)
    assert thread(discord, ref) == ["mine"]


async def test_what_cannot_be_taken_back_is_no_success(place: Place) -> None:
    """A locked thread opens to moderators only; and to those who may not read history, every thread looks empty."""
    discord, chat = place
    ref = await a_thread(place)
    discord.archive(message_in(ref), locked=True)
    told = await failure(chat.clear_thread(DB_CHANNEL, ref))
    assert told.kind == Failure.channel_unreachable and "unlock it, or give the bot Manage Threads" in told.reason
    discord.permit(discord.bot_role, allow=["MANAGE_THREADS"], deny=["READ_MESSAGE_HISTORY"])
    discord.permit(discord.guild, deny=["READ_MESSAGE_HISTORY"])
    chat._changed("", "")
    told = await failure(chat.clear_thread(DB_CHANNEL, ref))
    assert told.kind == Failure.channel_unreachable and "give the bot Read Message History" in told.reason
    assert len(thread(discord, ref)) == 3
    discord.permit(discord.bot_role, allow=["READ_MESSAGE_HISTORY"])
    chat._changed("", "")
    await chat.clear_thread(DB_CHANNEL, ref)
    assert thread(discord, ref) == ["mine"]


async def test_what_is_in_the_way_is_told(place: Place) -> None:
    discord, chat = place
    ref = await a_thread(place)
    discord.faults.limit("messages.delete", retry_after=7)
    with pytest.raises(DeliveryError) as limited:
        await chat.clear_thread(DB_CHANNEL, ref)
    assert (limited.value.kind, limited.value.retry_after) == (Failure.rate_limited, 7.0)
    assert limited.value.lane in {lane.name for lane in chat.lanes("clear_thread", DB_CHANNEL, ref)}


async def test_what_people_call_somebody(place: Place) -> None:
    discord, chat = place
    discord.user(CY, "cyrus", nick="Cy, on call")
    assert await chat.name_of(CY) == "Cy, on call"
    assert await chat.name_of("80351110224678999") == "80351110224678999"


async def test_a_change_of_a_channel_is_told_by_its_id_and_of_a_person_for_all() -> None:
    async with Discord(rates=False) as discord, site(discord) as at:
        told = at.desk.changed_channels
        await discord.until(lambda: ("guild", "", "") in told, what="a new session, of which nobody told what went before")
        told.clear()
        discord.rename(OPS, "operations")
        await discord.until(lambda: told, what="a change")
        assert told == [("guild", OPS, "")]
        told.clear()
        discord.give(ANA, discord.bot_role)
        await discord.until(lambda: told, what="a change")
        assert told == [("guild", "", ANA)]
