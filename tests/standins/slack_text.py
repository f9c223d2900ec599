"""Texts of the stand-in Slack read as the platform reads them: what pings, what is a link, what a reader sees."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tests.standins.slack_state import Body, Version

_TOKEN = re.compile(r"<([^<>]+)>", re.DOTALL)
_BARE_PING = re.compile(r"(?<![\w@])@(here|channel|everyone)\b", re.IGNORECASE)
_BARE_ROOM = re.compile(r"(?<![\w&#])#([a-z0-9][a-z0-9_-]*)", re.IGNORECASE)
_BARE_NAME = re.compile(r"(?<![\w@])@([a-z0-9][a-z0-9._-]*)", re.IGNORECASE)
_BARE_URL = re.compile(r"(?:https?://|mailto:|www\.)[^\s<>|]+", re.IGNORECASE)
_MARKDOWN_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)[^)]*\)")
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


class Text(msgspec.Struct, frozen=True):
    """A text and how it is read: `tokens` such as <!here>, `pings` bare @here and names, `urls` bare addresses."""

    text: str
    tokens: bool = True
    pings: bool = False
    urls: bool = True
    markdown: bool = False


def texts(said: Version) -> Iterator[Text]:
    """Every text of a message, as the platform would read it."""
    full = said.link_names or said.parse == "full"
    yield Text(said.text, pings=full, urls=said.parse != "none")
    yield from _in_blocks(said.blocks)
    for attachment in said.attachments:
        yield from _in_blocks(attachment.get("blocks") or ())
        named = [attachment.get(name, "") for name in ("text", "pretext", "title")]
        fields = [field.get(part, "") for field in attachment.get("fields") or () for part in ("title", "value")]
        yield from (Text(str(text), pings=True) for text in [*named, *fields] if text)


def pings(text: Text, users: Iterable[str] = ()) -> list[str]:
    """Whom it would call: !here, !channel, !everyone, @U…, !subteam^S…; bare @here as @here. `users`: the names there are."""
    found = [token.split("|")[0] for token in _TOKEN.findall(text.text) if text.tokens and token[:1] in "!@"]
    found = [token for token in found if not token.startswith("!date^")]
    if text.pings:
        rest = _TOKEN.sub(" ", _CODE.sub(" ", text.text))
        found += [f"@{name}" for name in _BARE_PING.findall(rest)]
        known = {name.lower() for name in users}
        found += [f"@{name}" for name in _BARE_NAME.findall(rest) if name.lower() in known]
    return found


def links(text: Text) -> list[tuple[str, str]]:
    """(address, label) of everything one could click: addresses, rooms (#…), dates with a link."""
    found = [_link(token) for token in _TOKEN.findall(text.text) if text.tokens and token[:1] not in "!@"]
    found += [_dated(token) for token in _TOKEN.findall(text.text) if text.tokens and token.startswith("!date^")]
    rest = _TOKEN.sub(" ", _CODE.sub(" ", text.text))
    if text.urls:
        found += [(url, url) for url in _BARE_URL.findall(rest)]
    if text.pings:
        found += [(f"#{room}", f"#{room}") for room in _BARE_ROOM.findall(html.unescape(rest)) if not room.isdigit()]
    if text.markdown:
        found += [(url, url) for url in _MARKDOWN_LINK.findall(rest)]
    return [entry for entry in found if entry[0]]


def _link(token: str) -> tuple[str, str]:
    address, _, label = token.partition("|")
    known = re.match(r"(?:[a-z][a-z0-9+.-]*:|#C|#G|#D)", address, re.IGNORECASE)
    return (address, label or address) if known else ("", "")


def _dated(token: str) -> tuple[str, str]:
    parts = token.split("|")[0].split("^")
    return (parts[3], token.split("|")[-1]) if len(parts) > 3 else ("", "")


def shown(said: Version) -> str:
    """What a reader sees of the blocks and attachments (of `text` if there are none), one text object a line."""
    seen = list(texts(said))[1:] or [Text(said.text)]
    return "\n".join(plain(text.text) if text.tokens else text.text for text in seen)


def plain(text: str) -> str:
    """Without markup: tokens as their labels, entities as characters."""
    return html.unescape(_TOKEN.sub(lambda token: token[1].split("|")[-1], text))


def buttons(said: Version) -> Iterator[tuple[int, Body]]:
    """Everything one can press or choose, with the number of its attachment, 0 outside."""
    for number, block in said.all_blocks:
        for element in [*(block.get("elements") or ()), block.get("accessory"), block.get("element")]:
            if isinstance(element, dict) and "action_id" in element:
                yield number, element


def addresses(said: Version) -> list[tuple[str, str]]:
    """(address, label) of every link, button with an address and image of a message."""
    found = [link for text in texts(said) for link in links(text)]
    found += [(one["url"], one["text"]["text"]) for _, one in buttons(said) if one.get("url")]
    found += [(url, "") for _, block in said.all_blocks for url in _images(block)]
    legacy = ("title_link", "image_url", "thumb_url", "author_link", "from_url")
    return found + [(one[name], "") for one in said.attachments for name in legacy if one.get(name)]


def _images(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if node.get("type") == "image" and node.get("image_url"):
            yield str(node["image_url"])
        for part in node.values():
            yield from _images(part)
    elif isinstance(node, list):
        for part in node:
            yield from _images(part)


def _in_blocks(node: Any) -> Iterator[Text]:
    """Text objects, wherever they stand; of rich text the parts that call or link, as tokens."""
    if isinstance(node, dict):
        kind = node.get("type")
        if kind in ("mrkdwn", "plain_text", "markdown") and isinstance(node.get("text"), str):
            yield _text_object(node)
        elif kind in ("user", "usergroup", "broadcast", "link", "channel") and "action_id" not in node:
            yield Text(_rich(node))
        elif kind == "text" and isinstance(node.get("text"), str):
            yield Text(node["text"], tokens=False, urls=False)
        else:
            for part in node.values():
                yield from _in_blocks(part)
    elif isinstance(node, (list, tuple)):
        for part in node:
            yield from _in_blocks(part)


def _text_object(node: Body) -> Text:
    if node["type"] == "plain_text":
        return Text(node["text"], tokens=False, urls=False)
    loose = not node.get("verbatim", False)
    return Text(node["text"], pings=loose, urls=loose, markdown=node["type"] == "markdown")


def _rich(node: Body) -> str:
    return {
        "user": f"<@{node.get('user_id')}>", "usergroup": f"<!subteam^{node.get('usergroup_id')}>",
        "broadcast": f"<!{node.get('range')}>", "link": f"<{node.get('url')}|{node.get('text', '')}>",
        "channel": f"<#{node.get('channel_id')}>",
    }[node["type"]]  # fmt: skip
