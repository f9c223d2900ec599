"""Untrusted text made fit for Slack: nothing invisible, nothing that Slack reads as more than text, nothing too long (G8).

Cards put it into `plain_text`, where Slack parses nothing. What must stand in mrkdwn or in a message's `text` is made inert here:
Slack has an escape for & < > only, none for its * _ ~ ` and :emoji:.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

MOST_READ, MOST_OF_LINE = 10_000, 2000
"""Characters of a text, or of a line, that are looked at; more than any place holds."""
MOST_URL = 1500
LATEST = 253402300799.0  # the last second of the year 9999; 0.0 stands first below so that NaN becomes 0

_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_INVISIBLE = (
    0x00AD, 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x200B, 0x200C, 0x200D, *range(0x2060, 0x2066),
    *range(0x206A, 0x2070), 0x3164, 0xFEFF, 0xFFA0, *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080),
)  # fmt: skip
_BROKEN = (*range(0x80, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)
_TABLE: dict[int, str | None] = {
    **dict.fromkeys((*_BIDI, *_INVISIBLE)),
    **dict.fromkeys(_BROKEN, "\ufffd"),
    **{code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\t\n"},
    0x7F: "\u2421",
    0x2028: "\n",
    0x2029: "\n",
}
_LOOKALIKES = str.maketrans({"*": "∗", "_": "\u02cd", "~": "∼", "`": "\u02cb", ":": "\ua789", "@": "\uff20", "#": "\uff03"})
"""For notifications only, whose text nobody copies."""
_SPECIAL = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])|[*~`]|:(?=[\w+-]+:)|@(?=\w)|#(?=\w*[^\W\d])")
_NO_LABEL = re.compile(r"[^\w /-]+|_+")


def clean(text: str, most: int = MOST_READ) -> str:
    """The text without bidi controls and invisible characters; control characters become visible, broken ones U+FFFD."""
    if len(text) > most:
        text = f"{text[:most]}…"
    return text.replace("\r\n", "\n").translate(_TABLE)


def one_line(text: str) -> str:
    """Clean, on one line."""
    return " ".join(clean(text, MOST_OF_LINE).split())


def size(text: str) -> int:
    """Characters as Slack counts them at worst: UTF-16 units, so that an emoji is two."""
    return len(text.encode("utf-16-le", "replace")) // 2


def cut(text: str, limit: int) -> str:
    """The text if its size is up to `limit`; else its start, cut at a word, and an ellipsis: `limit` in all."""
    if size(text) <= limit:
        return text
    kept = text.encode("utf-16-le", "replace")[: 2 * (limit - 1)].decode("utf-16-le", "ignore")
    word = max(kept.rfind(" "), kept.rfind("\n"))
    return kept[: word if word >= len(kept) // 2 else None].rstrip() + "…"


def escape(text: str) -> str:
    """For mrkdwn and `text`: exactly what Slack asks to be escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def spoken(text: str, limit: int = 300) -> str:
    """One inert line for the `text` of a message: what notifications and screen readers say. At most 15 * `limit` bytes."""
    line = cut(one_line(text), limit)
    line = _SPECIAL.sub(lambda match: match[0].translate(_LOOKALIKES), line)
    line = re.sub(r"^[>•]|^[-–]\s", "›", line).replace("://", "\ua789//")
    return escape(line) or "…"


def label(text: str, limit: int = 40) -> str:
    """The label of a link in mrkdwn: words only, so that it cannot format, nor close the link, nor pass for another address."""
    return cut(" ".join(_NO_LABEL.sub(" ", one_line(text)).split()), limit) or "link"


def safe_url(url: str) -> str:
    """The address, fit for mrkdwn, if a link may lead there (http or https, a host, no password, nothing hidden); else empty."""
    if len(url) > MOST_URL or url != clean(url) or any(c.isspace() or c in "\\<>\"'`" for c in url):
        return ""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:  # what Python cannot take apart is no address
        return ""
    fit = parts.scheme in ("http", "https") and host and "@" not in parts.netloc and "|" not in parts.netloc
    return url.replace("|", "%7C") if fit else ""


def link(url: str, words: str) -> str:
    """A link for mrkdwn; `words` are ours or made by `label`. `url`: as safe_url gave it."""
    return f"<{escape(url)}|{words}>"


def date(at: float) -> str:
    """A moment for mrkdwn, in the reader's own time zone. `at`: seconds since the epoch."""
    seconds = int(min(max(0.0, at), LATEST))
    written = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{seconds}^{{date_short_pretty}} {{time}}|{written}>"
