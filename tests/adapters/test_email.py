"""E-mail: its own contract, since a letter can be neither edited nor found nor pressed."""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.chat import DeliveryError, Failure, ThreadNote
from adapters.chats.email import Email
from adapters.chats.email.config import EmailConfig
from rules.alert import Link, Severity
from rules.card import stub
from rules.channel import ChannelFacts
from rules.incident import Incident, State
from tests.adapters.chat_bench import BenchDesk, a_channel
from tests.adapters.chat_cards import HOSTILE, NOW, PAGE, UNPRONOUNCEABLE, a_card, full_card, hostile_cards, resolved
from tests.standins.certificate import make
from tests.standins.smtp import DROP, HANG, SmtpServer

OPS = a_channel("oncall@example.com, lead@example.com", "internal")
CHANNELS = {"ops": OPS}


@pytest.fixture
async def server() -> AsyncIterator[SmtpServer]:
    async with SmtpServer("tocsin", "hush-hush") as server:
        yield server


def chat_of(server: SmtpServer, **more: Any) -> Email:
    settings = {
        "type": "email", "host": "127.0.0.1", "port": server.port, "security": "none", "user": "tocsin", "password": "hush-hush",
        "sender": "Tocsin <tocsin@example.com>", "timeout": 5.0, **more,
    }  # fmt: skip
    return Email("mail", EmailConfig.model_validate(settings), BenchDesk(CHANNELS, lambda: NOW))


def text_of(letter: EmailMessage) -> str:
    content = letter.get_content()
    assert isinstance(content, str)
    return content


async def failure(call: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as found:
        await call
    assert "hush" not in "".join(traceback.format_exception(found.value)) + repr(vars(found.value))
    return found.value


async def test_a_card_is_a_letter(server: SmtpServer) -> None:
    card = a_card(summary="no answer for 5m", fields=(("team", "db"),), links=(Link("runbook", "https://wiki.example.com/pg"),))
    await chat_of(server).post(OPS, card, "ab12-7")
    [(to, letter)] = server.letters
    assert to == ["oncall@example.com", "lead@example.com"]
    assert letter["Subject"] == "[critical] #42 orders-db is down"
    assert (letter["From"], letter["Message-ID"]) == ("Tocsin <tocsin@example.com>", "<ab12-7@example.com>")
    assert (letter["Auto-Submitted"], letter["Importance"]) == ("auto-generated", "high")
    assert letter.get_content_type() == "text/plain" and not letter.is_multipart()
    text = text_of(letter)
    for line in ("orders-db is down", "no answer for 5m", "team: db", "runbook: https://wiki.example.com/pg", f"{PAGE}42"):
        assert line in text


async def test_only_what_matters_is_told_again(server: SmtpServer) -> None:
    chat = chat_of(server)
    ref = await chat.post(OPS, a_card(severity=Severity.high), "k-1")
    ref = await chat.update(OPS, ref, a_card(severity=Severity.high, revision=2, note="on it", total=5))
    await chat.reply_in_thread(OPS, ref, ThreadNote(42, ("note: on it",)), "k-1-2")
    ref = await chat.update(OPS, ref, a_card(severity=Severity.warning, revision=3))
    assert len(server.letters) == 1
    ref = await chat.update(OPS, ref, a_card(severity=Severity.critical, revision=4))
    ref = await chat.update(OPS, ref, a_card(state=State.acknowledged, owner="Ana Petrova", revision=5))
    ref = await chat.update(OPS, ref, resolved(a_card(revision=6)))
    await chat.update(OPS, ref, resolved(a_card(revision=7)))
    first, *later = [letter for _, letter in server.letters]
    assert [letter["Subject"].split(" ")[0] for letter in later] == ["[critical]", "[acknowledged]", "[resolved]"]
    assert {letter["In-Reply-To"] for letter in later} == {first["Message-ID"]} == {letter["References"] for letter in later}
    assert len({letter["Message-ID"] for _, letter in server.letters}) == 4
    assert "Ana Petrova has it" in text_of(later[1])


async def test_what_is_sent_twice_bears_one_id(server: SmtpServer) -> None:
    chat = chat_of(server)
    server.answers["letter"] = DROP
    assert (await failure(chat.post(OPS, a_card(), "k-1"))).kind == Failure.unknown_outcome
    server.answers.clear()
    assert await chat.find(OPS, "k-1") is None
    await chat.post(OPS, a_card(), "k-1")
    assert len({letter["Message-ID"] for _, letter in server.letters}) == 1


async def test_hostile_text_stays_text(server: SmtpServer) -> None:
    chat = chat_of(server)
    for card in hostile_cards():
        ref = await chat.post(OPS, card, f"k-{card.number}")
        await chat.update(OPS, ref, resolved(card))
    for number, text in enumerate(HOSTILE):
        await chat.direct_message("ana@example.com", text, f"k-dm-{number}")
    known = {"subject", "from", "to", "date", "auto-submitted", "x-auto-response-suppress", "message-id", "in-reply-to",
             "references", "importance", "mime-version", "content-type", "content-transfer-encoding"}  # fmt: skip
    for to, letter in server.letters:
        assert {name.lower() for name in letter.keys()} <= known  # noqa: SIM118 - a message is no dict
        assert to in (["oncall@example.com", "lead@example.com"], ["ana@example.com"])
        assert len(letter["Subject"]) < 300
        text = letter["Subject"] + text_of(letter)
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\x00\x1b]", text)
        leads = re.findall(r"\S+://\S+|www\.\S+|\S+@\S+", text)
        assert all(one.startswith((PAGE, "https://wiki.example.com/")) for one in leads), leads


