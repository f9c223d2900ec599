"""Untrusted text made plain: nothing invisible, nothing that turns the line around, nothing too long (G8)."""

from __future__ import annotations

from urllib.parse import urlsplit

MOST_READ, MOST_OF_LINE = 10_000, 2000
"""Characters of a text, or of a line, that are looked at; more than any place of a chat holds."""
MOST_URL = 1500

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


def clean(text: str, most: int = MOST_READ) -> str:
    """The text without bidi controls and invisible characters; control characters become visible, broken ones U+FFFD."""
    if len(text) > most:
        text = f"{text[:most]}…"
    return text.replace("\r\n", "\n").translate(_TABLE)


def one_line(text: str) -> str:
    """Clean, on one line."""
    return " ".join(clean(text, MOST_OF_LINE).split())


def size(text: str) -> int:
    """Characters as the strictest would count them: UTF-16 units, so that an emoji is two."""
    return len(text.encode("utf-16-le", "replace")) // 2


def cut(text: str, limit: int) -> str:
    """The text if its size is up to `limit`; else its start, cut at a word, and an ellipsis: `limit` in all."""
    if size(text) <= limit:
        return text
    kept = text.encode("utf-16-le", "replace")[: 2 * (limit - 1)].decode("utf-16-le", "ignore")
    word = max(kept.rfind(" "), kept.rfind("\n"))
    return kept[: word if word >= len(kept) // 2 else None].rstrip() + "…"


def safe_url(url: str) -> str:
    """The address if a link may lead there (http or https, a host, no password, nothing hidden); else empty."""
    if len(url) > MOST_URL or url != clean(url) or any(c.isspace() or c in "\\<>\"'`" for c in url):
        return ""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:  # what Python cannot take apart is no address
        return ""
    return url if parts.scheme in ("http", "https") and host and "@" not in parts.netloc and "|" not in parts.netloc else ""
