"""Logs: one JSON line per event, on whatever standard error is at that moment."""

from __future__ import annotations

import io
import json

import pytest
import structlog

from bot import log as logs


def test_lines_follow_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr("sys.stderr", first)
    logs.set_up(as_json=True)
    log = structlog.get_logger()
    log.info("one", incident=42)
    first.close()
    monkeypatch.setattr("sys.stderr", second)
    log.info("two", incident=43)
    line = json.loads(second.getvalue())
    assert (line["event"], line["incident"], line["level"]) == ("two", 43, "info")
    structlog.reset_defaults()


def test_a_traceback_tells_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Local variables hold what alerts say."""
    for as_json in (True, False):
        stream = io.StringIO()
        monkeypatch.setattr("sys.stderr", stream)
        logs.set_up(as_json=as_json)
        secret = "-".join(["a", "canary", "in", "a", "local"])
        try:
            raise RuntimeError(f"{len(secret)} characters")
        except RuntimeError:
            structlog.get_logger().exception("failed")
        told = stream.getvalue()
        assert "RuntimeError: 19 characters" in told
        assert secret not in told
    structlog.reset_defaults()
