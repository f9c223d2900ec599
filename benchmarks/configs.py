"""What both servers are configured to do for a row: the same."""

from __future__ import annotations

import msgspec


class Plan(msgspec.Struct, frozen=True):
    """`group_wait`: as a config writes it. `channels`: 0 for one channel that shows alerts by alertname and cluster; otherwise
    so many, one of which the alert names; each takes a message a second, and nothing is grouped. `group_interval`: after that
    Alertmanager comes again with a message that was refused with 429.
    """

    group_wait: str
    channels: int = 0
    group_interval: str = "5m"

    @property
    def names(self) -> list[str]:
        return [f"c{number}" for number in range(self.channels)] or ["ops"]

    @property
    def group_by(self) -> str:
        return '["..."]' if self.channels else "[alertname, cluster]"


def tocsin(plan: Plan, port: int, store: str, sink: str) -> str:
    """`store`: its URL. `sink`: the URL of the stand-in chat, whose limit Tocsin is told."""
    paced = ", per_second: 1, burst: 1" if plan.channels else ""
    channels = "\n".join(f"  {name}: {{chat: sink, id: {name}}}" for name in plan.names)
    routes = [f"    - {{match: ['channel=\"{name}\"'], channels: [{name}]}}" for name in plan.names[: plan.channels]]
    return f"""\
listen: 127.0.0.1:{port}
store: {store}
chats: {{sink: {{type: httpchat, url: "{sink}"{paced}}}}}
channels:
{channels}
sources: {{prometheus: {{type: alertmanager, auth: {{bearer: "${{TOCSIN_BENCHMARK_TOKEN}}"}}}}}}
route:
  channels: [{plan.names[0]}]
{_timing(plan)}
{_under("routes", routes)}"""


def alertmanager(plan: Plan, sink: str) -> str:
    """`sink`: the URL of the webhook receiver, which refuses what is beyond its limit."""
    hooks = [f'  - {{name: {name}, webhook_configs: [{{url: "{sink}/webhook/{name}"}}]}}' for name in plan.names]
    routes = [f"    - {{matchers: ['channel=\"{name}\"'], receiver: {name}}}" for name in plan.names[: plan.channels]]
    return f"""\
route:
  receiver: {plan.names[0]}
{_timing(plan)}
{_under("routes", routes)}receivers:
""" + "\n".join(hooks)


def _timing(plan: Plan) -> str:
    return f"""\
  group_by: {plan.group_by}
  group_wait: {plan.group_wait}
  group_interval: {plan.group_interval}
  repeat_interval: 4h"""


def _under(key: str, lines: list[str]) -> str:
    return "\n".join([f"  {key}:", *lines, ""]) if lines else ""
