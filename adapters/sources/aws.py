"""AWS: CloudWatch alarms and other messages, by Amazon SNS or EventBridge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field

from adapters.auth import verify
from adapters.body import decoded
from adapters.source import Rejected, Request, Stamp
from adapters.sources._found import Found
from adapters.sources._item import Item
from adapters.sources._sender import Sender, SenderConfig
from adapters.sources._sns import SIGNED, AwsAuth, Proof

FIRING = {"alarm": True, "ok": False, "insufficient_data": True}
OVER = {"resolved", "closed", "ok", "archived", "cleared", "recovered"}
NAMES = {"InstanceId": "instance", "ClusterName": "cluster", "ServiceName": "service", "DBInstanceIdentifier": "database"}
"""Dimensions that have a common name."""

MOST_DIMENSIONS = 5
LONGEST_NAME = 100


class AwsConfig(SenderConfig):
    """AWS. A CloudWatch alarm is high, one without data low; other messages and events end by themselves after an hour."""

    type: Literal["aws"] = "aws"
    auth: AwsAuth = Field(description="How the sender proves who it is; `sns` for Amazon SNS. `none` must be said.")
    insufficient_data: Literal["low", "ignore"] = Field(
        "low", description="What an alarm without data means that did not fire before: an alert of severity low, or nothing."
    )


class Aws(Sender):
    """One account, or many. The alert is an alarm, by its ARN; of other messages the topic and its subject, of other
    events what they are about.
    """

    config_model: ClassVar = AwsConfig
    severities: ClassVar = {"insufficient_data": "low"}
    usual: ClassVar = "high"

    def __init__(self, name: str, config: AwsConfig) -> None:
        super().__init__(name, config)
        self._auth, self._no_data = config.auth, config.insufficient_data
        self._proof = Proof(config.auth.sns) if config.auth.sns else None

    def verify(self, request: Request, now: float) -> Stamp | None:
        stamp = verify(self._auth, request, now)
        return self._proof.check(request, now) if self._proof else stamp

    def items(self, body: Any, request: Request) -> Sequence[Any]:
        """Each as {sns: what is around the message, message: the JSON of it, or text: what else it is}."""
        if not isinstance(body, Mapping):
            return [{"message": one, "sns": {}} for one in body] if isinstance(body, list) else [body]
        if str(body.get("Type")) not in SIGNED or "TopicArn" not in body:
            return [{"message": body, "sns": {"TopicArn": request.headers.get("x-amz-sns-topic-arn", "")}}]
        if body["Type"] != "Notification" and not self._proof:
            raise Rejected(403, "a subscription is confirmed only where auth is {sns: {topics: […]}}")
        text = body.get("Message")
        inner = decoded(text) if isinstance(text, str) else None
        about = {name: body.get(name) for name in ("Type", "TopicArn", "Subject")}
        return [{"sns": about, "message": inner, "text": text} if isinstance(inner, dict) else {"sns": about, "text": text}]

    def read(self, item: Item) -> Found | None:
        message, kind = item.inner("message"), item.text("sns.Type")
        if kind.endswith("Confirmation"):
            return _subscription(item, kind == "UnsubscribeConfirmation")
        if message.has("NewStateValue") or message.text("detail-type") == "CloudWatch Alarm State Change":
            return self._alarm(message)
        if message.text("detail-type") == "CloudWatch Alarm Configuration Change":
            return None
        return _event(message) if message.has("detail-type") else _message(item, message)

    def _alarm(self, alarm: Item) -> Found | None:
        name, arn = alarm.need("AlarmName", "detail.alarmName"), alarm.text("AlarmArn", "resources.0")
        state = alarm.text("NewStateValue", "detail.state.value").lower()
        firing = alarm.word(FIRING, True, "NewStateValue", "detail.state.value")
        before = alarm.text("OldStateValue", "detail.previousState.value")
        if state == "insufficient_data" and (before == "ALARM" or self._no_data == "ignore"):
            return None  # one that fires goes on until it is OK
        place = _place(arn, alarm)
        at = alarm.time("StateChangeTime", "detail.state.timestamp")
        reason = alarm.text("NewStateReason", "detail.state.reason")
        said = alarm.text("AlarmDescription", "detail.configuration.description")
        rule = alarm.text("AlarmRule", "detail.configuration.alarmRule")
        muted = alarm.text("ActionsSuppressedBy", "detail.state.actionsSuppressedBy")
        return Found(
            ("alarm", arn or f"{place['account']}:{place['region']}:{name}"),
            name,
            firing,
            state if state == "insufficient_data" else "",
            f"{name}: {said or reason or state.upper()}".split("\n")[0],
            "\n\n".join(text for text in (said, reason, rule) if text),
            {**_metric(alarm), **place, "suppressed_by": muted},
            at if firing else 0.0,
            0.0 if firing else at,
            {"source": _console(name, arn)},
        )


def _subscription(item: Item, ended: bool) -> Found:
    """The end of one is an alert: silence would be all there is to hear of it."""
    topic = item.need("sns.TopicArn")
    name = topic.rpartition(":")[2]
    told = f"Amazon SNS sends nothing of the topic {name} any more: its subscription was ended"
    summary = told if ended else f"Amazon SNS sends the topic {name}: its subscription is confirmed"
    return Found(
        ("subscription", topic), "SnsSubscriptionEnded", ended, "", summary, labels={"topic": name, **_place(topic, item)}
    )


def _event(event: Item) -> Found:
    """Of EventBridge, from any service."""
    name, source, things = event.need("detail-type"), event.text("source"), event.get("resources")
    about = [str(thing) for thing in things][:MOST_DIMENSIONS] if isinstance(things, list) else []
    detail = event.inner("detail")
    state = detail.text("statusCode", "status", "state", "currentPhase").lower()
    thing = about[0].rpartition(":")[2] if about else ""
    return Found(
        ("event", source, name, *(about or [detail.text("id", "findingId", "eventArn")])),
        name,
        state not in OVER,
        _severity(detail),
        detail.text("title", "eventTypeCode", "message", "stoppedReason") or f"{name} {thing}".strip(),
        detail.text("description", "eventDescription.0.latestDescription", "reason"),
        {"service": source.removeprefix("aws."), "resource": thing, "status": state, **_place("", event)},
        links={},
        passing=True,
    )


def _message(item: Item, message: Item) -> Found:
    """Of somebody's own making, as JSON or as a text."""
    text, topic = item.text("text"), item.text("sns.TopicArn")
    subject = message.text("title", "summary", "subject", "name", "alertname") or item.text("sns.Subject")
    name = (subject or text.split("\n")[0] or topic.rpartition(":")[2])[:LONGEST_NAME]
    if not name:
        item.need("text")
    key = message.text("fingerprint", "dedup_key", "alert_id", "id") or name
    return Found(
        ("message", topic, key),
        name,
        message.text("status", "state").lower() not in OVER,
        message.text("severity", "level", "priority"),
        subject or name,
        message.text("description", "message", "detail") or ("" if message.data else text),
        {**message.texts("labels"), "topic": topic.rpartition(":")[2], **_place(topic, item)},
        links={"source": message.text("url", "link")},
        passing=True,
    )


