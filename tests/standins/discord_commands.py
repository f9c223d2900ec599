"""Commands of the guild at the stand-in Discord: what may be registered, and how often."""

from __future__ import annotations

import re
from typing import Any

from tests.standins.discord_call import Call
from tests.standins.discord_forms import Form, length
from tests.standins.discord_lookup import inside
from tests.standins.discord_state import Body, DiscordError, World

MOST = {1: 100, 2: 15, 3: 15}
DAILY_CREATES = 200
_NAME = re.compile(r"[-_'\w]{1,32}")
_TYPES = range(1, 12)
STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER = range(3, 11)


class Registry:
    """The guild's commands. `created`: when each new name was made, for the daily limit."""

    def __init__(self, world: World) -> None:
        self.world, self.created = world, list[float]()

    def get(self, world: World, call: Call) -> list[Body]:
        self._mine(call)
        return world.commands

    def put(self, world: World, call: Call) -> list[Body]:
        """Replaces the whole list; what has the name and type of one that is there keeps its id."""
        self._mine(call)
        check(call.items)
        now, known = world.clock.now(), {(one["name"], one["type"]): one for one in world.commands}
        new = [one for one in call.items if (one["name"], one.get("type") or 1) not in known]
        self.created = [at for at in self.created if at > now - 86_400.0]
        if len(self.created) + len(new) > DAILY_CREATES:
            raise DiscordError(429, 30034, "Max number of daily application command creates has been reached (200)",
                               headers={"X-RateLimit-Scope": "user"}, retry_after=60.0)  # fmt: skip
        self.created += [now] * len(new)
        world.commands = [self._kept(one, known.get((one["name"], one.get("type") or 1))) for one in call.items]
        world.changed()
        return world.commands

    def get_global(self, world: World, call: Call) -> list[Body]:
        return []

    def _kept(self, one: Body, before: Body | None) -> Body:
        """As it is given back: with ids, a version that only a change moves, and without what is a default."""
        same = {
            "type": one.get("type") or 1, "name": one["name"], "description": one.get("description") or "",
            "options": [_option(part) for part in one.get("options") or ()],
            "default_member_permissions": one.get("default_member_permissions"), "nsfw": bool(one.get("nsfw")),
            "name_localizations": one.get("name_localizations"), "integration_types": [0], "contexts": one.get("contexts"),
            "description_localizations": one.get("description_localizations"), "dm_permission": True,
        }  # fmt: skip
        if before and all(before.get(name) == value for name, value in same.items()):
            return before
        ids = {"id": before["id"] if before else self.world.new_id(), "application_id": self.world.app}
        return {**ids, **same, "guild_id": self.world.guild, "version": self.world.new_id()}

    def _mine(self, call: Call) -> None:
        if call.path["app"] != self.world.app:
            raise DiscordError(403, 20012, "You are not authorized to perform this action on this application")
        inside(self.world, call)


def _option(one: Body) -> Body:
    """As Discord gives it back: no field that is false or empty."""
    kept = {name: value for name, value in one.items() if value not in (None, False, [], {})}
    if "options" in kept:
        kept["options"] = [_option(part) for part in kept["options"]]
    return kept


def check(commands: list[Body]) -> None:
    """Raises 50035 or 30032 for what is wrong with a list of commands."""
    form, seen = Form(), set[tuple[Any, Any]]()
    for kind, most in MOST.items():
        if sum((one.get("type") or 1) == kind for one in commands) > most:
            raise DiscordError(400, 30032, f"Maximum number of application commands reached ({most})")
    for number, one in enumerate(commands):
        kind = one.get("type") or 1
        form.choice(f"{number}.type", kind, MOST)
        _name(form, f"{number}.name", one.get("name"), kind == 1)
        if kind == 1:
            form.text(f"{number}.description", one.get("description"), 1, 100)
        if (one.get("name"), kind) in seen:
            text = "Application command names must be unique"
            form.bad(str(number), "APPLICATION_COMMANDS_DUPLICATE_NAME", text)
        seen.add((one.get("name"), kind))
        _options(form, f"{number}.options", one.get("options"))
        if _size(one) > 8000:
            form.bad(str(number), "APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size (8000)")
    form.check()


def _name(form: Form, path: str, value: Any, strict: bool) -> None:
    text = form.text(path, value, 1, 32)
    if text and strict and (not _NAME.fullmatch(text) or text != text.lower()):
        form.bad(path, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def _options(form: Form, path: str, options: Any) -> None:
    names, optional = set[Any](), False
    for number, one in enumerate(form.many(path, options, 0, 25)):
        at = f"{path}.{number}"
        form.choice(f"{at}.type", one.get("type"), _TYPES)
        _name(form, f"{at}.name", one.get("name"), True)
        form.text(f"{at}.description", one.get("description"), 1, 100)
        if one.get("name") in names:
            form.bad(at, "APPLICATION_COMMAND_OPTIONS_NAME_DUPLICATE", "Option names must be unique")
        names.add(one.get("name"))
        if one.get("required") and optional:
            text = "Required options must be placed before non-required options"
            form.bad(at, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", text)
        optional = optional or not one.get("required")
        _choices(form, at, one)
        if one.get("options"):
            _options(form, f"{at}.options", one["options"])


def _choices(form: Form, at: str, one: Body) -> None:
    choices = form.many(f"{at}.choices", one.get("choices"), 0, 25)
    if one.get("autocomplete") and (choices or one.get("type") not in (STRING, INTEGER, NUMBER)):
        form.bad(f"{at}.autocomplete", "APPLICATION_COMMAND_AUTOCOMPLETE_INVALID", "This option cannot be autocompleted")
    for number, choice in enumerate(choices):
        form.text(f"{at}.choices.{number}.name", choice.get("name"), 1, 100)
        right = isinstance(choice.get("value"), str if one.get("type") == STRING else (int, float))
        if not right or (isinstance(choice.get("value"), str) and not 1 <= length(choice["value"]) <= 100):
            form.bad(f"{at}.choices.{number}.value", "APPLICATION_COMMAND_INVALID_CHOICE_VALUE", "Choice value is invalid")


def _size(one: Body) -> int:
    """Names, descriptions and values, with all options."""
    own = sum(length(str(one.get(name) or "")) for name in ("name", "description", "value"))
    return own + sum(_size(part) for kind in ("options", "choices") for part in one.get(kind) or ())
