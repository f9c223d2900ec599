"""The tables. Times are seconds since the epoch, UTC; NULL in a due time means never. JSON is kept as text."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData()

Id = BigInteger().with_variant(Integer(), "sqlite")


def _where(sqlite: str, postgresql: str = "") -> dict[str, Any]:
    """The condition of a partial index, as each database writes it in queries: only then it uses the index."""
    return {"sqlite_where": text(sqlite), "postgresql_where": text(postgresql or sqlite)}


facts = Table(  # single facts: the store's own name, counters, what the rules were when they were last applied
    "facts", metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)  # fmt: skip

alerts = Table(
    "alerts", metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("annotations", Text, nullable=False),
    Column("links", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("sensitivity", Text, nullable=False),
    Column("firing", Boolean, nullable=False),
    Column("starts_at", Float, nullable=False),
    Column("ends_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("expired", Boolean, nullable=False),
    Column("resolved_on", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("decided", Text, nullable=False),  # routes it took, and what muted it: read by `why` and replays
    Column("inhibits", Text),  # JSON [[rule, [equal values]]…] of the inhibition rules whose source it is
    UniqueConstraint("source", "fingerprint"),
)  # fmt: skip
Index("alerts_expiring", alerts.c.expires_at, **_where("firing = 1 and expires_at > 0", "firing and expires_at > 0"))
Index("alerts_resting", alerts.c.seen_at, **_where("firing = 0", "not firing"))
Index("alerts_inhibiting", alerts.c.firing, **_where("inhibits is not null"))

incidents = Table(
    "incidents", metadata,
    Column("number", Id, primary_key=True, autoincrement=False),
    Column("slot", Text, nullable=False),  # route and group key
    Column("latest", Boolean, nullable=False),  # the newest of its slot
    Column("state", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("active", Boolean, nullable=False),  # open, or resolved by a person while something fires on
    Column("changed_at", Float, nullable=False),
    Column("resolved_at", Float, nullable=False),
    Column("due_at", Float),  # when rules.deadline.tick has something to do
    Column("check_at", Float),  # when its mutes must be looked at again
    Column("body", LargeBinary, nullable=False),  # rules.incident.Incident as JSON
)  # fmt: skip
Index("incidents_slot", incidents.c.slot, unique=True, **_where("latest = 1", "latest"))
Index("incidents_due", incidents.c.due_at, **_where("due_at is not null"))
Index("incidents_check", incidents.c.check_at, **_where("check_at is not null"))
Index("incidents_active", incidents.c.severity, incidents.c.number, **_where("active = 1", "active"))
Index("incidents_resolved", incidents.c.resolved_at, **_where("resolved_at > 0"))

members = Table(  # the alerts of an incident, as this incident saw them
    "members", metadata,
    Column("incident", Id, primary_key=True, autoincrement=False),
    Column("alert", Id, primary_key=True, autoincrement=False),
    Column("firing", Boolean, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("muted", Text, nullable=False),
    Column("starts_at", Float, nullable=False),
    Column("ends_at", Float, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip
Index("members_alert", members.c.alert, members.c.incident)

timeline = Table(
    "timeline", metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("incident", Id, nullable=False),
    Column("at", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("text", Text, nullable=False),
)  # fmt: skip
Index("timeline_incident", timeline.c.incident, timeline.c.id)

deliveries = Table(
    "deliveries", metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("incident", Id, nullable=False),
    Column("channel", Text, nullable=False),
    Column("urgency", Integer, nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("shown", Integer, nullable=False, server_default="0"),
    Column("due_at", Float, nullable=False),
    Column("ref", Text),
    Column("shown_at", Float, nullable=False, server_default="0"),
    Column("thread_wanted", Id, nullable=False, server_default="0"),  # last timeline id the thread should tell
    Column("thread_shown", Id, nullable=False, server_default="0"),
    Column("run", Text, nullable=False),  # the process that may have tried, so that another one asks the chat first; or "-"
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("retry_at", Float, nullable=False, server_default="0"),
    Column("failure", Text, nullable=False, server_default=""),
    Column("error", Text, nullable=False, server_default=""),
    Column("plain", Boolean, nullable=False, server_default=false()),  # the chat refused the full card
    Column("shown_as", Text, nullable=False, server_default=""),  # what stands there: "full", "stub", or not known
    Column("storm", Id, nullable=False, server_default="0"),  # whose card carries it, or carried it last; 0: none
    UniqueConstraint("incident", "channel"),
    sqlite_autoincrement=True,  # its id names posts in chats: none may come back after retention
)  # fmt: skip
Index(
    "deliveries_gap",
    deliveries.c.channel,
    deliveries.c.urgency,
    deliveries.c.due_at,
    **_where("wanted > shown or thread_wanted > thread_shown"),
)
Index("deliveries_storm", deliveries.c.storm, **_where("storm > 0"))
Index("deliveries_stubs", deliveries.c.incident, **_where("shown_as = 'stub'"))

fallbacks = Table(  # cards that stand somewhere because they could not be shown where they belong
    "fallbacks", metadata,
    Column("incident", Id, primary_key=True, autoincrement=False),
    Column("channel", Text, primary_key=True),  # where it stands
    Column("instead_of", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("back", Boolean, nullable=False),  # it is shown where it belongs by now, and says so
    sqlite_with_rowid=False,
)  # fmt: skip
Index("fallbacks_away", fallbacks.c.incident, **_where("back = 0", "not back"))

storms = Table(  # its card is the delivery of the incident -number
    "storms", metadata,
    Column("number", Id, primary_key=True, autoincrement=False),
    Column("channel", Text, nullable=False),
    Column("began_at", Float, nullable=False),
    Column("ended_at", Float, nullable=False),  # 0: it goes on
    Column("passed", Boolean, nullable=False),  # it only sums up what was over before it could be shown
)  # fmt: skip
Index("storms_raging", storms.c.ended_at)

silences = Table(
    "silences", metadata,
    Column("id", Text, primary_key=True),
    Column("matchers", Text, nullable=False),
    Column("starts_at", Float, nullable=False),
    Column("ends_at", Float, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("level", Text, nullable=False, server_default=""),
    Column("author", Text, nullable=False, server_default=""),  # whom a tool named as its maker
    Column("updated_at", Float, nullable=False, server_default="0"),  # 0: when it began
)  # fmt: skip
Index("silences_end", silences.c.ends_at)

messages = Table(  # the console's own posts
    "messages", metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("chat", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("parent", Id, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", Float, nullable=False),
    Column("edited_at", Float, nullable=False),
    UniqueConstraint("key", "chat"),
    sqlite_autoincrement=True,
)  # fmt: skip
Index("messages_place", messages.c.parent, messages.c.chat, messages.c.channel, messages.c.id)

sessions = Table(
    "sessions", metadata,
    Column("cookie_hash", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("expires_at", Float, nullable=False),
)  # fmt: skip

standings = Table(  # what each channel merits now: rules.standing.Standing
    "standings", metadata,
    Column("channel", Text, primary_key=True),
    Column("at", Float, nullable=False),
    Column("body", LargeBinary, nullable=False),  # as JSON
)  # fmt: skip

audit = Table(  # append-only, hash-chained: bot/store/audit.py
    "audit", metadata,
    Column("id", Id, primary_key=True, autoincrement=False),  # 1, 2, 3, … without a gap
    Column("at", Float, nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("incident", Id, nullable=False),  # 0: none
    Column("body", Text, nullable=False),  # JSON
    Column("hash", Text, nullable=False),  # over the hash before it and all of this row
)  # fmt: skip
Index("audit_at", audit.c.at)

requests = Table(  # acts that wait for a second person
    "requests", metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("by", Text, nullable=False),
    Column("line", Text, nullable=False),  # the command as it was typed
    Column("at", Float, nullable=False),
    Column("until", Float, nullable=False),
    Column("state", Text, nullable=False),  # open, approved, denied, ended
    Column("decided_by", Text, nullable=False),
    Column("decided_at", Float, nullable=False),
    Column("body", Text, nullable=False),  # JSON: why a second person is asked, and whom
)  # fmt: skip
Index("requests_open", requests.c.until, **_where("state = 'open'"))

grants = Table(  # who may see an incident beyond their clearance, and until when
    "grants", metadata,
    Column("person", Text, primary_key=True),
    Column("incident", Id, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("until", Float, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip

seen_requests = Table(  # signed requests that were taken once, as long as their time window lasts
    "seen_requests", metadata,
    Column("digest", Text, primary_key=True),
    Column("until", Float, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip
Index("seen_requests_until", seen_requests.c.until)

heard = Table(  # for how long what must be heard was silent, flushed now and then: no clock that jumps has a say
    "heard", metadata,
    Column("name", Text, primary_key=True),
    Column("silent_for", Float, nullable=False),
    Column("by", Text, nullable=False),  # the process that wrote it
)  # fmt: skip
