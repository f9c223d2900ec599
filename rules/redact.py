"""What is hidden inside of texts: patterns with a name, for whoever is cleared for less than a level (G3)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Self
from urllib.parse import unquote

from pydantic import AfterValidator, Field, model_validator

from rules.access import Level, Sensitivity, Strict
from rules.detect import BUILT_IN, Detector, hosts_of, matches_of

NAMES = ("email", "ip", "hostname", "card_number", "secret")
"""Those that need no pattern."""

LONGEST_KEPT = 1000
"""Characters of a text whose redacted form is remembered; alerts say the same again and again."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_DOMAIN = re.compile(r"[\w-]+(\.[\w-]+)*")
_WORD = re.compile(r"\S+")


def _check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f'"{name[:40]}" is not a name: write letters, digits, _ and -, such as employee_id')
    return name


def _check_pattern(pattern: str) -> str:
    try:
        found = matches_of(pattern)
    except ValueError as error:
        what = f'"{pattern[:40]}" is not a valid regular expression: {error}'
        raise ValueError(f"{what} (RE2 has no look-around and no back-references)") from None
    if any(found(text) for text in ("", " ")):
        raise ValueError(f'"{pattern[:40]}" fits an empty text, too, so that it would hide everything')
    return pattern


def _check_domain(domain: str) -> str:
    if not _DOMAIN.fullmatch(domain):
        raise ValueError(f'"{domain[:40]}" is not a domain such as corp.example.com')
    return domain


class Redaction(Strict):
    """A pattern that is hidden from whoever is cleared for less than a level. `[name]` stands in its place."""

    name: Annotated[str, AfterValidator(_check_name)] = Field(
        description="Without a pattern: email, ip, hostname, card_number or secret; with one, any name: it stands in its place."
    )
    below: Level = Field(description="Channels and people with a clearance below this level do not see it.")
    pattern: Annotated[str, AfterValidator(_check_pattern)] | None = Field(
        None, description="What to hide: an RE2 regular expression; if it has a group, only what the first one matches."
    )
    domain: Annotated[str, AfterValidator(_check_domain)] | None = Field(
        None, description="Of `hostname`: the domain whose host names are hidden."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.pattern is None and self.name not in NAMES:
            raise ValueError(f'"{self.name}" needs a pattern; without one there are {", ".join(NAMES)}')
        if (self.domain is not None) != (self.pattern is None and self.name == "hostname"):
            raise ValueError("hostname needs a domain, such as corp.example.com, and nothing else has one")
        return self

    def detector(self, more: Mapping[str, Detector]) -> Detector:
        """What finds it. `more`: the built-in detectors that need more than these rules (`secret`)."""
        if self.pattern is not None:
            return matches_of(self.pattern)
        return hosts_of(self.domain) if self.domain else {**BUILT_IN, **more}[self.name]


Hide = Callable[[str], str]


class Redactor:
    """The rules, compiled once per load of the config. `more`: see Redaction.detector."""

    def __init__(self, rules: Sequence[Redaction], sensitivity: Sensitivity, more: Mapping[str, Detector]) -> None:
        found = [(rule, rule.detector(more)) for rule in rules]
        self._hide: dict[str | None, Hide] = {}
        self._hides: dict[str | None, str] = {}
        for level in (None, *sensitivity.levels):
            mine = [one for one in found if level is None or sensitivity.rank(level) < sensitivity.rank(one[0].below)]
            self._hide[level] = _hider([(rule.name, detector) for rule, detector in mine])
            self._hides[level] = _digest([rule for rule, _ in mine])

    def hides_from(self, clearance: str | None) -> str:
        """Names the rules whose patterns are hidden from somebody with this clearance; empty where there is none."""
        return self._hides.get(clearance, self._hides[None])

    def text(self, text: str, clearance: str | None) -> str:
        """The text as somebody with this clearance may read it. None or an unknown level: everything is hidden.

        To be asked before anything is cut short: half of what is hidden is no longer recognised.
        """
        return self._hide.get(clearance, self._hide[None])(text)

    def pair(self, name: str, value: str, clearance: str | None) -> tuple[str, str]:
        """A label or the like: its name may tell that the value is a secret (`password`)."""
        clean = self.text(value, clearance)
        if clean == value:
            said = self.text(f'{name}="{value}"', clearance)
            if said.startswith(f'{name}="') and said.endswith('"'):
                clean = said[len(name) + 2 : -1]
        return self.text(name, clearance), clean


def _digest(rules: Sequence[Redaction]) -> str:
    return hashlib.sha256("\n".join(rule.model_dump_json() for rule in rules).encode()).hexdigest()[:8] if rules else ""


def _hider(found: Sequence[tuple[str, Detector]]) -> Hide:
    if not found:
        return str

    def hide(text: str) -> str:
        if not text.isascii():
            text = text.encode(errors="replace").decode()  # RE2 reads no half surrogates
        text = _hidden(text, found)
        return _WORD.sub(lambda word: _escaped(word[0], found), text) if "%" in text else text

    kept = lru_cache(maxsize=4096)(hide)
    return lambda text: kept(text) if len(text) <= LONGEST_KEPT else hide(text)


def _hidden(text: str, found: Sequence[tuple[str, Detector]]) -> str:
    spans = [(start, -end, name) for name, detector in found for start, end in detector(text) if start < end]
    return "".join(_pieces(text, spans)) if spans else text


def _pieces(text: str, spans: list[tuple[int, int, str]]) -> Iterator[str]:
    """The text with each name in place of its span; of those that overlap, the first and longest gives the name."""
    upto = 0
    for start, end, name in sorted(spans):
        if start >= upto:
            yield text[upto:start]
            yield f"[{name}]"
        upto = max(upto, -end)
    yield text[upto:]


def _escaped(word: str, found: Sequence[tuple[str, Detector]]) -> str:
    """A word such as a URL that hides something behind %-escapes, with that replaced; any other as it is."""
    plain = word
    while "%" in plain and (further := unquote(plain)) != plain:
        plain = further
    clean = _hidden(plain, found) if plain != word else plain
    return word if clean == plain else clean
