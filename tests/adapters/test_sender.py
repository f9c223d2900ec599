"""What Sender makes of what a source found: severity, labels, identity, ends; and the config that all of them share."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Literal

import pytest
from pydantic import ValidationError

from adapters.fields import parse_time
from adapters.source import Rejected, Request
from adapters.sources._found import Found, Said
from adapters.sources._item import Item
from adapters.sources._sender import MOST_WORDS, PASSING_SECONDS, TEST_SECONDS, Sender, SenderConfig
from rules.alert import Alert
from tests.adapters.bodies import NOW


class ToyConfig(SenderConfig):
    """A toy."""

    type: Literal["toy"] = "toy"


class Toy(Sender):
    """Its items say what is found."""

    config_model: ClassVar = ToyConfig
    severities: ClassVar = {"error": "critical", "ugly": "high"}
    usual: ClassVar = "low"

    def read(self, item: Item) -> Found | Said | None:
        if item.text("said"):
            return Said("ack", (item.need("id"),), item.text("said"), "on it")
        if item.text("skip"):
            return None
        return Found(
            (item.need("id"),), item.text("name"), item.text("state") != "ok", item.text("severity"), item.text("summary"),
            item.text("description"), item.texts("labels"), item.time("starts"), item.time("ends"), item.texts("links"),
            item.texts("words"), bool(item.get("test")), bool(item.get("passing")),
        )  # fmt: skip


def toy(**config: Any) -> Toy:
    return Toy("src", ToyConfig.model_validate({"type": "toy", "auth": "none", **config}))


def parsed(source: Toy, *items: Any) -> Any:
    return source.parse(Request("POST", "", {}, json.dumps(list(items)).encode(), ""), NOW)


def alert(source: Toy, **item: Any) -> Alert:
    [report] = parsed(source, {"id": "7", "name": "Disk", **item}).reports
    found: Alert = report.open()
    return found


@pytest.mark.parametrize(
    ("word", "config", "severity", "odd"),
    [
        ("", {}, "low", []),  # as is usual for the sender
        ("", {"default": "critical"}, "critical", []),
        ("error", {}, "critical", []),  # the sender's own table, before the common words
        (" UGLY ", {}, "high", []),
        ("error", {"map": {"error": "info"}}, "info", []),  # the config knows better than the sender's table,
        ("fatal", {"map": {"Fatal": "low"}}, "low", []),  # and than the common words
        ("fatal", {}, "critical", []),
        ("P3", {}, "warning", []),
        ("error", {"default": "info"}, "critical", []),  # the default is for what says none
        ("purple", {"default": "info"}, "warning", [("severity", "purple")]),
        ("5", {"map": {5: "high"}}, "high", []),
    ],
)
def test_severity(word: str, config: dict[str, Any], severity: str, odd: list[Any]) -> None:
    source = toy(severity=config)
    found = alert(source, severity=word)
    assert (found.severity.name, found.labels["severity"]) == (severity, severity)
    assert parsed(source, {"id": "7", "severity": word}).odd == [path for path, _ in odd]
    assert ("Not understood: severity: purple" in found.annotations.get("description", "")) is bool(odd)


def test_the_severity_of_what_is_over_is_nobodys_concern() -> None:
    assert parsed(toy(), {"id": "7", "severity": "purple", "state": "ok"}).odd == []


def test_labels_and_words_are_clean_and_never_empty() -> None:
    labels = {"host": "db\x007", "gone": "", "severity": "mine", "alertname": "mine"}
    found = alert(toy(), labels=labels, summary="", description="d" * (MOST_WORDS + 5), words={"note": "n", "summary": "mine"})
    assert found.labels == {"alertname": "Disk", "host": "db\ufffd7", "severity": "low"}
    assert {name: len(text) for name, text in found.annotations.items()} == {"summary": 4, "description": MOST_WORDS, "note": 1}
    assert found.annotations["summary"] == "Disk"


def test_only_safe_links() -> None:
    links = {"source": "https://x.example.com/a b", "bad": "javascript:alert(1)", "user": "https://u:p@x.example.com/"}
    found = alert(toy(), links=links, words={"runbook_url": "https://wiki.example.com/"})
    assert {link.name: link.url for link in found.links} == {
        "source": "https://x.example.com/a%20b",
        "runbook": "https://wiki.example.com/",
    }


def test_identity_is_the_key_and_nothing_else() -> None:
    one, same = alert(toy()), alert(toy(), name="Other", labels={"a": "b"}, severity="error", state="ok")
    assert one.fingerprint == same.fingerprint
    assert one.fingerprint != alert(toy(), id="8").fingerprint


@pytest.mark.parametrize(
    ("item", "config", "ends_at"),
    [
        ({}, {}, 0.0),
        ({}, {"close_after": "2h"}, NOW + 7200),
        ({"passing": True}, {}, NOW + PASSING_SECONDS),
        ({"passing": True}, {"close_after": "5m"}, NOW + 300),
        ({"test": True}, {}, NOW + TEST_SECONDS),
        ({"test": True}, {"close_after": "2h"}, NOW + TEST_SECONDS),
        ({"state": "ok", "ends": NOW - 60, "starts": NOW - 90}, {"close_after": "2h"}, NOW - 60),
        ({"state": "ok"}, {"close_after": "2h"}, 0.0),
    ],
)
def test_when_it_ends(item: dict[str, Any], config: dict[str, Any], ends_at: float) -> None:
    assert alert(toy(**config), **item).ends_at == ends_at


def test_a_test_message_wakes_nobody() -> None:
    found = alert(toy(severity={"map": {"fatal": "critical"}}), severity="fatal", test=True)
    assert (found.severity.name, found.labels["severity"], found.labels["test"]) == ("info", "info", "true")


@pytest.mark.parametrize(("starts", "told"), [(NOW - 60, NOW - 60), (NOW + 60, NOW + 60), (NOW + 7200, 0.0), (0, 0.0)])
def test_a_clock_that_is_far_ahead_is_not_believed(starts: float, told: float) -> None:
    assert alert(toy(), starts=starts).starts_at == told


@pytest.mark.parametrize(
    ("zone", "meant"),
    [
        ("UTC", "2026-03-02T12:00:00Z"),
        ("Europe/Berlin", "2026-03-02T11:00:00Z"),
        ("Asia/Kolkata", "2026-03-02T06:30:00Z"),
    ],
)
def test_the_zone_of_times_without_one(zone: str, meant: str) -> None:
    assert alert(toy(timezone=zone), starts="2026-03-02 12:00:00").starts_at == parse_time(meant)


@pytest.mark.parametrize("zone", ["Berlin", "", "CEST+1", "../etc/passwd", "/etc/passwd", "Europe", "a\x00b", "+02:00"])
def test_a_zone_that_is_none_is_told(zone: str) -> None:
    with pytest.raises(ValidationError, match=r"is no time zone.*; write one such as Europe/Berlin"):
        toy(timezone=zone)


def test_a_bad_one_costs_no_other() -> None:
    batch = parsed(toy(), {"id": "1"}, {"name": "no id"}, 7, None, {"id": "2", "skip": 1}, {"id": "3", "said": "Kim\x00"})
    assert [str(error) for error in batch.bad] == [
        "alerts[1].id: is missing or still a placeholder; it says which alert this is",
        "alerts[2]: must be an object",
        "alerts[3]: must be an object",
    ]
    assert (len(batch.reports), [(act.verb, act.by, act.text) for act in batch.acts]) == (1, [("ack", "Kim\ufffd", "on it")])
    assert batch.acts[0].fingerprint == parsed(toy(), {"id": "3"}).reports[0].open().fingerprint


def test_only_bad_ones_are_refused_and_nothing_at_all_is_fine() -> None:
    with pytest.raises(Rejected, match=r"^alerts\[0\].id: is missing.*; alerts\[1\]: must be an object$") as refused:
        parsed(toy(), {}, 7)
    assert refused.value.status == 400
    assert parsed(toy()).reports == parsed(toy(), {"id": "1", "skip": "yes"}).reports == []
