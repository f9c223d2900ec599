"""What is hidden from whom: whatever stands around it, and nothing else."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rules.access import Sensitivity
from rules.redact import NAMES, Redaction, Redactor

LEVELS = Sensitivity.model_validate({})


def rule(name: str, below: str = "confidential", pattern: str | None = None, domain: str | None = None) -> Redaction:
    return Redaction(name=name, below=below, pattern=pattern, domain=domain or ("corp.example" if name == "hostname" else None))


def no_secrets(text: str) -> list[tuple[int, int]]:
    return []


def redactor(*rules: Redaction) -> Redactor:
    return Redactor(rules, LEVELS, {"secret": no_secrets})


ALL = redactor(*(rule(name) for name in NAMES))


def hidden(text: str) -> str:
    return ALL.text(text, "internal")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mail ana@example.com, now", "mail [email], now"),
        ("<ana.petrova+x@mail.example.co.uk>", "<[email]>"),
        ('{"user":"ana@example.com"}', '{"user":"[email]"}'),
        ("josé@exämple.com and ana@xn--e1afmkfd.xn--p1ai", "[email] and [email]"),
        ("https://x.example/u?mail=ana@example.com&b=1", "https://x.example/u?mail=[email]&b=1"),
        ("https://x.example/u?mail=ana%40example.com", "https://x.example/u?mail=[email]"),
        ("https://x.example/u?mail=ana%2540example.com", "https://x.example/u?mail=[email]"),
        ("instance 10.0.0.1:9100 down", "instance [ip]:9100 down"),
        ("10.0.0.1.", "[ip]."),
        ("10.0.0.1-10.0.0.9, 10.0.0.0/8", "[ip]-[ip], [ip]/8"),
        ("10.0.0.1..10.0.0.9", "[ip]..[ip]"),
        ("srv10.0.0.1", "srv[ip]"),
        ("[fe80::1%eth0]:22", "[[ip]%eth0]:22"),
        ("2001:db8:0:0:0:0:0:1", "[ip]"),
        ("::ffff:10.0.0.1", "[ip]"),
        ("peer:fe80::1:", "peer:[ip]:"),
        ("ip-10-0-12-7.eu-west-1.compute.internal", "[ip].eu-west-1.compute.internal"),
        ("https://g.example/?q=up%7Binstance%3D%2210.0.0.1%3A9100%22%7D", 'https://g.example/?q=up{instance="[ip]:9100"}'),
        ("db1.eu.Corp.Example:5432", "[hostname]:5432"),
        ("at corp.example.", "at [hostname]."),
        ("db1.corp.example-backup.tar", "[hostname]-backup.tar"),
        ("root@db_1.corp.example", "[email]"),
        ("4111 1111 1111 1111", "[card_number]"),
        ("2024 4111-1111-1111-1111 9", "2024 [card_number] 9"),
        ("amex 378282246310005 or 3782 822463 10005", "amex [card_number] or [card_number]"),
        ("pan=6011000990139424;", "pan=[card_number];"),
        ("\ud800 ana@example.com", "? [email]"),
    ],
)
def test_it_is_hidden(text: str, shown: str) -> None:
    assert hidden(text) == shown


USUAL = [
    "v1.28.3", "2.45.0", "1.2.3-rc.4+build.5", "v10.20.30.40", "postgres:16.1-alpine", "1.3.6.1.4.1.2021.10.1.3",
    "2026-01-06T03:00:00Z", "2026-01-06 03:00:00.123456+00:00", "12:30:45", "1767668400", "1767668400123", "1767668400123456789",
    "payments-api-7d9f8b6c5d-x2x9z", "kube-system/coredns-5d78c9869d-4kqzr", "node-exporter:9100", "localhost:9090", "0:0", "::",
    "std::string", "Foo::Bar", "arn:aws:iam::123456789012:role/x", "aa:bb:cc:dd:ee:ff", "sha256:9f86d081884c7d659a2feaa0c55ad015",
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "value 0.4111111111111111", "1e-09", "93% full", "100%", "%d errors", "50%25",
    "p99 of 4.5s over 5m", "5 10 25 50 100 250 500 1000 2500 5000", "4000 4001 4002 4003", "team@sre", "@ana look", "pkg@1.2.3",
    "image@sha256", "rate(http_requests_total{code=~\"5..\"}[5m]) > 0.05", "/var/lib/docker", "eu-west-1", "corp", "example.com",
    "xcorp.example", "severity=critical", "https://grafana.example/d/abc?from=now-1h&to=now", "𝔘𝔫𝔦 → ✓ ünï",
]  # fmt: skip


@pytest.mark.parametrize("text", USUAL)
def test_the_usual_words_of_alerts_stay(text: str) -> None:
    assert hidden(text) == text
    assert hidden(f"before {text}, after") == f"before {text}, after"


@st.composite
def _card_numbers(draw: st.DrawFn) -> str:
    digits = "4" + draw(st.text("0123456789", min_size=14, max_size=14))
    number = next(digits + check for check in "0123456789" if luhn(digits + check))
    return draw(st.sampled_from([number, *(mark.join(number[i : i + 4] for i in (0, 4, 8, 12)) for mark in " -")]))


def luhn(number: str) -> bool:
    """The plain way of the standard, to check ours against."""
    total = 0
    for place, digit in enumerate(map(int, reversed(number))):
        twice = digit * 2
        total += digit if place % 2 == 0 else twice - 9 if twice > 9 else twice
    return total % 10 == 0


LOCAL = st.from_regex(r"[a-z0-9]([a-z0-9._+-]{0,20}[a-z0-9])?", fullmatch=True)
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
CANARIES = {
    "email": st.builds("{}@{}.{}".format, LOCAL, LABEL, st.sampled_from(["com", "co.uk", "museum", "xn--p1ai"])),
    "ip": st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6).filter(lambda ip: int(ip) > 0)).map(str),
    "hostname": st.builds("{}.corp.example".format, LABEL),
    "card_number": _card_numbers(),
}
AROUND = st.sampled_from(
    ["", " ", ", ", '"', "'", "(", "=", "/", "\n", "→ ", "\u00a0", " é ", " host: ", "[", " 2024 ", "// ", "&x=", "<"]
)
WRAPPED: list[Callable[[str], str]] = [str, quote, lambda text: f"https://x.org/?q={quote(quote(text, ''), '')}"]


@pytest.mark.parametrize("name", CANARIES)
@given(data=st.data())
def test_a_canary_survives_nowhere(name: str, data: st.DataObject) -> None:
    canary = data.draw(CANARIES[name])
    before, after = data.draw(AROUND), data.draw(AROUND)
    only = redactor(rule(name, below="restricted"))
    shown = only.text(data.draw(st.sampled_from(WRAPPED))(f"{before}{canary}{after}"), "confidential")
    assert canary not in shown and f"[{name}]" in shown
    plain = only.text(f"{before}{canary}{after}", "confidential")
    assert plain == f"{before}[{name}]{after}"
    assert only.text(f"{before}{canary}{after}", "restricted") == f"{before}{canary}{after}"


@given(st.text())
def test_any_text_can_be_read_and_what_is_hidden_stays_hidden(text: str) -> None:
    assert hidden(hidden(text)) == hidden(text)


@given(st.text("0123456789abcdef:.", max_size=30))
def test_what_the_library_calls_an_address_is_one(text: str) -> None:
    try:
        found = int(ipaddress.ip_address(text)) > 0 or "." in text
    except ValueError:
        return
    assert not found or hidden(text) == "[ip]"


def test_each_level_sees_what_it_may() -> None:
    found = redactor(rule("email", "internal"), rule("order", "restricted", "order-[0-9]+"))
    text = "ana@example.com order-17"
    shown = {level: found.text(text, level) for level in (*LEVELS.levels, None, "unheard-of")}
    assert shown == {
        "public": "[email] [order]", "internal": "ana@example.com [order]", "confidential": "ana@example.com [order]",
        "restricted": text, None: "[email] [order]", "unheard-of": "[email] [order]",
    }  # fmt: skip


def test_the_group_of_a_pattern_is_what_is_hidden() -> None:
    assert redactor(rule("order", pattern="order=([0-9]+)")).text("order=17 order=x", "public") == "order=[order] order=x"


def test_of_two_that_overlap_nothing_is_left() -> None:
    found = redactor(rule("a", pattern="abcd"), rule("b", pattern="cdef"), rule("c", pattern="cd"))
    assert found.text("xabcdefx abcd", "public") == "x[a]x [a]"


def test_a_pattern_may_take_the_name_of_a_built_in() -> None:
    found = redactor(rule("email", pattern="mailbox [0-9]+"))
    assert found.text("mailbox 7, ana@example.com", "public") == "[email], ana@example.com"


def test_a_name_can_tell_that_the_value_is_a_secret() -> None:
    found = redactor(rule("pin", pattern='pin="([^"]+)"'))
    assert found.pair("pin", "12 34", "public") == ("pin", "[pin]")
    assert found.pair("pin", "12 34", "restricted") == ("pin", "12 34")
    assert found.pair("pan", "12 34", "public") == ("pan", "12 34")
    assert ALL.pair("ana@example.com", "10.0.0.1", "public") == ("[email]", "[ip]")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"name": "phone"}, '"phone" needs a pattern; without one there are email, ip, hostname, card_number, secret'),
        ({"name": "two words", "pattern": "x"}, '"two words" is not a name'),
        ({"name": "[x]", "pattern": "x"}, '"[x]" is not a name'),
        ({"name": "x", "pattern": "(a"}, '"(a" is not a valid regular expression: missing ): (a (RE2 has no look-around'),
        ({"name": "x", "pattern": "(?<=a)b"}, "RE2 has no look-around"),
        ({"name": "x", "pattern": "a*"}, '"a*" fits an empty text, too'),
        ({"name": "hostname"}, "hostname needs a domain"),
        ({"name": "email", "domain": "corp.example"}, "nothing else has one"),
        ({"name": "hostname", "domain": "https://corp.example"}, "is not a domain such as"),
    ],
)
def test_a_mistake_is_told(written: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError) as found:
        Redaction.model_validate({"below": "restricted", **written})
    assert told in str(found.value)


def test_a_long_text_is_read_to_its_end() -> None:
    text = "a1:.%-@ " * 20_000
    assert hidden(text + "ana@example.com").endswith(" [email]")
