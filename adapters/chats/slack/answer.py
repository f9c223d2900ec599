"""Private answers to people: through the address that Slack gave with the request, else as an ephemeral message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import aiohttp
import msgspec
import structlog
from slack_sdk.errors import SlackClientError
from slack_sdk.webhook.async_client import AsyncWebhookClient

from adapters.chat import DeliveryError, Desk, Invocation, Reply
from adapters.chats.slack.client import Client
from adapters.chats.slack.text import spoken
from adapters.plain import clean

log = structlog.get_logger()

MOST_SHOWN = 9000
"""Characters of an answer in all, below what Slack takes in one message."""
MOST_IN_BLOCK = 2900
ANSWER_SECONDS = 10


class Place(msgspec.Struct, frozen=True):
    """Who asked, and where. `channel`: Slack's id, empty outside of one. `response_url`: empty when Slack gave none."""

    account: str
    channel: str = ""
    response_url: str = ""


def said(reply: Reply) -> dict[str, Any]:
    """`text` and `blocks` of an answer. Columns keep their place; nothing in it is more than text."""
    return {"text": spoken(reply.text, 900), "blocks": list(_blocks(reply))}


def _blocks(reply: Reply) -> Iterator[dict[str, Any]]:
    sign = "" if reply.ok else "⚠️ "
    for page in pages(sign + (clean(reply.text).strip() or "Done.")):
        if "\n" in page:
            inside = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": page}]}
            yield {"type": "rich_text", "elements": [inside]}
        else:
            yield {"type": "section", "text": {"type": "plain_text", "text": page, "emoji": False}}


def pages(text: str) -> list[str]:
    """The text in parts that Slack takes, cut between lines where it can be; what is too much in all is counted, not shown."""
    found: list[str] = [""]
    lines = [line[i : i + MOST_IN_BLOCK] for line in text.split("\n") for i in range(0, len(line) or 1, MOST_IN_BLOCK)]
    shown = 0
    for place, line in enumerate(lines):
        shown += len(line) + 1
        if shown > MOST_SHOWN:
            found[-1] += f"\n… and {len(lines) - place} more lines"
            break
        if found[-1] and len(found[-1]) + len(line) + 1 > MOST_IN_BLOCK:
            found.append(line)
        else:
            found[-1] = f"{found[-1]}\n{line}" if found[-1] else line
    return found


class Desktop:
    """What all parts of the inbound side share: the desk under the name of this chat, and the way to answer."""

    def __init__(self, name: str, desk: Desk, client: Client) -> None:
        self.name, self.desk, self.client = name, desk, client

    def channel_name(self, channel_id: str) -> str:
        """The config's name of a channel, empty if it is none of ours."""
        known = self.desk.channels(self.name).items() if channel_id else ()
        return next((name for name, channel in known if channel.id == channel_id), "")

    def invocation(self, place: Place, line: str) -> Invocation:
        return Invocation(self.name, place.account, line, self.channel_name(place.channel))

    async def run(self, place: Place, line: str) -> Reply:
        return await self.desk.command(self.invocation(place, line))

    async def preview(self, place: Place, line: str) -> Reply:
        return await self.desk.preview(self.invocation(place, line))

    async def tell(self, place: Place, reply: Reply) -> None:
        """Shows an answer to one person only. What cannot be shown is logged: there is nobody else to tell."""
        if place.response_url and await self._respond(place.response_url, said(reply)):
            return
        try:
            if place.channel:
                await self.client.call("chat.postEphemeral", channel=place.channel, user=place.account, **said(reply))
            else:
                await self.client.call("chat.postMessage", channel=place.account, **said(reply))
        except DeliveryError as problem:
            log.warning("slack_answer_lost", chat=self.name, account=place.account, reason=problem.reason)

    async def _respond(self, url: str, message: dict[str, Any]) -> bool:
        """Whether Slack took it. The address may be used five times within 30 minutes."""
        webhook = AsyncWebhookClient(url, timeout=ANSWER_SECONDS, retry_handlers=[])
        webhook.proxy = self.client.proxy  # after the constructor, which takes any proxy from the environment
        try:
            answer = await webhook.send_dict({"response_type": "ephemeral", "replace_original": False, **message})
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, SlackClientError) as problem:
            log.info("slack_response_url_failed", chat=self.name, reason=type(problem).__name__)
            return False
        if answer.status_code != 200:
            log.info("slack_response_url_failed", chat=self.name, reason=f"HTTP {answer.status_code}")
        return answer.status_code == 200
