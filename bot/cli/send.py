"""`tocsin send`: a sample alert for a running bot, as one of its senders would send it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import requests

from adapters import registry
from adapters.source import Rejected, Request
from bot.cli.sample import alert_of, sample_of
from bot.cli.screen import FAILED, complain, say
from bot.cli.target import Target, target_from
from bot.config import Config
from bot.config.decision import decide
from rules.alert import BadAlert
from rules.duration import format_duration

SAMPLE = {"alertname": "TocsinTest", "severity": "info"}
TIMEOUT = 10.0  # seconds
Labels = Mapping[str, str]


class Options:
    """What was asked for: `alerts` by their labels, or the sample of a `kind` of source."""

    def __init__(self, to: str | None, source: str | None, token: str | None, kind: str | None, resolved: bool) -> None:
        self.to, self.source, self.token, self.kind, self.resolved = to, source, token, kind, resolved


def send(alerts: Sequence[Labels], options: Options, now: float, config: Config | None) -> int:
    """Posts the alerts and prints what the bot answered. The exit code. `now`: seconds since the epoch. Raises CannotSend."""
    target = target_from(config, options.to, options.source, options.token, options.kind)
    if options.kind is None:
        sent = [alert_of(labels, options.resolved, now, bool(target.source)) for labels in alerts]
        return max(_post(target, one, [labels], now, config) for one, labels in zip(sent, alerts, strict=True))
    known = config.sources[target.source] if config else registry.load(registry.SOURCES[options.kind]).config_model
    request = sample_of(options.kind, options.resolved, now, getattr(known, "close_after", None))
    return _post(target, request, _labels_of(config, target.source, request, now), now, config)


def _labels_of(config: Config | None, source: str, request: Request, now: float) -> list[Labels]:
    """Of the alerts that the source will see in it; none where it will not take the sample, as the bot's answer will say."""
    if config is None:
        return []
    settings = config.sources[source]
    try:
        seen = registry.load(registry.SOURCES[settings.type])(source, settings).parse(request, now)
        return [report.open().labels for report in seen.reports]
    except (BadAlert, Rejected):
        return []


def _post(target: Target, request: Request, labels: Sequence[Labels], now: float, config: Config | None) -> int:
    request = target.proved(request, now)
    url = f"{target.url}/{request.path}".rstrip("/")
    try:
        answer = requests.request(
            request.method, url, data=request.body, params=dict(request.query), headers=dict(request.headers),
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


def _say_answer(answer: requests.Response, target: Target, labels: Sequence[Labels], now: float, config: Config | None) -> int:
    text = " ".join(answer.text.split())[:200]
    said = f"{answer.status_code} {answer.reason}" + (f": {text}" if text else "")
    if not answer.ok:
        complain(("✘ ", "red"), f"{target.url} answered {said}")
        if answer.status_code in (401, 403):
            complain("  Is this the running bot's own configuration? Else give its token with --token.")
        return FAILED
    say(("✔ ", "green"), f"{target.url} answered {said}")
    if config:
        for one in labels:
            _say_where(config, one, now)
        say(f"  In the browser: {config.public_url}")
    return 0


def _say_where(config: Config, labels: Labels, now: float) -> None:
    decision = decide(config, labels, now)
    wait = min(taken.node.timing.group_wait for taken in decision.taken)
    muted = f" It is muted now: {decision.mute.text}." if decision.mute else ""
    say(f"  Look in {', '.join(decision.channels)}, within {format_duration(wait)}.{muted}")
