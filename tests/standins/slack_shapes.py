"""The shapes of Block Kit as the stand-in Slack takes them: which fields, how long, where allowed. Limits are inclusive."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Checker = Callable[["Problems", Any, str], None]


class Problems:
    """What is wrong, in Slack's words, with a JSON pointer to each place."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.block_ids: set[str] = set()

    def add(self, what: str, at: str) -> None:
        self.found.append(f"{what} [json-pointer:{at}]")

    def shape(self, value: Any, at: str, shape: Shape) -> None:
        """`value` is known to be an object."""
        for name in shape.required.keys() - value.keys():
            self.add(f"missing required field: {name}", at)
        for name, part in value.items():
            checker = shape.required.get(name) or shape.optional.get(name)
            if checker:
                checker(self, part, f"{at}/{name}")
            elif name != "type":
                self.add(f"invalid additional property: {name}", at)

    def typed(self, value: Any, at: str, shapes: Mapping[str, Shape], allowed: frozenset[str]) -> None:
        """An object that is one of several kinds, told apart by its type."""
        if not isinstance(value, dict):
            self.add("must be an object", at)
        elif (kind := value.get("type")) not in allowed:
            self.add(f"unsupported type: {kind}" if kind else "missing required field: type", f"{at}/type" if kind else at)
        else:
            self.shape(value, at, shapes[kind])


class Shape(msgspec.Struct):
    required: dict[str, Checker]
    optional: dict[str, Checker] = {}


def anything(problems: Problems, value: Any, at: str) -> None:
    pass


def flag(problems: Problems, value: Any, at: str) -> None:
    if not isinstance(value, bool):
        problems.add("must be a boolean", at)


def string(most: int, least: int = 0) -> Checker:
    def check(problems: Problems, value: Any, at: str) -> None:
        if not isinstance(value, str):
            problems.add("must be a string", at)
        elif len(value) > most:
            problems.add(f"must be less than {most + 1} characters", at)
        elif len(value) < least:
            problems.add(f"must be more than {least - 1} characters", at)

    return check


def url(problems: Problems, value: Any, at: str) -> None:
    string(3000, 1)(problems, value, at)
    if isinstance(value, str) and not re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:\S+$", value):
        problems.add("must be a valid URL", at)


def one_of(*values: str) -> Checker:
    def check(problems: Problems, value: Any, at: str) -> None:
        if value not in values:
            problems.add(f"must be one of: {', '.join(values)}", at)

    return check


def text(most: int, plain: bool = False, least: int = 1) -> Checker:
    """A text object. `plain`: mrkdwn is refused."""
    content = string(most, least)
    kinds = frozenset(["plain_text"] if plain else ["plain_text", "mrkdwn"])
    shapes = {
        "plain_text": Shape({"text": content}, {"emoji": flag}),
        "mrkdwn": Shape({"text": content}, {"verbatim": flag}),
    }

    def check(problems: Problems, value: Any, at: str) -> None:
        before = len(problems.found)
        problems.typed(value, at, shapes, kinds)
        if len(problems.found) > before:
            problems.found.insert(before, f"failed to match all allowed schemas [json-pointer:{at}]")

    return check


def plain(most: int) -> Checker:
    return text(most, plain=True)


def items(most: int, of: Checker, least: int = 1) -> Checker:
    def check(problems: Problems, value: Any, at: str) -> None:
        if not isinstance(value, list):
            problems.add("must be an array", at)
            return
        if len(value) > most:
            problems.add(f"no more than {most} items allowed", at)
        if len(value) < least:
            problems.add(f"no fewer than {least} items required", at)
        for index, item in enumerate(value):
            of(problems, item, f"{at}/{index}")

    return check


def an_object(shape: Shape) -> Checker:
    def check(problems: Problems, value: Any, at: str) -> None:
        if isinstance(value, dict):
            problems.shape(value, at, shape)
        else:
            problems.add("must be an object", at)

    return check


def element(*kinds: str) -> Checker:
    def check(problems: Problems, value: Any, at: str) -> None:
        problems.typed(value, at, ELEMENTS, frozenset(kinds))

    return check


def elements(most: int, *kinds: str) -> Checker:
    """Elements of one block; each action_id in it only once."""
    each = items(most, element(*kinds))

    def check(problems: Problems, value: Any, at: str) -> None:
        each(problems, value, at)
        seen: set[str] = set()
        for index, one in enumerate(value if isinstance(value, list) else ()):
            action = one.get("action_id") if isinstance(one, dict) else None
            if action in seen:
                problems.add(f"`action_id` {action} already exists", f"{at}/{index}/action_id")
            seen |= {action} if isinstance(action, str) else set()

    return check


