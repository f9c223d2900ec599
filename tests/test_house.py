"""The house rules hold for the product, and each check fails on a small tree that breaks its rule."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests import house

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME_LOCK = (ROOT / "requirements.lock").read_text()
TEST_LOCK = (ROOT / "requirements-test.lock").read_text()
Check = Callable[[Path], list[str]]


def unlocked_imports(tree: Path) -> list[str]:
    locked = {canonicalize_name(pin.name) for pin in house.pins(RUNTIME_LOCK)}
    names = importlib.metadata.packages_distributions()
    return house.unlocked_imports(tree, {name for name, owners in names.items() if locked & set(map(canonicalize_name, owners))})


CHECKS = [house.wrong_arrows, house.circles, house.impure_rules, house.entangled_adapters, house.too_long, unlocked_imports]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_product_keeps(check: Check) -> None:
    assert check(ROOT) == []


def test_the_checks_see_the_product() -> None:
    assert {"rules", "adapters", "bot"} <= set(house.modules(ROOT))
    assert any(found.module.startswith("rules.") for found in house.imports(ROOT))


def plant(tree: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tree


LAZY = "def f():\n    import {}\n"
TYPED = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import {}\n"
SLACK, DISCORD, SENTRY = "adapters/chats/slack/__init__.py", "adapters/chats/discord/__init__.py", "adapters/sources/sentry.py"


@pytest.mark.parametrize(
    ("check", "files", "told"),
    [
        (house.wrong_arrows, {"rules/a.py": "import adapters.x"}, "rules/a.py:1: rules.a imports adapters.x"),
        (house.wrong_arrows, {"rules/a.py": LAZY.format("bot.app")}, "rules/a.py:2: rules.a imports bot.app"),
        (house.wrong_arrows, {"adapters/a.py": TYPED.format("bot.log")}, "adapters/a.py:3: adapters.a imports bot.log"),
        (house.wrong_arrows, {"adapters/a.py": "from ..bot import log"}, ""),
        (house.wrong_arrows, {"adapters/b/a.py": "from ...bot import log"}, ""),
        (house.wrong_arrows, {"bot/a.py": "from tests.house import pins"}, "bot/a.py:1: bot.a imports tests.house"),
        (house.wrong_arrows, {"rules/a.py": "import importlib\nimportlib.import_module('bot.log')"}, "imports bot.log"),
        (house.wrong_arrows, {"adapters/a.py": "__import__(name)"}, "adapters.a imports a computed name"),
        (house.circles, {"bot/a.py": "import bot.b", "bot/b.py": LAZY.format("bot.a")}, "bot.a <- bot.b <- bot.a"),
        (house.circles, {"bot/a.py": "from bot import b", "bot/b.py": TYPED.format("bot.a")}, "bot.a <- bot.b <- bot.a"),
        (house.circles, {"bot/a.py": "from . import b", "bot/b.py": "from .a import f"}, "bot.a <- bot.b <- bot.a"),
        (house.circles, {"rules/__init__.py": "from rules.a import A", "rules/a.py": "from rules import B"}, "rules <- rules.a"),
        (house.impure_rules, {"rules/a.py": LAZY.format("time")}, "rules/a.py:2: rules.a imports time; rules is pure"),
        (house.impure_rules, {"rules/a.py": "from os import path"}, "imports os"),
        (house.impure_rules, {"rules/a.py": "import urllib.request"}, "imports urllib.request"),
        (house.impure_rules, {"rules/a.py": "import aiohttp"}, "imports aiohttp"),
        (house.impure_rules, {"rules/a.py": "from datetime import datetime, UTC\ndatetime.now(UTC)"}, "rules.a calls now()"),
        (house.impure_rules, {"rules/a.py": "open('x')"}, "rules.a calls open()"),
        (house.entangled_adapters, {SENTRY: "import adapters.sources.pagerduty"}, "share through a module in adapters/"),
        (house.entangled_adapters, {SLACK: "from adapters.chats import discord", DISCORD: ""}, "imports adapters.chats.discord"),
        (house.entangled_adapters, {SENTRY: "from adapters.chats.slack.render import f"}, "imports adapters.chats.slack.render"),
        (house.entangled_adapters, {"adapters/http.py": "import adapters.sources.sentry"}, "imports adapters.sources.sentry"),
        (house.entangled_adapters, {"bot/web.py": LAZY.format("adapters.registry")}, "only bot.app and bot.cli"),
        (house.entangled_adapters, {"bot/web.py": "from adapters.sources.sentry import f"}, "only bot.app and bot.cli"),
        (house.entangled_adapters, {"bot/config/load.py": "from adapters.sources.sentry import f"}, "only bot.app and bot.cli"),
        (house.too_long, {"bot/a.py": "x = 1\n" * 301}, "bot/a.py: 301 lines"),
        (house.too_long, {"bot/a.py": "class A:\n    async def f():\n" + "        x = 1\n" * 50}, "bot/a.py:2: f has 51 lines"),
        (unlocked_imports, {"bot/a.py": LAZY.format("pytest")}, "bot.a imports pytest; it is not in requirements.lock"),
    ],
)
def test_a_broken_rule_is_told(check: Check, files: dict[str, str], told: str, tmp_path: Path) -> None:
    found = check(plant(tmp_path, files))
    assert len(found) == 1
    assert told in found[0]


def test_what_the_rules_allow_passes(tmp_path: Path) -> None:
    files = {
        "rules/__init__.py": "",
        "rules/a.py": "import re2, msgspec, pydantic, dataclasses, urllib.parse\nfrom collections.abc import Iterator\nx.now\n",
        "rules/b.py": "from rules import a\nfrom rules.a import x\n",
        "adapters/chat.py": "import aiohttp\nfrom rules.a import x\n",
        "adapters/registry.py": "import adapters.sources.sentry, adapters.chats.slack\nimport_module(name)\n",
        SENTRY: "import adapters.chat, adapters.sources._signature\n",
        SLACK: "from .render import f\n",
        "adapters/chats/slack/render.py": "import adapters.chat\n",
        "bot/web.py": "import adapters.chat, adapters.sources._signature, rules.b\n",
        "bot/app.py": "import adapters.registry, adapters.chats.slack, bot.web\n",
        "bot/cli.py": "import adapters.registry, yaml, time\ndef f():\n" + "    x = 1\n" * 49,
        "bot/store/migrations/versions/0001_first.py": "import alembic\ndef upgrade():\n" + "    x = 1\n" * 400,
    }
    assert [found for check in CHECKS for found in check(plant(tmp_path, files))] == []


def test_the_locks_hold_everything_that_is_asked_for() -> None:
    runtime = PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"]
    assert house.lock_mistakes(RUNTIME_LOCK, runtime) == []
    assert house.lock_mistakes(TEST_LOCK, runtime + PROJECT["project"]["optional-dependencies"]["test"]) == []
    assert {str(pin) for pin in house.pins(RUNTIME_LOCK)} <= {str(pin) for pin in house.pins(TEST_LOCK)}


@pytest.mark.parametrize(
    ("lock", "told"),
    [
        ("a>=1 \\\n    --hash=sha256:0", "a>=1 is not an exact version"),
        ("a==1.* \\\n    --hash=sha256:0", "a==1.* is not an exact version"),
        ("a==1", "a==1 has no hash"),
        ("a==2 \\\n    --hash=sha256:0", "a<2 is not satisfied on Python 3.11: ['2']"),
        ("b==1 \\\n    --hash=sha256:0", "a<2 is not satisfied on Python 3.13: no pin"),
        ("a==1 ; python_version < '3.13' \\\n    --hash=sha256:0", "a<2 is not satisfied on Python 3.13: no pin"),
        ("--index-url https://example.com/simple\na==1 \\\n    --hash=sha256:0", "not a pin"),
        ("# https://example.com/simple\na==1 \\\n    --hash=sha256:0", "line 1 holds an address"),
        ("a @ file:///tmp/a.whl", "line 1 holds an address"),
    ],
)
def test_a_bad_lock_is_told(lock: str, told: str) -> None:
    assert any(told in mistake for mistake in house.lock_mistakes(lock, ["a<2"]))


def test_a_good_lock_passes() -> None:
    pins = ("a==1.1 ; python_version < '3.13'", "a==1.2 ; python_version >= '3.13'")
    lock = "# note\n" + "".join(f"{pin} \\\n    --hash=sha256:0\n    # via b\n" for pin in pins)
    assert house.lock_mistakes(lock, ["A[extra]>=1,<2"]) == []


def test_the_wheel_holds_every_file_of_the_product(tmp_path: Path) -> None:
    """The container installs the wheel: a template or a migration that it leaves out would be missed there only."""
    for name in house.LAYERS:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    plant(tmp_path, {"bot/templates/page.html": "", "bot/store/migrations/versions/0000_planted.py": ""})
    wanted = {str(p.relative_to(tmp_path)) for name in house.LAYERS for p in (tmp_path / name).rglob("*") if p.is_file()}
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", "out", "."]
    subprocess.run(pip, check=True, capture_output=True, cwd=tmp_path)
    with zipfile.ZipFile(next((tmp_path / "out").glob("*.whl"))) as wheel:
        assert {name for name in wheel.namelist() if ".dist-info/" not in name} == wanted


SKIPPING = """
import pytest
@pytest.mark.real
def test_real(): pytest.skip("no chromium")
def test_other(): pytest.skip("not today")
@pytest.mark.real
@pytest.mark.xfail(reason="known")
def test_known(): assert False
"""


@pytest.mark.parametrize(
    ("text", "no_skip", "told"),
    [
        (SKIPPING, "0", "2 skipped, 1 xfailed"),
        (SKIPPING, "1", "1 failed, 1 skipped, 1 xfailed"),
        ("import pytest\npytest.skip('no postgres', allow_module_level=True)", "1", "1 error"),
    ],
)
def test_a_real_test_may_not_be_skipped_where_everything_is_installed(text: str, no_skip: str, told: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "tests/conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(text)
    run = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path / "test_it.py")]
    done = subprocess.run(run, cwd=tmp_path, env={**os.environ, "TOCSIN_NO_SKIP": no_skip}, capture_output=True, text=True)
    assert told in done.stdout
    if no_skip == "1":
        assert done.returncode != 0
        assert "must not be skipped here (TOCSIN_NO_SKIP=1). Missing: Skipped: no " in done.stdout
