"""What Tocsin must reach, row by row, and whether it does."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from benchmarks.rows import Figures, calm, kill, new_alerts, resend_batches, resend_single, storm
from benchmarks.storm import STORM

Row = Callable[..., Figures]


class Line(msgspec.Struct):
    """One line of the table: a figure of a row. `reached(alertmanager, tocsin)`; alertmanager is None when it is not here."""

    row: str
    work: str
    figure: str
    unit: str
    target: str
    reached: Callable[[float | None, Figures], bool | None]


def at_least(figure: str, times: float) -> Callable[[float | None, Figures], bool | None]:
    return lambda theirs, ours: None if theirs is None else ours[figure] >= times * theirs


def at_most(figure: str, limit: float) -> Callable[[float | None, Figures], bool | None]:
    return lambda _, ours: ours[figure] <= limit


def half(figure: str) -> Callable[[float | None, Figures], bool | None]:
    return lambda theirs, ours: None if theirs is None else ours[figure] <= 0.5 * theirs


def all_of(figure: str, count: int) -> Callable[[float | None, Figures], bool | None]:
    return lambda _, ours: ours[figure] == count


def all_kept(_: float | None, ours: Figures) -> bool:
    return ours["kept"] == ours["accepted"]


ROWS: dict[str, Row] = {"a": resend_batches, "b": new_alerts, "c": resend_single, "d": calm, "e": kill, "f": storm}

LINES = [
    Line("a", "re-sent alerts, 64 a request, 8 connections", "rate", "alerts/s", "≥ 5x", at_least("rate", 5.0)),
    Line("b", "new alerts, 100 a request, 8 connections", "rate", "alerts/s", "≥ 1x", at_least("rate", 1.0)),
    Line("b", "… memory when all is accepted", "early", "MB", "≤ 0.5x", half("early")),
    Line("b", "… memory when all is told", "memory", "MB", "≤ 0.5x", half("memory")),
    Line("c", "one re-sent alert a request, 32 connections", "rate", "requests/s", "≥ 1x", at_least("rate", 1.0)),
    Line("d", "calm: POST to chat request, p50", "p50", "ms", "≤ 5 ms", at_most("p50", 5.0)),
    Line("d", "… p99", "p99", "ms", "≤ 20 ms", at_most("p99", 20.0)),
    Line("d", "… max", "max", "ms", "", lambda _theirs, _ours: None),
    Line("e", "kill -9: alerts known after the restart", "kept", "alerts", "all", all_kept),
    Line("e", "… ready again", "ready", "s", "≤ 2 s", at_most("ready", 2.0)),
    Line("f", "storm, 2,000 alerts in 10 s: criticals shown", "critical", "alerts", "all 40", all_of("critical", 40)),
    Line("f", "… from their POST to their message, p50", "p50", "s", "", lambda _theirs, _ours: None),
    Line("f", "… p99", "p99", "s", "≤ 3 s", at_most("p99", 3.0)),
    Line("f", "… alerts shown 60 s after the last", "shown", "alerts", "all 2,000", all_of("shown", STORM.alerts)),
    Line("f", "… all were shown after the last, within", "late", "s", "≤ 15 s", at_most("late", 15.0)),
    Line("f", "… answers of 429", "refused", "answers", "none", at_most("refused", 0.0)),
]
