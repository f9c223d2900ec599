"""Structured logs: one line per event, JSON for machines, colours for a terminal."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog

from bot import metrics


def set_up(level: str = "info", as_json: bool | None = None) -> None:
    """`as_json` None: JSON unless a person watches. Library loggers speak through the same lines, from warning on."""
    machine = not sys.stderr.isatty() if as_json is None else as_json
    renderer = structlog.processors.JSONRenderer() if machine else structlog.dev.ConsoleRenderer(exception_formatter=_plain)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if machine else _keep,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _Stderr())),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s", force=True)


class _Stderr:
    """Whatever standard error is when a line is written: it may be redirected after the first.

    A line that cannot be written, for the disk is full, is lost and counted: no alert is to fail for it.
    """

    def write(self, text: str) -> int:
        try:
            return sys.stderr.write(text)
        except OSError:
            metrics.LOST_LINES.inc()
            return 0

    def flush(self) -> None:
        with suppress(OSError):  # what it has gathered is written, or lost, with the next line
            sys.stderr.flush()


_plain = structlog.dev.plain_traceback  # never with local variables: they hold what alerts say


def _keep(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return event
