"""Who has a role of a Discord server, and what is told when that changes."""

from collections.abc import AsyncIterator

import pytest

from adapters.chats.discord import Discord as DiscordChat
from tests.adapters.discord_out import ANA, BEN, failure, server
from tests.adapters.discord_site import site
from tests.standins.discord import Discord

Site = tuple[Discord, DiscordChat]
LAB, OTHER = "165511591545143296", "165511591545143297"
CY, BOT = "80351110224678930", "80351110224678931"


@pytest.fixture
async def place() -> AsyncIterator[Site]:
    async with server() as (discord, chat):
        discord.role(LAB, "lab")
        discord.role(OTHER, "other")
        yield discord, chat


async def test_its_members_by_the_names_they_have_there(place: Site) -> None:
    discord, chat = place
    discord.user(CY, "cyrus", [LAB], nick="Cy, on call")
    discord.give(ANA, LAB)
    discord.give(BEN, OTHER)
    assert await chat.members_of(LAB) == {CY: "Cy, on call", ANA: discord.world.users[ANA].name}


async def test_bots_and_who_left_do_not_count(place: Site) -> None:
    discord, chat = place
    discord.user(BOT, "bot", [LAB], bot=True)
    discord.user(CY, "cyrus", [LAB], member=False)
    assert await chat.members_of(LAB) == {}


@pytest.mark.parametrize("role", ["165511591545143299", "everyone", ""])
async def test_what_is_no_role_that_one_has_holds_nobody(place: Site, role: str) -> None:
    discord, chat = place
    assert await chat.members_of(discord.guild if role == "everyone" else role) == {}


async def test_a_role_that_is_gone_holds_nobody(place: Site) -> None:
    discord, chat = place
    discord.give(ANA, LAB)
    discord.delete_role(LAB)
    assert await chat.members_of(LAB) == {}


async def test_without_the_intent_it_cannot_be_told(place: Site) -> None:
    discord, chat = place
    discord.give(ANA, LAB)
    discord.world.enabled_intents = set()
    assert "switch Server Members Intent on" in (await failure(chat.members_of(LAB))).reason


async def test_discord_tells_when_it_changes() -> None:
    async with Discord() as discord, site(discord) as here:
        discord.role(LAB, "lab")
        await discord.until(lambda: here.desk.changed_groups)
        assert await here.chat.members_of(LAB) == {}
        here.desk.changed_groups.clear()
        discord.give(ANA, LAB)
        await discord.until(lambda: here.desk.changed_groups)
        assert set(here.desk.changed_groups) == {("guild", "")}
        assert set(await here.chat.members_of(LAB)) == {ANA}, "what was known before does not count any more"
