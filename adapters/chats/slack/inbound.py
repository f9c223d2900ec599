"""Everything that comes in from Slack: acknowledged first, done after, and done once.

slack_bolt takes payloads apart and routes them; the ways in (socket.py, http.py) and what follows an acknowledgement are ours.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import structlog
from aiohttp import web
from slack_bolt.adapter.socket_mode.internals import build_headers
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from adapters.chat import Desk
from adapters.chats.slack.actions import Actions
from adapters.chats.slack.answer import Desktop
from adapters.chats.slack.client import Client
from adapters.chats.slack.config import SlackConfig
from adapters.chats.slack.home import HomeTab
from adapters.chats.slack.http import Http
from adapters.chats.slack.modals import Form, Modals
from adapters.chats.slack.once import Once, name_of
from adapters.chats.slack.slash import Slash
from adapters.chats.slack.socket import WAITS, Envelope, Sockets, Waits
from adapters.chats.slack.unfurl import Unfurl
from adapters.work import Work

log = structlog.get_logger()

ANYTHING = re.compile("")
DRAIN = 10.0
"""Seconds that acknowledged work gets to end when the chat stops."""
CAPTURED = ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET", "SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_VERIFICATION_TOKEN")
"""Variables that slack_bolt takes from the environment by itself."""
LOST = frozenset({"tokens_revoked", "app_uninstalled"})
OF_GROUPS = frozenset({"subteam_members_changed", "subteam_updated"})


class Inbound:
    """The inbound side of one chat.

    `on_channel_event` is called with Slack's id of a channel about which something changed, and of the user who came, left or
    did it, empty where the event names none.
    """

    def __init__(
        self, name: str, config: SlackConfig, desk: Desk, client: Client, on_channel_event: Callable[[str, str], None],
        waits: Waits = WAITS,
    ) -> None:  # fmt: skip
        self._name, self._desk, self._on_channel_event = name, desk, on_channel_event
        self._work, self._once = Work(), Once()
        desktop = Desktop(name, desk, client)
        self._slash, self._modals, self._home = Slash(desktop), Modals(desktop), HomeTab(desktop)
        self._actions, self._unfurl = Actions(desktop, self._modals, self._home), Unfurl(desktop)
        self._app = _bolt(name)
        self._listen()
        token, secret = config.app_token, config.signing_secret
        self._sockets = Sockets(Client(config, token.get_secret_value()), self._answer, waits) if token else None
        self._http = Http(name, secret.get_secret_value(), desk.now, self._dispatch) if secret else None

    async def start(self) -> None:
        """Returns with the first connection, or soon after without one, and goes on trying. Over HTTP there is nothing to do."""
        if self._http:
            self._http.closed = False
        if self._sockets:
            await self._sockets.start()

    async def stop(self) -> None:
        """Takes nothing more; what Slack had an acknowledgement for is done first."""
        if self._http:
            self._http.closed = True
        if self._sockets:
            await self._sockets.stop()
        await self._work.finish(DRAIN)

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        return self._http.routes() if self._http else ()

    @property
    def connections(self) -> int:
        """How many sockets are open."""
        return self._sockets.count if self._sockets else 0

    @property
    def trouble(self) -> str:
        """Why nothing comes in over Socket Mode now, or empty."""
        return self._sockets.trouble if self._sockets else ""

    async def _answer(self, envelope: Envelope) -> Mapping[str, Any] | None:
        """What goes back over a socket for an envelope."""
        asked = SocketModeRequest.from_dict(dict(envelope))
        if asked is None:
            return {}
        body = asked.payload if isinstance(asked.payload, dict) else {}
        answer = await self._dispatch(AsyncBoltRequest(mode="socket_mode", body=body, headers=build_headers(asked)))
        if answer.status >= 500:
            return None
        if not answer.body:
            return {}
        return {"payload": json.loads(answer.body) if answer.body.startswith("{") else {"text": answer.body}}

    async def _dispatch(self, asked: AsyncBoltRequest) -> BoltResponse:
        return await self._once.answer(name_of(asked.body), partial(self._routed, asked))

    async def _routed(self, asked: AsyncBoltRequest) -> BoltResponse:
        answer = await self._app.async_dispatch(asked)
        if answer.status == 404:  # nothing that we know: taken all the same, or Slack would send it again and again
            log.info("slack_payload_unknown", chat=self._name, type=str(asked.body.get("type"))[:80])
            return BoltResponse(status=200, body="")
        return answer

    def _listen(self) -> None:
        app = self._app
        app.event(ANYTHING)(self._on_event)
        app.command(ANYTHING)(self._on_command)
        app.action(ANYTHING)(self._on_action)
        app.view_submission(ANYTHING)(self._on_submit)
        app.view_closed(ANYTHING)(_nothing)
        app.shortcut(ANYTHING)(_nothing)
        app.options(ANYTHING)(_nothing)

    async def _on_command(self, ack: Any, body: Any) -> None:
        self._work.start("slash command", self._slash.run(body))
        await ack()

    async def _on_action(self, ack: Any, body: Any) -> None:
        self._work.start("action", self._actions.run(body))
        await ack()

    async def _on_submit(self, ack: Any, body: Any) -> None:
        view, account = body["view"], str(body["user"]["id"])
        try:
            line = await self._modals.check(account, view)
        except Form as problem:
            await ack(response_action="errors", errors=problem.errors)
            return
        self._work.start("submission", self._submit(account, view, line))
        await ack()

    async def _submit(self, account: str, view: Mapping[str, Any], line: str) -> None:
        if reply := await self._modals.submit(account, view, line):
            await self._home.show(account, reply)

    async def _on_event(self, body: Any) -> None:
        event = body["event"]
        kind = str(event["type"])
        if kind == "app_home_opened":
            if event.get("tab", "home") == "home":
                self._work.start(kind, self._home.show(str(event.get("user", ""))))
        elif kind == "link_shared":
            self._work.start(kind, self._unfurl.run(event))
        elif kind in OF_GROUPS:
            self._desk.group_changed(self._name, str(event.get("subteam_id") or (event.get("subteam") or {}).get("id") or ""))
        elif kind in LOST:
            log.error("slack_access_lost", chat=self._name, about=kind)
        else:
            self._tell_of_channel(kind, event)

    def _tell_of_channel(self, kind: str, event: Mapping[str, Any]) -> None:
        channel = event.get("channel") or event.get("old_channel_id")
        channel_id = str(channel.get("id", "") if isinstance(channel, dict) else channel or "")
        log.debug("slack_channel_event", chat=self._name, about=kind, channel=channel_id)
        if channel_id:
            self._on_channel_event(channel_id, str(event.get("user") or ""))


async def _nothing(ack: Any) -> None:
    await ack()


def _bolt(name: str) -> AsyncApp:
    """slack_bolt as a router, and no more: it calls Slack for nothing and verifies nothing, which http.py did.

    Without an `authorize` of ours its first request would wait for auth.test, and take what Slack sends without doing it if that
    fails. Its listeners run to their end before it answers, so that no work starts that `stop` does not know of.
    """
    logger = logging.getLogger("tocsin.slack.bolt")
    logger.setLevel(logging.WARNING)  # from INFO on it writes bodies
    with _without(*CAPTURED):
        return AsyncApp(
            name=name, logger=logger, client=AsyncWebClient(), authorize=_authorize, signing_secret="",
            process_before_response=True, request_verification_enabled=False, ignoring_self_events_enabled=False,
            attaching_function_token_enabled=False,
        )  # fmt: skip


async def _authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
    return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id)


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """The environment without variables that would turn slack_bolt into an app of many workspaces. Nothing is awaited inside."""
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