_ID = string(255)
_STYLE = one_of("primary", "danger")
_CONFIRM = an_object(Shape({"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)}, {"style": _STYLE}))
_OPTION = an_object(Shape({"text": text(75), "value": string(150)}, {"description": text(75), "url": url}))
_OPTIONS = items(100, _OPTION)
_GROUPS = items(100, an_object(Shape({"label": plain(75), "options": _OPTIONS})))
_DISPATCH = an_object(
    Shape({}, {"trigger_actions_on": items(2, one_of("on_enter_pressed", "on_character_entered"))})
)  # fmt: skip
_COMMON: dict[str, Checker] = {"action_id": _ID, "confirm": _CONFIRM, "focus_on_load": flag, "placeholder": plain(150)}
_TYPED: dict[str, Checker] = {**_COMMON, "initial_value": string(3000), "dispatch_action_config": _DISPATCH}
_LENGTHS: dict[str, Checker] = {"multiline": flag, "min_length": anything, "max_length": anything}
_FEW = items(10, _OPTION)
_MULTI: dict[str, Checker] = {**_COMMON, "max_selected_items": anything}

ELEMENTS: dict[str, Shape] = {
    "button": Shape(
        {"text": plain(75)},
        {
            "action_id": _ID, "url": url, "value": string(2000), "style": _STYLE, "confirm": _CONFIRM,
            "accessibility_label": string(75),
        },
    ),
    "image": Shape({"alt_text": string(2000)}, {"image_url": url, "slack_file": anything}),
    "plain_text": Shape({"text": string(3000, 1)}, {"emoji": flag}),
    "mrkdwn": Shape({"text": string(3000, 1)}, {"verbatim": flag}),
    "overflow": Shape({"options": items(5, _OPTION)}, {"action_id": _ID, "confirm": _CONFIRM}),
    "static_select": Shape({}, {**_COMMON, "options": _OPTIONS, "option_groups": _GROUPS, "initial_option": _OPTION}),
    "external_select": Shape({}, {**_COMMON, "min_query_length": anything, "initial_option": _OPTION}),
    "users_select": Shape({}, {**_COMMON, "initial_user": _ID}),
    "conversations_select": Shape(
        {},
        {
            **_COMMON, "initial_conversation": _ID, "filter": anything, "default_to_current_conversation": flag,
            "response_url_enabled": flag,
        },
    ),
    "channels_select": Shape({}, {**_COMMON, "initial_channel": _ID, "response_url_enabled": flag}),
    "multi_static_select": Shape(
        {}, {**_MULTI, "options": _OPTIONS, "option_groups": _GROUPS, "initial_options": items(100, _OPTION)}
    ),
    "multi_users_select": Shape({}, {**_MULTI, "initial_users": items(100, _ID)}),
    "datepicker": Shape({}, {**_COMMON, "initial_date": string(10)}),
    "timepicker": Shape({}, {**_COMMON, "initial_time": string(5), "timezone": string(100)}),
    "datetimepicker": Shape({}, {**_COMMON, "initial_date_time": anything}),
    "radio_buttons": Shape({"options": _FEW}, {**_COMMON, "initial_option": _OPTION}),
    "checkboxes": Shape({"options": _FEW}, {**_COMMON, "initial_options": _FEW}),
    "plain_text_input": Shape({}, {**_TYPED, **_LENGTHS}),
    "email_text_input": Shape({}, _TYPED),
    "url_text_input": Shape({}, _TYPED),
    "number_input": Shape({"is_decimal_allowed": flag}, {**_TYPED, "min_value": anything, "max_value": anything}),
}  # fmt: skip

_SELECTS = ("static_select", "external_select", "users_select", "conversations_select", "channels_select")
_MULTI_SELECTS = ("multi_static_select", "multi_users_select")
_PICKERS = ("datepicker", "timepicker", "radio_buttons", "checkboxes", *_SELECTS, *_MULTI_SELECTS)
_TEXT_INPUTS = ("plain_text_input", "email_text_input", "url_text_input", "number_input")
_BLOCK: dict[str, Checker] = {"block_id": _ID}

BLOCKS: dict[str, Shape] = {
    "section": Shape(
        {},
        {
            **_BLOCK, "text": text(3000), "fields": items(10, text(2000)), "expand": flag,
            "accessory": element("button", "image", "overflow", *_PICKERS),
        },
    ),
    "header": Shape({"text": plain(150)}, {**_BLOCK, "level": anything}),
    "divider": Shape({}, _BLOCK),
    "context": Shape({"elements": items(10, element("image", "plain_text", "mrkdwn"))}, _BLOCK),
    "actions": Shape({"elements": elements(25, "button", "overflow", "datetimepicker", *_PICKERS)}, _BLOCK),
    "image": Shape({"alt_text": string(2000)}, {**_BLOCK, "image_url": url, "slack_file": anything, "title": plain(2000)}),
    "input": Shape(
        {"label": plain(2000), "element": element("datetimepicker", *_TEXT_INPUTS, *_PICKERS)},
        {**_BLOCK, "hint": plain(2000), "optional": flag, "dispatch_action": flag},
    ),
    "rich_text": Shape({"elements": items(1000, anything, 0)}, _BLOCK),
    "markdown": Shape({"text": string(12000, 1)}, _BLOCK),
    "alert": Shape({"text": text(200)}, {**_BLOCK, "level": one_of("default", "info", "warning", "error", "success")}),
}  # fmt: skip

IN_MESSAGES = frozenset(BLOCKS) - {"alert"}
IN_MODALS = frozenset(BLOCKS) - {"markdown"}
IN_HOME = frozenset(BLOCKS) - {"alert", "markdown"}
