"""How every test run behaves: how hard hypothesis searches, which seed it uses, and whether a `real` test may be skipped."""

import os
import random
from collections.abc import Generator
from typing import Any

import hypothesis
import pytest
import structlog

PROFILE = os.environ.get("TOCSIN_TEST_PROFILE", "fast")
# fast repeats itself exactly, so that no change turns red by luck; nightly looks at something new each time.
SEED = int(os.environ.get("TOCSIN_TEST_SEED") or (random.SystemRandom().randrange(2**32) if PROFILE == "nightly" else 0))

# No deadline: how fast one example runs says more about the machine than about the code; pytest-timeout catches a hang.
hypothesis.settings.register_profile("fast", max_examples=100, deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.register_profile("nightly", max_examples=2000, deadline=None, print_blob=True)
hypothesis.settings.load_profile(PROFILE)


_configure_logs = structlog.configure


def _configure_for_now(**settings: Any) -> None:
    """A logger that remembers how it was set up in one test would speak past the next one that listens to it."""
    _configure_logs(**settings | {"cache_logger_on_first_use": False})


structlog.configure = _configure_for_now  # type: ignore[assignment]  # of the same shape, as far as it is used


def pytest_runtest_setup() -> None:
    """Logs go where they go by themselves, whatever the test before had set up."""
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def seed() -> int:
    """The seed for a test's own random.Random; printed at the top of the run, set again with TOCSIN_TEST_SEED."""
    return SEED


LONG = ("test_chaos", "test_leak_matrix", "test_replicas", "test_benchmarks", "test_storms", "test_machine_faults")
"""Begun first, so that no worker is left alone with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.hookimpl(tryfirst=True)  # before hypothesis reads the option
def pytest_configure(config: pytest.Config) -> None:
    if PROFILE == "nightly" and config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(SEED)


def pytest_report_header() -> str:
    return f"tocsin: profile {PROFILE}, seed {SEED} (repeat with TOCSIN_TEST_PROFILE={PROFILE} TOCSIN_TEST_SEED={SEED})"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests want to be told of even when all is well."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "tell":
                terminalreporter.write_line(str(value))


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Where everything real is installed (TOCSIN_NO_SKIP=1), a skipped test is one that silently stopped testing."""
    if os.environ.get("TOCSIN_NO_SKIP") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} must not be skipped here (TOCSIN_NO_SKIP=1). Missing: {why}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.get_closest_marker("real"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield  # a module that skips itself as a whole hides its `real` tests
    _refuse_skip(report)
    return report
