"""What only the whole configuration shows: names that refer to nothing, names given twice, parts that do not fit together.

It reads the plain data, not the models, so that it finds these mistakes beside all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adapters.registry import CHATS, load
from bot.config.document import Document
from bot.config.model import Config
from bot.config.problem import Path, did_you_mean
from bot.config.secret import HIDDEN
from rules.access import LEVELS, Group, Person
from rules.alert import OWN_SOURCE
from rules.approval import APPROVABLE
from rules.grammar import VERBS

REFERENCES = (
    ("groups.*.members.*", "people"),
    ("groups.*.clearance", "levels"),
    ("permissions.*.groups.*", "groups"),
    ("permissions.*.allow.*", "verbs"),
    ("approvals.*.verbs.*", "acts"),
    ("approvals.*.groups.*", "groups"),
    ("reveal.groups.*", "groups"),
    ("reveal.up_to", "levels"),
    ("admin.groups.*", "groups"),
    ("admin.channel", "channels"),
    ("channels.*.chat", "chats"),
    ("channels.*.clearance", "levels"),
    ("channels.*.audience.*", "groups"),
    ("channels.*.fallback", "channels"),
    ("sensitivity.default", "levels"),
    ("sensitivity.verified_from", "levels"),
    ("sensitivity.rules.*.level", "levels"),
    ("redact.*.below", "levels"),
    ("tests.*.expect.channels.*", "channels"),
    ("tests.*.expect.withheld.*", "channels"),
    ("tests.*.expect.sensitivity", "levels"),
)
ROUTE_REFERENCES = (
    ("channels.*", "channels"),
    ("withheld_to.*", "channels"),
    ("mute_time_intervals.*", "time_intervals"),
    ("active_time_intervals.*", "time_intervals"),
)
WORDS = {
    "people": "person",
    "groups": "group",
    "channels": "channel",
    "chats": "chat",
    "time_intervals": "time interval",
    "levels": "level",
    "verbs": "verb",
    "acts": "verb to approve",
}

NONE_YET = {"chats": "`chats: {console: {type: console}}`"}


def check_references(document: Document) -> None:
    """Adds the problems found to those of the document, whose data is a mapping."""
    data = document.data
    routes = list(_routes(data.get("route"), ("route",), "root"))
    known = {section: _names(data, section) for section in WORDS}
    for pattern, section in REFERENCES:
        _check(document, data, (), pattern, section, known[section])
    for path, route, _ in routes:
        for pattern, section in ROUTE_REFERENCES:
            _check(document, route, path, pattern, section, known[section])
    _check_root(document)
    _check_route_names(document, routes)
    _check_accounts(document)
    _check_groups(document)
    _check_mentions(document)
    _check_fallbacks(document)
    _check_cases(document)
    _check_sources(document)
    _check_chats(document)
    for section in ("channels", "sources"):
        if data.get(section) == {}:
            document.report(document.place((section,)), "at least one is needed")


def _names(data: dict[str, Any], section: str) -> list[str] | None:
    """The names that exist; None when that cannot be told because of another mistake."""
    if section == "verbs":
        return [*dict.fromkeys(verb.permission for verb in VERBS.values() if verb.permission), "*"]
    if section == "acts":
        return list(APPROVABLE)
    if section == "levels":
        sensitivity = data.get("sensitivity")
        levels = sensitivity.get("levels", LEVELS) if isinstance(sensitivity, dict) else LEVELS
        return [level for level in levels if isinstance(level, str)] if isinstance(levels, list | tuple) else None
    if section not in data and any(key not in Config.model_fields for key in data):
        return None  # it may be there, misspelt
    found = data.get(section, {})
    return list(found) if isinstance(found, dict) else None


def _find(data: Any, path: Path, pattern: list[str]) -> Iterator[tuple[Path, Any]]:
    """The values that `a.*.b` leads to, with their paths; nothing where the data has another shape."""
    if not pattern:
        yield path, data
        return
    step, *rest = pattern
    found: dict[str | int, Any] = data if isinstance(data, dict) else dict(enumerate(data)) if isinstance(data, list) else {}
    for key, value in found.items() if step == "*" else [(step, found[step])] if step in found else []:
        yield from _find(value, (*path, key), rest)


def _check(document: Document, data: Any, root: Path, pattern: str, section: str, known: list[str] | None) -> None:
    for path, value in _find(data, root, pattern.split(".")):
        if known is None or value in (None, "") or not isinstance(value, str) or value in known or path in document.unset:
            continue
        if path in document.secrets:
            document.report(document.place(path), f'unknown {WORDS[section]} "{HIDDEN}"')
            continue
        remedy = did_you_mean(value, known) or f"There is none yet: write {NONE_YET.get(section, f'it under `{section}`')}."
        document.report(document.place(path), f'unknown {WORDS[section]} "{value}"', remedy)


def _routes(route: Any, path: Path, route_id: str) -> Iterator[tuple[Path, dict[str, Any], str]]:
    """Every route with its path and its id, as the compiled tree will name it."""
    if not isinstance(route, dict):
        return
    name = route.get("name")
    route_id = name if isinstance(name, str) else route_id
    yield path, route, route_id
    children = route.get("routes")
    for i, child in enumerate(children if isinstance(children, list) else []):
        yield from _routes(child, (*path, "routes", i), f"{route_id}.{i}")


def _check_root(document: Document) -> None:
    root = document.data.get("route")
    if not isinstance(root, dict):
        return
    if not root.get("channels"):
        what, remedy = "the root route has no channels", "Add `channels`: where an alert goes that no other route takes."
        document.report(document.place(("route",)), what, remedy)
    for key in ("match", "continue"):
        if root.get(key):
            what = f'the root route takes every alert, so it cannot have "{key}"'
            document.report(document.keys[("route", key)], what, "Move it to a route below.")


def _check_route_names(document: Document, routes: list[tuple[Path, dict[str, Any], str]]) -> None:
    first: dict[str, Path] = {}
    for path, route, route_id in routes:
        if "name" in route and route_id in first:
            other = document.place(first[route_id])
            what = f'the name "{route_id}" is taken by the route in {other.file}:{other.line}'
            document.report(document.place((*path, "name")), what, "Give each route its own name, or none.")
        first.setdefault(route_id, path)


def _check_accounts(document: Document) -> None:
    """Every act has a name: an account or a token belongs to one person, on a chat that exists."""
    owners: dict[tuple[str, str], str] = {}
    for path, value in _find(document.data, (), ["people", "*", "*"]):
        _, person, key = map(str, path)
        if path not in document.keys:  # not a mapping: said elsewhere
            continue
        if key not in Person.model_fields and key not in CHATS:
            remedy = did_you_mean(key, [*Person.model_fields, *CHATS])
            document.report(document.keys[path], f'unknown key "{key}"', remedy)
        elif key != "name" and isinstance(value, str) and path not in document.unset:
            owner = owners.setdefault((key, value), person)
            if owner != person:
                document.report(document.place(path), f"{owner} has the same {key}", "It must tell two people apart.")


def _check_groups(document: Document) -> None:
    """A group has beside its own fields what it is called on a kind of chat."""
    keys = _group_keys(document.data)
    for path, _ in _find(document.data, (), ["groups", "*", "*"]):
        key = str(path[2])
        if path in document.keys and key not in Group.model_fields and keys is not None and key not in keys:
            document.report(document.keys[path], f'unknown key "{key}"', did_you_mean(key, [*Group.model_fields, *keys]))
    for path, group in _find(document.data, (), ["groups", "*"]):
        if isinstance(group, dict) and not group.keys() - {"clearance"}:
            others = "".join(f", or `{key}`" for key in keys or ())
            document.report(document.place(path), "nobody is in this group", f"Write its `members`{others}.")


def _group_keys(data: dict[str, Any]) -> list[str] | None:
    """What the configured chats call a group of theirs; None when that cannot be told because of another mistake."""
    kinds = [kind for _, kind in _find(data, (), ["chats", "*", "type"])]
    if any(not isinstance(kind, str) or kind not in CHATS for kind in kinds):
        return None
    return sorted(key for kind in set(kinds) if (key := load(CHATS[kind]).config_model.group_key))


def _check_mentions(document: Document) -> None:
    """Who is called must be somebody, and be known on the channel's chat."""
    data = document.data
    people, groups = (data.get(section) if isinstance(data.get(section), dict) else {} for section in ("people", "groups"))
    for path, name in _find(data, (), ["channels", "*", "mention", "*", "*"]):
        chat = data["channels"][path[1]].get("chat")
        kind = next((kind for at, kind in _find(data, (), ["chats", "*", "type"]) if at[1] == chat), None)
        if not (isinstance(name, str) and isinstance(kind, str) and kind in CHATS) or path in document.unset:
            continue
        if name in groups:
            key, written = load(CHATS[kind]).config_model.group_key, groups[name]
        elif name in people:
            key, written = kind, people[name]
        else:
            remedy = did_you_mean(name, [*groups, *people]) or "Name a group or a person."
            document.report(document.place(path), f'unknown group or person "{name}"', remedy)
            continue
        if not key:
            document.report(document.place(path), f"{kind} cannot call anybody", "Leave `mention` out.")
        elif isinstance(written, dict) and not written.get(key):
            document.report(document.place(path), f'{name} has no "{key}", so nobody could be called', f"Write `{key}` there.")