def _severity(detail: Item) -> str:
    """Also a number from 0 to 10, as security services write it."""
    word = detail.text("severity", "severity.Label", "findings.0.Severity.Label")
    if not word.replace(".", "", 1).isdecimal() or len(word) > 6:
        return "" if word.startswith("{") else word
    return next(name for least, name in ((9, "critical"), (7, "high"), (4, "warning"), (0, "low")) if float(word) >= least)


def _place(arn: str, item: Item) -> dict[str, str]:
    parts = arn.split(":") if arn.startswith("arn:") else []
    region, account = (parts[3], parts[4]) if len(parts) > 4 else ("", "")
    return {"region": region or item.text("region", "Region"), "account": account or item.text("AWSAccountId", "account")}


def _metric(alarm: Item) -> dict[str, str]:
    """Which metric of which thing; of a formula, the first that goes into it."""
    parts = [one.inner("metricStat.metric") for one in alarm.each("detail.configuration.metrics")]
    parts += [one.inner("MetricStat.Metric") for one in alarm.each("Trigger.Metrics")]
    metric = next((part for part in parts if part.data), alarm.inner("Trigger"))
    dimensions = metric.texts("dimensions") or metric.texts("Dimensions")
    labels = {NAMES.get(name, name): value for name, value in list(dimensions.items())[:MOST_DIMENSIONS]}
    namespace, name = metric.text("namespace", "Namespace"), metric.text("name", "MetricName")
    return {"service": namespace.removeprefix("AWS/"), "metric": name, **labels}


def _console(name: str, arn: str) -> str:
    parts = arn.split(":")
    if len(parts) < 6:
        return ""
    site = {"aws": "aws.amazon.com", "aws-cn": "amazonaws.cn", "aws-us-gov": "amazonaws-us-gov.com"}.get(parts[1])
    return f"https://console.{site}/cloudwatch/home?region={parts[3]}#alarmsV2:alarm/{quote(name, safe='')}" if site else ""
