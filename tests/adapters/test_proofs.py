"""How vendors prove who they are: what each of them sends is let in, and nothing that was changed on the way."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from adapters import registry
from adapters.source import Rejected, Request, Source, Stamp

NOW = 1_772_452_800.0
BODY = b'{"status": "firing", "title": "a test"}'
SECRET = "made-up-secret-of-a-vendor"


def source(kind: str, auth: Any) -> Source:
    cls = registry.load(registry.SOURCES[kind])
    found: Source = cls("src", cls.config_model.model_validate({"type": kind, "auth": auth}))
    return found


def signed(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, "sha256").hexdigest()


def sent(body: bytes = BODY, **headers: str) -> Request:
    return Request("POST", "", {name.replace("_", "-"): value for name, value in headers.items()}, body, "192.0.2.7")


KEY = "whsec_" + b64encode(b"32 bytes of which nobody knows any").decode()


def standard(body: bytes, key: bytes = b"32 bytes of which nobody knows any", others: str = "") -> Request:
    """The webhook-signature of https://www.standardwebhooks.com, as GitLab has it, too."""
    signature = b64encode(hmac.digest(key, b"msg_1.1772452790." + body, "sha256")).decode()
    return sent(body, webhook_id="msg_1", webhook_timestamp="1772452790", webhook_signature=f"{others} v1,{signature}".strip())


TIMED = {"hmac": {"secret": SECRET, "timestamp_header": "X-Grafana-Alerting-Timestamp"}}
TOKEN = hashlib.md5(f"exampleuser{SECRET}".encode()).hexdigest()
STATUSCAKE = {"md5": {"user": "ExampleUser", "key": SECRET}}
FORM = {"URL": "https://shop.example.com", "Token": TOKEN, "Name": "Shop", "Status": "Down"}

PROOFS: Mapping[str, tuple[str, Any, Request]] = {
    "Sentry": ("sentry", {"hmac": SECRET}, sent(sentry_hook_signature=signed(BODY), sentry_hook_timestamp="1772452800")),
    "Grafana": ("grafana", {"hmac": SECRET}, sent(x_grafana_alerting_signature=signed(BODY))),
    "Grafana with a time": (
        "grafana",
        TIMED,
        sent(x_grafana_alerting_signature=signed(b"1772452790:" + BODY), x_grafana_alerting_timestamp="1772452790"),
    ),
    "GitHub's way": ("generic", {"hmac": SECRET}, sent(x_hub_signature_256=f"sha256={signed(BODY)}")),
    "Standard Webhooks": ("gitlab", {"standard": KEY}, standard(BODY)),
    "GitLab": ("gitlab", {"header": SECRET}, sent(x_gitlab_token=SECRET, x_gitlab_event="Pipeline Hook")),
    "Honeycomb": ("honeycomb", {"header": SECRET}, sent(x_honeycomb_webhook_token=SECRET)),
    "StatusCake": ("statuscake", STATUSCAKE, sent(urlencode(FORM).encode(), content_type="application/x-www-form-urlencoded")),
    "StatusCake by GET": ("statuscake", STATUSCAKE, replace(sent(b""), method="GET", query={"token": TOKEN, "name": "Shop"})),
    "Netdata": ("netdata", {"bearer": SECRET}, sent(authorization=f"Bearer {SECRET}")),
    "a path": ("uptimerobot", {"path": SECRET}, replace(sent(), path=f"{SECRET}/down")),
    "a query": ("pingdom", {"query": {"value": SECRET}}, replace(sent(), query={"token": SECRET})),
}  # fmt: skip
each = pytest.mark.parametrize(("kind", "auth", "request_"), PROOFS.values(), ids=PROOFS)


@each
def test_what_the_vendor_sends_is_let_in(kind: str, auth: Any, request_: Request) -> None:
    stamp = source(kind, auth).verify(request_, NOW)
    assert (stamp is not None) == (auth == TIMED or "standard" in auth)


