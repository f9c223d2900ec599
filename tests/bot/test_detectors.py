"""Credentials of all kinds are found whatever stands around them; the usual words of alerts are none."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.detectors import secrets
from rules.access import Sensitivity
from rules.redact import Redaction, Redactor
from tests.rules.test_redact import USUAL

SECRET = Redaction.model_validate({"name": "secret", "below": "restricted"})
REDACTOR = Redactor([SECRET], Sensitivity.model_validate({}), {"secret": secrets()})


def hidden(text: str) -> str:
    return REDACTOR.text(text, "internal")


def _b64(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def letters(size: int, also: str = "") -> st.SearchStrategy[str]:
    return st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + also, min_size=size, max_size=size)


TOKENS: dict[str, st.SearchStrategy[str]] = {
    "AWS": st.builds("AKIA{}".format, st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=16)),
    "GitHub": st.builds("ghp_{}".format, letters(36)),
    "GitHub, fine-grained": st.builds("github_pat_{}".format, letters(82, "_")),
    "GitLab": st.builds("glpat-{}".format, letters(20)),
    "Slack": st.builds("xoxb-{}-{}-{}".format, st.integers(10**10, 10**12), st.integers(10**10, 10**12), letters(24)),
    "Slack app": st.builds("xapp-1-A0{}-{}-{}".format, letters(9), st.integers(10**10, 10**12), letters(30)),
    "Slack webhook": st.builds("https://hooks.slack.com/services/T{}/B{}/{}".format, letters(8), letters(8), letters(24)),
    "Discord": st.builds("MT{}.{}.{}".format, letters(24), letters(6), letters(27)),
    "Telegram": st.builds("{}:AA{}".format, st.integers(10**8, 10**10 - 1), letters(33)),
    "Stripe": st.builds("sk_live_{}".format, letters(24)),
    "SendGrid": st.builds("SG.{}.{}".format, letters(22), letters(43)),
    "Google": st.builds("AIza{}".format, letters(35)),
    "PyPI": st.builds("pypi-AgEIcHlwaS5vcmc{}".format, letters(80)),
    "JWT": st.builds(
        lambda who, sign: f"{_b64({'alg': 'HS256'})}.{_b64({'sub': who})}.{sign}", st.text(min_size=1), letters(43, "_-")
    ),
    "private key": st.builds("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----".format, letters(64)),
}
AROUND = st.sampled_from([" ", "", '"', "'", "\n", ", ", "(", ")", "[", "→ ", "<", ">", ";"])


@pytest.mark.parametrize("kind", TOKENS)
@given(data=st.data())
def test_a_token_survives_nowhere(kind: str, data: st.DataObject) -> None:
    token, before, after = data.draw(TOKENS[kind]), data.draw(AROUND), data.draw(AROUND)
    assert hidden(f"{before}{token}{after}") == f"{before}[secret]{after}"
    assert REDACTOR.text(token, "restricted") == token


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://tocsin:hunter2@db.example/x", "postgres://tocsin:[secret]@db.example/x"),
        ("redis://:p$s@w!rd@cache:6379", "redis://:[secret]@cache:6379"),
        ("password=hunter2, user=ana", "password=[secret], user=ana"),
        ('DB_PASSWORD="correct horse"', 'DB_PASSWORD="[secret]"'),
        ('{"password": "hunter2"}', '{"password": "[secret]"}'),
        ('{pwd!="hunter2", passwd=~"a.*"}', '{pwd!="[secret]", passwd=~"[secret]"}'),
        ("https://x.example/hook?token=0123456789&b=1", "https://x.example/hook?token=[secret]&b=1"),
        ("https://x.example/hook?next=%2Fa%3Ftoken%3D0123456789", "https://x.example/hook?next=/a?token=[secret]"),
        ("api_key: a1b2c3d4e5", "api_key: [secret]"),
        ("Authorization: Bearer abcdefghijklmno12", "Authorization: Bearer [secret]"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut off", "[secret]"),
    ],
)
def test_what_is_said_to_be_a_secret_is_one(text: str, shown: str) -> None:
    assert hidden(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        *USUAL, "password: expired", "token: missing", "the access token expired", "secret=db-creds", "secret: default/db-creds",
        "APDisconnectedInHall", "APCUpsDaemonDown", "basic troubleshooting-of-the-router", "certificate key=server.key",
        "KubePodNotReady kube-system/tokens-controller-x7f",
        "https://user@host/x", "https://host:9090/x@y", "AccountKeyRotationOverdue",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "eyJ", "1767668400:up", "sk-learn", "SKU-4711", "monkey=1",
    ],
)  # fmt: skip
def test_the_usual_words_of_alerts_stay(text: str) -> None:
    assert hidden(text) == text


@pytest.mark.parametrize(
    "evil",
    [
        "eyJ",
        "eyJa.eyJ",
        "://a:",
        "token=",
        "-----BEGIN PRIVATE KEY-----",
        "AKIA",
        "aws key '",
        "xoxb-1-",
        "//a/:_authToken",
        "%25",
    ],
)
def test_no_text_takes_long(evil: str) -> None:
    text = evil * (100_000 // len(evil))
    began = time.process_time()
    hidden(text)
    assert time.process_time() - began < 5.0, "quadratic: 0.5 s is usual"


def test_a_lone_name_decides_what_its_value_is() -> None:
    pair: Callable[[str, str], tuple[str, str]] = lambda name, value: REDACTOR.pair(name, value, "internal")  # noqa: E731
    assert pair("db_password", "correct horse") == ("db_password", "[secret]")
    assert pair("secret", "db-creds") == ("secret", "db-creds")
