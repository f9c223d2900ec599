"""Finds what may identify a person or a machine in a text: e-mail addresses, IP addresses, host names, card numbers.

A detector takes a text and gives the spans (start, end) to hide. All run in time linear to the text (RE2).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import re2  # type: ignore[import-untyped, unused-ignore]  # google-re2 ships no types

Span = tuple[int, int]
Detector = Callable[[str], Iterable[Span]]


def matches_of(pattern: str) -> Detector:
    """Finds what a regular expression matches (RE2 dialect); its first group, if it has one. ValueError says what is wrong."""
    options = re2.Options()
    options.log_errors = False  # RE2 would write them to stderr
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(" ".join(error.args[0].decode(errors="replace").split())) from None
    group = min(1, compiled.groups)
    return lambda text: [match.span(group) for match in compiled.finditer(text)]


# The local part may hold any letter of any script; what ends it is what stands around addresses in URLs, JSON and prose.
_email = matches_of(r"""[^\s\pZ<>()\[\]{},;:"'`@|=/\\&?#%]+@(?:[\pL\pN\pM_-]+\.)+(?:xn--[\pL\pN-]+|\pL{2,})""")
_dotted = matches_of(r"[0-9]+(?:\.[0-9]+)+")
_dashed = matches_of(r"(?i)\bip(?:-[0-9]{1,3}){4}\b")
_groups = matches_of(r"[0-9A-Za-z]*(?::[0-9A-Za-z]*){2,}")
_names = matches_of(r"[\pL\pN\pM_.-]+")
_digits = matches_of("[0-9]+(?:[ \u00a0-][0-9]+)*")
_long = matches_of("[0-9](?:[ \u00a0-]?[0-9]){12}")
_groups_of_digits = matches_of("[0-9]+")

_LAYOUTS = {(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4)}
_networks = matches_of(
    r"^(?:4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"
    r"|3[47][0-9]{13}|3(?:0[0-5]|[689][0-9])[0-9]{11}|35[0-9]{14}|6[0-9]{15,18}|5[0678][0-9]{14})$"
)


def _ips(text: str) -> Iterator[Span]:
    for start, end in _dotted(text):
        if _is_ipv4(text[start:end]) and not _is_version(text, start):
            yield start, end
    if "ip-" in text.lower():  # as AWS names its machines
        yield from _dashed(text)
    if "::" in text or text.count(":") >= 7:
        yield from _ipv6s(text)


def _is_ipv4(written: str) -> bool:
    parts = written.split(".")
    return len(parts) == 4 and all(len(part) <= 3 and int(part) <= 255 for part in parts)


def _is_version(text: str, start: int) -> bool:
    """`v1.2.3.4`"""
    return text[start - 1 : start] in ("v", "V") and not text[start - 2 : start - 1].isalnum()


def _ipv6s(text: str) -> Iterator[Span]:
    """The longest addresses in each run of groups: `node:fe80::1` holds one, `std::string` none."""
    for start, end in _groups(text):
        groups = text[start:end].split(":")
        first = 0
        while first < len(groups):
            size = next((n for n in range(9, 2, -1) if _is_ipv6(groups[first : first + n])), 0)
            found = ":".join(groups[first : first + size])
            if size:
                yield start, start + len(found)
            step = max(1, size)
            start += sum(len(group) + 1 for group in groups[first : first + step])
            first += step


def _is_ipv6(groups: list[str]) -> bool:
    if not any(groups) or ("" not in groups and len(groups) != 8):
        return False
    try:
        return bool(ipaddress.IPv6Address(":".join(groups)))
    except ValueError:
        return False


def hosts_of(domain: str) -> Detector:
    """Finds every host name in the domain, in any case; the domain itself too, unless it is one plain word."""
    inside = re.compile(rf"(?<![^.]){re.escape(domain)}(?![^\W_])", re.IGNORECASE)
    anywhere = re.compile(re.escape(domain), re.IGNORECASE)

    def find(text: str) -> Iterator[Span]:
        for start, end in _names(text) if anywhere.search(text) else ():
            for match in inside.finditer(text[start:end]):
                if "." in domain or match.start():
                    yield start, start + match.end()

    return find


def _cards(text: str) -> Iterator[Span]:
    """Numbers of payment cards, in one piece or in groups: of a known network, with the right check digit, no decimals."""
    for start, end in _digits(text) if _long(text) else ():
        groups = [(start + a, start + b) for a, b in _groups_of_digits(text[start:end])]
        for first in range(len(groups)):
            for count in (1, 3, 4, 5):
                part = groups[first : first + count]
                span = part[0][0], part[-1][1]
                if _is_card([text[a:b] for a, b in part]) and not _is_decimal(text, *span):
                    yield span


def _is_card(groups: list[str]) -> bool:
    number = "".join(groups)
    if (len(groups) > 1 and tuple(map(len, groups)) not in _LAYOUTS) or not 13 <= len(number) <= 19:
        return False
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2])
    return bool(list(_networks(number))) and (doubled + sum(map(int, number[-1::-2]))) % 10 == 0


def _is_decimal(text: str, start: int, end: int) -> bool:
    """`0.4111111111111111` is a measure."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return (before[1:] == "." and before[:1].isdecimal()) or (after[:1] == "." and after[1:].isdecimal())


BUILT_IN: Mapping[str, Detector] = {"email": _email, "ip": _ips, "card_number": _cards}
"""The detectors that need nothing more said."""
