"""Options of commands at the stand-in Discord, as the client fills them in, and refuses to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.standins import discord_shapes as shapes
from tests.standins.discord_commands import BOOLEAN, CHANNEL, INTEGER, MENTIONABLE, NUMBER, ROLE, STRING, USER
from tests.standins.discord_seen import Refused
from tests.standins.discord_state import Body, World

Wrap = Callable[[list[Body]], list[Body]]
_MOST = 2**53


def find_command(commands: list[Body], name: str) -> tuple[Body, list[Body], Wrap]:
    """The command, the options that can be filled in, and what puts them where they belong. Raises Refused if there is none."""
    first, *path = name.removeprefix("/").split()
    command = next((one for one in commands if one["name"] == first and one["type"] == 1), None)
    if command is None:
        raise Refused(f"there is no /{first}")
    wanted, levels = list(command.get("options") or ()), []
    for part in path:
        level = next((one for one in wanted if one["name"] == part and one["type"] in (1, 2)), None)
        if level is None:
            raise Refused(f"there is no /{name}")
        levels.append({"name": part, "type": level["type"]})
        wanted = list(level.get("options") or ())
    if any(one["type"] in (1, 2) for one in wanted):
        raise Refused(f"/{name} has commands of its own")

    def wrap(given: list[Body]) -> list[Body]:
        for level in reversed(levels):
            given = [{**level, "options": given}]
        return given

    return command, wanted, wrap


def filled(wanted: list[Body], given: Mapping[str, Any], partial: bool = False) -> list[Body]:
    """In the order in which they were given. `partial`: what is required may still be missing."""
    specs = {one["name"]: one for one in wanted}
    if unknown := given.keys() - specs.keys():
        raise Refused(f"there is no option {', '.join(sorted(unknown))}; there is {', '.join(specs) or 'none'}")
    missing = [name for name, one in specs.items() if one.get("required") and name not in given]
    if missing and not partial:
        raise Refused(f"{', '.join(missing)} is required")
    return [{"name": name, "type": specs[name]["type"], "value": _typed(specs[name], value)} for name, value in given.items()]


def _typed(spec: Body, value: Any) -> Any:
    kind, name = spec["type"], spec["name"]
    for choice in spec.get("choices") or ():
        if value in (choice["value"], choice["name"]):
            return choice["value"]
    if spec.get("choices"):
        raise Refused(f"{value!r} is no choice of {name}")
    if kind == STRING:
        return _string(spec, value)
    if kind in (INTEGER, NUMBER):
        return _number(spec, value)
    if kind == BOOLEAN and not isinstance(value, bool):
        raise Refused(f"{name} is true or false")
    return value if kind == BOOLEAN else str(value)


def _string(spec: Body, value: Any) -> str:
    least, most = spec.get("min_length", 0), spec.get("max_length", 6000)
    text = str(value).strip()
    if not text or not least <= len(text) <= most:
        raise Refused(f"{spec['name']} must have {max(1, least)} to {most} characters")
    return text


def _number(spec: Body, value: Any) -> int | float:
    try:
        number = int(value) if spec["type"] == INTEGER else float(value)
    except ValueError:
        raise Refused(f"{spec['name']} is a number, not {value!r}") from None
    if not spec.get("min_value", -_MOST) <= number <= spec.get("max_value", _MOST):
        raise Refused(f"{spec['name']} is out of its limits")
    return number


def resolved(world: World, given: list[Body]) -> Body:
    """The objects behind ids. Raises Refused for an id that nobody could have picked."""
    found: Body = {}
    for one in given:
        kind, value = one["type"], one["value"]
        if kind == USER or (kind == MENTIONABLE and value in world.users):
            _known(value in world.users, value)
            found.setdefault("users", {})[value] = shapes.user(world.users[value])
            found.setdefault("members", {})[value] = shapes.member(world, world.users[value], False) | {"permissions": "0"}
        elif kind in (ROLE, MENTIONABLE):
            _known(value in world.roles, value)
            found.setdefault("roles", {})[value] = shapes.role(world.roles[value])
        elif kind == CHANNEL:
            _known(value in world.channels, value)
            found.setdefault("channels", {})[value] = shapes.channel(world, world.channels[value]) | {"permissions": "0"}
    return {"resolved": found} if found else {}


def _known(known: bool, value: str) -> None:
    if not known:
        raise Refused(f"nobody could have picked {value}")
