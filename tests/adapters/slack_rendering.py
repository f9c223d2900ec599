"""What Slack would make of a message: a parser of its own, that rather sees too much formatting than too little.

It knows nothing of how the adapter writes. mrkdwn: docs.slack.dev, messaging/formatting-message-text.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

_ENTITY = re.compile(r"<([^<>]*)>")
_MARKS = re.compile(r"(?s)```(.+?)```|`(.+?)`|\*([^*]+)\*|_([^_]+)_|~([^~]+)~")
_INSIDE_WORD = re.compile(r"(?<=[^\W_])_+(?=[^\W_])")
_EMOJI = re.compile(r":[A-Za-z0-9_'+-]+:")
_AUTO_MENTION = re.compile(r"(?<!\w)@\w+|(?<!\w)#\w*[^\W\d]\w*")
_AUTO_LINK = re.compile(r"\w+://\S|\bmailto:|\b[\w.+-]+@\w[\w-]*\.\w+|\b\w[\w-]*\.(?:com|org|net|io|evil)\b")


class Seen(msgspec.Struct):
    """What a reader gets. `links`: (address, words). `marked`: what stands out as bold, code, quote and so on.

    `controls`: (kind, action_id, value, words) of all that can be pressed or chosen; `addresses`: what such a control opens.
    `loose`: mrkdwn in which Slack looks for names and addresses by itself.
    """

    texts: list[str] = []
    mentions: list[str] = []
    links: list[tuple[str, str]] = []
    marked: list[str] = []
    emoji: list[str] = []
    dates: list[str] = []
    controls: list[tuple[str, str, str, str]] = []
    addresses: list[str] = []
    loose: list[str] = []

    @property
    def text(self) -> str:
        return "\n".join(self.texts)

    def has(self, words: str) -> bool:
        return words in self.text


def render(message: dict[str, Any]) -> Seen:
    """`message`: the arguments of chat.postMessage or chat.update."""
    seen = Seen()
    _read_mrkdwn(seen, message.get("text", ""), names=bool(message.get("link_names")), urls=message.get("parse") != "none")
    for block in [*message.get("blocks", []), *(b for a in message.get("attachments", []) for b in a.get("blocks", []))]:
        _walk(seen, block)
    for attachment in message.get("attachments", []):
        for name in ("text", "pretext", "title", "footer", "author_name"):
            _read_mrkdwn(seen, attachment.get(name, ""), names=True, urls=True)
    return seen


def _walk(seen: Seen, node: Any) -> None:
    if isinstance(node, list):
        for part in node:
            _walk(seen, part)
    elif isinstance(node, dict):
        kind = node.get("type")
        if kind in ("plain_text", "mrkdwn"):
            _read_text(seen, node)
        else:
            _read_control(seen, node)
            for part in node.values():
                _walk(seen, part)


def _read_control(seen: Seen, node: dict[str, Any]) -> None:
    if "action_id" in node:
        for choice in node.get("options") or [node]:
            words = (choice.get("text") or {}).get("text", "")
            seen.controls.append((node["type"], node["action_id"], choice.get("value", ""), words))
    seen.addresses += [node[name] for name in ("url", "image_url") if name in node]


def _read_text(seen: Seen, node: dict[str, Any]) -> None:
    if node["type"] == "mrkdwn":
        auto = not node.get("verbatim", False)
        seen.loose += [node["text"]] if auto else []
        _read_mrkdwn(seen, node["text"], names=auto, urls=auto)
    else:
        seen.texts.append(node["text"])
        seen.emoji += _EMOJI.findall(node["text"]) if node.get("emoji", True) else []


def _read_mrkdwn(seen: Seen, text: str, names: bool, urls: bool) -> None:
    shown = _ENTITY.sub(lambda match: _entity(seen, match[1]), text)
    assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", shown), f"not escaped: {text!r}"
    seen.marked += [line for line in shown.split("\n") if re.match(r"\s*(&gt;|[•◦]|[-*]\s)", line)]
    seen.marked += [next(filter(None, match.groups())) for match in _MARKS.finditer(_INSIDE_WORD.sub("", shown))]
    seen.emoji += _EMOJI.findall(shown)
    plain = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    seen.texts.append(plain)
    seen.mentions += _AUTO_MENTION.findall(plain) if names else []
    seen.links += [(found, found) for found in _AUTO_LINK.findall(plain)] if urls else []


def _entity(seen: Seen, inside: str) -> str:
    """What stands there instead of <…>."""
    target, _, words = inside.partition("|")
    if target.startswith("!date^"):
        seen.dates.append(target)
    elif target[:1] in ("@", "#", "!"):
        seen.mentions.append(inside)
    else:
        seen.links.append((target.replace("&amp;", "&"), words))
    return words or target
