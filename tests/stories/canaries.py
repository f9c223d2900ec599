"""A config with a canary in every secret field there is, and everything that leaves the process, to look for them in."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

from pydantic import BaseModel, SecretStr

from adapters import registry
from bot.config import Config
from tests.standins.discord import Discord
from tests.standins.slack import Slack

MARK = "kestrel"
"""In every canary; no other text has it."""

NAMES = (
    "ANA", "BEN", "BEARER", "PASSWORD", "HMAC", "TIMED", "HEADER", "BOT", "APP", "DEAD_BOT", "SIGNING", "DISCORD", "DATABASE",
    "SPARE", "SMTP", "PATH", "QUERY", "MD5", "KEY", "STANDARD",
)  # fmt: skip
VALUES: Mapping[str, str] = {name: f"{MARK}-{i:02}-{name.lower()}-0b5e7f" for i, name in enumerate(NAMES)}
ENV = {f"PLANT_{name}": value for name, value in VALUES.items()}

CONFIG = """
listen: 127.0.0.1:0
store: sqlite:///FOLDER/tocsin.db
people:
  ana: {name: Ana Petrova, token: "${PLANT_ANA}", httpchat: account-of-ana, slack: U01ANA, discord: "80351110224678912"}
  ben: {name: Ben Okafor, token: "${PLANT_BEN}", httpchat: account-of-ben, slack: U02BEN}
groups:
  sre: {members: [ana], clearance: restricted}
  dba: {members: [ben]}
permissions: [{allow: ["*"], groups: [sre]}]
reveal: {groups: [sre], up_to: restricted}
approvals: [{verbs: [silence], groups: [sre, dba]}]
admin: {groups: [sre], channel: ops}
chats:
  console: {type: console}
  chat: {type: httpchat, url: 'AT_CHAT'}
  work: {type: slack, bot_token: "${PLANT_BOT}", app_token: "${PLANT_APP}", api_url: 'AT_SLACK'}
  dead: {type: slack, bot_token: "${PLANT_DEAD_BOT}", signing_secret: "${PLANT_SIGNING}", api_url: 'AT_SLACK'}
  guild: {type: discord, token: "${PLANT_DISCORD}", guild: 'GUILD', api_url: 'AT_DISCORD', gateway_url: 'AT_GATEWAY'}
  mail: {type: email, host: 127.0.0.1, port: 1, security: none, user: t, password: "${PLANT_SMTP}", sender: t@example.com}
channels:
  ops: {chat: console, audience: [sre, dba]}
  letters: {chat: mail, id: oncall@example.com}
  guild: {chat: guild, id: "41771983423143940", audience: [sre]}
  chat: {chat: chat, id: chat, audience: [sre]}
  work: {chat: work, id: C0OPS, audience: [sre]}
  lost: {chat: dead, id: C0LOST, audience: [sre]}
  vault: {chat: console, clearance: restricted, audience: [sre]}
sources:
  bearer: {type: alertmanager, auth: {bearer: "${PLANT_BEARER}"}}
  basic: {type: alertmanager, auth: {basic: {user: prom, password: "${file:password}"}}}
  hmac: {type: generic, auth: {hmac: "${PLANT_HMAC}"}}
  timed: {type: generic, auth: {hmac: {secret: "${PLANT_TIMED}", header: X-Sign, prefix: '', timestamp_header: X-Time}}}
  header: {type: generic, auth: {header: {name: X-Token, value: "${PLANT_HEADER}"}}}
  path: {type: alertmanager, auth: {path: "${PLANT_PATH}"}}
  query: {type: alertmanager, auth: {query: {value: "${PLANT_QUERY}"}}}
  standard: {type: gitlab, auth: {standard: "${PLANT_STANDARD}"}}
  md5: {type: statuscake, auth: {md5: {user: cake, key: "${PLANT_MD5}"}}}
  key: {type: pagerduty, auth: {key: "${PLANT_KEY}"}}
sensitivity: {rules: [{match: ['team="payments"'], level: restricted}]}
route: {channels: [ops, chat, work, lost, guild, letters], withheld_to: [vault], group_wait: 0s}
"""


class PlantedSlack(Slack):
    bot_token, app_token, signing_secret = VALUES["BOT"], VALUES["APP"], VALUES["SIGNING"]


def plant(folder: Path, chat: str, slack: Slack | None = None, discord: Discord | None = None) -> Path:
    """The config file; its secrets are in ENV and in a file. Where the chats are; all at one address if not told otherwise."""
    (folder / "password").write_text(VALUES["PASSWORD"] + "\n")
    where = {
        "FOLDER": str(folder),
        "AT_CHAT": chat,
        "AT_SLACK": slack.api_url if slack else f"{chat}/api/",
        "AT_DISCORD": discord.api_url if discord else chat,
        "AT_GATEWAY": discord.gateway_url if discord else chat.replace("http", "ws"),
        "GUILD": discord.guild if discord else "41771983423143937",
    }
    text = CONFIG
    for word, address in where.items():
        text = text.replace(word, address)
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def disguises() -> list[str]:
    """Every canary, also as headers, addresses and old protocols write it."""
    basic = b64encode(f"prom:{VALUES['PASSWORD']}".encode()).decode()
    coded = [b64encode(value.encode()).decode().rstrip("=") for value in VALUES.values()]
    return [*VALUES.values(), *map(quote, VALUES.values()), *coded, basic]


def planted(found: object) -> Iterator[tuple[str, str]]:
    """(model.field, value) of every secret in a config that was loaded."""
    if isinstance(found, BaseModel):
        for name in type(found).model_fields:
            value = getattr(found, name)
            if isinstance(value, SecretStr):
                yield f"{owner(type(found), name)}.{name}", value.get_secret_value()
            yield from planted(value)
    elif isinstance(found, dict):
        for value in found.values():
            yield from planted(value)
    elif isinstance(found, list | tuple):
        for value in found:
            yield from planted(value)


def every_model() -> set[type[BaseModel]]:
    """Every model that YAML fills, those of each source and chat included."""
    every = [*registry.SOURCES.values(), *registry.CHATS.values()]
    waiting: list[type[BaseModel]] = [Config, *(registry.load(spec).config_model for spec in every)]
    seen: set[type[BaseModel]] = set()
    while waiting:
        model = waiting.pop()
        if model not in seen:
            seen.add(model)
            waiting += [part for field in model.model_fields.values() for part in _parts(field.annotation, BaseModel)]
    return seen


def secret_fields() -> set[str]:
    """Those of them that hold a secret."""
    return {
        f"{owner(model, name)}.{name}"
        for model in every_model()
        for name, field in model.model_fields.items()
        if any(_parts(field.annotation, SecretStr))
    }


def owner(model: type[BaseModel], field: str) -> str:
    """The class that says there is such a field; others inherit it."""
    return next(one.__name__ for one in reversed(model.__mro__) if field in getattr(one, "__annotations__", {}))


def _parts(annotation: Any, kind: type[Any]) -> Iterator[type[Any]]:
    """The classes of a kind that a type mentions."""
    if isinstance(annotation, type) and issubclass(annotation, kind):
        yield annotation
    for part in get_args(annotation):
        yield from _parts(part, kind)
