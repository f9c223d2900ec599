"""What can be pressed on a card. Each control's id, or a menu's value, holds the line of the one grammar that it sends.

`tocsin:ack 42` on a button; a menu's id is `tocsin:snooze 42`, each of its values a whole line (`snooze 42 for 30m`).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from adapters.plain import cut, one_line, safe_url
from rules.card import Button, Card

Component = dict[str, Any]

PREFIX = "tocsin:"
SNOOZES = {"30 minutes": "30m", "1 hour": "1h", "4 hours": "4h", "until tomorrow": "24h"}

ROW, BUTTON, SELECT = 1, 2, 3
PRIMARY, SECONDARY, LINK = 1, 2, 5
IN_A_ROW, MOST_BUTTONS = 5, 10
LABEL, CUSTOM_ID, PLACEHOLDER, URL = 80, 100, 150, 512

_WELL_FORMED = re.compile(r"https?://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]+)?(/[!-~]*)?")


def rows(card: Card, more: int) -> list[Component]:
    """Rows of controls, at most four. `more`: alerts that the card does not show."""
    pressed = {b.command if card.storm else b.verb: _button(b) for b in card.buttons if b.verb != "snooze"}
    buttons = [button for button in pressed.values() if len(button["custom_id"]) <= CUSTOM_ID][: MOST_BUTTONS - 1]
    if fits_button(card.url):
        buttons.append({"type": BUTTON, "style": LINK, "label": f"Open {card.named}".strip(), "url": card.url})
    made = [_row(buttons[start : start + IN_A_ROW]) for start in range(0, len(buttons), IN_A_ROW)]
    made += [_row([_snooze(button)]) for button in card.buttons if button.verb == "snooze"][:1]
    asked = _asked_less_often(card, more)
    return [*made, _row(asked)] if asked else made


def fits_button(url: str) -> bool:
    """Whether Discord takes the address for a button (it refuses the whole message if not), and others than us can follow it."""
    if not (_WELL_FORMED.fullmatch(url) and safe_url(url) and len(url) <= URL):
        return False
    try:
        address = ipaddress.ip_address(urlsplit(url).hostname or "")
    except ValueError:  # a name
        return True
    return not (address.is_loopback or address.is_unspecified)


def _row(controls: list[Component]) -> Component:
    return {"type": ROW, "components": controls}


def _button(button: Button) -> Component:
    style = PRIMARY if button.verb == "ack" else SECONDARY
    return {"type": BUTTON, "style": style, "label": _words(button.label, LABEL), "custom_id": PREFIX + button.command}


def _snooze(button: Button) -> Component:
    options = [{"label": words, "value": f"{button.command} for {span}"[:CUSTOM_ID]} for words, span in SNOOZES.items()]
    return {
        "type": SELECT, "custom_id": (PREFIX + button.command)[:CUSTOM_ID], "placeholder": _words(button.label, PLACEHOLDER),
        "options": options,
    }  # fmt: skip


def _asked_less_often(card: Card, more: int) -> list[Component]:
    if card.storm:  # its buttons hold one for all that it carries
        return []
    words = f"and {more} more" if more else "Show all of it, to me"
    rest = [_button(Button("incident", words, f"incident {card.number}"))] if card.buttons or more else []
    return [*rest, _button(Button("why", "Why did it come here?", f"why {card.number}"))] if card.buttons else rest


def _words(text: str, limit: int) -> str:
    """Discord shows labels as they are; one must hold something to be seen."""
    return cut(one_line(text), limit) or "…"
