"""Every way to prove who sends, and every way to fail at it."""

import hmac
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from adapters.auth import Auth, Signed, bare, verify
from adapters.source import Rejected, Request
from adapters.source_config import SourceConfig
from rules.access import Secret

NOW = 1_772_452_800.0
BODY = '{"title": "grün"}'.encode()
BASIC = {"basic": {"user": "u", "password": "p"}}
SIGNED = {"secret": "s3", "header": "X-Signature", "prefix": "", "timestamp_header": "X-Time", "window": "2m"}
WAYS = (
    "write {bearer: …}, {basic: …}, {hmac: …}, {standard: …}, {header: …}, {path: …}, {query: …} or {ip: […]}; "
    "or none, if anybody may send"
)
UNFIT = "it stands in an address, so only letters, digits, - . _ ~ can be in it: take `openssl rand -hex 32`"


def auth_of(written: Any) -> Auth:
    return TypeAdapter(Auth).validate_python(written)


def refusal(written: Any, headers: dict[str, str], remote: str = "10.1.2.3", body: bytes = BODY) -> str | None:
    """What a sender is told, None when it is let in."""
    names = {name.lower(): value for name, value in headers.items()}
    try:
        verify(auth_of(written), Request("POST", "", names, body, remote), NOW)
    except Rejected as error:
        return f"{error.status} {error.reason}"
    return None


def sign(secret: str, body: bytes = BODY, algorithm: str = "sha256") -> str:
    return hmac.new(secret.encode(), body, algorithm).hexdigest()


def basic(text: str, encoding: str = "utf-8") -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(text.encode(encoding)).decode()}


@pytest.mark.parametrize(
    ("written", "headers"),
    [
        ("none", {}),
        ({"bearer": "t0k"}, {"Authorization": "Bearer t0k"}),
        ({"bearer": Secret("t0k")}, {"Authorization": "bearer  t0k "}),
        ({"bearer": "schlüssel"}, {"Authorization": "Bearer schlüssel"}),
        ({"basic": {"user": "prom", "password": "p:w"}}, basic("prom:p:w")),
        ({"basic": {"user": "jörg", "password": "päß"}}, basic("jörg:päß")),
        ({"basic": {"user": "", "password": "x"}}, basic(":x")),
        ({"hmac": "s3"}, {"X-Hub-Signature-256": f"sha256={sign('s3')}"}),
        ({"hmac": "s3"}, {"x-hub-signature-256": f"sha256={sign('s3').upper()}"}),
        ({"hmac": {"secret": "s3", "algorithm": "sha1", "prefix": "sha1="}},
         {"X-Hub-Signature-256": f"sha1={sign('s3', BODY, 'sha1')}"}),
        ({"hmac": SIGNED}, {"X-Signature": sign("s3", b"1772452800:" + BODY), "X-Time": "1772452800"}),
        ({"hmac": SIGNED}, {"X-Signature": sign("s3", b"1772452680:" + BODY), "X-Time": "1772452680"}),
        ({"header": {"name": "X-Token", "value": "v"}}, {"x-token": "v"}),
        ({"ip": ["10.0.0.0/8"]}, {}),
        ({"ip": ["192.0.2.0/24", "10.1.2.3"]}, {}),
        ({"ip": ["10.0.0.0/8"], "bearer": "t0k"}, {"Authorization": "Bearer t0k"}),
    ],
)  # fmt: skip
def test_lets_in(written: Any, headers: dict[str, str]) -> None:
    assert refusal(written, headers) is None


