"""The guild's commands: registered when they differ, left alone when they do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from adapters.chats.discord import sync
from adapters.chats.discord.commands import CHAT_INPUT, INTEGER, MOST_CHOICES, STRING, definitions, same
from adapters.plain import size
from rules.grammar import VERBS
from tests.adapters.discord_site import Site, site
from tests.standins.discord import Discord
from tests.standins.discord_state import Body


@pytest.fixture
async def place() -> AsyncIterator[Site]:
    async with Discord(rates=False) as discord, site(discord) as found:
        yield found


async def read(place: Site, times: int) -> None:
    """Waits until the commands were asked for that often."""
    await place.discord.until(lambda: len(place.discord.calls("commands.list")) >= times)
    await asyncio.sleep(0.05)


async def test_every_verb_is_registered_with_typed_options(place: Site) -> None:
    known = {one["name"]: one for one in place.discord.commands}
    assert known.keys() == {"tocsin", *VERBS}
    ack = {option["name"]: option for option in known["ack"]["options"]}
    assert list(ack) == ["incident", "others", "duration", "note"]
    assert ack["incident"]["type"] == INTEGER and ack["incident"]["autocomplete"] and ack["incident"]["required"]
    assert ack["duration"]["type"] == STRING and "required" not in ack["duration"]
    scopes = known["incidents"]["options"][0]["choices"]
    assert [choice["value"] for choice in scopes] == ["open", "mine", "all"]


def test_definitions_are_within_discord_s_limits() -> None:
    made = definitions()
    assert len(made) <= 100 and {one["type"] for one in made} == {CHAT_INPUT} and len(VERBS) <= MOST_CHOICES
    for one in made:
        assert size(one["name"]) <= 32 and 1 <= size(one["description"]) <= 100 and len(one["options"]) <= 25


async def test_nothing_is_written_without_need(place: Site) -> None:
    versions = [one["version"] for one in place.discord.commands]
    await place.restart()
    await read(place, 2)
    assert len(place.discord.calls("commands.put")) == 1 and [one["version"] for one in place.discord.commands] == versions


async def test_what_somebody_changed_is_put_right_at_the_next_start(place: Site) -> None:
    changes: list[Callable[[list[Body]], object]] = [
        lambda commands: commands.pop(),
        lambda commands: commands[1].update(description="something else"),
        lambda commands: commands[1]["options"][0].pop("autocomplete"),
        lambda commands: commands.append({**commands[0], "name": "other"}),
    ]
    for number, change in enumerate(changes, 2):
        change(place.discord.commands)
        await place.restart()
        await place.discord.until(lambda: len(place.discord.calls("commands.put")) == number)  # noqa: B023  # awaited at once
        await place.discord.until(lambda: same(place.discord.commands, definitions()))
    assert len(place.discord.registry.created) <= 1 + 2 * len(VERBS)


def test_order_ids_and_defaults_make_no_difference() -> None:
    told = [{**one, "id": "7", "version": "8", "nsfw": False, "default_member_permissions": None} for one in definitions()]
    assert same(told[::-1], definitions())
    assert not same(told[1:], definitions()) and not same(None, definitions()) and not same([{"name": 5}], definitions())


@pytest.mark.parametrize("fault", ["html", "reset", "lose", "limit"])
@pytest.mark.parametrize("call", ["commands.list", "commands.put"])
async def test_it_is_tried_again_until_it_is_done(monkeypatch: pytest.MonkeyPatch, call: str, fault: str) -> None:
    monkeypatch.setattr(sync, "FIRST_PAUSE", 0.05)
    async with Discord(rates=False) as discord:
        more = {"retry_after": 0.1} if fault == "limit" else {}
        struck = getattr(discord.faults, fault)(call, times=1, **more)
        async with site(discord):
            await discord.until(lambda: same(discord.commands, definitions()))
        assert struck.struck == 1 and len(discord.calls("commands.put")) <= 2


async def test_what_makes_no_sense_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot was invited without the right to make commands: buttons work all the same, and the log says why."""
    monkeypatch.setattr(sync, "FIRST_PAUSE", 0.01)
    async with Discord(rates=False) as discord:
        discord.world.commands = [{"name": "old", "type": 1}]
        discord.faults.error("commands.*", 403, 50001)
        async with site(discord) as place:
            await discord.until(lambda: place.chat._inbound._sync.trouble)
            await asyncio.sleep(0.1)
            assert len(discord.calls("commands.*")) == 1 and place.chat.trouble == ""


async def test_a_stop_does_not_wait_for_it() -> None:
    async with Discord(rates=False) as discord:
        discord.world.commands = [{"name": "old", "type": 1}]
        discord.faults.hang("commands.list")
        async with site(discord):
            await discord.until(lambda: discord.calls("commands.list"))
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 1.0
