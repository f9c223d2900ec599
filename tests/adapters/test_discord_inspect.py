"""Who can read a channel, as Discord's roles and overwrites have it; looked at from the other side in `sees`."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from adapters.chat import Failure
from adapters.chats.discord import Discord as DiscordChat
from adapters.chats.discord.permissions import EVERYTHING, VIEW_CHANNEL, Guild, Overwrite, Place, missing, permissions
from adapters.chats.discord.ref import read_ref
from rules.channel import ChannelFacts
from tests.adapters.discord_cards import make_card
from tests.adapters.discord_out import ANA, BEN, CHANNELS, DB, OPS, failure, server
from tests.standins.discord import Discord
from tests.standins.discord_permissions import BITS, bits
from tests.standins.discord_state import User, World

Site = tuple[Discord, DiscordChat]
DBA, ADMINS, THIRD = "165511591545143296", "165511591545143297", "165511591545143298"
VIEW, ADMIN = BITS["VIEW_CHANNEL"], BITS["ADMINISTRATOR"]


@pytest.fixture
async def place() -> AsyncIterator[Site]:
    async with server() as (discord, chat):
        yield discord, chat


def sees(world: World, channel: str, roles: list[str], user: str = "") -> bool:
    """Whether somebody with these roles reads the channel: the strongest words are asked first, and the first to speak decide."""
    overwrites = world.channels[channel].overwrites
    held = [role for role in roles if role in world.roles]
    if user == world.owner or any(world.roles[role].permissions & ADMIN for role in [world.guild, *held]):
        return True
    if user in overwrites and (overwrites[user].allow | overwrites[user].deny) & VIEW:
        return bool(overwrites[user].allow & VIEW)
    spoken = [overwrites[role] for role in held if role in overwrites and (overwrites[role].allow | overwrites[role].deny) & VIEW]
    if spoken:
        return any(one.allow & VIEW for one in spoken)
    everyone = overwrites.get(world.guild)
    if everyone and (everyone.allow | everyone.deny) & VIEW:
        return bool(everyone.allow & VIEW)
    return any(world.roles[role].permissions & VIEW for role in [world.guild, *held])


def humans(world: World) -> list[User]:
    return [one for one in world.users.values() if one.member and not one.bot]


def shuffle(discord: Discord, dice: random.Random) -> None:
    """Roles, people, overwrites and owner, at random."""
    names = ("VIEW_CHANNEL", "SEND_MESSAGES", "ADMINISTRATOR", "READ_MESSAGE_HISTORY")
    roles = [str(165511591545143300 + number) for number in range(6)]
    for role in roles:
        discord.role(role, f"role-{role[-1]}", dice.sample(names, dice.choice((0, 1, 1, 2))) if dice.random() < 0.9 else names)
    discord.world.roles[discord.guild].permissions = bits(*dice.sample(names[:2], dice.randint(0, 2)))
    people = [str(80351110224678920 + number) for number in range(12)]
    for one in people:
        discord.user(one, f"user-{one[-2:]}", roles=dice.sample(roles, dice.randint(0, 3)), bot=dice.random() < 0.2)
    discord.world.owner = dice.choice([one.id for one in humans(discord.world)])
    discord.world.channels[DB].overwrites.clear()
    for one in (discord.guild, *dice.sample(roles, 3), *dice.sample(people, 3), "80351110224678999"):
        if dice.random() < 0.8:
            allow = [name for name in names[:2] if dice.random() < 0.5]
            discord.overwrite(
                DB, one, allow=allow, deny=[name for name in names[:2] if dice.random() < 0.5 and name not in allow]
            )
    discord.overwrite(DB, discord.world.bot, allow=["VIEW_CHANNEL"])


async def look(chat: DiscordChat) -> ChannelFacts:
    chat._changed("", "")
    return await chat.inspect(CHANNELS["db"])


@pytest.mark.parametrize("start", range(0, 120, 40))
async def test_everybody_who_reads_is_a_member_and_nobody_else(place: Site, start: int) -> None:
    discord, chat = place
    world = discord.world
    for number in range(start, start + 40):
        shuffle(discord, random.Random(number))
        facts = await look(chat)
        assert facts.members == frozenset(one.id for one in humans(world) if sees(world, DB, one.roles, one.id)), number
        assert facts.private is not sees(world, DB, [])
        assert (facts.shared_outside, facts.archived, facts.owner, facts.roles) == (False, False, world.owner, frozenset())
        admins = {role for role, one in world.roles.items() if one.permissions & ADMIN and role != discord.bot_role}
        assert facts.administrators == admins - {discord.guild}


@pytest.mark.parametrize("start", range(0, 120, 40))
async def test_without_a_list_of_members_their_roles_are_told(place: Site, start: int) -> None:
    """Whoever reads is named, or has a role that is; and each role that is named does let its members read."""
    discord, chat = place
    discord.world.enabled_intents.clear()
    world = discord.world
    for number in range(start, start + 40):
        shuffle(discord, random.Random(number))
        facts = await look(chat)
        assert facts.members is not None and world.owner in facts.members
        named = {user for user in world.channels[DB].overwrites if user in world.users} | {world.owner}
        assert facts.members == {one.id for one in humans(world) if one.id in named and sees(world, DB, one.roles, one.id)}
        reading = {role for role in world.roles if sees(world, DB, [role])}
        assert facts.roles == reading - {discord.bot_role, discord.guild}
        if facts.private:
            readers = [one for one in humans(world) if sees(world, DB, one.roles, one.id)]
            assert all(one.id in facts.members or facts.roles.intersection(one.roles) for one in readers), number
        assert facts.administrators <= facts.roles


async def test_a_private_channel(place: Site) -> None:
    discord, chat = place
    facts = await chat.inspect(CHANNELS["db"])
    assert facts == ChannelFacts(
        private=True, shared_outside=False, archived=False, members=frozenset({ANA, BEN, discord.world.owner}),
        owner=discord.world.owner,
    )  # fmt: skip
    assert (await chat.inspect(CHANNELS["ops"])).private is False


async def test_a_thread_is_as_private_as_its_channel(place: Site) -> None:
    _, chat = place
    for channel in ("db", "ops"):
        whole = await chat.inspect(CHANNELS[channel])
        ref = await chat.post(CHANNELS[channel], make_card(), "key")
        await chat._threads._make(read_ref(ref, CHANNELS[channel].id), 42)
        thread = CHANNELS[channel].model_copy(update={"id": read_ref(ref, CHANNELS[channel].id).message})
        assert await chat.inspect(thread) == whole


async def test_other_servers_may_follow_an_announcement_channel(place: Site) -> None:
    discord, chat = place
    discord.world.channels[DB].kind = 5
    assert (await chat.inspect(CHANNELS["db"])).shared_outside is True


async def test_many_members_come_in_pages(place: Site) -> None:
    discord, chat = place
    for number in range(2500):
        discord.user(str(90000000000000000 + number), f"u{number}", roles=[DBA] if number % 2 else [])
    discord.role(DBA, "dba")
    discord.overwrite(DB, DBA, allow=["VIEW_CHANNEL"])
    facts = await chat.inspect(CHANNELS["db"])
    assert facts.members is not None and len(facts.members) == 3 + 1250
    assert len(discord.calls("guild.members")) == 3


async def test_many_looks_at_once_ask_once(place: Site) -> None:
    discord, chat = place
    await asyncio.gather(*(chat.inspect(CHANNELS[name]) for name in ("db", "ops") * 5))
    assert len(discord.calls("guild")) == len(discord.calls("guild.members")) == 1
    discord.clock.jump(61.0)
    await chat.inspect(CHANNELS["db"])
    assert len(discord.calls("guild.members")) == 2


async def test_an_overwrite_is_seen_at_once_and_a_change_of_roles_with_its_event(place: Site) -> None:
    discord, chat = place
    eve = discord.user("80351110224678915", "eve", roles=[])
    discord.role(DBA, "dba")
    before = (await chat.inspect(CHANNELS["db"])).members or frozenset()
    discord.overwrite(DB, DBA, allow=["VIEW_CHANNEL"])
    discord.overwrite(DB, ANA, deny=["VIEW_CHANNEL"])
    assert (await chat.inspect(CHANNELS["db"])).members == before - {ANA}
    discord.give(eve.id, DBA)
    chat._changed("", eve.id)
    assert (await chat.inspect(CHANNELS["db"])).members == before - {ANA} | {eve.id}
    discord.permit(DBA, deny=["VIEW_CHANNEL"])
    discord.clear_overwrite(DB, DBA)
    chat._changed("", "")
    assert (await chat.inspect(CHANNELS["db"])).members == before - {ANA}


async def test_a_change_while_it_is_asked_for_is_not_forgotten(place: Site) -> None:
    discord, chat = place
    discord.faults.slow("guild.members", 0.1, times=1)
    asking = asyncio.ensure_future(chat.inspect(CHANNELS["db"]))
    await discord.until(lambda: discord.calls("guild.members"))
    discord.user("80351110224678915", "eve")
    discord.overwrite(DB, "80351110224678915", allow=["VIEW_CHANNEL"])
    chat._changed("", "80351110224678915")
    assert "80351110224678915" not in ((await asking).members or ())
    assert "80351110224678915" in ((await chat.inspect(CHANNELS["db"])).members or ())


async def test_a_channel_that_is_not_there_or_not_ours(place: Site) -> None:
    discord, chat = place
    discord.overwrite(OPS, discord.bot_role, deny=["VIEW_CHANNEL"])
    assert "View Channel" in (await failure(chat.inspect(CHANNELS["ops"]))).reason
    discord.delete_channel(DB)
    told = await failure(chat.inspect(CHANNELS["db"]))
    assert told.kind == Failure.channel_unreachable and "there is no such channel" in told.reason
    direct = CHANNELS["db"].model_copy(update={"id": discord.world.direct(ANA).id})
    assert "not in the server" in (await failure(chat.inspect(direct))).reason


async def test_a_bot_that_was_removed_from_the_server(place: Site) -> None:
    discord, chat = place
    discord.leave(discord.world.bot)
    assert (await failure(chat.inspect(CHANNELS["db"]))).kind == Failure.channel_unreachable


def test_the_arithmetic() -> None:
    guild = Guild("1", "9", {"1": VIEW, "2": 0, "3": VIEW, "4": ADMIN})
    closed = Place({"1": Overwrite(0, VIEW), "2": Overwrite(VIEW, 0), "3": Overwrite(0, VIEW)}, {"7": Overwrite(0, VIEW)})
    assert permissions(guild, closed, ["4"]) == permissions(guild, closed, [], "9") == EVERYTHING
    assert [permissions(guild, closed, roles) & VIEW_CHANNEL for roles in ([], ["3"], ["2"], ["2", "3"])] == [0, 0, VIEW, VIEW]
    assert permissions(guild, closed, ["2"], "7") == 0
    assert permissions(Guild("1", "9", {"1": BITS["SEND_MESSAGES"]}), Place({}, {}), []) == 0  # who sees nothing does nothing
    assert missing(EVERYTHING) == [] and missing(0)[0] == "View Channel" and len(missing(0)) == 6