@pytest.mark.parametrize(
    ("written", "headers", "told"),
    [
        ({"bearer": "t0k"}, {}, "401 Authorization: the header is missing"),
        ({"bearer": "t0k"}, {"Authorization": " "}, "401 Authorization: the header is missing"),
        ({"bearer": "t0k"}, {"Authorization": "Bearer t0"}, "401 Authorization: the token is wrong"),
        ({"bearer": "t0k"}, {"Authorization": "Bearer"}, "401 Authorization: the token is wrong"),
        ({"bearer": "t0k"}, {"Authorization": "Bearer t0k\udcff"}, "401 Authorization: the token is wrong"),
        ({"bearer": "t0k"}, {"Authorization": "Bearer t\u00f6k"}, "401 Authorization: the token is wrong"),
        ({"bearer": "t0k"}, {"Authorization": "t0k"}, "401 Authorization: must start with Bearer"),
        ({"bearer": "t0k"}, basic("x:t0k"), "401 Authorization: must start with Bearer"),
        (BASIC, basic("u:P"), "401 Authorization: the user or the password is wrong"),
        (BASIC, basic("u"), "401 Authorization: the user or the password is wrong"),
        ({"basic": {"user": "u", "password": "ä"}}, basic("u:ä", "latin-1"),
         "401 Authorization: the user or the password is wrong"),
        (BASIC, {"Authorization": "Basic u:p"}, "401 Authorization: what follows Basic is not base64"),
        (BASIC, {"Authorization": "Basic ü"}, "401 Authorization: what follows Basic is not base64"),
        ({"hmac": "s3"}, {}, "401 X-Hub-Signature-256: the header is missing"),
        ({"hmac": "s3"}, {"X-Hub-Signature-256": sign("s3")}, "401 X-Hub-Signature-256: must start with sha256="),
        ({"hmac": "s3"}, {"X-Hub-Signature-256": f"sha256={sign('s4')}"}, "401 X-Hub-Signature-256: the signature is wrong"),
        ({"hmac": "s3"}, {"X-Hub-Signature-256": f"sha256={sign('s3', b'x')}"},
         "401 X-Hub-Signature-256: the signature is wrong"),
        ({"hmac": "s3"}, {"X-Hub-Signature-256": "sha256=é\udc80"}, "401 X-Hub-Signature-256: the signature is wrong"),
        ({"hmac": SIGNED}, {"X-Signature": sign("s3")}, "401 X-Time: the header is missing"),
        ({"hmac": SIGNED}, {"X-Signature": sign("s3"), "X-Time": "now"}, "401 X-Time: must be the unix time in seconds"),
        ({"hmac": SIGNED}, {"X-Signature": sign("s3"), "X-Time": "٣"}, "401 X-Time: must be the unix time in seconds"),
        ({"hmac": SIGNED}, {"X-Signature": sign("s3"), "X-Time": "9" * 5000}, "401 X-Time: must be the unix time in seconds"),
        ({"hmac": SIGNED}, {"X-Signature": sign("s3", b"1772452679:" + BODY), "X-Time": "1772452679"},
         "401 X-Time: more than 120 seconds from our clock"),
        ({"hmac": SIGNED}, {"X-Signature": sign("s3", b"1772452921:" + BODY), "X-Time": "1772452921"},
         "401 X-Time: more than 120 seconds from our clock"),
        ({"hmac": SIGNED}, {"X-Signature": sign("s3", b"1772452700:" + BODY), "X-Time": "1772452800"},
         "401 X-Signature: the signature is wrong"),
        ({"header": {"name": "X-Token", "value": "v"}}, {}, "401 X-Token: the header is missing"),
        ({"header": {"name": "X-Token", "value": "v"}}, {"X-Token": "w"}, "401 X-Token: the value is wrong"),
        ({"header": {"name": "X-Token", "value": "v"}}, {"X-Token": "\ud800"}, "401 X-Token: the value is wrong"),
        ({"ip": ["10.0.0.0/8"], "bearer": "t0k"}, {}, "401 Authorization: the header is missing"),
        ({"ip": ["192.0.2.0/24"], "bearer": "t0k"}, {"Authorization": "Bearer t0k"},
         "403 the sender's address is not in auth.ip"),
    ],
)  # fmt: skip
def test_keeps_out(written: Any, headers: dict[str, str], told: str) -> None:
    assert refusal(written, headers) == told


