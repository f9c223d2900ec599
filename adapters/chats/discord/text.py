"""Untrusted text made fit for Discord's markdown: it reads as it was written, and is no more than text (G8).

A backslash before any of its signs makes Discord show the sign itself. Mentions, timestamps, emoji, channels and commands all
begin with <, masked links with [, addresses hold a colon.
"""

from __future__ import annotations

import re

from adapters.plain import cut, one_line, safe_url, size

LATEST = 253402300799.0  # the last second of the year 9999

_SIGNS = re.compile(r"[\\*_~|`<>\[\]:@]")
_AT_START = re.compile(r"^([^\S\n]*)([#+-])", re.MULTILINE)
_NUMBERED = re.compile(r"^([^\S\n]*\d+)\.", re.MULTILINE)
_NO_LABEL = re.compile(r"[^\w /-]+|_+")
_IN_TARGET = str.maketrans({"(": "%28", ")": "%29", "|": "%7C", "*": "%2A"})


def escape(text: str) -> str:
    """Markdown that shows the text as it is; at most twice its size and a sign a line. `text`: clean."""
    text = _SIGNS.sub(r"\\\g<0>", text)
    return _NUMBERED.sub(r"\1\\.", _AT_START.sub(r"\1\\\2", text))


def told(text: str, limit: int, room: int) -> str:
    """Escaped; cut so that at most `limit` characters are read and `room` are written. `text`: clean."""
    written = escape(cut(text, limit))
    while (excess := size(written) - room) > 0:
        limit = min(limit, size(text)) - (excess + 1) // 2
        written = escape(cut(text, limit))
    return written


def label(text: str, limit: int = 40) -> str:
    """The words of a masked link: words only, so that they cannot format, nor end the link, nor pass for another address."""
    return cut(" ".join(_NO_LABEL.sub(" ", one_line(text)).split()).lstrip("-/ "), limit) or "link"


def link(url: str, words: str) -> str:
    """A masked link, or empty if the address is none that we lead to. `words` are ours or made by `label`."""
    url = safe_url(url).translate(_IN_TARGET)
    return f"[{words}]({url})" if url else ""


def moment(at: float) -> str:
    """A moment in the reader's own time zone and language. `at`: seconds since the epoch."""
    return f"<t:{int(min(max(0.0, at), LATEST))}:f>"  # 0.0 stands first, so that NaN becomes 0