def spoilt(text: str) -> list[str]:
    """The text with one character changed, at each end and in the middle, without its last one, and with one more."""
    found = [text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :] for at in (0, len(text) // 2, len(text) - 1)]
    return [*found, text[:-1], f"{text}0", ""]


def proving(request: Request) -> list[Request]:
    """Each header, path and query that proves something, changed a little."""
    of_proof = ("signature", "webhook-id", "token", "authorization", "timestamp")
    found = [
        replace(request, headers={**request.headers, name: one})
        for name, value in request.headers.items()
        if any(word in name for word in of_proof) and name != "sentry-hook-timestamp"  # which is not signed
        for one in spoilt(value)
    ]
    if request.path:
        found += [replace(request, path=f"{one}/down") for one in spoilt(request.path.partition("/")[0])]
    if "token" in request.query:
        found += [replace(request, query={**request.query, "token": one}) for one in spoilt(request.query["token"])]
    if TOKEN.encode() in request.body:
        found += [replace(request, body=request.body.replace(TOKEN.encode(), one.encode())) for one in spoilt(TOKEN)]
    return found


@each
def test_a_proof_with_one_character_changed_is_none(kind: str, auth: Any, request_: Request) -> None:
    changed = proving(request_)
    assert changed
    for one in changed:
        with pytest.raises(Rejected) as refused:
            source(kind, auth).verify(one, NOW)
        assert refused.value.status == 401
        assert SECRET not in refused.value.reason and TOKEN not in refused.value.reason


@pytest.mark.parametrize("name", [name for name, (_, auth, _) in PROOFS.items() if "hmac" in auth or "standard" in auth])
def test_a_signed_body_with_one_byte_changed_is_refused(name: str) -> None:
    kind, auth, request = PROOFS[name]
    for at in range(len(request.body)):
        body = request.body[:at] + bytes([request.body[at] ^ 1]) + request.body[at + 1 :]
        with pytest.raises(Rejected, match="the signature is wrong"):
            source(kind, auth).verify(replace(request, body=body), NOW)


def test_a_signature_of_nothing_proves_nothing() -> None:
    """Else whoever saw one could say anything in the query, which is not signed."""
    for body in (b"", b" \r\n"):
        empty = replace(sent(body, x_grafana_alerting_signature=signed(body)), method="GET", query={"title": "forged"})
        with pytest.raises(Rejected, match="there is no body to be signed"):
            source("grafana", {"hmac": SECRET}).verify(empty, NOW)


def test_headers_are_not_signed_so_binary_cloudevents_are_refused() -> None:
    request = sent(x_hub_signature_256=f"sha256={signed(BODY)}", ce_specversion="1.0", ce_type="com.example.alert.resolved")
    with pytest.raises(Rejected, match="what stands in ce- headers is not signed"):
        source("cloudevents", {"hmac": SECRET}).verify(request, NOW)
    source("cloudevents", {"bearer": SECRET}).verify(replace(request, headers={"authorization": f"Bearer {SECRET}"}), NOW)


def test_a_signed_time_makes_a_request_one_of_a_kind_for_as_long_as_it_counts() -> None:
    kind, auth, request = PROOFS["Grafana with a time"]
    first = source(kind, auth).verify(request, NOW)
    assert isinstance(first, Stamp) and first.until == 1_772_452_790 + 300
    upper = {name: value.upper() for name, value in request.headers.items()}
    assert source(kind, auth).verify(replace(request, headers=upper), NOW) == first
    for late in (first.until + 0.1, 1_772_452_790 - 300.1):
        with pytest.raises(Rejected, match="more than 300 seconds from our clock"):
            source(kind, auth).verify(request, late)


def test_one_right_signature_of_several_is_enough() -> None:
    """A sender whose secret is being changed signs with both. A secret that is no whsec_ stands for itself."""
    request = standard(BODY, SECRET.encode(), others="v1,b2xk v2,bmV3")
    assert source("generic", {"standard": SECRET}).verify(request, NOW)
    for secret in (KEY, "another"):
        with pytest.raises(Rejected, match="webhook-signature: the signature is wrong"):
            source("generic", {"standard": secret}).verify(request, NOW)


def test_standard_webhooks_are_taken_once_by_their_id() -> None:
    """Who tries again signs anew, with a later time and the same id."""
    kind, auth, request = PROOFS["Standard Webhooks"]
    first = source(kind, auth).verify(request, NOW)
    text = b"msg_1.1772452799." + BODY
    again = "v1," + b64encode(hmac.digest(b"32 bytes of which nobody knows any", text, "sha256")).decode()
    later = replace(request, headers={**request.headers, "webhook-timestamp": "1772452799", "webhook-signature": again})
    second = source(kind, auth).verify(later, NOW)
    assert first and second and first.digest == second.digest
    for now in (NOW + 291, NOW - 311):
        with pytest.raises(Rejected, match="webhook-timestamp: more than 300 seconds from our clock"):
            source(kind, auth).verify(request, now)


def test_a_guess_at_statuscakes_token_is_counted_as_one() -> None:
    auth = (
        registry.load(registry.SOURCES["statuscake"]).config_model.model_validate({"type": "statuscake", "auth": STATUSCAKE}).auth
    )
    assert auth.needs_body and auth.shown(PROOFS["StatusCake"][2]) == TOKEN
    assert auth.shown(sent(b'{"Token": "x"}')) == "" and auth.shown(sent(b"--")) == ""


def test_standard_webhooks_sign_as_everybody_computes_it() -> None:
    """The example that the specification's own libraries are tested with."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    request = Request("POST", "", headers, b'{"test": 2432232314}', "")
    assert source("generic", {"standard": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}).verify(request, 1_614_265_330.0)
