"""In whatever order reports arrive, the same alerts fire in the same incidents, and every count is what its members say."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import Connection, create_engine, select

from bot.absorb import absorb
from bot.policy import Policy
from bot.store import incidents, tables
from bot.store.tables import metadata
from rules.alert import Alert, Severity
from tests.bot.world import NOW, alert, policy

SEVERITIES = ("critical", "high", "warning", "warning", "info")


def episodes(index: int, stage: int) -> list[Alert]:
    """What the source says of one alert: it fires, resolves, fires again, …; `stage`: how far it got."""
    one = alert(f"Group{index % 2}", host=f"h{index}", severity=SEVERITIES[index])
    return [
        replace(one, firing=part % 2 == 0, starts_at=NOW + part - part % 2, ends_at=0.0 if part % 2 == 0 else NOW + part)
        for part in range(stage + 1)
    ]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Alert], list[list[Alert]]]:
    """All reports in their order, and the same in another order, some twice, cut into requests."""
    stages = draw(st.lists(st.integers(0, 4), min_size=5, max_size=5))
    reports = [report for index, stage in enumerate(stages) for report in episodes(index, stage)]
    mixed = draw(st.permutations([*reports, *draw(st.lists(st.sampled_from(reports), max_size=4))]))
    cuts = sorted(draw(st.lists(st.integers(0, len(mixed)), max_size=6)))
    bounds = [0, *cuts, len(mixed)]
    return reports, [mixed[a:b] for a, b in pairwise(bounds)]


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    folder: Path = tmp_path_factory.mktemp("rules")
    return policy(folder)


@pytest.fixture(scope="module")
def empty() -> Iterator[Connection]:
    """An empty store in memory."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def outcome(conn: Connection, requests: Sequence[Sequence[Alert]], rules: Policy, together: bool) -> dict[str, Any]:
    """What fires in which group after these requests, taken together or one by one; checks the counts on the way."""
    for part in [requests] if together else [[request] for request in requests]:
        answers = absorb(conn, part, rules, "run", NOW + 9)
        assert [len(answer.verdicts) for answer in answers] == [len(request) for request in part]
    check_counts(conn)
    found = {
        row.incident.group["alertname"]: (row.incident.firing, row.incident.severity, row.incident.state)
        for row in incidents.listed(conn, False, 99)
        if row.incident.firing_count
    }
    firing = sorted(row.fingerprint for row in conn.execute(select(tables.alerts).where(tables.alerts.c.firing)))
    assert len(firing) == sum(sum(counts) for counts, _, _ in found.values())
    conn.rollback()
    return found | {"firing": firing}


def check_counts(conn: Connection) -> None:
    members = conn.execute(select(tables.members)).all()
    for row in incidents.listed(conn, False, 99):
        own = [member for member in members if member.incident == row.incident.number]
        counts = Counter(member.severity for member in own if member.firing)
        assert row.incident.firing == tuple(counts[severity] for severity in Severity)
        assert row.incident.total == len(own)
    told = conn.execute(select(tables.timeline.c.incident, tables.timeline.c.kind)).all()
    assert [kind for _, kind in told].count("new") == len({incident for incident, _ in told})
    wanted = {row.incident: row.wanted for row in conn.execute(select(tables.deliveries)).all()}
    revisions = {row.incident.number: row.incident.revision for row in incidents.listed(conn, False, 99)}
    assert wanted.items() <= revisions.items()  # a card wants the latest, whoever has one


@given(history=histories(), together=st.booleans())
def test_any_order_of_reports_ends_alike(
    history: tuple[list[Alert], list[list[Alert]]], together: bool, rules: Policy, empty: Connection
) -> None:
    in_order, mixed = history
    assert outcome(empty, mixed, rules, together) == outcome(empty, [in_order], rules, True)
