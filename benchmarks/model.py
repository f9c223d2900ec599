"""What a load needs, computed from what things were measured to cost. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import msgspec

from adapters.chat import Lane
from adapters.chats.discord.lanes import GLOBAL
from adapters.chats.slack.lanes import lanes as slack_lanes
from bot.known import MOST as REMEMBERED
from rules.channel import Channel

FULL = 0.7
"""Of a core, or of the one writer: beyond it whatever comes waits noticeably."""
DAY = 86400.0


class Costs(msgspec.Struct, frozen=True):
    """Microseconds of CPU: of Tocsin, and (`_db`) of a database beside it. Bytes: in memory, in the store (`_disk`), written at
    once (`_log`). `writer`: microseconds for which a new alert keeps others from writing.
    """

    store: str
    request: float
    request_db: float
    resent: float
    new: float
    new_db: float
    writer: float
    renewal: float
    renewal_db: float
    incident: float
    incident_db: float
    base_mb: float
    alert_memory: float
    alert_disk: float
    alert_log: float
    renewal_log: float
    incident_disk: float
    incident_log: float


class Load(msgspec.Struct, frozen=True):
    """`alerts` fire at once, each is re-sent after `resend` seconds, `batch` a request. `new`: alerts a second that are new.
    `incidents` a day, of each of which cards are drawn `drawn` times. `storm`: alerts that come at once, a part of them critical.
    """

    alerts: int = 10_000
    new: float = 1.0
    resend: float = 60.0
    batch: int = 64
    sources: int = 1
    replicas: int = 1
    channels: int = 50
    workspaces: int = 1
    chat: str = "slack"
    incidents: float = 500.0
    drawn: float = 4.0
    storm: int = 2000
    critical: float = 0.02
    keep_days: float = 90.0


class Need(msgspec.Struct, frozen=True):
    """One line of the answer. `limit`: what there is at most; 0.0 if it is only a figure. `remedy`: what to do beyond it."""

    name: str
    value: float
    unit: str
    limit: float = 0.0
    remedy: str = ""

    @property
    def fits(self) -> bool:
        return not self.limit or self.value <= self.limit


def needs(load: Load, costs: Costs) -> list[Need]:
    return [*_cores(load, costs), *_room(load, costs), *_calls(load), *_storm(load)]


def instances(found: Sequence[Need]) -> int:
    """How many of them, each with a share of sources, routes and workspaces, carry it; replicas come on top."""
    return max([1, *(ceil(one.value / one.limit) for one in found if one.limit and one.remedy == SPLIT)])


SPLIT = "more instances, each with its sources and channels"


def _cores(load: Load, costs: Costs) -> list[Need]:
    resent, renewals, drawn = load.alerts / load.resend, _renewals(load), load.incidents * load.drawn / DAY
    requests = (resent + load.new) / load.batch
    intake = (requests * costs.request + resent * costs.resent + load.new * costs.new + renewals * costs.renewal) / 1e6
    leader = drawn * costs.incident / 1e6
    database = requests * costs.request_db + load.new * costs.new_db + renewals * costs.renewal_db + drawn * costs.incident_db
    renewing, drawing = costs.renewal + costs.renewal_db, costs.incident + costs.incident_db
    writer = load.new * costs.writer + renewals * renewing + drawn * drawing
    return [
        Need("intake, all replicas", intake, "cores", FULL * load.replicas, "more replicas"),
        Need("the leader's cards", leader, "cores", FULL, SPLIT),
        Need("the busiest replica", intake / load.replicas + leader, "cores", FULL, "more replicas"),
        Need("the database's own", database / 1e6, "cores"),
        Need("the one writer is busy", writer / 1e6, "of the time", FULL, SPLIT),
    ]


def _renewals(load: Load) -> float:
    """Expiries written down, a second: Prometheus has an alert fire for four times its resend delay, and the row is renewed
    when three of them are over.
    """
    return load.alerts / (3.0 * load.resend)


def _room(load: Load, costs: Costs) -> list[Need]:
    remembered = min(load.alerts, REMEMBERED * load.sources)
    kept, drawn = load.new * DAY * load.keep_days, load.incidents * load.drawn / DAY
    tables = (load.alerts + kept) * costs.alert_disk + load.incidents * load.keep_days * costs.incident_disk
    log = load.new * costs.alert_log + _renewals(load) * costs.renewal_log + drawn * costs.incident_log
    return [
        Need("memory of each replica", costs.base_mb + remembered * costs.alert_memory / 1e6, "MB"),
        Need("alerts of one source", load.alerts / load.sources, "alerts", REMEMBERED, "more sources"),
        Need("the database, if no alert comes back", tables / 1e9, "GB"),
        Need("written to disk", log / 1e6, "MB/s"),
    ]


def _calls(load: Load) -> list[Need]:
    """Means of a day; what comes beyond waits for its turn."""
    posts = load.incidents / load.workspaces / (DAY / 60.0)
    edits = posts * (load.drawn - 1.0)
    found = [Need("cards posted in a workspace", posts, "a minute", *_limit(load, "post"))]
    return [*found, Need("cards edited in a workspace", edits, "a minute", *_limit(load, "update"))]


def _limit(load: Load, op: str) -> tuple[float, str]:
    return min(lane.per_second for lane in shared_lanes(load.chat, op)) * 60.0, "more workspaces"


def _storm(load: Load) -> list[Need]:
    criticals = ceil(load.storm * load.critical)
    return [
        Need("a storm's criticals, each on its card", _drain(load, criticals), "s"),
        Need("… and a storm card in every channel", _drain(load, criticals + load.channels), "s"),
        Need("(with one card for each alert)", _drain(load, load.storm), "s"),
    ]


def _drain(load: Load, posts: int) -> float:
    """Seconds that so many posts take, spread evenly: one a second in a channel, and what the workspace takes."""
    workspace = min(shared_lanes(load.chat, "post"), key=lambda lane: lane.per_second)
    whole = max(0.0, posts / load.workspaces - workspace.burst) / workspace.per_second
    return max(whole, posts / load.channels / CHANNEL_PACE - 1.0, 0.0)


CHANNEL_PACE = 1.0
"""Posts a second in a channel. Slack says so; Discord tells its own pace in its answers, mostly the same."""


def shared_lanes(chat: str, op: str) -> Sequence[Lane]:
    """The budgets that all channels of a workspace (for Discord: of a bot) share, as delivery keeps them."""
    if chat == "discord":
        return (GLOBAL,)
    channel = Channel(chat="work", id="C0", clearance="internal", audience=())
    return [lane for lane in slack_lanes(op, channel) if channel.id not in lane.name]
