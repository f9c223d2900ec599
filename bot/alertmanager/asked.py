"""What a request asks to see: `filter`, `receiver`, `active`, `silenced`, `inhibited`, read as Alertmanager reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, cast

from multidict import MultiMapping

from adapters.source import Rejected
from rules.matcher import Matcher, Op

_MATCHER = re.compile(r"""\s*("(?:[^"\\]|\\.)+"|[^\s{}!=~,\\"'`]+)\s*(=~|!~|!=|=)\s*(.*?)\s*""", re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\n])')
_YES = frozenset({"true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"})


class Asked(NamedTuple):
    """`receiver`: whether alerts of a receiver of that name are asked for."""

    matchers: tuple[Matcher, ...]
    receiver: Callable[[str], bool] | None
    active: bool
    silenced: bool
    inhibited: bool

    def takes(self, receivers: Iterable[str]) -> bool:
        return self.receiver is None or any(map(self.receiver, receivers))


def asked_of(query: MultiMapping[str]) -> Asked:
    """Raises Rejected(400). What no parameter of these says is shown; `unprocessed` says nothing: no alert is here."""
    flags = [_flag(query.getall(name, [""])[-1]) for name in ("active", "silenced", "inhibited")]
    return Asked(matchers_of(query.getall("filter", [])), _receiver(query.getall("receiver", [""])[-1]), *flags)


def matchers_of(filters: Sequence[str]) -> tuple[Matcher, ...]:
    """One matcher each, in Alertmanager's own grammar. Label names may hold dots and the like. Raises Rejected(400)."""
    try:
        return tuple(map(_matcher, filters))
    except ValueError as problem:
        raise Rejected(400, str(problem)) from problem


def _matcher(text: str) -> Matcher:
    found = _MATCHER.fullmatch(text)
    if not found:
        raise ValueError(f"bad matcher format: {text}")
    name, op, value = found.groups()
    return Matcher(_unquoted(name), cast(Op, op), _unquoted(value))


def _unquoted(text: str) -> str:
    """What stands within double quotes, or plain."""
    inner = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    if re.search(r'(?<!\\)(?:\\\\)*"', inner):
        raise ValueError(f"matcher value contains unescaped double quote: {text}")
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], inner)


def _receiver(pattern: str) -> Callable[[str], bool] | None:
    if not pattern:
        return None
    try:
        return Matcher("receiver", "=~", pattern).accepts
    except ValueError as problem:
        raise Rejected(400, f"failed to parse receiver param: {problem}") from problem


def _flag(text: str) -> bool:
    return not text or text.lower() in _YES
