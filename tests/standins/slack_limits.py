"""What the stand-in Slack refuses for its size or shape, with the error bodies of the real one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from tests.standins.slack_shapes import BLOCKS, IN_HOME, IN_MESSAGES, IN_MODALS, Checker, Problems, plain, string
from tests.standins.slack_state import Body, SlackError

BLOCKS_CHARS = 13_172
"""The smallest sum over all blocks that was seen refused; Slack publishes none."""
MARKDOWN_CHARS = 12_000
TEXT_KEPT, UPDATE_TEXT_BYTES = 40_000, 4_000
ATTACHMENTS, ATTACHMENT_BYTES = 100, 100_000
VIEW_BYTES = 250_000


def check_message(blocks: Sequence[Any], attachments: Sequence[Any]) -> None:
    """Raises SlackError for what a message may not hold."""
    problems = Problems()
    check_blocks(problems, blocks, "/blocks", 50, IN_MESSAGES)
    if problems.found:
        raise _told("invalid_blocks", problems)
    _check_attachments(problems, attachments)
    own = [block for attachment in attachments for block in attachment.get("blocks") or ()]
    if sum(_length(one) for one in texts_of([*blocks, *own])) > BLOCKS_CHARS:
        raise SlackError("msg_blocks_too_long")
    if sum(len(block["text"]) for block in blocks if block["type"] == "markdown") > MARKDOWN_CHARS:
        raise SlackError("msg_too_long")


def _check_attachments(problems: Problems, attachments: Sequence[Any]) -> None:
    if len(attachments) > ATTACHMENTS:
        raise SlackError("too_many_attachments")
    for index, attachment in enumerate(attachments):
        at = f"/attachments/{index}"
        if not isinstance(attachment, dict):
            problems.add("must be an object", at)
            continue
        check_blocks(problems, attachment.get("blocks") or [], f"{at}/blocks", 50, IN_MESSAGES)
        for name in ("text", "pretext", "title", "fallback", "color"):
            if not isinstance(attachment.get(name, ""), str):
                problems.add("must be a string", f"{at}/{name}")
    if problems.found:
        raise _told("invalid_attachments", problems)
    if len(msgspec.json.encode(attachments)) > ATTACHMENT_BYTES:
        raise SlackError("attachment_payload_limit_exceeded")


def check_blocks(problems: Problems, blocks: Any, at: str, most: int, allowed: frozenset[str]) -> None:
    """Notes what is wrong with a list of blocks. A block_id may stand only once in what one `problems` sees."""
    if not isinstance(blocks, list):
        problems.add("must be an array", at)
        return
    if len(blocks) > most:
        problems.add(f"no more than {most} items allowed", at)
    for index, block in enumerate(blocks):
        here = f"{at}/{index}"
        problems.typed(block, here, BLOCKS, allowed)
        if isinstance(block, dict):
            _check_block(problems, block, here)


def _check_block(problems: Problems, block: Body, at: str) -> None:
    block_id = block.get("block_id")
    if block_id and block_id in problems.block_ids:
        problems.add(f"`block_id` {block_id} already exists", f"{at}/block_id")
    problems.block_ids |= {block_id} if isinstance(block_id, str) else set()
    if block.get("type") == "section" and not block.get("text") and not block.get("fields"):
        problems.add("missing required field: text or fields", at)


def check_view(view: Any, home: bool) -> None:
    """Raises SlackError for what a modal or a home tab may not be."""
    problems = Problems()
    if not isinstance(view, dict) or view.get("type") != ("home" if home else "modal"):
        problems.add(f"must be a view of type {'home' if home else 'modal'}", "/view/type")
        raise _told("invalid_arguments", problems)
    if len(msgspec.json.encode(view)) > VIEW_BYTES:
        raise SlackError("view_too_large")
    for name in ({"blocks"} if home else {"blocks", "title"}) - view.keys():
        problems.add(f"missing required field: {name}", "/view")
    known: dict[str, Checker] = {"private_metadata": string(3000), "callback_id": string(255), "external_id": string(255)}
    words: dict[str, Checker] = {} if home else {name: plain(24) for name in ("title", "submit", "close")}
    for name, part in view.items():
        if name in known or name in words:
            ({**known, **words}[name])(problems, part, f"/view/{name}")
        elif name not in ("type", "blocks", "clear_on_close", "notify_on_close", "submit_disabled"):
            problems.add(f"invalid additional property: {name}", "/view")
    check_blocks(problems, view.get("blocks", []), "/view/blocks", 100, IN_HOME if home else IN_MODALS)
    if not home and "submit" not in view and any(one.get("type") == "input" for one in view["blocks"] if isinstance(one, dict)):
        problems.add("missing required field: submit", "/view")
    if problems.found:
        raise _told("invalid_arguments", problems)


def check_metadata(metadata: Any, most: int) -> None:
    """Raises SlackError. `most`: bytes of it as JSON."""
    if not isinstance(metadata, dict) or not metadata.keys() <= {"event_type", "event_payload", "entities"}:
        raise SlackError("invalid_metadata_format")
    if metadata and not isinstance(metadata.get("event_type"), str):
        raise SlackError("invalid_metadata_schema")
    if not isinstance(metadata.get("event_payload", {}), dict):
        raise SlackError("invalid_metadata_schema")
    if len(msgspec.json.encode(metadata)) > most:
        raise SlackError("metadata_too_large")


def texts_of(node: Any) -> Iterator[str]:
    """Every text that a reader sees in blocks, wherever it stands."""
    if isinstance(node, dict):
        for name, part in node.items():
            if name == "text" and isinstance(part, str):
                yield part
            else:
                yield from texts_of(part)
    elif isinstance(node, list):
        for part in node:
            yield from texts_of(part)


def _length(text: str) -> int:
    """Emoji cost more than one: counted in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _told(code: str, problems: Problems) -> SlackError:
    messages = [f"[ERROR] {problem}" for problem in problems.found]
    if code == "invalid_arguments":
        return SlackError(code, response_metadata={"messages": messages})
    return SlackError(code, errors=problems.found, response_metadata={"messages": messages})