def _check_fallbacks(document: Document) -> None:
    """A fallback of a fallback must end somewhere. A circle is told once."""
    ways = {path[1]: value for path, value in _find(document.data, (), ["channels", "*", "fallback"]) if isinstance(value, str)}
    told: set[str | int] = set()
    for start in ways:
        way: list[str | int] = [start]
        while (following := ways.get(way[-1])) and following not in way:
            way.append(following)
        if following == start and not told.intersection(way):
            told.update(way)
            what = f"fallbacks go round in a circle: {', '.join(map(str, way))}, {start}"
            document.report(document.place(("channels", start, "fallback")), what, "Take one of them out.")


def _check_cases(document: Document) -> None:
    for path, case in _find(document.data, (), ["tests", "*"]):
        expect = case.get("expect") if isinstance(case, dict) else None
        if expect == {}:
            document.report(document.place((*path, "expect")), "this test expects nothing", "Say at least which channels.")
        if isinstance(expect, dict) and "muted" in expect and "at" not in case:
            document.report(document.keys[(*path, "expect", "muted")], '"muted" depends on the time', "Add `at` to the test.")


def _check_sources(document: Document) -> None:
    """The credential tells the sources of a bare API call apart; one name is taken by Tocsin itself."""
    if ("sources", OWN_SOURCE) in document.keys:
        what = f'the name "{OWN_SOURCE}" is kept for what Tocsin says of itself'
        document.report(document.keys["sources", OWN_SOURCE], what, "Give the source another name.")
    for way in ("bearer", "key"):
        owners: dict[str, str] = {}
        for path, value in _find(document.data, (), ["sources", "*", "auth", way]):
            name = str(path[1])
            if isinstance(value, str) and path not in document.unset and (owner := owners.setdefault(value, name)) != name:
                document.report(document.place(path), f"{owner} has the same {way}", "It must tell two sources apart.")


def _check_chats(document: Document) -> None:
    """The console is the page at `/`, of which there is one."""
    consoles = [path for path, kind in _find(document.data, (), ["chats", "*", "type"]) if kind == "console"]
    for path in consoles[1:]:
        what = f'"{consoles[0][1]}" is the console already'
        document.report(document.place(path), what, "One is enough: it shows all of its channels.")
