"""Untrusted text made fit for Slack: nothing that Slack reads as more than text (G8).

Cards put it into `plain_text`, where Slack parses nothing. What must stand in mrkdwn or in a message's `text` is made inert here:
Slack has an escape for & < > only, none for its * _ ~ ` and :emoji:.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from adapters import plain
from adapters.plain import cut, one_line

LATEST = 253402300799.0  # the last second of the year 9999; 0.0 stands first below so that NaN becomes 0

_LOOKALIKES = str.maketrans({"*": "∗", "_": "\u02cd", "~": "∼", "`": "\u02cb", ":": "\ua789", "@": "\uff20", "#": "\uff03"})
"""For notifications only, whose text nobody copies."""
_SPECIAL = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])|[*~`]|:(?=[\w+-]+:)|@(?=\w)|#(?=\w*[^\W\d])")
_NO_LABEL = re.compile(r"[^\w /-]+|_+")


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
    """The address, fit for mrkdwn, if a link may lead there; else empty."""
    return plain.safe_url(url).replace("|", "%7C")


def link(url: str, words: str) -> str:
    """A link for mrkdwn; `words` are ours or made by `label`. `url`: as safe_url gave it."""
    return f"<{escape(url)}|{words}>"


def date(at: float) -> str:
    """A moment for mrkdwn, in the reader's own time zone. `at`: seconds since the epoch."""
    seconds = int(min(max(0.0, at), LATEST))
    written = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{seconds}^{{date_short_pretty}} {{time}}|{written}>"
