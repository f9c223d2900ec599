"""Rows to store: small, valid, each different from the next by its number."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from bot.store.alerts import AlertRow
from bot.store.deliveries import Delivery
from bot.store.incidents import IncidentRow
from bot.store.members import MemberRow
from rules.alert import Alert, AlertState, Severity
from rules.incident import Incident, Member
from rules.mute import NEVER

NOW = 1_700_000_000.0


def alert_row(number: int, **changes: Any) -> AlertRow:
    """A firing alert; `changes` are of its Alert."""
    alert = Alert("prom", f"print{number}", {"alertname": f"A{number}"}, {}, Severity.warning, True, NOW, NOW + 60)
    alert = replace(alert, **changes)
    ends_at, expires_at = (0.0, alert.ends_at) if alert.firing else (alert.ends_at, 0.0)
    return AlertRow(number, alert, AlertState(alert.firing, alert.starts_at, ends_at, expires_at), "internal", NOW)


def incident_row(number: int, due_at: float = NEVER, check_at: float = NEVER, **changes: Any) -> IncidentRow:
    """An open incident of its own group; `changes` are of its Incident."""
    incident = Incident(number, "root", {"alertname": f"A{number}"}, f"A{number}", {}, ("ops",), "internal", NOW, revision=1)
    return IncidentRow(replace(incident, **changes), due_at, check_at, NOW)


def member_row(incident: int, alert: int, firing: bool = True, **changes: Any) -> MemberRow:
    return replace(MemberRow(incident, alert, Member(Severity.warning, firing), NOW, 0.0, new=True), **changes)


def delivery(incident: int, channel: str = "ops", **changes: Any) -> Delivery:
    """A card wanted now that was never shown."""
    return replace(Delivery(incident, channel, 2, 1, NOW, "run"), **changes)
