"""Texts of the stand-in Discord read as its client reads them: what mentions, links, or is drawn in some other way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import msgspec

from tests.standins.discord_state import Body, Version, World

_EMOJI = ("smile", "joy", "fire", "warning", "white_check_mark", "x", "rotating_light", "thumbsup", "+1", "heart", "bell", "boom")
"""Some of the names that the client draws as emoji; there are thousands."""
_SYNTAX = re.compile(
    r"""
    (?P<block>```(?:[\w+-]*\n)?(?P<block_in>.*?)```) | (?P<code>(?P<ticks>`+)(?P<code_in>.+?)(?P=ticks)(?!`)) |
    \\(?P<escape>[^0-9A-Za-z\s]) |
    (?P<timestamp><t:(?P<at>-?\d{1,17})(?::[tTdDfFRsS])?>) |
    (?P<user><@!?(?P<user_id>\d+)>) | (?P<role><@&(?P<role_id>\d+)>) | (?P<channel><\#(?P<channel_id>\d+)>) |
    (?P<command></(?P<command_name>[^:>\n]+):\d+>) | (?P<guide><id:[a-z-]+(?::\d+)?>) |
    (?P<custom><a?:(?P<custom_name>\w+):\d+>) |
    (?P<quiet><(?P<quiet_url>[a-z][a-z0-9+.-]*://[^\s<>]+|mailto:[^\s<>]+|tel:[^\s<>]+)>) |
    (?P<masked>!?\[(?P<label>(?:\\.|[^\]\\]|\[[^\]]*\])*?)\]
        \(\s*<?(?P<masked_url>[^\s()<>]+(?:\([^\s()]*\)[^\s()<>]*)*)>?(?:\s+["'].*?["'])?\s*\)) |
    (?P<link>(?i:https?|steam|discord)://[^\s<]+[^<.,:;"'\])\s]) |
    (?P<everyone>@everyone|@here) |
    (?P<spoiler>\|\|(?P<spoiler_in>.+?)\|\|) |
    (?P<bold>\*\*(?P<bold_in>.+?)\*\*(?!\*)) | (?P<underline>__(?P<underline_in>.+?)__(?!_)) |
    (?P<strike>~~(?P<strike_in>.+?)~~) |
    (?P<italic>\*(?=\S)(?P<italic_in>(?:\\.|[^*\\])+?)(?<!\s)\*(?!\*)) | (?P<slant>_(?P<slant_in>(?:\\.|[^_\\])+?)_(?!\w)) |
    (?P<heading>^[ ]*\#{1,3}[ ]+(?=\S)) | (?P<subtext>^-\#[ ]+(?=\S)) | (?P<quote>^[ ]*>(?:>>)?[ ]+) |
    (?P<list>^[ ]*(?:[-*]|\d{1,10}\.)[ ]+(?=\S)) |
    (?P<emoji>:(?P<emoji_name>[a-z0-9_+-]+):)
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)  # fmt: skip
_NESTED = ("spoiler", "bold", "underline", "strike", "italic", "slant")


class Token(msgspec.Struct, frozen=True):
    """Something that is not plain text. `kind`: user, role, everyone, channel, command, guide, link, masked, quiet, timestamp,
    custom, emoji, heading, subtext, quote, list, spoiler, bold, underline, strike, italic, code, block.

    `target`: the address, id or time; `label`: what one sees instead of it.
    """

    kind: str
    raw: str
    target: str = ""
    label: str = ""


class Part(msgspec.Struct, frozen=True):
    """A text of a message. `where`: content, title, description, name, value, footer, author. `rich`: it is read as markdown."""

    where: str
    text: str
    rich: bool = True


MENTIONS = ("user", "role", "everyone", "channel", "command", "guide")
LINKS = ("link", "masked", "quiet")


def tokens(text: str) -> list[Token]:
    """Everything in a text that is more than text, outermost first."""
    found: list[Token] = []
    _plain(text, found.append, None)
    return found


def plain(text: str, world: World | None = None) -> str:
    """What a reader sees: names for mentions, labels for links, times in UTC, no escapes and no marks."""
    return _plain(text, lambda token: None, world)


def parts(said: Version) -> Iterator[Part]:
    """Every text of a message but those of its buttons, from top to bottom."""
    if said.content:
        yield Part("content", said.content)
    for embed in said.embeds:
        yield from _of(embed)


def _of(embed: Body) -> Iterator[Part]:
    if embed.get("author"):
        yield Part("author", embed["author"]["name"], rich=False)
    for name in ("title", "description"):
        if embed.get(name):
            yield Part(name, embed[name])
    for field in embed.get("fields") or ():
        yield Part("name", field["name"])
        yield Part("value", field["value"])
    if embed.get("footer"):
        yield Part("footer", embed["footer"]["text"], rich=False)


def shown(said: Version, world: World | None = None) -> str:
    """What a reader sees of a message, one text a line; the moment of an embed, which stands in its footer, is left out."""
    return "\n".join(plain(part.text, world) if part.rich else part.text for part in parts(said))


def markup(said: Version) -> list[Token]:
    """All tokens of a message, in all its texts."""
    return [token for part in parts(said) if part.rich for token in tokens(part.text)]


def addresses(said: Version) -> list[tuple[str, str]]:
    """(address, label) of everything in a message that one could click or that is fetched."""
    found = [(token.target, token.label) for token in markup(said) if token.kind in LINKS]
    for embed in said.embeds:
        found += [(embed["url"], embed.get("title", ""))] if embed.get("url") else []
        found += [(embed["author"]["url"], embed["author"]["name"])] if embed.get("author", {}).get("url") else []
        found += [(embed[part]["url"], "") for part in ("image", "thumbnail", "video") if embed.get(part, {}).get("url")]
    return found + [(one["url"], one.get("label", "")) for one in controls(said) if one.get("url")]


def controls(said: Version) -> list[Body]:
    """Every button and select."""
    return [one for row in said.components for one in row.get("components") or ()]


def _plain(text: str, tell: Callable[[Token], object], world: World | None) -> str:
    out, at = [], 0
    for match in _SYNTAX.finditer(text):
        kind = match.lastgroup or ""
        out.append(text[at : match.start()])
        at = match.end()
        out.append(_seen(_outer(match), match, tell, world) if kind != "escape" else match["escape"])
    return "".join([*out, text[at:]])


def _outer(match: re.Match[str]) -> str:
    """The kind: the named group that spans the whole match."""
    return next(name for name, value in match.groupdict().items() if value is not None and value == match[0])


def _seen(kind: str, match: re.Match[str], tell: Callable[[Token], object], world: World | None) -> str:
    raw = match[0]
    if kind in _NESTED:
        tell(Token("italic" if kind == "slant" else kind, raw))
        return _plain(match[f"{kind}_in"], tell, world)
    if kind in ("code", "block"):
        tell(Token(kind, raw, label=match[f"{kind}_in"]))
        return match[f"{kind}_in"].strip("\n") if kind == "block" else match["code_in"]
    if kind == "emoji" and match["emoji_name"] not in _EMOJI:
        return raw
    if kind == "masked":
        tell(Token(kind, raw, match["masked_url"], plain(match["label"], world)))
        return _plain(match["label"], tell, world)
    target, label = _simple(kind, match, world)
    tell(Token(kind, raw, target, label))
    return label


def _simple(kind: str, match: re.Match[str], world: World | None) -> tuple[str, str]:
    if kind == "user":
        one = world.users.get(match["user_id"]) if world else None
        return match["user_id"], f"@{one.nick or one.name if one else 'unknown-user'}"
    if kind == "role":
        role = world.roles.get(match["role_id"]) if world else None
        return match["role_id"], f"@{role.name if role else 'deleted-role'}"
    if kind == "channel":
        place = world.channels.get(match["channel_id"]) if world else None
        return match["channel_id"], f"#{place.name if place else 'unknown'}"
    if kind == "command":
        return match["command_name"], f"/{match['command_name']}"
    if kind == "timestamp":
        return match["at"], _moment(int(match["at"]))
    if kind == "quiet":
        return match["quiet_url"], match["quiet_url"]
    if kind in ("custom", "emoji"):
        name = match[f"{kind}_name"]
        return name, f":{name}:"
    marks = {"heading": "", "subtext": "", "quote": "", "list": "• "}
    return match[0], marks.get(kind, match[0])


def _moment(at: int) -> str:
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return "Invalid date"
