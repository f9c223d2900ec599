"""An app that keeps what it hears, and the buttons and the modal it hears of: for tests of what people do."""

from __future__ import annotations

from typing import Any


def plain(words: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": words}


def buttons(*labels: str) -> list[dict[str, Any]]:
    elements = [
        {"type": "button", "text": plain(label), "action_id": f"tocsin:{label.lower()}", "value": f"{label.lower()} 42"}
        for label in labels
    ]
    menu = {
        "type": "static_select", "action_id": "tocsin:snooze", "placeholder": plain("Snooze"),
        "options": [{"text": plain(hours), "value": f"snooze 42 {hours}"} for hours in ("1h", "4h")],
    }  # fmt: skip
    return [{"type": "actions", "block_id": "row", "elements": [*elements, menu]}]


REASON = {"type": "plain_text_input", "action_id": "text"}
DISPATCH = {"dispatch_action": True}
TIMES = {"type": "static_select", "action_id": "time", "options": [{"text": plain("2 hours"), "value": "2h"}]}
MODAL: dict[str, Any] = {
    "type": "modal", "callback_id": "silence", "private_metadata": "42", "title": plain("Silence"), "submit": plain("Silence"),
    "blocks": [
        {"type": "input", "block_id": "why", "label": plain("Reason"), "element": REASON},
        {"type": "input", "block_id": "for", "label": plain("How long"), "element": TIMES, "optional": True, **DISPATCH},
    ],
}  # fmt: skip


class Heard(list[dict[str, Any]]):
    """The payloads that the app heard, each acknowledged with `answer`."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: dict[str, Any] = {}

    async def listen(self, ack: Any, body: dict[str, Any]) -> None:
        self.append(body)
        await ack(**self.answer)
