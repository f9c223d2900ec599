"""What a request of the stand-in Discord may say: limits of messages, embeds, components and modals, told as a tree of errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from tests.standins.discord_state import Body, DiscordError

EMBED = {"title": 256, "description": 4096}
URLS = (("author", "url"), ("author", "icon_url"), ("footer", "icon_url"), ("image", "url"), ("thumbnail", "url"))
SELECTS = (3, 5, 6, 7, 8)
KNOWN_FLAGS = 1 << 2 | 1 << 6 | 1 << 12 | 1 << 15


class Form:
    """Collects what is wrong, by path such as embeds.0.title."""

    def __init__(self) -> None:
        self.errors: Body = {}

    def bad(self, path: str, code: str, message: str) -> None:
        place = self.errors
        for part in path.split("."):
            place = place.setdefault(part, {})
        place.setdefault("_errors", []).append({"code": code, "message": message})

    def check(self) -> None:
        """Raises 50035 if anything was wrong."""
        if self.errors:
            raise DiscordError(400, 50035, "Invalid Form Body", self.errors)

    def text(self, path: str, value: Any, least: int, most: int) -> str:
        """A text of that length. An absent one is wrong only if `least` is above 0."""
        if value is None or value == "":
            if least:
                self.bad(path, "BASE_TYPE_REQUIRED", "This field is required")
            return ""
        if not isinstance(value, str):
            self.bad(path, "STRING_TYPE_CONVERT", f'Could not interpret "{value}" as string.')
            return ""
        if length(value) > most or length(value) < least:
            limits = f"between {least} and {most} in length" if least else f"{most} or fewer in length"
            self.bad(path, "BASE_TYPE_BAD_LENGTH" if least else "BASE_TYPE_MAX_LENGTH", f"Must be {limits}.")
        return value

    def many(self, path: str, value: Any, least: int, most: int) -> list[Any]:
        if value is not None and not isinstance(value, list):
            self.bad(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        items: list[Any] = value if isinstance(value, list) else []
        if not least <= len(items) <= most:
            limits = f"between {least} and {most} in length" if least else f"{most} or fewer in length"
            self.bad(path, "BASE_TYPE_BAD_LENGTH" if least else "BASE_TYPE_MAX_LENGTH", f"Must be {limits}.")
        return items[: most + 1]

    def choice(self, path: str, value: Any, choices: Iterable[Any]) -> None:
        if value not in (known := list(choices)):
            self.bad(path, "BASE_TYPE_CHOICES", f"Value must be one of {{{', '.join(map(str, known))}}}.")

    def url(self, path: str, value: Any, most: int = 2048) -> None:
        text = self.text(path, value, 0, most)
        try:
            parts = urlsplit(text)
        except ValueError:
            parts = urlsplit("")
        if text and parts.scheme not in ("http", "https", "discord"):
            schemes = "('http', 'https', 'discord')"
            self.bad(path, "URL_TYPE_INVALID_SCHEME", f'Scheme "{parts.scheme}" must be one of {schemes}.')
        elif text and (not parts.netloc or " " in text):
            self.bad(path, "URL_TYPE_INVALID_URL", "Not a well formed URL.")


def length(text: str) -> int:
    """In UTF-16 units: whether Discord counts those or characters is not known, so the stricter."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_message(body: Body) -> None:
    """Raises 50035 for everything that is wrong with a message's content, embeds, components, nonce and allowed_mentions."""
    form = Form()
    form.text("content", body.get("content"), 0, 2000)
    nonce = body.get("nonce")
    if nonce is not None and len(str(nonce)) > 25:
        form.bad("nonce", "NONCE_TYPE_TOO_LONG", "Nonce must be 25 or fewer in length.")
    flags = body.get("flags") or 0
    if not isinstance(flags, int) or flags & ~KNOWN_FLAGS:
        form.bad("flags", "FLAG_INVALID", "This flag cannot be set.")
    elif flags & 1 << 15:
        form.bad("flags", "STANDIN_NO_COMPONENTS_V2", "The stand-in knows no components v2.")
    _embeds(form, body.get("embeds"))
    check_components(form, body.get("components"))
    _mentions(form, body.get("allowed_mentions"))
    form.check()


