"""Every kind of source and chat, one line each. Loaded when a config names it, so that start-up pays for no other."""

from __future__ import annotations

from importlib import import_module
from typing import Any

SOURCES = {
    "alertmanager": "adapters.sources.alertmanager:Alertmanager",
    "aws": "adapters.sources.aws:Aws",
    "azure_monitor": "adapters.sources.azure_monitor:AzureMonitor",
    "betterstack": "adapters.sources.betterstack:BetterStack",
    "checkmk": "adapters.sources.checkmk:Checkmk",
    "cloudevents": "adapters.sources.cloudevents:CloudEvents",
    "datadog": "adapters.sources.datadog:Datadog",
    "dynatrace": "adapters.sources.dynatrace:Dynatrace",
    "falco": "adapters.sources.falco:Falco",
    "gatus": "adapters.sources.gatus:Gatus",
    "gcp_monitoring": "adapters.sources.gcp_monitoring:GcpMonitoring",
    "generic": "adapters.sources.generic:Generic",
    "gitlab": "adapters.sources.gitlab:GitLab",
    "grafana": "adapters.sources.grafana:Grafana",
    "graylog": "adapters.sources.graylog:Graylog",
    "healthchecks": "adapters.sources.healthchecks:Healthchecks",
    "honeycomb": "adapters.sources.honeycomb:Honeycomb",
    "icinga2": "adapters.sources.icinga2:Icinga2",
    "jenkins": "adapters.sources.jenkins:Jenkins",
    "kibana": "adapters.sources.kibana:Kibana",
    "librenms": "adapters.sources.librenms:LibreNMS",
    "nagios": "adapters.sources.nagios:Nagios",
    "netdata": "adapters.sources.netdata:Netdata",
    "newrelic": "adapters.sources.newrelic:NewRelic",
    "openobserve": "adapters.sources.openobserve:OpenObserve",
    "opsgenie": "adapters.sources.opsgenie:Opsgenie",
    "pagerduty": "adapters.sources.pagerduty:PagerDuty",
    "pingdom": "adapters.sources.pingdom:Pingdom",
    "sensu": "adapters.sources.sensu:Sensu",
    "sentry": "adapters.sources.sentry:Sentry",
    "signoz": "adapters.sources.signoz:SigNoz",
    "splunk": "adapters.sources.splunk:Splunk",
    "statuscake": "adapters.sources.statuscake:StatusCake",
    "uptime_kuma": "adapters.sources.uptime_kuma:UptimeKuma",
    "uptimerobot": "adapters.sources.uptimerobot:UptimeRobot",
    "wazuh": "adapters.sources.wazuh:Wazuh",
    "zabbix": "adapters.sources.zabbix:Zabbix",
}

APIS = {
    "/v2/enqueue": "pagerduty",
    "/v2/change/enqueue": "pagerduty",
    "/v2/alerts": "opsgenie",
    "/v2/alerts/{path:.*}": "opsgenie",
    "/v2/heartbeats/{path:.*}": "opsgenie",
    "/jsm/ops/integration/v2/alerts": "opsgenie",
    "/jsm/ops/integration/v2/alerts/{path:.*}": "opsgenie",
}
"""Addresses of vendors' APIs, for senders in which only the host can be changed; the credential tells which source it is."""

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