@pytest.mark.parametrize(
    ("network", "remote", "let_in"),
    [
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("2001:db8::/32", "2001:db8::7", True),
        ("2001:db8::/32", "10.1.2.3", False),
        ("0.0.0.0/0", "not an address", False),
        ("0.0.0.0/0", "", False),
        ("fe80::/10", "fe80::1%eth0", True),
    ],
)
def test_addresses(network: str, remote: str, let_in: bool) -> None:
    told = refusal({"ip": [network]}, {}, remote)
    assert (told is None) is let_in
    assert told is None or told.startswith("403 ")


def test_a_kind_of_source_may_sign_elsewhere_and_the_config_has_the_last_word() -> None:
    request = Request("POST", "", {"sentry-hook-signature": sign("s3")}, BODY, "")
    verify(auth_of({"hmac": "s3"}), request, NOW, Signed("Sentry-Hook-Signature", ""))
    with pytest.raises(Rejected, match=r"^X-Other: the header is missing$"):
        verify(auth_of({"hmac": {"secret": "s3", "header": "X-Other"}}), request, NOW, Signed("Sentry-Hook-Signature", ""))


@given(st.text(), st.sampled_from([{"bearer": "k"}, {"basic": {"user": "u", "password": "k"}}, {"hmac": SIGNED}]))
def test_no_header_gets_in_by_luck_or_breaks_anything(value: str, written: Any) -> None:
    for sent in (value, f"Bearer {value}", f"Basic {value}"):
        told = refusal(written, {"Authorization": sent, "X-Signature": value, "X-Time": "1772452800"})
        assert (told is None) == (value.strip() == "k" and sent.startswith("Bearer") and "bearer" in written)


