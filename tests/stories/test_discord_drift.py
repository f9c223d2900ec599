"""Drift as only Discord has it: by roles, the owner, administrators, @everyone, a deleted channel, and what nobody could hear."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest

from tests.standins.discord import Discord
from tests.stories.story import BASE, Story
from tests.stories.test_discord import platform
from tests.stories.test_drift import WITHIN, nothing_secret_in, quick_watch, shown_in_full, told_admins
from tests.stories.test_secrecy import CANARY
from tests.stories.until import until
from tests.stories.views_discord import ACCOUNTS, CHANNELS

__all__ = ["quick_watch"]

ANA, CLEO, VAULT = ACCOUNTS["ana"], ACCOUNTS["cleo"], CHANNELS["vault"]
GUESTS, SRE = "165511591545143297", "165511591545143298"


@pytest.fixture
def chat() -> str:
    return "discord"


class Way(NamedTuple):
    """How somebody gets to read the vault, and how that ends. `says`: what the admins are told."""

    opens: Callable[[Discord], object]
    closes: Callable[[Discord], object]
    says: str
    before: Callable[[Discord], object] = lambda discord: discord.role(GUESTS, "guests")


def guests_may_read(discord: Discord) -> None:
    discord.role(GUESTS, "guests")
    discord.overwrite(VAULT, GUESTS, allow=["VIEW_CHANNEL"])


def cleo_is_a_guest(discord: Discord) -> None:
    discord.role(GUESTS, "guests")
    discord.give(CLEO, GUESTS)


WAYS: Mapping[str, Way] = {
    "gets a role that may": Way(
        lambda discord: discord.give(CLEO, GUESTS), lambda discord: discord.take(CLEO, GUESTS), "cleo", guests_may_read
    ),
    "has a role that may now": Way(
        lambda discord: discord.overwrite(VAULT, GUESTS, allow=["VIEW_CHANNEL"]),
        lambda discord: discord.clear_overwrite(VAULT, GUESTS), "cleo", cleo_is_a_guest,
    ),
    "is made an administrator": Way(
        lambda discord: discord.permit(GUESTS, allow=["ADMINISTRATOR"]),
        lambda discord: discord.permit(GUESTS, deny=["ADMINISTRATOR"]), "cleo", cleo_is_a_guest,
    ),
    "is given the server": Way(lambda discord: discord.set_owner(CLEO), lambda discord: discord.set_owner(ANA), "cleo"),
    "reads what everyone may": Way(
        lambda discord: discord.overwrite(VAULT, discord.guild, allow=["VIEW_CHANNEL"]),
        lambda discord: discord.overwrite(VAULT, discord.guild, deny=["VIEW_CHANNEL"]), "it is not private",
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS.values(), ids=[name.replace(" ", "-") for name in WAYS])
async def test_somebody_else_can_read(story: Story, way: Way) -> None:
    discord = platform(story)
    way.before(discord)
    card = await shown_in_full(story)
    began = time.monotonic()
    way.opens(discord)
    await card.shows(stub=True, within=WITHIN)
    await until(lambda: nothing_secret_in(story, "vault"), WITHIN)
    assert time.monotonic() - began < WITHIN
    assert way.says in str((await told_admins(story, "firing"))["title"])
    way.closes(discord)
    await card.shows(stub=False, text=CANARY)
    await card.tells(CANARY)
    await told_admins(story, "resolved")


async def test_what_happened_while_nobody_listened(story: Story) -> None:
    """The session is lost and cannot be taken up again: no event will ever tell who came meanwhile."""
    discord = platform(story)
    card = await shown_in_full(story)
    discord.gateway.refuse(503)
    discord.gateway.drop(forget=True)
    await discord.until(lambda: not discord.gateway.live)
    discord.overwrite(VAULT, CLEO, allow=["VIEW_CHANNEL"])
    discord.gateway.recover()
    await discord.connected(within=10.0)
    await card.shows(stub=True, within=WITHIN)
    await until(lambda: nothing_secret_in(story, "vault"), WITHIN)


async def doubted(story: Story) -> bool:
    return bool(story.app.standings.of("vault").breaches)


async def test_a_channel_that_was_deleted(story: Story) -> None:
    discord = platform(story)
    await shown_in_full(story)
    discord.delete_channel(VAULT)
    await until(lambda: doubted(story), what="a channel in doubt")
    await story.passes("6s")  # it may be asked again
    told = await told_admins(story, "firing")
    assert "its chat could not be asked" in str(told["title"]) and CANARY not in str(told)


async def test_a_server_that_is_away_and_comes_back(story: Story) -> None:
    """Nothing that happened in an outage of the server is told when it is over."""
    discord = platform(story)
    card = await shown_in_full(story)
    discord.unavailable()
    listening, discord.world.events[:] = list(discord.world.events), []
    discord.overwrite(VAULT, CLEO, allow=["VIEW_CHANNEL"])
    discord.world.events[:] = listening
    discord.unavailable(now=False)
    await card.shows(stub=True, within=WITHIN)


ROLES = BASE.replace("sre: {members: [ana],", f"sre: {{members: [ana], discord_role: '{SRE}',")


@pytest.mark.parametrize("config", [ROLES])
async def test_without_a_list_of_members_roles_are_what_counts(story: Story) -> None:
    """The audience's own role may read, whoever has it; any other may not."""
    discord = platform(story)
    discord.world.enabled_intents.clear()
    discord.role(SRE, "sre")
    discord.role(GUESTS, "guests")
    discord.overwrite(VAULT, SRE, allow=["VIEW_CHANNEL"])
    await discord.gateway.close(4000)
    await discord.connected(within=10.0)
    card = await shown_in_full(story)
    discord.overwrite(VAULT, GUESTS, allow=["VIEW_CHANNEL"])
    await card.shows(stub=True, within=WITHIN)
    assert f"the role {GUESTS} can read it" in str((await told_admins(story, "firing"))["title"])
    discord.clear_overwrite(VAULT, GUESTS)
    await card.shows(stub=False)
    discord.permit(GUESTS, allow=["ADMINISTRATOR"])
    await card.shows(stub=True, within=WITHIN)
