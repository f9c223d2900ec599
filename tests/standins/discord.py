"""A second implementation of Discord that the real discord.py and plain HTTP clients talk to over loopback.

    async with Discord() as discord:                   # one guild, discord.guild; the bot is in it with a role of its own
        discord.user("80351110224678912", "ana", roles=[…])
        discord.role("165511591545143296", "dba", mentionable=True)
        discord.channel("41771983423143940", "db")     # private=True, members=[users and roles]; bot=False: the bot sees it not
        … discord.token, discord.api_url (…/api/v10/), discord.gateway_url (ws://…/gateway/) …
        # there are also discord.world.owner ("owner"), discord.world.bot and its role, discord.bot_role
        await discord.connected()                      # a session that is identified
        card = (await discord.until(lambda: discord.messages("41771983423143940")))[0]
        seen = await discord.press(card.channel, card.id, "Ack", user="80351110224678912")
        seen = await discord.slash(user, channel, "ack", {"incidents": "42"})     # seen.text, .deferred, .ephemeral, .error
        seen = await discord.autocomplete(user, channel, "ack", "incidents", "4") # seen.choices
        seen = await discord.choose(card.channel, card.id, "Snooze", "1 hour", user)
        modal = await seen.modal(); seen = await discord.submit(modal, {"Reason": "disk swap"})

Acts that the client would refuse raise Refused. What it holds is for tests to read: messages, ephemerals, commands, `requests`,
`pings`, `rates.refused`, `gateway.sessions`. What administrators do: discord_admin. What goes wrong is scripted: `faults` (REST,
by name such as messages.create, see discord_rest.ROUTES, or by call such as "POST channels/*/messages"), `gateway` (refuse,
close_new, mute, close, drop, freeze, withhold_acks, reconnect, invalidate; recover ends it), `down()` and `up()` (nothing
listens). Time: `clock` runs `speed` times as fast as the machine's; the 3 s of first answers and the heartbeats are real ones.
What Discord does not publish and is a guess here: discord_rates.LIMITS, World.nonce_window, Gateway.session_life, lengths in
UTF-16 units, mentions inside of code, and which old embeds an edit without EMBED_LINKS keeps. Without that permission Discord
refuses a post of embeds alone, and drops embeds beside content, and in edits, without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web

from tests.standins import discord_markdown as markdown
from tests.standins import discord_shapes as shapes
from tests.standins.discord_admin import Admin, set_overwrite
from tests.standins.discord_call import Request
from tests.standins.discord_commands import Registry
from tests.standins.discord_faults import Faults, matches
from tests.standins.discord_gateway import Gateway
from tests.standins.discord_interactions import Interactions, Modal
from tests.standins.discord_people import People
from tests.standins.discord_permissions import BOT, EVERYONE, bits
from tests.standins.discord_rates import Rates
from tests.standins.discord_rest import Rest, Route
from tests.standins.discord_seen import Refused, Seen
from tests.standins.discord_state import Body, Channel, Clock, Message, Role, User, World

__all__ = ["Discord", "Message", "Modal", "Ping", "Refused", "Seen"]


class Ping(msgspec.Struct, frozen=True):
    """Something that would call people. `by`: the call that said it; `whom`: such as @here, <@80351110224678912>, <@&5>."""

    by: str
    channel: str
    message: str
    whom: str


class Discord(People, Admin):
    """The platform. Enter it to serve; `speed`: how fast its clock runs; `rates`: whether it limits calls."""

    bot_role = "172150183260323842"

    def __init__(self, speed: float = 1.0, rates: bool = True, token: str = "standin.discord.token") -> None:
        self.clock = Clock(speed)
        self.world = World(self.clock)
        self.rates, self.faults = Rates(self.clock), Faults()
        self.rates.on = rates
        self.interactions, self.registry = Interactions(self.world), Registry(self.world)
        self.rest = Rest(self.world, self.rates, self.faults, token, self._routes())
        self.gateway = Gateway(self.world, self.rest)
        self.rest.table |= {
            "gateway": Route("GET", "gateway", self.gateway.calls, token=False),
            "gateway.bot": Route("GET", "gateway/bot", self.gateway.bot_calls),
        }
        self.world.events.append(self.gateway.emit)
        self.role(self.guild, "@everyone", EVERYONE)
        self.role(self.bot_role, "tocsin", BOT)
        self.world.roles[self.bot_role].managed = True
        self.user(self.world.owner, "owner")
        self.user(self.world.bot, "tocsin", roles=[self.bot_role], bot=True)
        self.base_url, self._port = "", 0
        self._runner: web.AppRunner | None = None

    def _routes(self) -> Mapping[str, Route]:
        commands, own, registry = "applications/{app}/guilds/{guild}/commands", self.interactions, self.registry
        original = "webhooks/{app}/{token}/messages/{message}"
        return {
            "commands.list": Route("GET", commands, registry.get),
            "commands.put": Route("PUT", commands, registry.put),
            "commands.global": Route("GET", "applications/{app}/commands", registry.get_global),
            "interactions.callback": Route("POST", "interactions/{interaction}/{token}/callback", own.callback, token=False),
            "followup.create": Route("POST", "webhooks/{app}/{token}", own.follow, token=False),
            "original.get": Route("GET", original, own.get, token=False),
            "original.edit": Route("PATCH", original, own.edit, token=False),
            "original.delete": Route("DELETE", original, own.delete, token=False),
        }

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.down()

    async def up(self) -> None:
        """Serves, on the port it had before."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes([*self.rest.routes(), *self.gateway.routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{self._port}"
        self.gateway.url = self.gateway_url

    async def down(self) -> None:
        """Nothing listens any more; links break without a word."""
        self.gateway.drop()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    @property
    def api_url(self) -> str:
        return f"{self.base_url}/api/v10/"

    @property
    def gateway_url(self) -> str:
        return f"{self.base_url.replace('http', 'ws', 1)}/gateway/"

    @property
    def token(self) -> str:
        """The bot's. Set `rest.token` to another one to revoke it."""
        return self.rest.token

    @property
    def guild(self) -> str:
        return self.world.guild

    # Who and what there is

    def user(self, user_id: str, name: str, roles: Iterable[str] = (), **flags: Any) -> User:
        """A member of the guild. `flags`: see User, such as closed=True for who takes no direct messages, member=False."""
        self.world.users[user_id] = User(user_id, name, roles=list(roles), **flags)
        return self.world.users[user_id]

    def role(self, role_id: str, name: str, permissions: Iterable[str] = (), mentionable: bool = False) -> Role:
        """`permissions`: names such as ADMINISTRATOR."""
        self.world.roles[role_id] = Role(role_id, name, bits(*permissions), mentionable, position=len(self.world.roles))
        if self.gateway.sessions:
            self._role_told("GUILD_ROLE_CREATE", role_id)
        return self.world.roles[role_id]

    def channel(
        self, channel_id: str, name: str, members: Iterable[str] = (), private: bool = False, bot: bool = True, kind: int = 0
    ) -> Channel:
        """Public unless `private`: then only `members` (ids of people and roles), the owner and administrators see it.

        `bot`: whether the bot sees it. More by `overwrite`.
        """
        place = self.world.channels[channel_id] = Channel(channel_id, name, kind, born=self.clock.now())
        if private:
            set_overwrite(self.world, place, self.guild, deny=["VIEW_CHANNEL"])
            for one in members:
                set_overwrite(self.world, place, one, allow=["VIEW_CHANNEL"])
        if private and bot:
            set_overwrite(self.world, place, self.bot_role, allow=["VIEW_CHANNEL"])
        if not bot:
            set_overwrite(self.world, place, self.world.bot, deny=["VIEW_CHANNEL"])
        if self.gateway.sessions:
            self.world.tell("CHANNEL_CREATE", shapes.channel(self.world, place))
        return place

    @property
    def commands(self) -> list[Body]:
        """The guild's commands as they are registered now."""
        return self.world.commands

    # What was said

    def messages(self, channel: str = "") -> list[Message]:
        """Messages outside of threads that are not deleted, in a channel or in all, oldest first."""
        places = [channel] if channel else [one.id for one in self.world.channels.values() if not one.is_thread]
        return [message for place in places for message in self.world.said_in(place)]

    def message(self, channel: str, message: str) -> Message | None:
        return self.world.find(channel, message)

    def thread(self, channel: str, message: str) -> list[Message]:
        """The replies in the thread of a message, oldest first."""
        return [one for one in self.world.said_in(message) if one.kind != 21] if message in self.world.channels else []

    def direct_messages(self, user: str) -> list[Message]:
        return self.messages(self.world.direct(user).id)

    def ephemerals(self, user: str = "") -> list[Message]:
        return [m for m in self.world.ephemerals if m.only_for == (user or m.only_for) and not m.loading and not m.deleted]

    def said(self) -> list[Message]:
        """Everything the bot ever said, deleted or not, ephemeral or not."""
        return [one for one in [*self.world.messages.values(), *self.world.ephemerals] if one.author == self.world.bot]

    def shown(self, message: Message) -> str:
        """What a reader sees of a message: no marks, names for mentions, one text a line."""
        return markdown.shown(message.last, self.world)

    def labels(self, message: Message) -> list[str]:
        """What stands on its buttons and selects."""
        return [str(one.get("label") or one.get("placeholder") or "") for one in markdown.controls(message.last)]

    # What untrusted text may have done

    @property
    def pings(self) -> list[Ping]:
        """Everything, in every version of every message of the bot, that really called people."""
        return self._pings(lambda version: version.calls)

    def mentions(self) -> list[Ping]:
        """The same if the bot had every permission, and roles were mentionable."""
        return self._pings(lambda version: version.mentions)

    def markup(self) -> list[markdown.Token]:
        """Every token in any version of any message of the bot."""
        return [token for message in self.said() for version in message.versions for token in markdown.markup(version)]

    def links(self) -> list[tuple[str, str]]:
        """(address, label) of every link, link button and image in any version of any message of the bot."""
        return [link for message in self.said() for version in message.versions for link in markdown.addresses(version)]

    def buttons(self) -> list[Body]:
        """Every button and select in any version of any message of the bot."""
        return [one for message in self.said() for version in message.versions for one in markdown.controls(version)]

    def _pings(self, whom: Callable[[Any], list[str]]) -> list[Ping]:
        said = ((message, version) for message in self.said() for version in message.versions)
        return [Ping(version.by, message.channel, message.id, name) for message, version in said for name in whom(version)]

    # What happened

    @property
    def requests(self) -> list[Request]:
        return self.rest.requests

    def calls(self, what: str) -> list[Request]:
        """Those of this name, or that match a pattern such as "PATCH channels/*"."""
        return [request for request in self.rest.requests if matches(request, what)]

    async def until(self, true: Callable[[], Any], within: float = 5.0, what: str = "") -> Any:
        """Waits until `true()` is so, and returns what it gave. Raises AssertionError after `within` real seconds."""
        return await self.world.until(true, within, what)

    async def connected(self, sessions: int = 1, within: float = 5.0) -> None:
        """Waits until the app has that many sessions that live."""
        await self.until(lambda: len(self.gateway.live) >= sessions, within, f"{sessions} sessions")