@pytest.mark.parametrize("text", [*UNPRONOUNCEABLE, "", " ", "word " * 5000, "x" * 20000, "漢" * 9000])
async def test_any_text_is_taken(server: SmtpServer, text: str) -> None:
    await chat_of(server).post(OPS, full_card(text, title=text), text)
    [(_, letter)] = server.letters
    assert max(map(len, letter.as_bytes().splitlines())) <= 998


async def test_a_stub_names_no_secret(server: SmtpServer) -> None:
    said = {"team": "kestrel-7731"}
    secret = Incident(42, "root", said, "kestrel-7731", said, ("ops",), "confidential", NOW, note="kestrel-7731")
    await chat_of(server).post(OPS, stub(secret, ("sre", "dba"), NOW), "k-1")
    [(_, letter)] = server.letters
    assert "kestrel" not in letter.as_string() and "sre, dba" in text_of(letter)


FAILURES = {
    "greeting": ("421 too many", Failure.transient), "auth": ("535 no", Failure.credentials), "ehlo": (DROP, Failure.transient),
    "mail": ("553 not yours", Failure.credentials), "mail later": ("451 busy", Failure.transient),
    "mail hang": (HANG, Failure.transient), "rcpt": ("550 nobody", Failure.channel_unreachable),
    "rcpt later": ("450 greylisted", Failure.transient), "data": ("554 no", Failure.payload),
    "letter": ("552 too big", Failure.payload), "letter later": ("451 try later", Failure.transient),
    "letter hang": (HANG, Failure.unknown_outcome), "letter drop": (DROP, Failure.unknown_outcome),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
async def test_a_failure_is_told_by_its_kind(server: SmtpServer, case: str) -> None:
    answer, kind = FAILURES[case]
    chat = chat_of(server, timeout=0.3 if answer == HANG else 5.0)
    server.answers[case.split(" ")[0]] = answer
    began = time.monotonic()
    found = await failure(chat.post(OPS, a_card(), "k-1"))
    assert found.kind == kind and time.monotonic() - began < 3.0
    assert found.retry_after == (60.0 if case.endswith("later") else None)
    server.answers.clear()
    await chat.post(OPS, a_card(), "k-2")


async def test_a_server_that_is_away(server: SmtpServer) -> None:
    chat = chat_of(server)
    await server.__aexit__()
    assert (await failure(chat.post(OPS, a_card(), "k-1"))).kind == Failure.transient
    await server.__aenter__()


async def test_one_wrong_address_keeps_nobody_else_from_reading(server: SmtpServer) -> None:
    server.answers["rcpt lead@example.com"] = "550 nobody"
    await chat_of(server).post(OPS, a_card(), "k-1")
    assert [to for to, _ in server.letters] == [["oncall@example.com"]]


async def test_a_password_goes_only_over_a_safe_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "crt", tmp_path / "key")
    async with SmtpServer("tocsin", "hush-hush", (tmp_path / "crt", tmp_path / "key")) as server:
        chat = chat_of(server, security="starttls")
        assert (await failure(chat.post(OPS, a_card(), "k-1"))).kind == Failure.credentials  # nobody vouches for it
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "crt"))
        await chat.post(OPS, a_card(), "k-1")
        assert len(server.letters) == 1
    async with SmtpServer("tocsin", "hush-hush") as server:
        assert (await failure(chat_of(server, security="starttls").post(OPS, a_card(), "k-1"))).kind == Failure.credentials
        assert server.letters == []


@pytest.mark.parametrize("ref", ["", "nonsense", "<a@b> firing", "<a@b> firing critical full\nBcc: x@y", "9" * 400])
async def test_letters_of_elsewhere_are_gone(server: SmtpServer, ref: str) -> None:
    assert (await failure(chat_of(server).update(OPS, ref, a_card()))).kind == Failure.message_gone


@pytest.mark.parametrize("written", ["", "C0OPS", "a@b\nBcc: c@d", "a@b, ", "<a@b>", "a b@c"])
async def test_a_channel_without_an_address(server: SmtpServer, written: str) -> None:
    assert (
        await failure(chat_of(server).post(a_channel(written, "internal"), a_card(), "k"))
    ).kind == Failure.channel_unreachable


async def test_nobody_knows_who_reads_it(server: SmtpServer) -> None:
    assert await chat_of(server).inspect(OPS) == ChannelFacts()


async def test_doctor(server: SmtpServer) -> None:
    channels = {"ops": OPS, "db": a_channel("C0DB", "internal")}
    found = await chat_of(server).diagnose(channels, {"ana": "ana@example.com", "ben": "U02BEN"})
    assert [(one.what, one.ok) for one in found] == [
        ("mail server", True), ("channel ops", True), ("channel db", False), ("person ana", True), ("person ben", False),
    ]  # fmt: skip
    [first, *_] = await chat_of(server, password="hush-wrong").diagnose({}, {})
    assert not first.ok and "hush" not in repr(first)
    assert server.letters == []


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"sender": "tocsin"}, "expected an address"),
        ({"sender": "a@b.example\nBcc: c@d.example"}, "expected an address"),
        ({"password": None}, "user and password, or neither"),
        ({"host": "smtp.example.com"}, "plain text"),
    ],
)
def test_its_config(wrong: dict[str, Any], why: str) -> None:
    settings = {"host": "127.0.0.1", "security": "none", "user": "u", "password": "p", "sender": "t@example.com", **wrong}
    with pytest.raises(ValidationError, match=why):
        EmailConfig.model_validate(settings)
