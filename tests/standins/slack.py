"""A second implementation of Slack that the real slack_sdk and slack_bolt talk to over loopback.

    async with Slack() as slack:                       # Socket Mode; slack.use_http(…) for HTTP mode
        slack.user("U01ANA", "ana")
        slack.channel("C0DB", "db", members=["U01ANA"])  # the bot is in it unless bot=False
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        …
        card = await slack.until(lambda: slack.messages("C0DB"))
        seen = await slack.press("C0DB", card[0].ts, "Ack", user="U01ANA")
        seen = await slack.slash("U01ANA", "C0DB", "/ack", "42")        # seen.text: the ephemeral answer
        modal = await seen.modal(); seen = await slack.submit(modal, {"Reason": "disk swap"}); seen.errors

What it holds is for tests to read: messages, ephemerals, views, unfurls, `requests`, `rates.refused`, `deliveries`. What it does
wrong is scripted: `faults` (Web API), `sockets` (Socket Mode), `down()`. Time: `clock` runs `speed` times as fast as the
machine's; the 3 s of acknowledgements and triggers are real ones and can be set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web

from tests.standins import slack_text as text
from tests.standins.slack_call import Request, Token
from tests.standins.slack_courier import Courier, Delivery
from tests.standins.slack_faults import Faults
from tests.standins.slack_http import Http
from tests.standins.slack_modals import Modals
from tests.standins.slack_rates import Rates
from tests.standins.slack_sockets import Sockets
from tests.standins.slack_state import Body, Channel, Clock, Message, User, View, Workspace
from tests.standins.slack_web import METHODS, SCOPES, WebApi

__all__ = ["Message", "Ping", "Slack", "Token", "View"]


class Ping(msgspec.Struct, frozen=True):
    """Something that would call people. `by`: the call that said it; `whom`: such as !here, @U01ANA, !subteam^S0DBA."""

    by: str
    channel: str
    ts: str
    whom: str


class Slack(Modals):
    """The platform. Enter it to serve; `speed`: how fast its clock runs; `rates`: whether it limits calls."""

    bot_token, app_token, signing_secret = "xoxb-standin", "xapp-standin", "standin-secret"

    def __init__(self, speed: float = 1.0, rates: bool = True, seed: int = 0) -> None:
        self.clock = Clock(speed)
        self.workspace = Workspace(self.clock)
        self.rates, self.faults = Rates(self.clock), Faults()
        self.rates.on = rates
        self.sockets = Sockets(self.workspace, seed)
        self.courier = Courier(self.workspace, self.sockets)
        self.web = WebApi(self.workspace, self.rates, self.faults, {**METHODS, **self.sockets.methods()})
        self.web.tokens = {
            self.bot_token: Token("bot", set(SCOPES)),
            self.app_token: Token("app", {"connections:write"}),
        }
        self.workspace.events.append(self.courier.emit)
        self.base_url, self._port = "", 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.courier.stop()
        await self.down()

    async def up(self) -> None:
        """Serves, on the port it had before."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes([*self.web.routes(), *self.sockets.routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{self._port}"

    async def down(self) -> None:
        """Nothing listens any more; links break without a word."""
        self.sockets.drop()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    def use_http(self, events: str, commands: str, actions: str) -> Http:
        """From now on payloads are posted to these URLs instead of going over sockets."""
        http = Http(self.signing_secret, events, commands, actions)
        self.courier.transport = http
        return http

    @property
    def api_url(self) -> str:
        return f"{self.base_url}/api/"

    # Who and what there is

    def user(self, user_id: str, name: str, **flags: Any) -> User:
        """`flags`: fields of the user object, such as is_restricted=True."""
        self.workspace.users[user_id] = User(user_id, name, flags)
        return self.workspace.users[user_id]

    def channel(
        self, channel_id: str, name: str, members: Iterable[str] = (), private: bool = False, bot: bool = True, **flags: Any
    ) -> Channel:
        """`flags`: fields of the conversation object, such as is_ext_shared=True; None leaves one out."""
        people = [*members, *([self.workspace.bot_user] if bot else [])]
        self.workspace.channels[channel_id] = Channel(channel_id, name, private, members=people, flags=flags)
        return self.workspace.channels[channel_id]

    def usergroup(self, group_id: str, handle: str, users: Iterable[str]) -> None:
        self.workspace.usergroups[group_id] = (handle, list(users))

    @property
    def bot(self) -> Token:
        """The bot's token: its scopes, and what killed it."""
        return self.web.tokens[self.bot_token]

    @property
    def app(self) -> Token:
        """The app-level token."""
        return self.web.tokens[self.app_token]

    # What was said

    def messages(self, channel: str = "") -> list[Message]:
        """Messages outside of threads that are not deleted, in a channel or in all, oldest first."""
        return [m for m in self.workspace.messages if m.channel == (channel or m.channel) and not m.deleted and not m.is_reply]

    def message(self, channel: str, ts: str) -> Message | None:
        return self.workspace.find(channel, ts)

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The replies to a message, oldest first."""
        return self.workspace.thread(channel, ts)

    def direct_messages(self, user: str) -> list[Message]:
        return self.messages(self.workspace.direct(user).id)

    def ephemerals(self, user: str = "") -> list[Message]:
        return [m for m in self.workspace.ephemerals if m.only_for == (user or m.only_for)]

    def unfurls(self) -> dict[str, Body]:
        """What each link shows, by its address."""
        return {one.url: one.attachment for one in self.workspace.unfurls}

    def said(self) -> list[Message]:
        """Everything the bot ever said, deleted or not, ephemeral or not."""
        return [m for m in [*self.workspace.messages, *self.workspace.ephemerals] if m.user == self.workspace.bot_user]

    def shown(self, message: Message) -> str:
        """What a reader sees of a message, without markup, one text a line."""
        return text.shown(message.last)

    def labels(self, message: Message) -> list[str]:
        """What stands on its buttons and menus."""
        return [str((one.get("text") or one.get("placeholder") or {}).get("text", "")) for _, one in text.buttons(message.last)]

    # What untrusted text may have done

    def mentions(self) -> list[Ping]:
        """Everything, in every version of every message and ephemeral of the bot, that would have called people."""
        names = [user.name for user in self.workspace.users.values()]
        return [
            Ping(version.by, message.channel, message.ts, whom)
            for message in self.said()
            for version in message.versions
            for one in text.texts(version)
            for whom in text.pings(one, names)
        ]

    def links(self) -> list[tuple[str, str]]:
        """(address, label) of every link, link button and image in any version of any message of the bot."""
        return [link for message in self.said() for version in message.versions for link in text.addresses(version)]

    def buttons(self) -> list[Body]:
        """Every button and menu in any version of any message of the bot."""
        return [one for message in self.said() for version in message.versions for _, one in text.buttons(version)]

    # What happened

    @property
    def requests(self) -> list[Request]:
        return self.web.requests

    def calls(self, method: str) -> list[Request]:
        return [request for request in self.web.requests if request.method == method]

    @property
    def deliveries(self) -> list[Delivery]:
        return self.courier.deliveries

    async def until(self, true: Callable[[], Any], within: float = 5.0, what: str = "") -> Any:
        """Waits until `true()` is so, and returns what it gave. Raises AssertionError after `within` real seconds."""
        return await self.workspace.until(true, within, what)

    async def connected(self, links: int = 1, within: float = 5.0) -> None:
        """Waits until the app has that many links."""
        await self.until(lambda: len(self.sockets.links) >= links, within, f"{links} links")
