"""The stand-in Discord before the real discord.py: cards, threads, commands, buttons, forms."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any

import discord as sdk
import pytest

from tests.standins.discord import Discord, Refused
from tests.standins.discord_listener import Listener, listening
from tests.standins.discord_permissions import BITS, allowed

ANA, DB = "80351110224678912", "41771983423143940"
ACK = {"name": "ack", "description": "take it on", "options": [
    {"type": 4, "name": "incident", "description": "which", "required": True, "autocomplete": True},
    {"type": 3, "name": "note", "description": "a word"}]}  # fmt: skip


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    async with Discord() as discord:
        discord.user(ANA, "ana")
        discord.channel(DB, "db")
        yield discord


async def answer(interaction: sdk.Interaction[Any]) -> None:
    """A small app: completes numbers, opens a form for `note`, and else thinks before it says what it heard."""
    data: Any = interaction.data
    if interaction.type is sdk.InteractionType.autocomplete:
        await interaction.response.autocomplete([sdk.app_commands.Choice(name="#42 disk", value=42)])
    elif data.get("custom_id") == "note":
        modal = sdk.ui.Modal(title="Note", custom_id="form")
        modal.add_item(sdk.ui.TextInput(label="Reason", custom_id="reason", default="none", max_length=20))
        await interaction.response.send_modal(modal)
    else:
        await interaction.response.defer(ephemeral=True, thinking=True)
        heard = data.get("custom_id") or data["name"]
        values = data.get("values") or [o["value"] for o in data.get("options", ())] or [
            row["components"][0]["value"] for row in data.get("components", ())]  # fmt: skip
        await interaction.edit_original_response(content=f"{heard} {values}")


def channel_of(client: Listener) -> sdk.TextChannel:
    channel = client.get_channel(int(DB))
    assert isinstance(channel, sdk.TextChannel)
    return channel


def buttons() -> sdk.ui.View:
    view = sdk.ui.View(timeout=None)
    view.add_item(sdk.ui.Button(label="Ack", custom_id="ack"))
    view.add_item(sdk.ui.Button(label="Note", custom_id="note"))
    view.add_item(sdk.ui.Button(label="Page", url="https://example.org/1"))
    view.add_item(sdk.ui.Select(placeholder="Snooze", custom_id="snooze", options=[sdk.SelectOption(label="1 hour", value="1h")]))
    return view


async def test_a_message_is_posted_once_edited_and_threaded(discord: Discord) -> None:
    async with listening(discord) as client:
        channel = channel_of(client)
        card = await channel.send("fire", embed=sdk.Embed(title=" disk "), nonce="k1")
        assert (await channel.send("again", nonce="k1")).id == card.id
        await card.edit(content="**out** <@80351110224678912>", allowed_mentions=sdk.AllowedMentions.none())
        thread = await card.create_thread(name="incident 1")
        await thread.send("a word")
        with pytest.raises(sdk.HTTPException) as second:
            await card.create_thread(name="again")
        assert (second.value.status, second.value.code, thread.id) == (400, 160004, card.id)
        kept = discord.messages(DB)
        assert [one.content for one in kept[0].versions] == ["fire", "**out** <@80351110224678912>"]
        assert discord.shown(kept[0]) == "out @ana\ndisk"
        assert [one.content for one in discord.thread(DB, str(card.id))] == ["a word"]
        assert [one.nonce async for one in channel.history()] == [None]
        discord.clock.jump(600)
        assert (await channel.send("later", nonce="k1")).id != card.id


async def test_people_press_choose_and_fill_in(discord: Discord) -> None:
    async with listening(discord, answer) as client:
        card = await channel_of(client).send("fire", view=buttons())
        seen = await discord.press(DB, str(card.id), "Ack", ANA)
        assert (seen.text, seen.deferred, seen.ephemeral, seen.error) == ("ack []", True, True, "")
        seen = await discord.choose(DB, str(card.id), "Snooze", "1 hour", ANA)
        assert seen.text == "snooze ['1h']"
        modal = await (await discord.press(DB, str(card.id), "Note", ANA)).modal()
        with pytest.raises(Refused):
            await discord.submit(modal, {"Reason": "x" * 21})
        assert (await discord.submit(modal, {"Reason": "because"})).text == "form ['because']"
        with pytest.raises(Refused):
            await discord.press(DB, str(card.id), "Page", ANA)
        assert [one.only_for for one in discord.ephemerals()] == [ANA] * 3
        assert len(discord.messages(DB)) == 1


async def test_commands_are_registered_completed_and_run(discord: Discord) -> None:
    async with listening(discord, answer) as client:
        await client.http.bulk_upsert_guild_commands(int(discord.world.app), int(discord.guild), [ACK])
        seen = await discord.autocomplete(ANA, DB, "ack", "incident", "4")
        assert [(one["name"], one["value"]) for one in seen.choices] == [("#42 disk", 42)]
        assert (await discord.slash(ANA, DB, "ack", {"incident": "42", "note": "on it"})).text == "ack [42, 'on it']"
        for wrong in ({}, {"incident": "all"}, {"incident": 1, "who": "me"}):
            with pytest.raises(Refused):
                await discord.slash(ANA, DB, "ack", wrong)
        with pytest.raises(Refused):
            await discord.slash(ANA, DB, "resolve", {})
        discord.overwrite(DB, ANA, deny=["USE_APPLICATION_COMMANDS"])
        with pytest.raises(Refused):
            await discord.slash(ANA, DB, "ack", {"incident": 42})


async def test_permissions_are_those_that_discord_py_computes(discord: Discord) -> None:
    whole = ("ADMINISTRATOR", "KICK_MEMBERS", "BAN_MEMBERS", "MANAGE_GUILD")  # of no channel
    dice, names = random.Random(4), [name for name in BITS if name not in whole]
    roles = [discord.role(str(500 + number), f"r{number}", dice.sample(names, 6)).id for number in range(3)]
    users = [discord.user(str(600 + number), f"u{number}", roles=dice.sample(roles, number)).id for number in range(4)]
    discord.role("700", "admin", ["ADMINISTRATOR"])
    users += [discord.user("701", "boss", roles=["700"]).id, discord.world.owner]
    for number in range(12):
        place = discord.channel(str(800 + number), f"c{number}")
        for target in dice.sample([discord.guild, *roles, *users], 5):
            mixed = dice.sample(names, 12)
            discord.overwrite(place.id, target, allow=mixed[:4], deny=mixed[4:])
    async with listening(discord) as client:
        members = [await client.guilds[0].fetch_member(int(user)) for user in users]
        for shown in client.guilds[0].text_channels:
            for member in members:
                theirs = shown.permissions_for(member)
                ours = allowed(discord.world, discord.world.users[str(member.id)], discord.world.channels[str(shown.id)])
                assert [bool(ours & BITS[name]) for name in names] == [bool(theirs.value & BITS[name]) for name in names]


async def test_a_late_or_second_answer_is_refused(discord: Discord) -> None:
    discord.interactions.answer_within = 0.1
    codes: list[int] = []
    held: list[sdk.Interaction[Any]] = []

    async def hold(interaction: sdk.Interaction[Any]) -> None:
        held.append(interaction)

    async def both(interaction: sdk.Interaction[Any]) -> None:
        try:
            await interaction.response.defer(ephemeral=True)
        except sdk.HTTPException as refusal:
            codes.append(refusal.code)

    async with listening(discord, hold) as client:
        card = await channel_of(client).send("fire", view=buttons())
        assert (await discord.press(DB, str(card.id), "Ack", ANA)).error == "This interaction failed"
        await both(held[0])
        assert codes == [10062]
        client.listen = both
        discord.clock.jump(10)  # two identifies need 5 s between them
        async with listening(discord, both):
            seen = await discord.press(DB, str(card.id), "Ack", ANA)
            await discord.until(lambda: len(codes) == 2)
            assert (seen.error, codes) == ("", [10062, 40060])


async def test_the_token_of_an_interaction_dies(discord: Discord) -> None:
    async with listening(discord, answer) as client:
        card = await channel_of(client).send("fire", view=buttons())
        one = (await discord.press(DB, str(card.id), "Ack", ANA)).interaction
        hook: Any = client.http.request
        route = sdk.http.Route("PATCH", f"/webhooks/{discord.world.app}/{one.token}/messages/@original")
        await hook(route, json={"content": "more"})
        discord.clock.jump(901)
        with pytest.raises(sdk.HTTPException) as dead:
            await hook(route, json={"content": "too late"})
        assert (dead.value.status, dead.value.code) == (401, 50027)
