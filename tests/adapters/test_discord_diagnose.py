"""`tocsin doctor` on Discord set-ups that are broken in one way each: the whole screen, word for word."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.chats.discord import Discord as DiscordChat
from adapters.chats.discord.invite import invite_link
from adapters.chats.discord.permissions import NEEDED
from tests.adapters.discord_out import ANA, BEN, CHANNELS, DB, OPS, Clocked, config, furnish
from tests.bot.test_cli import Outcome
from tests.standins.discord import Discord
from tests.standins.discord_permissions import BOT, bits
from tests.standins.discord_state import World

CONFIG = """
listen: 0.0.0.0:8080
store: sqlite:///FOLDER/tocsin.db
people: {ana: {name: Ana Petrova, discord: 'ANA'}}
groups: {sre: {members: [ana], clearance: restricted}}
chats: {guild: {type: discord, token: "${TOKEN}", guild: 'GUILD', api_url: "API", gateway_url: "GATEWAY"}}
channels:
  db: {chat: guild, id: 'DB', clearance: confidential, audience: [sre]}
  ops: {chat: guild, id: 'OPS'}
sources: {prometheus: {type: alertmanager, auth: {bearer: b}}}
route: {channels: [ops]}
"""
TOKEN, GUILD, BUTTONS = (
    "guild: token (@tocsin)",
    f"guild: guild {World.guild} (standin)",
    "guild: buttons and commands come to Tocsin",
)
COMMANDS, MEMBERS = "guild: slash commands", "guild: Server Members Intent"
DB_LINE, OPS_LINE, PERSON = f"guild: channel db ({DB})", f"guild: channel ops ({OPS})", f"guild: people.ana.discord ({ANA})"
LOOKED_AT = ("store", "source prometheus", TOKEN, BUTTONS, GUILD, COMMANDS, MEMBERS, DB_LINE, OPS_LINE, PERSON)
LATER = (GUILD, COMMANDS, MEMBERS, DB_LINE, OPS_LINE, PERSON)
PORTAL = "Open discord.com/developers/applications, the app, "
COPY_TOKEN = f"{PORTAL}Bot, Reset Token, and copy it into token."
DEVELOPER = "Discord, User Settings, Advanced: switch Developer Mode on; then right-click "
COPY_CHANNEL = f"channels.ops.id: {DEVELOPER}the channel, Copy Channel ID."
COPY_USER = f"Correct people.ana.discord: {DEVELOPER}their name, Copy User ID."
RIGHTS = "In Discord, right-click the channel, Edit Channel, Permissions, "
INVITE = (
    f"https://discord.com/oauth2/authorize?client_id={World.app}&scope=bot+applications.commands&permissions=309237730304"
    f"&guild_id={World.guild}&disable_guild_select=true"
)


class Setup:
    """One that is well. `config` and `token` may be spoiled, and so may the server."""

    def __init__(self, discord: Discord, folder: Path) -> None:
        self.discord, self.folder, self.token = discord, folder, discord.token
        furnish(discord)
        self.config = CONFIG
        written = {"FOLDER": str(folder), "API": discord.api_url, "GATEWAY": discord.gateway_url, "GUILD": discord.guild}
        for name, value in {**written, "DB": DB, "OPS": OPS, "ANA": ANA}.items():
            self.config = self.config.replace(name, value)

    async def screen(self, monkeypatch: pytest.MonkeyPatch) -> Outcome:
        """What the command prints. It runs in a thread, since the stand-in answers from this one."""
        path = self.folder / "config.yaml"
        path.write_text(self.config)
        monkeypatch.setenv("TOKEN", self.token)
        return await asyncio.to_thread(Outcome, "doctor", "-c", str(path))

    def writes(self, old: str, new: str) -> None:
        assert old in self.config
        self.config = self.config.replace(old, new)


class Broken(NamedTuple):
    """`spoil`: what is done to a set-up that is well. `where`: the line about it, which reads `shown` if it says something else
    then. `unseen`: lines that cannot be told. In `remedy`, API stands for the address."""

    name: str
    spoil: Callable[[Setup], object]
    where: str
    remedy: str
    shown: str = ""
    unseen: tuple[str, ...] = ()


def deny(channel: str, *names: str, of: str = "172150183260323842") -> Callable[[Setup], object]:
    return lambda it: it.discord.overwrite(channel, of, deny=names)


def kind(number: int) -> Callable[[Setup], object]:
    return lambda it: setattr(it.discord.world.channels[OPS], "kind", number)


BROKEN = [
    Broken(
        "a token that was reset", lambda it: setattr(it.discord.rest, "token", "another"), TOKEN,
        f"Discord does not know the token: it is wrong, or was reset. {COPY_TOKEN}", "guild: token", (BUTTONS, *LATER),
    ),
    Broken(
        "the public key as token", lambda it: setattr(it, "token", "0a1b2c3d" * 8), TOKEN,
        "That is no bot token (three parts with dots between), but maybe the app's public key or client secret. " + COPY_TOKEN,
        "guild: token", (BUTTONS, *LATER),
    ),
    Broken(
        "nobody at the address", lambda it: it.writes(it.discord.api_url, "http://127.0.0.1:9/api/"), TOKEN,
        "Discord does not answer at http://127.0.0.1:9/api/ (cannot reach 127.0.0.1 for GET users/@me: ClientConnectorError): "
        "look at the network, the proxy and api_url.",
        "guild: token", (BUTTONS, *LATER),
    ),
    Broken(
        "something else at the address", lambda it: it.discord.faults.html("me", 404), TOKEN,
        "Discord does not answer at API (GET users/@me was answered with HTTP 404, not by Discord): look at the network, the "
        "proxy and api_url.",
        "guild: token", (BUTTONS, *LATER),
    ),
    Broken(
        "Discord is busy", lambda it: it.discord.faults.limit("me"), TOKEN,
        "Discord takes no more calls for now: run this again in a minute.", "guild: token", (BUTTONS, *LATER),
    ),
    Broken(
        "an interactions endpoint", lambda it: setattr(it.discord.world, "interactions_url", "https://bot.example.com/"), BUTTONS,
        f"{PORTAL}General Information, and empty Interactions Endpoint URL: while it is set, no button and "
        "no command reaches Tocsin.",
    ),
    Broken(
        "the bot is not in the server", lambda it: it.discord.leave(it.discord.world.bot), GUILD,
        f"Open {INVITE} and add the bot to the server, or correct chats.guild.guild: it is not in this one.",
        f"guild: guild {World.guild}", LATER[1:],
    ),
    Broken(
        "invited without the commands", lambda it: it.discord.faults.error("commands.list", 403, 50001), COMMANDS,
        f"Open {INVITE} once more: the bot was added without the scope applications.commands.",
    ),
    Broken(
        "no members intent", lambda it: it.discord.world.enabled_intents.clear(), MEMBERS,
        f"{PORTAL}Bot, and switch Server Members Intent on: without it Tocsin cannot list who reads db, and may have to "
        "withhold what is confidential.",
        f"{MEMBERS} is off",
    ),
    Broken(
        "a channel without id", lambda it: it.writes(f"id: '{OPS}'", "id: ''"), OPS_LINE,
        f"Write the id into {COPY_CHANNEL}", "guild: channel ops (no id)",
    ),
    Broken(
        "a channel by name", lambda it: it.writes(f"id: '{OPS}'", "id: '#ops'"), OPS_LINE,
        f"Write the id into {COPY_CHANNEL}", "guild: channel ops (#ops)",
    ),
    Broken(
        "a channel that is gone", lambda it: it.discord.delete_channel(OPS), OPS_LINE,
        f"There is no such channel. Correct {COPY_CHANNEL}",
    ),
    Broken(
        "a channel the bot cannot see", deny(OPS, "VIEW_CHANNEL"), OPS_LINE,
        f"{RIGHTS}add the role tocsin and allow it View Channel: the bot cannot see the channel.",
    ),
    Broken(
        "no right to post", deny(OPS, "SEND_MESSAGES"), OPS_LINE,
        f"{RIGHTS}the role tocsin: allow Send Messages.",
    ),
    Broken(
        "no right to make threads, nor to write in them", deny(DB, "CREATE_PUBLIC_THREADS", "SEND_MESSAGES_IN_THREADS"), DB_LINE,
        f"{RIGHTS}the role tocsin: allow Create Public Threads, Send Messages in Threads.",
    ),
    Broken(
        "no right to embed, for the bot itself", deny(OPS, "EMBED_LINKS", of=World.bot), OPS_LINE,
        f"{RIGHTS}the bot tocsin itself: end the denial of Embed Links.",
    ),
    Broken(
        "no history", deny(OPS, "READ_MESSAGE_HISTORY"), OPS_LINE,
        f"{RIGHTS}the role tocsin: allow Read Message History.",
    ),
    Broken("a forum", kind(15), OPS_LINE, "Use a text channel: a forum cannot hold cards and their threads."),
    Broken("a voice channel", kind(2), OPS_LINE, "Use a text channel: a voice channel cannot hold cards and their threads."),
    Broken("a kind that is new", kind(99), OPS_LINE, "Use a text channel: another kind cannot hold cards and their threads."),
    Broken(
        "a public channel for secrets", lambda it: it.discord.overwrite(DB, World.guild, allow=["VIEW_CHANNEL"]), DB_LINE,
        "Make the channel private, or lower its clearance: confidential alerts show in private channels only.",
    ),
    Broken(
        "a channel that others may follow, for secrets", lambda it: setattr(it.discord.world.channels[DB], "kind", 5), DB_LINE,
        "Use a text channel, or lower its clearance: other servers may follow confidential alerts there.",
    ),
    Broken(
        "somebody who left", lambda it: it.discord.leave(ANA), PERSON,
        "Invite them, or remove people.ana.discord: they are not in the server.",
    ),
    Broken(
        "nobody's id", lambda it: it.discord.world.users.pop(ANA), PERSON, f"There is no such user. {COPY_USER}",
    ),
    Broken(
        "a name instead of an id", lambda it: it.writes(f"discord: '{ANA}'", "discord: ana"), PERSON,
        COPY_USER, "guild: people.ana.discord (ana)",
    ),
    Broken(
        "a bot as a person", lambda it: setattr(it.discord.world.users[ANA], "bot", True), PERSON, f"{COPY_USER} This is a bot."
    ),
    Broken(
        "an answer that says nothing", lambda it: it.discord.faults.broken_json("channels.get", times=1), DB_LINE,
        "Run this again: GET channels/{channel} got an unreadable answer.",
    ),
]  # fmt: skip


@pytest.fixture
async def setup(tmp_path: Path) -> AsyncIterator[Setup]:
    async with Discord(rates=False) as discord:
        yield Setup(discord, tmp_path)


async def test_all_is_well(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = await setup.screen(monkeypatch)
    assert seen.out == "".join(f"✔ {line}\n" for line in LOOKED_AT) + "All is well.\n"
    assert seen.code == 0
    assert setup.discord.said() == [] and {call.call.split(" ")[0] for call in setup.discord.requests} == {"GET"}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda one: one.name)
async def test_one_thing_is_amiss(broken: Broken, setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    broken.spoil(setup)
    seen = await setup.screen(monkeypatch)
    wanted = [f"✔ {line}\n" for line in LOOKED_AT if line != broken.where and line not in broken.unseen]
    remedy = broken.remedy.replace("API", setup.discord.api_url)
    wanted.insert(LOOKED_AT.index(broken.where), f"✘ {broken.shown or broken.where}\n  {remedy}\n")
    assert seen.out == "".join(wanted) + "One thing to do.\n"
    assert seen.code == 1
    assert setup.token not in seen.out


async def test_without_secrets_the_members_intent_may_be_off(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.discord.world.enabled_intents.clear()
    setup.writes("confidential", "internal")
    seen = await setup.screen(monkeypatch)
    assert seen.code == 0 and f"✔ {MEMBERS} is off\n" in seen.out


async def test_two_things_are_amiss(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.discord.delete_channel(OPS)
    setup.discord.overwrite(DB, setup.discord.bot_role, deny=["EMBED_LINKS"])
    seen = await setup.screen(monkeypatch)
    assert seen.out.count("✘") == 2 and seen.out.endswith("2 things to do.\n")


@pytest.mark.parametrize("name", ["guild", "guild.member", "guild.members", "commands.list", "channels.get", "application.me"])
async def test_whatever_discord_answers_it_says_something(setup: Setup, name: str) -> None:
    for spoil in (setup.discord.faults.html, setup.discord.faults.broken_json, setup.discord.faults.reset):
        setup.discord.faults.clear()
        spoil(name)
        chat = DiscordChat("guild", config(setup.discord), Clocked(setup.discord))
        findings = await chat.diagnose(CHANNELS, {"ana": ANA, "ben": BEN})
        assert [one for one in findings if not one.ok] and all(one.ok is not bool(one.remedy) for one in findings)


@pytest.mark.parametrize(
    "body", ['{"id":"5","roles":7,"user":{"id":"5","bot":[]},"permission_overwrites":3,"type":0}', '{"id":"5"}']
)
async def test_odd_answers_raise_nothing(setup: Setup, body: str) -> None:
    for name in ("me", "application.me", "guild", "guild.member", "guild.members", "channels.get", "commands.list"):
        setup.discord.faults.clear()
        setup.discord.faults.html(name, 200)
        setup.discord.faults.script[0].body, setup.discord.faults.script[0].content_type = body, "application/json"
        chat = DiscordChat("guild", config(setup.discord), Clocked(setup.discord))
        assert await chat.diagnose(CHANNELS, {"ana": ANA})


def test_the_docs_name_every_right_and_the_invite() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "discord.md").read_text()
    assert re.findall(r"^\| `(.+)` \| (.+) \|$", docs, re.MULTILINE) == list(NEEDED.values())
    assert f"\n{invite_link('APPLICATION_ID')}\n" in docs


def test_the_invite_asks_for_what_is_needed_and_no_more() -> None:
    asked = parse_qs(urlsplit(invite_link("5")).query)
    assert asked == {"client_id": ["5"], "scope": ["bot applications.commands"], "permissions": [str(bits(*BOT))]}
    assert invite_link(World.app, World.guild) == INVITE
