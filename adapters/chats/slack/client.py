"""Calls to Slack's Web API: never resent behind our back, bounded in time, every failure told as what it means.

Facts of slack_sdk 3.47 that this file answers: by default the client resends posts whose answer was lost; a session of one's own
switches its timeout off; it reads proxies from the environment but ignores NO_PROXY; it builds texts for a debug log that nobody
asked for; a body that is not JSON raises AttributeError, or an error that holds no code.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.chat import DeliveryError, Failure
from adapters.chats.slack.config import SlackConfig
from adapters.chats.slack.errors import doubt, refusal
from adapters.proxy import proxy_of

TIMEOUT = aiohttp.ClientTimeout(total=10.0, connect=5.0, sock_connect=5.0)
"""Less than the engine waits for a call, so that it is the adapter that says what a silence means."""

READS = frozenset({
    "chat.getPermalink", "conversations.history", "conversations.info", "conversations.members", "conversations.replies",
    "users.info", "usergroups.users.list",
})  # fmt: skip
"""Methods that take their arguments in the query."""


class Client:
    """One token's way to the Web API. `web`: the SDK's own client, for slack_bolt; it never resends."""

    def __init__(self, config: SlackConfig, token: str = "") -> None:
        """`token`: another one than the bot's."""
        self._host = urlsplit(config.api_url).hostname or ""
        self.proxy = proxy_of(config.api_url)
        logger = logging.getLogger("tocsin.slack")
        logger.setLevel(logging.INFO)  # DEBUG would write what cards say into the log
        self.web = AsyncWebClient(
            token=token or config.bot_token.get_secret_value(), base_url=config.api_url, retry_handlers=[], logger=logger
        )
        self.web.proxy = self.proxy  # after the constructor, which takes any proxy from the environment
        self._closed = False

    def open(self) -> None:
        """Makes ready for calls. Needs a running loop."""
        self._closed = False
        self._session()

    async def close(self) -> None:
        """Ends the connections; calls under way fail, later ones as well."""
        self._closed = True
        session, self.web.session = self.web.session, None
        if session:
            await session.close()

    def _session(self) -> None:
        if self.web.session is None or self.web.session.closed:
            self.web.session = aiohttp.ClientSession(timeout=TIMEOUT)

    async def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """The body of a successful answer. Raises DeliveryError, SlackFailure where Slack gave an answer."""
        return (await self.answer(method, **arguments))[0]

    async def part(self, method: str, name: str, **arguments: Any) -> Mapping[str, Any]:
        """The object of this name in a successful answer. Raises as `call` does."""
        found = (await self.call(method, **arguments)).get(name)
        if not isinstance(found, dict):
            raise DeliveryError(doubt(method), f"{method} named no {name}")
        return found

    async def answer(self, method: str, **arguments: Any) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        """Body and headers of a successful answer. Raises as `call` does."""
        if self._closed:
            raise DeliveryError(Failure.transient, "the chat is stopped")
        self._session()
        try:
            if method in READS:
                answer = await self.web.api_call(method, http_verb="GET", params=arguments)
            else:
                answer = await self.web.api_call(method, json=arguments)
        except SlackApiError as problem:
            raise _refused(method, problem) from None  # its text repeats the whole answer
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError) as problem:
            reason = f"cannot reach {self._host} for {method}: {type(problem).__name__}"
            raise DeliveryError(Failure.transient, reason) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise DeliveryError(doubt(method), f"no answer to {method}: {type(problem).__name__}") from None
        except (AttributeError, ValueError, RecursionError, SlackClientError) as problem:  # see above
            raise DeliveryError(doubt(method), f"{method} got an unreadable answer: {type(problem).__name__}") from None
        if not isinstance(answer.data, dict):
            raise DeliveryError(doubt(method), f"{method} got an unreadable answer")
        return answer.data, answer.headers


def _refused(method: str, problem: SlackApiError) -> DeliveryError:
    """The SDK's error has its own answer or aiohttp's, which differ."""
    answer = problem.response
    status = getattr(answer, "status_code", None) or getattr(answer, "status", None)
    return refusal(method, int(status or 0), getattr(answer, "headers", {}), getattr(answer, "data", None))
