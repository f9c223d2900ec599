"""Links to Tocsin's own incidents, shown as cards where both who shared them and the channel may see them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import structlog
from msgspec.structs import replace

from adapters.chat import DeliveryError
from adapters.chats.slack.answer import Desktop, Place
from adapters.chats.slack.blocks import draw

log = structlog.get_logger()

MOST_LINKS = 5


def number_of(url: str, public_url: str) -> str:
    """The number in a link to an incident of this Tocsin; empty for any other link."""
    try:
        ours, parts = urlsplit(public_url), urlsplit(url)
    except ValueError:
        return ""
    found = re.fullmatch(re.escape(ours.path.rstrip("/")) + r"/incidents/([0-9]{1,9})/?", parts.path)
    return found[1] if found and (parts.scheme, parts.netloc.lower()) == (ours.scheme, ours.netloc.lower()) else ""


class Unfurl:
    """Answers `link_shared`."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    async def run(self, event: Mapping[str, Any]) -> None:
        """Shows nothing outside of the channels in the config, so neither in a message that is still being written."""
        desktop = self._desktop
        place = Place(str(event.get("user", "")), str(event.get("channel", "")))
        if not desktop.channel_name(place.channel):
            return
        links = [str(one.get("url", "")) for one in event.get("links") or ()][:MOST_LINKS]
        try:
            found = {url: blocks for url in links if (blocks := await self._blocks(place, url))}
            if found:
                ts = str(event.get("message_ts", ""))
                await desktop.client.call("chat.unfurl", channel=place.channel, ts=ts, unfurls=found)
        except DeliveryError as problem:
            log.warning("slack_link_not_shown", chat=desktop.name, reason=problem.reason)

    async def _blocks(self, place: Place, url: str) -> dict[str, Any] | None:
        """The card without its buttons: nobody edits it later, so it must not invite to act on what it shows."""
        number = number_of(url, self._desktop.desk.public_url)
        card = await self._desktop.desk.card(self._desktop.invocation(place, number)) if number else None
        if card is None:
            return None
        message = draw(replace(card, buttons=(), more=0))
        return {"blocks": [*message["blocks"], *message["attachments"][0]["blocks"]]}
