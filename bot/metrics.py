"""What Tocsin tells Prometheus of itself. Names of decisions are those of rules/."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ALERTS = Counter("tocsin_alerts", "Reported alerts by what their report meant.", ["source", "verdict"])
BAD_ALERTS = Counter("tocsin_alerts_bad", "Alerts that were not understood; their neighbours were kept.", ["source"])
FIELDS_NOT_UNDERSTOOD = Counter(
    "tocsin_fields_not_understood", "Fields that made no sense, of alerts that were kept.", ["source", "field"]
)  # fmt: skip
REQUESTS = Counter("tocsin_webhook_requests", "Webhook requests by the status they were answered with.", ["source", "status"])
REQUEST_SECONDS = Histogram(
    "tocsin_webhook_seconds", "From the request to its answer, commit included.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)  # fmt: skip
CHANGES = Counter("tocsin_incident_changes", "Changes of incidents by kind.", ["kind"])
INCIDENTS = Gauge("tocsin_incidents_open", "Incidents that are not resolved.", ["state", "severity"])
ACK_SECONDS = Histogram(
    "tocsin_ack_seconds", "From the opening of an incident to its first acknowledgement.",
    buckets=(15, 30, 60, 120, 300, 600, 1800, 3600, 4 * 3600),
)  # fmt: skip
COMMANDS = Counter("tocsin_commands", "Commands by verb and outcome.", ["verb", "outcome"])
DELIVERIES = Counter("tocsin_deliveries", "Calls to chats by what was asked and how it ended.", ["channel", "op", "outcome"])
DELIVERY_SECONDS = Histogram(
    "tocsin_delivery_seconds", "From the moment a card was due to the moment the chat showed it.", ["channel"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 3, 10, 30, 60, 300, 3600),
)  # fmt: skip
CHAT_DOWN = Gauge("tocsin_chat_down", "1 while a chat does not answer.", ["chat"])
FALLBACKS = Counter("tocsin_fallbacks", "Criticals that went to the fallback of a channel.", ["channel"])
BACKLOG = Gauge("tocsin_delivery_backlog", "Cards that do not show the latest state yet.", ["channel"])
STORMS = Counter("tocsin_storms", "Storm cards begun, by channel.", ["channel"])
CARRIED = Gauge("tocsin_storm_carried", "Incidents that burn on a storm card.", ["channel"])
WITHHELD = Gauge("tocsin_withheld_from_all", "Open incidents that no channel shows in full.")
DRIFTED = Gauge("tocsin_channels_drifted", "Channels that may not show what the config clears them for.")
STORE_BACKLOG = Gauge("tocsin_store_backlog", "Writes that wait for a transaction.")
FETCHES = Counter("tocsin_fetches", "What sources wanted fetched, to prove who sends, by outcome.", ["source", "what", "outcome"])
WRONG_TOKENS = Counter("tocsin_wrong_tokens", "Wrong tokens at the API, the sign-in and sources.")
SILENT = Gauge("tocsin_silent_seconds", "For how long what must be heard now and then was not.", ["about"])
LEADS = Gauge("tocsin_leader", "1 while this process delivers, escalates and keeps the schedules for all replicas.")
LOST_LINES = Counter("tocsin_log_lines_lost", "Log lines that could not be written.")
RELOADS = Counter("tocsin_config_reloads", "Reloads of the config by outcome.", ["outcome"])
