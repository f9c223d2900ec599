"""Every kind of source and chat, one line each. Loaded when a config names it, so that start-up pays for no other."""

from __future__ import annotations

from importlib import import_module
from typing import Any

SOURCES = {
    "alertmanager": "adapters.sources.alertmanager:Alertmanager",
    "betterstack": "adapters.sources.betterstack:BetterStack",
    "falco": "adapters.sources.falco:Falco",
    "generic": "adapters.sources.generic:Generic",
    "gitlab": "adapters.sources.gitlab:GitLab",
    "healthchecks": "adapters.sources.healthchecks:Healthchecks",
    "jenkins": "adapters.sources.jenkins:Jenkins",
    "pingdom": "adapters.sources.pingdom:Pingdom",
    "splunk": "adapters.sources.splunk:Splunk",
    "statuscake": "adapters.sources.statuscake:StatusCake",
    "uptime_kuma": "adapters.sources.uptime_kuma:UptimeKuma",
    "uptimerobot": "adapters.sources.uptimerobot:UptimeRobot",
    "wazuh": "adapters.sources.wazuh:Wazuh",
}

CHATS = {
    "console": "adapters.chats.console:Console",
    "discord": "adapters.chats.discord:Discord",
    "email": "adapters.chats.email:Email",
    "slack": "adapters.chats.slack:Slack",
}


def load(spec: str) -> Any:
    """The adapter class behind a line of the tables above. It carries its config model as `config_model`.

    Sources are built as `cls(name, config)`, chats as `cls(name, config, desk)`.
    """
    module, name = spec.split(":")
    return getattr(import_module(module), name)
