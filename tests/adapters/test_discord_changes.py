"""Which changes of a server count: those after which others may read, and no others."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.chat import ThreadNote
from adapters.chats.discord.ref import message_in
from tests.adapters.discord_site import ANA, BEN, CHANNELS, DB, Site, a_card, site
from tests.standins.discord import Discord

DBA = "165511591545143296"


@pytest.fixture
async def at() -> AsyncIterator[Site]:
    async with Discord(rates=False) as discord, site(discord) as found:
        discord.role(DBA, "dba")
        yield found


async def told(at: Site) -> list[tuple[str, str, str]]:
    """What the desk was told of what happened up to now; a change of the channel db ends it, and is left out."""
    at.discord.rename(DB, "db")
    end = ("guild", DB, "")
    await at.discord.until(lambda: end in at.desk.changed_channels)
    found = [one for one in at.desk.changed_channels if one != end]
    at.desk.changed_channels.clear()
    return found


async def test_a_new_name_of_somebody_is_no_change(at: Site) -> None:
    await told(at)
    at.discord.give(ANA)  # nothing was asked yet: it may be one
    assert await told(at) == [("guild", "", ANA)]
    facts, members = await at.chat.inspect(CHANNELS["db"]), await at.chat.members_of(DBA)
    for _ in range(3):
        at.discord.give(ANA)
        at.discord.give(BEN)
    assert await told(at) == []
    at.discord.give(ANA, DBA)
    assert await told(at) == [("guild", "", ANA)]
    assert await at.chat.inspect(CHANNELS["db"]) == facts and set(await at.chat.members_of(DBA)) == {ANA} != set(members)
    at.discord.give(ANA, DBA)
    assert await told(at) == []
    at.discord.take(ANA, DBA)
    assert await told(at) == [("guild", "", ANA)]


async def test_what_was_told_with_older_roles_makes_it_a_change(at: Site) -> None:
    """The news of a role comes after another question had its answer with it already."""
    discord = at.discord
    await told(at)
    assert await at.chat.inspect(CHANNELS["db"])
    discord.world.users[ANA].roles = [DBA]  # and the gateway says nothing yet
    discord.clock.jump(61.0)
    at.desk.clock += 61.0
    assert ANA in await at.chat.members_of(DBA)
    discord.give(ANA)
    assert await told(at) == [("guild", "", ANA)]


async def test_a_thread_that_was_asked_for_changes_with_its_channel(at: Site) -> None:
    message = await at.card(a_card())
    await at.chat.reply_in_thread(CHANNELS["db"], ref := f"{DB}:{message.id}:key-42-db", ThreadNote(42, ("a line",)), "key-2")
    await at.chat.inspect(CHANNELS["db"].model_copy(update={"id": message_in(ref)}))
    at.desk.changed_channels.clear()
    at.discord.overwrite(DB, BEN, allow=["VIEW_CHANNEL"])
    await at.discord.until(lambda: len(at.desk.changed_channels) >= 2)
    assert at.desk.changed_channels == [("guild", DB, ""), ("guild", message.id, "")]


async def test_who_comes_or_leaves_is_always_one(at: Site) -> None:
    await at.chat.inspect(CHANNELS["db"])
    await told(at)
    at.discord.leave(BEN)
    at.discord.join(BEN)
    assert await told(at) == [("guild", "", BEN)] * 2