def _embeds(form: Form, embeds: Any) -> None:
    total = 0
    for number, embed in enumerate(form.many("embeds", embeds, 0, 10)):
        at = f"embeds.{number}"
        if not isinstance(embed, dict):
            form.bad(at, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
            continue
        texts = [form.text(f"{at}.{name}", embed.get(name), 0, most) for name, most in EMBED.items()]
        for part, name, most in (("footer", "text", 2048), ("author", "name", 256)):
            if embed.get(part):
                texts.append(form.text(f"{at}.{part}.{name}", embed[part].get(name), 1, most))
        for place, field in enumerate(form.many(f"{at}.fields", embed.get("fields"), 0, 25)):
            texts.append(form.text(f"{at}.fields.{place}.name", _stripped(field.get("name")), 1, 256))
            texts.append(form.text(f"{at}.fields.{place}.value", _stripped(field.get("value")), 1, 1024))
        form.url(f"{at}.url", embed.get("url"))
        for part, name in URLS:
            form.url(f"{at}.{part}.{name}", (embed.get(part) or {}).get(name))
        _moment(form, f"{at}.timestamp", embed.get("timestamp"))
        colour = embed.get("color")
        if colour is not None and not (isinstance(colour, int) and 0 <= colour <= 0xFFFFFF):
            form.bad(f"{at}.color", "NUMBER_TYPE_MAX", "int value should be less than or equal to 16777215.")
        total += sum(length(text) for text in texts)
    if total > 6000:
        form.bad("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _moment(form: Form, path: str, value: Any) -> None:
    try:
        datetime.fromisoformat(value or "2026-01-01")
    except (TypeError, ValueError):
        form.bad(path, "DATE_TIME_TYPE_PARSE", f"Could not parse {value}. Should be ISO8601.")


def check_components(form: Form, components: Any) -> None:
    """Rows of buttons, or of one select."""
    seen: set[str] = set()
    for number, row in enumerate(form.many("components", components, 0, 5)):
        at = f"components.{number}"
        form.choice(f"{at}.type", row.get("type"), [1])
        inside = form.many(f"{at}.components", row.get("components"), 1, 5)
        selects = [one for one in inside if one.get("type") in SELECTS]
        if selects and len(inside) > 1:
            form.bad(at, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The width of the layout exceeds the limit")
        for place, one in enumerate(inside):
            path = f"{at}.components.{place}"
            form.choice(f"{path}.type", one.get("type"), [2, *SELECTS])
            _select(form, path, one) if one in selects else _button(form, path, one)
            custom = one.get("custom_id")
            if custom is not None and custom in seen:
                form.bad(f"{path}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")
            seen |= {custom} if isinstance(custom, str) else set()


def _button(form: Form, path: str, one: Body) -> None:
    form.choice(f"{path}.style", one.get("style"), [1, 2, 3, 4, 5])
    if not one.get("emoji"):
        form.text(f"{path}.label", one.get("label"), 1, 80)
    if one.get("style") == 5:
        if "custom_id" in one:
            form.bad(path, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "A custom id and url cannot both be specified")
        form.text(f"{path}.url", one.get("url"), 1, 512)
        form.url(f"{path}.url", one.get("url"), 512)
        return
    form.text(f"{path}.custom_id", one.get("custom_id"), 1, 100)
    if "url" in one:
        form.bad(path, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", "A custom id and url cannot both be specified")


def _select(form: Form, path: str, one: Body) -> None:
    form.text(f"{path}.custom_id", one.get("custom_id"), 1, 100)
    form.text(f"{path}.placeholder", one.get("placeholder"), 0, 150)
    if one["type"] != 3:
        return
    values: set[str] = set()
    for number, option in enumerate(form.many(f"{path}.options", one.get("options"), 1, 25)):
        at = f"{path}.options.{number}"
        form.text(f"{at}.label", option.get("label"), 1, 100)
        form.text(f"{at}.description", option.get("description"), 0, 100)
        if (value := form.text(f"{at}.value", option.get("value"), 1, 100)) in values:
            form.bad(f"{at}.value", "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "The specified option value is already used")
        values.add(value)


def _mentions(form: Form, allowed: Any) -> None:
    if allowed is None:
        return
    if not isinstance(allowed, dict):
        form.bad("allowed_mentions", "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return
    parse = form.many("allowed_mentions.parse", allowed.get("parse"), 0, 3)
    for number, kind in enumerate(parse):
        form.choice(f"allowed_mentions.parse.{number}", kind, ["users", "roles", "everyone"])
    for kind in ("users", "roles"):
        ids = form.many(f"allowed_mentions.{kind}", allowed.get(kind), 0, 100)
        if ids and kind in parse:
            told = f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.'
            form.bad("allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", told)
        for number, one in enumerate(ids):
            if not str(one).isdigit():
                form.bad(f"allowed_mentions.{kind}.{number}", "NUMBER_TYPE_COERCE", f'Value "{one}" is not snowflake.')


def check_modal(body: Body) -> None:
    """Raises 50035 for what is wrong with a modal."""
    form = Form()
    form.text("data.custom_id", body.get("custom_id"), 1, 100)
    form.text("data.title", body.get("title"), 1, 45)
    rows = form.many("data.components", body.get("components"), 1, 5)
    for number, row in enumerate(rows):
        at = f"data.components.{number}"
        form.choice(f"{at}.type", row.get("type"), [1, 10, 18])
        if row.get("type") == 18:
            form.text(f"{at}.label", row.get("label"), 1, 45)
            form.text(f"{at}.description", row.get("description"), 0, 100)
    for path, one in inputs(rows):
        at = f"data.components.{path}"
        form.text(f"{at}.custom_id", one.get("custom_id"), 1, 100)
        if one.get("type") == 3:
            _select(form, at, one)
        elif one.get("type") == 4:
            form.choice(f"{at}.style", one.get("style"), [1, 2])
            if path.endswith("components.0"):
                form.text(f"{at}.label", one.get("label"), 1, 45)
            form.text(f"{at}.placeholder", one.get("placeholder"), 0, 100)
            form.text(f"{at}.value", one.get("value"), 0, one.get("max_length") or 4000)
    form.check()


def inputs(rows: list[Any]) -> Iterator[tuple[str, Body]]:
    """What one can fill in in a modal, with its path; a label's input is told the label."""
    for number, row in enumerate(rows):
        if row.get("type") == 18:
            yield f"{number}.component", row.get("component") or {}
        elif row.get("type") == 1:
            yield from ((f"{number}.components.{place}", one) for place, one in enumerate(row.get("components") or ()))
