"""Untrusted text made fit to look at: nothing invisible, nothing that turns the line around, nothing endless (G8)."""

from __future__ import annotations

from urllib.parse import urlsplit

MOST_URL = 2000

_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_INVISIBLE = (0x00AD, 0x180E, 0x200B, 0x2060, 0xFEFF, *range(0x206A, 0x2070), *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080))
_BROKEN = (*range(0x80, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)

_TABLE: dict[int, str | None] = {
    **dict.fromkeys((*_BIDI, *_INVISIBLE)),
    **dict.fromkeys(_BROKEN, "\ufffd"),
    **{code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\t\n"},
    0x7F: "\u2421",
    0x2028: "\n",
    0x2029: "\n",
}


def clean(text: str) -> str:
    """The text without bidi controls and invisible characters; control characters become visible, broken ones U+FFFD."""
    return text.replace("\r\n", "\n").translate(_TABLE)


def cut(text: str, limit: int) -> str:
    """The text if it has up to `limit` characters; else its start, cut at a word, and an ellipsis."""
    if len(text) <= limit:
        return text
    word = text.rfind(" ", limit // 2, limit)
    return text[: word if word > 0 else limit].rstrip() + "…"


def safe_url(url: str) -> str:
    """The address if a link may lead there (http or https, a host, no password, nothing invisible); else empty."""
    if len(url) > MOST_URL or url != clean(url) or any(c.isspace() or c in "\\<>\"'`" for c in url):
        return ""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:  # what Python cannot take apart is no address
        return ""
    return url if parts.scheme in ("http", "https") and host and "@" not in parts.netloc else ""
