"""The example that ships: it runs as it is, it teaches every key, and what it says in comments works, too."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from adapters import registry
from adapters.chats.discord.config import DiscordConfig
from adapters.chats.email.config import EmailConfig
from adapters.chats.slack.config import SlackConfig
from bot.config import Config, load
from bot.config.case import Expectation
from bot.config.check import run_tests, warnings
from bot.config.decision import decide
from rules.duration import parse_duration
from rules.incident import Timing
from tests.standins.certificate import make

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"
TEXT = EXAMPLE.read_text()
COMMENTED_OUT = re.compile(r"^( *)# ( *(- \{)?[\w-]+:( |$).*)", re.MULTILINE)
ABOUT_SLACK = re.compile(
    r"^( *)# ((?:work:|slack:|storage:|  (?:chat: work|id: C0|audience:|mention:|fallback)|- \{name: storage).*)", re.MULTILINE
)
ABOUT_DISCORD = re.compile(r"^( *)# ((?:guild|discord|night|late|  gateway_url): .*)", re.MULTILINE)
ABOUT_EMAIL = re.compile(r"^( *)# ((?:mail|letters|  port): .*)", re.MULTILINE)
OVER_HTTP = re.compile(r"^( *)# ((?:work-http:|  (?:type|bot_token|signing_secret|api_url):).*)", re.MULTILINE)


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model that a type mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models(part)


def every_model() -> set[type[BaseModel]]:
    """Every model that YAML fills."""
    every = [*registry.SOURCES.values(), *registry.CHATS.values()]
    waiting: list[type[BaseModel]] = [Config, *(registry.load(spec).config_model for spec in every)]
    seen: set[type[BaseModel]] = set()
    while waiting:
        model = waiting.pop()
        if model not in seen:
            seen.add(model)
            waiting += [below for field in model.model_fields.values() for below in models(field.annotation)]
    return seen


def keys() -> set[str]:
    """Every key that may be written anywhere; `auth: none` is a word, though a field."""
    return {field.alias or name for model in every_model() for name, field in model.model_fields.items()} - {"none"}


@pytest.mark.parametrize("key", sorted(keys()))
def test_every_key_is_shown(key: str) -> None:
    assert re.search(rf"(?<![\w-]){key}: ?", TEXT)


def test_it_runs_as_it_is_without_account_or_secret() -> None:
    config = load(EXAMPLE, {})
    assert run_tests(config) == []
    assert warnings(config) == []
    assert len(config.tests) >= 5
    assert "${" not in COMMENTED_OUT.sub("", re.sub("#.*", "", TEXT))


def test_it_also_runs_with_everything_that_is_commented_out(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    secret = tmp_path / "secret"
    secret.write_text("hush")
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "search.yaml").write_text("routes: [{name: search, match: ['team=\"search\"']}]")
    (tmp_path / "tls").mkdir()
    make(tmp_path / "tls" / "tocsin.crt", tmp_path / "tls" / "tocsin.key")
    path.write_text(COMMENTED_OUT.sub(r"\1\2", TEXT).replace("/run/secrets/team_d", str(secret)))
    names = dict.fromkeys(re.findall(r"\$\{([A-Z_]+)\}", TEXT), "hush")
    config = load(path, names)
    assert {f"team-{letter}" for letter in "abcde"} <= set(config.sources)
    assert config.people["cleo"].token is not None
    assert config.route.routes[-1].name == "search"
    assert run_tests(config) == []


@pytest.mark.parametrize("over_http", [False, True])
def test_it_runs_with_what_is_said_of_slack(tmp_path: Path, over_http: bool) -> None:
    text = ABOUT_SLACK.sub(r"\1\2", TEXT)
    if over_http:
        chats, *rest = text.partition("\nchannels:")
        chats = re.sub(r"^  work: .*\n", "", OVER_HTTP.sub(r"\1\2", chats), flags=re.MULTILINE).replace("  work-http:", "  work:")
        text = "".join([chats, *rest])
    path = tmp_path / "config.yaml"
    path.write_text(text)
    way_in = "SLACK_SIGNING_SECRET" if over_http else "SLACK_APP_TOKEN"
    config = load(path, {"SLACK_BOT_TOKEN": "xoxb-hush", way_in: "hush"})
    assert list(config.chats) == ["console", "work"]
    slack = config.chats["work"]
    assert isinstance(slack, SlackConfig) and slack.socket_mode is not over_http
    assert slack.bot_token.get_secret_value() == "xoxb-hush"
    assert config.people["cleo"].account("slack") == "U01CLEO"
    assert config.channels["storage"].id == "C0STORAGE"
    assert decide(config, {"alertname": "DiskFull", "team": "storage"}, 0.0).channels == ("storage",)
    assert run_tests(config) == [] and warnings(config) == []


def test_it_runs_with_what_is_said_of_discord(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(ABOUT_DISCORD.sub(r"\1\2", TEXT))
    config = load(path, {"DISCORD_TOKEN": "hush.hush.hush"})
    discord = config.chats["guild"]
    assert isinstance(discord, DiscordConfig) and discord.token.get_secret_value() == "hush.hush.hush"
    fresh = DiscordConfig.model_validate({"token": discord.token, "guild": discord.guild})
    assert (discord.api_url, discord.gateway_url) == (fresh.api_url, fresh.gateway_url)
    assert config.people["cleo"].account("discord") == "80351110224678914"
    assert config.channels["late"].id == "41771983423143940"
    assert config.groups["night"].on(DiscordConfig.group_key) == "165511591545143296"
    assert run_tests(config) == []


def test_it_runs_with_what_is_said_of_email(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(ABOUT_EMAIL.sub(r"\1\2", TEXT))
    config = load(path, {"SMTP_PASSWORD": "hush"})
    mail = config.chats["mail"]
    assert isinstance(mail, EmailConfig) and mail.password and mail.password.get_secret_value() == "hush"
    fresh = EmailConfig.model_validate({"host": mail.host, "sender": mail.sender})
    assert (mail.port, mail.security, mail.timeout) == (fresh.port, fresh.security, fresh.timeout)
    assert config.channels["letters"].chat == "mail"
    assert run_tests(config) == []


def test_a_value_called_default_is_the_default() -> None:
    """`key: value   # default` must not lie."""
    said = re.findall(r"^ *([\w]+): ([^#\n]+?) +# default(?:;|$)", TEXT, re.MULTILINE)
    assert len(said) >= 12
    for key, written in said:
        known = [field.default for model in every_model() for name, field in model.model_fields.items() if name == key]
        known.append(getattr(Timing(), key, None))
        value = yaml.safe_load(written)
        value = tuple(value) if isinstance(value, list) else value
        assert value in known or parse_duration(str(value)) in known, key


def test_the_docs_do_not_lie(tmp_path: Path) -> None:
    docs = {name: (EXAMPLE.parent / "docs" / f"{name}.md").read_text() for name in ("config", "routing")}
    least, *_ = yaml_in(docs["config"])
    path = tmp_path / "config.yaml"
    path.write_text(least)
    assert load(path, {"PROMETHEUS_TOKEN": "hush"}).route.channels == ("ops",)
    _, tests = yaml_in(docs["routing"])
    path.write_text(TEXT.split("\ntests:")[0] + "\n" + tests)
    assert run_tests(load(path, {})) == []
    assert re.findall(r"^\| `(\w+)` \|", docs["routing"], re.MULTILINE) == [
        "channels",
        "withheld",
        "muted",
        "sensitivity",
        "group",
    ]
    assert set(Expectation.model_fields) == {"channels", "withheld", "muted", "sensitivity", "group"}


def yaml_in(text: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
