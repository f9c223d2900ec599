"""Plain messages: the lines of a thread, a direct message."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from adapters.chat import ThreadNote
from adapters.chats.slack.blocks import MOST_BYTES, Block, Message, plain
from adapters.chats.slack.text import spoken
from adapters.plain import clean, cut, one_line, size

MOST_LINE, MOST_TEXT, SECTION = 600, 9000, 3000


def draw_note(note: ThreadNote) -> Message:
    """A batch of lines as one reply. Later lines matter more: of a long batch the first ones go."""
    lines = [cut(one_line(line), MOST_LINE) for line in note.lines]
    for kept in range(len(lines), 0, -1):
        left_out = len(lines) - kept
        shown = [*([f"… {left_out} earlier lines"] if left_out else []), *lines[left_out:]]
        message = _message("\n".join(shown), f"#{note.number}: {shown[-1]}")
        if _fits(message):
            return message
    return _message(f"#{note.number}", f"#{note.number}")


def draw_text(text: str) -> Message:
    """A text of several lines, cut where Slack would refuse it."""
    text = clean(text)
    limit = MOST_TEXT
    message = _message(cut(text, limit), text)
    while not _fits(message):
        limit //= 2
        message = _message(cut(text, limit), text)
    return message


def _message(text: str, say: str) -> Message:
    return {"text": spoken(say), "blocks": list(_sections(text.strip()))}


def _fits(message: Message) -> bool:
    return len(msgspec.json.encode(message)) <= MOST_BYTES


def _sections(text: str) -> Iterator[Block]:
    """As many sections as the text needs, parted between lines."""
    part = ""
    for line in text.split("\n"):
        line = cut(line, SECTION - 1)
        if part and size(part) + 1 + size(line) > SECTION:
            yield {"type": "section", "text": plain(part)}
            part = line
        else:
            part = f"{part}\n{line}" if part else line
    yield {"type": "section", "text": plain(part)}