@pytest.mark.parametrize(
    ("written", "place", "told"),
    [
        (None, (), WAYS),
        ("None", (), WAYS),
        ({}, (), "it is empty: write {bearer: …}, or none if anybody may send"),
        ({"ip": []}, (), "it is empty: write {bearer: …}, or none if anybody may send"),
        ({"bearer": None, "ip": ["10.0.0.0/8"]}, (), "nothing is written after bearer"),
        ({"bearer": ""}, ("bearer",), "the secret is empty"),
        ({"hmac": ""}, ("hmac", "secret"), "the secret is empty"),
        ({"bearer": "a", "hmac": "b"}, (), "bearer and hmac together: choose one (only ip may stand beside another)"),
        ({"path": "a", "query": {"value": "b"}}, (), "path and query together: choose one (only ip may stand beside another)"),
        ({"standard": "whsec_no base64"}, ("standard",), "what follows whsec_ is not base64: copy all of it"),
        ({"path": ""}, ("path",), "the secret is empty"),
        ({"path": "a/b"}, ("path",), UNFIT),
        ({"path": ".."}, ("path",), UNFIT),
        ({"path": "ä"}, ("path",), UNFIT),
        ({"query": {"value": ""}}, ("query", "value"), "the secret is empty"),
        ({"none": True, "ip": ["10.0.0.0/8"]}, (), "none and ip together: leave none away"),
        ({"ip": ["10.0.0.1/8"]}, ("ip", 0), "10.0.0.1/8 has host bits set"),
        ({"ip": [10]}, ("ip", 0), "write a network such as 10.0.0.0/8, in quotes"),
    ],
)
def test_a_config_that_protects_nothing_is_a_mistake(written: Any, place: tuple[Any, ...], told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        auth_of(written)
    assert [(error["loc"], error["msg"]) for error in refused.value.errors()] == [(place, f"Value error, {told}")]


def test_secrets_do_not_show() -> None:
    for written in (
        {"path": "s3cr3t"},
        {"query": {"value": "s3cr3t"}},
        {"header": {"name": "X", "value": "s3cr3t"}},
        {"bearer": "s3cr3t"},
        {"hmac": "s3cr3t"},
        {"basic": {"user": "u", "password": "s3cr3t"}},
    ):
        auth = auth_of(written)
        assert "s3cr3t" not in repr(auth) + str(auth) + auth.model_dump_json()


def test_the_signature_is_what_everybody_computes() -> None:
    """RFC 4231, test case 2."""
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    told = refusal({"hmac": "Jefe"}, {"X-Hub-Signature-256": f"sha256={digest}"}, body=b"what do ya want for nothing?")
    assert told is None


def of_address(path: str = "", **query: str) -> Request:
    return Request("POST", path, {}, BODY, "10.1.2.3", query)


PATH, QUERY = {"path": "s3cr3t"}, {"query": {"value": "s3 cr3t"}}


@pytest.mark.parametrize(
    ("written", "request_", "told", "shown", "seen"),
    [
        (PATH, of_address("s3cr3t"), None, "s3cr3t", ("", {})),
        (PATH, of_address("s3cr3t/"), None, "s3cr3t", ("", {})),
        (PATH, of_address("s3cr3t/a/b", c="d"), None, "s3cr3t", ("a/b", {"c": "d"})),
        (PATH, of_address("s3cr3t/s3cr3t"), None, "s3cr3t", ("s3cr3t", {})),
        (PATH, of_address(), "401 the address: the secret after the source's name is missing", "", ("", {})),
        (PATH, of_address("s3cr3u"), "401 the address: the secret after the source's name is wrong", "s3cr3u", ("", {})),
        (PATH, of_address("s3cr3tt"), "401 the address: the secret after the source's name is wrong", "s3cr3tt", ("", {})),
        (PATH, of_address("a/s3cr3t"), "401 the address: the secret after the source's name is wrong", "a", ("s3cr3t", {})),
        (PATH, of_address("\udcff"), "401 the address: the secret after the source's name is wrong", "\udcff", ("", {})),
        (QUERY, of_address("x", token="s3 cr3t", a="b"), None, "s3 cr3t", ("x", {"a": "b"})),
        (QUERY, of_address(), "401 the address: the parameter token is missing", "", ("", {})),
        (QUERY, of_address(token="s3"), "401 the address: the parameter token is wrong", "s3", ("", {})),
        (QUERY, of_address(Token="s3 cr3t"), "401 the address: the parameter token is missing", "", ("", {"Token": "s3 cr3t"})),
        ({"query": {"name": "key", "value": "k"}}, of_address(key="k", token="t"), None, "k", ("", {"token": "t"})),
    ],
)  # fmt: skip
def test_a_secret_in_the_address(written: Any, request_: Request, told: str, shown: str, seen: tuple[Any, ...]) -> None:
    """It lets in, counts as a guess when it is wrong, and never reaches the source."""
    auth = auth_of(written)
    try:
        verify(auth, request_, NOW)
    except Rejected as error:
        assert f"{error.status} {error.reason}" == told
    else:
        assert told is None
    assert auth.shown(request_) == shown
    left = bare(auth, request_)
    assert (left.path, left.query) == seen


class Knowing(SourceConfig):
    token_header = "X-Vendor-Token"


def test_a_header_goes_without_its_name_where_the_source_knows_it() -> None:
    known = Knowing.model_validate({"type": "x", "auth": {"header": "v"}}).auth
    verify(known, Request("POST", "", {"x-vendor-token": "v"}, BODY, ""), NOW)
    with pytest.raises(Rejected, match=r"^X-Vendor-Token: the value is wrong$"):
        verify(known, Request("POST", "", {"x-vendor-token": "w"}, BODY, ""), NOW)
    own = Knowing.model_validate({"type": "x", "auth": {"header": {"name": "X-Own", "value": "v"}}}).auth
    assert own.header and own.header.name == "X-Own"
    with pytest.raises(ValidationError, match=r"header: say which one, \{header: \{name: X-Token, value: …\}\}"):
        SourceConfig.model_validate({"type": "x", "auth": {"header": "v"}})
