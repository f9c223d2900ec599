"""What people see of cards in the stand-in Discord, and how they press, choose, fill in and type there."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from adapters.chat import Desk, Reply
from adapters.chats.discord.chat import Discord as DiscordChat
from adapters.chats.discord.config import DiscordConfig
from adapters.chats.discord.pace import WAITS
from tests.standins import discord_markdown as markdown
from tests.standins.discord import Discord, Message, Modal
from tests.standins.discord import Seen as Answered
from tests.stories.views import Seen

ACCOUNTS = {"ana": "80351110224678912", "ben": "80351110224678913", "cleo": "80351110224678914", "eve": "80351110224678915"}
CHANNELS = {"ops": "41771983423143940", "vault": "41771983423143941"}
REFUSED = "⚠️ "


def move_in(discord: Discord) -> Discord:
    """The people of the stories and their channels. Eve reads along in ops; Tocsin knows nothing of her. Ana owns the server."""
    for name, account in ACCOUNTS.items():
        discord.user(account, name)
    discord.world.owner = ACCOUNTS["ana"]
    discord.gateway.concurrency_window = 0.0  # see HastyChat
    discord.channel(CHANNELS["ops"], "ops")
    discord.channel(CHANNELS["vault"], "vault", [ACCOUNTS["ana"]], private=True)
    return discord


def config_of(discord: Discord) -> str:
    """The chat's own config as YAML, in one line."""
    where = f"api_url: '{discord.api_url}', gateway_url: '{discord.gateway_url}'"
    return f"{{type: discord, token: {discord.token}, guild: '{discord.guild}', {where}}}"


def with_ids(config: str) -> str:
    """The config of a story with Discord's ids of its channels."""
    for name, channel in CHANNELS.items():
        config = config.replace(f"id: {name},", f"id: '{channel}',")
    return config


class HastyChat(DiscordChat):
    """Does not wait for 5 s from one session to the next, as Discord asks. All else is as it is."""

    def __init__(self, name: str, config: DiscordConfig, desk: Desk) -> None:
        super().__init__(name, config, desk, WAITS._replace(identify=0.0))


class DiscordView:
    """Looks into the stand-in; what people do goes over its gateway and through discord.py, as from Discord itself."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord

    @classmethod
    async def of(cls, discord: Discord) -> DiscordView:
        """Once Tocsin hears what people do, and they can type commands."""
        await discord.connected()
        await discord.until(lambda: discord.commands, what="commands")
        return cls(discord)

    async def cards(self, channel: str) -> list[Seen]:
        messages = self._discord.messages(CHANNELS[channel])
        return [read_card(message) for message in messages if message.components or message.embeds]

    async def thread(self, channel: str, ref: str) -> list[str]:
        """Without the small print."""
        replies = self._discord.thread(CHANNELS[channel], ref)
        return [line for reply in replies for line in markdown.plain(reply.embeds[0]["description"]).split("\n")]

    async def says(self, person: str, channel: str, text: str, duration: str = "", rest: str = "") -> Reply:
        """Presses what stands for the line on a card and fills in the rest; types the line if nothing there does."""
        user, place = ACCOUNTS[person], CHANNELS[channel]
        for message in self._discord.messages(place):
            pressed = _pressed(message, text, duration)
            if pressed:
                answered = await self._discord.choose(place, message.id, *pressed, user=user)
                return await self._answer(answered, duration, rest)
        line = " ".join(part for part in (text, duration, f"-- {rest}" if rest else "") if part)
        return await self._answer(await self._discord.slash(user, place, "tocsin", {"command": line} if line else {}))

    async def lets_in(self, person: str, channel: str) -> bool:
        self._discord.overwrite(CHANNELS[channel], ACCOUNTS[person], allow=["VIEW_CHANNEL"])
        return True

    async def puts_out(self, person: str, channel: str) -> None:
        self._discord.clear_overwrite(CHANNELS[channel], ACCOUNTS[person])

    async def shares(self, channel: str, outside: bool = True) -> None:
        """Everybody in the server may read it, or nobody but those who are named."""
        change = {"allow": ["VIEW_CHANNEL"]} if outside else {"deny": ["VIEW_CHANNEL"]}
        self._discord.overwrite(CHANNELS[channel], self._discord.guild, **change)

    async def archives(self, channel: str, archived: bool = True) -> None:
        raise NotImplementedError  # Discord archives threads only

    async def _answer(self, answered: Answered, duration: str = "", rest: str = "") -> Reply:
        """The private answer, or that to the dialog which opened instead."""
        assert answered.acked, answered.error
        if answered.view:
            answered = await self._discord.submit(answered.view, filled_in(answered.view, duration, rest))
            assert answered.acked, answered.error
        await answered.reply()
        return self.reply(answered)

    def reply(self, answered: Answered) -> Reply:
        """What the person was answered, which nobody else sees, without the sign of a refusal."""
        assert answered.ephemeral, answered.texts
        text = "\n".join(answered.texts)
        return Reply(text.removeprefix(REFUSED), not text.startswith(REFUSED))


def filled_in(modal: Modal, duration: str, rest: str) -> Mapping[str, str]:
    """What goes into the fields of a dialog, by their labels."""
    if modal.custom_id.startswith("tocsin:note"):
        return {"Note": rest}
    return {"Reason": rest, **({"For": duration} if duration else {})}


def _pressed(message: Message, text: str, duration: str) -> tuple[str, str] | None:
    """The button of a card that stands for a line, or the menu and the option."""
    for control in markdown.controls(message.last):
        options = [option["value"] for option in control.get("options") or ()]
        if control.get("custom_id") == f"tocsin:{text}" and not options and not (duration and not text.startswith("silence")):
            return f"tocsin:{text}", ""
        if f"{text} for {duration}" in options:
            return control["custom_id"], f"{text} for {duration}"
    return None


def read_card(message: Message) -> Seen:
    embed = message.embeds[0]
    headline, body = markdown.plain(embed["title"]), markdown.plain(embed["description"])
    title = re.fullmatch(r"\S+ (?:#(\d+) )?(.*)", headline)
    assert title, headline
    state, severity = _state(body.split("\n")[0])
    controls = [one for one in markdown.controls(message.last) if one.get("custom_id", "").startswith(ACTIONS)]
    return Seen(
        ref=message.id,
        number=int(title[1] or 0),  # 0: of many, a storm card
        state=state,
        severity=severity,
        title=title[2],
        who=_first(r"Resolved by (.*)" if state == "resolved" else r"👤 (.*) has it", body),
        note=_first(r"📝 (.*)", body),
        silenced="🔕" in body,
        snoozed="💤" in body,
        closing="☑️" in body,
        stub="Shown in full only to" in body,
        buttons=dict(map(_command, controls)),
        text="\n".join([markdown.shown(message.last), msgspec.json.encode(message.last).decode()]),
    )


ACTIONS = tuple(f"tocsin:{verb} " for verb in ("ack", "unack", "resolve", "snooze", "silence", "note", "approve", "deny"))


def _command(control: Mapping[str, str]) -> tuple[str, str]:
    """What stands on a button or menu, and its command line."""
    return control.get("label") or control["placeholder"], control["custom_id"].removeprefix("tocsin:")


def _state(status: str) -> tuple[str, str]:
    words = status.split(" · ")
    if words[0].startswith("Resolved"):
        return "resolved", words[1].removeprefix("was ")
    return words[0].lower(), words[1]


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""
