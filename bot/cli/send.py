"""`tocsin send`: a sample alert for a running bot, as Alertmanager would send it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import requests

from adapters.auth import Auth
from bot.cli.screen import FAILED, complain, say
from bot.config import Config
from bot.config.decision import decide
from rules.duration import format_duration

SAMPLE = {"alertname": "TocsinTest", "severity": "info"}
TIMEOUT = 10.0  # seconds


class Target(msgspec.Struct, frozen=True):
    """Where to post, and how to prove who we are. Without `source`: to the Alertmanager API, whose credential names it."""

    address: str
    source: str = ""
    headers: Mapping[str, str] = {}
    basic: tuple[str, str] | None = None
    below: str = ""
    """A secret that stands in the address, and so is not shown with it; like `query`."""

    query: Mapping[str, str] = {}

    @property
    def url(self) -> str:
        return f"{self.address}/webhooks/{self.source}" if self.source else f"{self.address}/api/v2/alerts"


class CannotSend(ValueError):
    """There is no way to send; the text says what to give."""


def target_from(config: Config | None, address: str | None, source: str | None, token: str | None) -> Target:
    """What the options leave open comes from the config. Raises CannotSend."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if config is None:
        if not address:
            raise CannotSend("say where to: --to http://127.0.0.1:8080")
        return Target(address.rstrip("/"), source or "", headers)
    source = source or next((name for name, found in config.sources.items() if found.type == "alertmanager"), None)
    found = config.sources.get(source or "")
    if source is None or found is None:
        raise CannotSend(f"say as which source: --source {' or '.join(config.sources)}")
    if found.type != "alertmanager":
        raise CannotSend(f"{source} is of type {found.type}; only alerts as Alertmanager sends them can be made here")
    address = (address or (config.public_url if config.tls else _local(config.listen))).rstrip("/")
    return Target(address, source, headers) if token else _with_auth(Target(address, source), found.auth)


def _local(listen: str) -> str:
    """The address to reach a bot of this configuration on this machine."""
    host, _, port = listen.rpartition(":")
    return f"http://{ {'0.0.0.0': '127.0.0.1', '[::]': '[::1]'}.get(host, host) }:{port}"


def _with_auth(target: Target, auth: Auth) -> Target:
    if auth.bearer:
        return msgspec.structs.replace(target, headers={"Authorization": f"Bearer {auth.bearer.get_secret_value()}"})
    if auth.basic:
        return msgspec.structs.replace(target, basic=(auth.basic.user, auth.basic.password.get_secret_value()))
    if auth.header:
        return msgspec.structs.replace(target, headers={auth.header.name: auth.header.value.get_secret_value()})
    if auth.path:
        return msgspec.structs.replace(target, below=f"/{auth.path.get_secret_value()}")
    if auth.query:
        return msgspec.structs.replace(target, query={auth.query.name: auth.query.value.get_secret_value()})
    if auth.hmac or auth.standard:
        raise CannotSend(f"{target.source} wants signed requests, which this command cannot make")
    return target


def body_of(labels: Mapping[str, str], resolved: bool, now: float, webhook: bool) -> Any:
    """One alert as Alertmanager's webhook sends it, or as its API takes it. `now`: seconds since the epoch."""
    at = datetime.fromtimestamp(now, UTC).isoformat()
    annotations = {"summary": f"{labels.get('alertname', 'An alert')}: a sample, made with tocsin send"}
    alert = {"labels": dict(labels), "annotations": annotations, "startsAt": at, "generatorURL": ""}
    if resolved:
        alert["endsAt"] = at
    if not webhook:
        return [alert]
    status = "resolved" if resolved else "firing"
    return {"version": "4", "status": status, "alerts": [{**alert, "status": status, "endsAt": at if resolved else ""}]}


def send(target: Target, labels: Mapping[str, str], resolved: bool, now: float, config: Config | None) -> int:
    """Posts the alert and prints what the bot answered. The exit code."""
    body = body_of(labels, resolved, now, bool(target.source))
    try:
        answer = requests.post(
            target.url + target.below, json=body, params=dict(target.query), headers=dict(target.headers), auth=target.basic,
            timeout=TIMEOUT, allow_redirects=False,
        )  # fmt: skip
    except requests.exceptions.ConnectionError:
        complain(("✘ ", "red"), f"nothing answers at {target.address}. Is the bot running? Start it with: tocsin run")
        return FAILED
    except requests.exceptions.Timeout:
        complain(("✘ ", "red"), f"{target.address} took the connection, but has not answered for {TIMEOUT:g} s.")
        return FAILED
    except requests.exceptions.RequestException as error:
        complain(("✘ ", "red"), f"{target.url} cannot be used ({type(error).__name__}). Write it like http://127.0.0.1:8080")
        return FAILED
    return _say_answer(answer, target, labels, now, config)


def _say_answer(answer: requests.Response, target: Target, labels: Mapping[str, str], now: float, config: Config | None) -> int:
    text = " ".join(answer.text.split())[:200]
    said = f"{answer.status_code} {answer.reason}" + (f": {text}" if text else "")
    if not answer.ok:
        complain(("✘ ", "red"), f"{target.url} answered {said}")
        if answer.status_code in (401, 403):
            complain("  Is this the running bot's own configuration? Else give its token with --token.")
        return FAILED
    say(("✔ ", "green"), f"{target.url} answered {said}")
    if config is not None:
        decision = decide(config, labels, now)
        wait = min(taken.node.timing.group_wait for taken in decision.taken)
        muted = f" It is muted now: {decision.mute.text}." if decision.mute else ""
        say(f"  Look in {', '.join(decision.channels)}, within {format_duration(wait)}.{muted}")
        say(f"  In the browser: {config.public_url}")
    return 0
