"""What Amazon SNS signs is let in, once and for the topics that are named; everything else is refused in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from adapters.source import Rejected, Request, Stamp, Wanted
from adapters.sources.aws import Aws, AwsConfig
from tests.standins.sns import CERTIFICATE, HOST, TOPIC, Signer

NOW = 1_772_452_800.0
ALARM = {
    "AlarmName": "cpu-high", "NewStateValue": "ALARM", "OldStateValue": "OK", "AWSAccountId": "123456789012",
    "StateChangeTime": "2026-03-02T11:59:00.000+0000", "AlarmArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:cpu-high",
}  # fmt: skip
SIGNER, STRANGER = Signer(), Signer()
Message = dict[str, Any]


def aws(*topics: str) -> Aws:
    auth = {"sns": {"topics": list(topics or [TOPIC])}}
    return Aws("src", AwsConfig.model_validate({"type": "aws", "auth": auth}))


def request_of(message: Any, **headers: str) -> Request:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return Request("POST", "", names, body, "192.0.2.7")


def shown(source: Aws, request: Request, pem: bytes = SIGNER.pem, now: float = NOW) -> tuple[Stamp | None, list[str]]:
    """The proof, with whatever is wanted brought; and what that was."""
    wanted: list[str] = []
    while True:
        try:
            return source.verify(request, now), wanted
        except Wanted as one:
            wanted.append(f"{one.what} {one.address}")
            assert len(wanted) < 5
            one.keep(pem if one.what == "certificate" else b"<ok/>")


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", ["ALARM: cpu-high", None])
def test_what_it_signs_is_let_in(version: str, subject: str | None) -> None:
    """Its certificate is wanted once."""
    source, message = aws(), SIGNER.message(NOW, ALARM, version=version, Subject=subject)
    stamp, wanted = shown(source, request_of(message))
    assert wanted == [f"certificate {CERTIFICATE}"]
    assert shown(source, request_of(message)) == (stamp, [])
    assert stamp and stamp.until > NOW + 3600
    other, _ = shown(source, request_of(SIGNER.message(NOW + 1, ALARM)))
    assert other and other.digest != stamp.digest
    (report,) = source.parse(request_of(message), NOW).reports
    assert report.open().labels["alertname"] == "cpu-high"


SPOILT: dict[str, Callable[[Message], Message]] = {
    "the message": lambda m: m | {"Message": m["Message"].replace("cpu", "cpv")},
    "its id": lambda m: m | {"MessageId": m["MessageId"] + "0"},
    "its time": lambda m: m | {"Timestamp": m["Timestamp"].replace(".123Z", ".124Z")},
    "its subject": lambda m: m | {"Subject": "ALARM: cpv-high"},
    "no subject": lambda m: {name: value for name, value in m.items() if name != "Subject"},
    "a null subject": lambda m: m | {"Subject": None},
    "its topic": lambda m: m | {"TopicArn": TOPIC + "-2"},
    "its type": lambda m: m | {"Type": "UnsubscribeConfirmation", "Token": "t", "SubscribeURL": "https://example.com"},
    "the signature": lambda m: m | {"Signature": ("A" if m["Signature"][0] != "A" else "B") + m["Signature"][1:]},
    "a short signature": lambda m: m | {"Signature": m["Signature"][:-4]},
    "no base64": lambda m: m | {"Signature": "ä"},
    "an empty signature": lambda m: m | {"Signature": ""},
    "another hash": lambda m: m | {"SignatureVersion": "2"},
    "somebody else": lambda m: m | {"Signature": STRANGER.sign(m)},
    "half a surrogate": lambda m: m | {"Message": "\ud800"},
}


@pytest.mark.parametrize("how", SPOILT)
def test_one_thing_changed_and_it_is_refused(how: str) -> None:
    source = aws(TOPIC + "*")
    message = SPOILT[how](SIGNER.message(NOW, ALARM, Subject="ALARM: cpu-high"))
    with pytest.raises(Rejected, match=r"^Signature: is wrong$") as refused:
        shown(source, request_of(message))
    assert refused.value.status == 401


def without(name: str) -> Message:
    return {key: value for key, value in SIGNER.message(NOW, ALARM).items() if key != name}


FAR = "401 Timestamp: too far from our clock; Amazon SNS tries for an hour at most"
FORGED = b"payload=" + json.dumps(SIGNER.message(NOW, ALARM)).encode() + b"&payload={}"
REFUSED: list[tuple[Request, str]] = [
    (request_of(b""), "401 the body is no message of Amazon SNS, and only those are signed"),
    (request_of(b"["), "401 the body is no message of Amazon SNS, and only those are signed"),
    (request_of([SIGNER.message(NOW, ALARM)]), "401 the body is no message of Amazon SNS, and only those are signed"),
    (request_of(FORGED), "401 the body is no message of Amazon SNS, and only those are signed"),
    (request_of(ALARM), "401 the body is no message of Amazon SNS, and only those are signed"),
    (request_of(ALARM | {"Type": ["Notification"]}), "401 the body is no message of Amazon SNS, and only those are signed"),
    (request_of(ALARM, x_amz_sns_rawdelivery="true"),
     "401 raw message delivery is not signed: switch it off for this subscription, or use another auth"),
    (request_of(SIGNER.message(NOW, ALARM, TopicArn=TOPIC.replace("123456789012", "210987654321"))),
     "403 TopicArn: this topic is not in auth.sns.topics"),
    (request_of(SIGNER.message(NOW, ALARM, TopicArn=f"{TOPIC}\n")), "403 TopicArn: this topic is not in auth.sns.topics"),
    (request_of(without("Signature")), "401 Signature: must be a text"),
    (request_of(without("TopicArn")), "401 TopicArn: must be a text"),
    (request_of(SIGNER.message(NOW, ALARM) | {"Message": 1}), "401 Message: must be a text"),
    (request_of(SIGNER.message(NOW - 3901, ALARM)), FAR),
    (request_of(SIGNER.message(NOW + 301, ALARM)), FAR),
    (request_of(SIGNER.message(NOW, ALARM, Timestamp="now")), "401 Timestamp: is not a time such as 2026-01-06T03:00:00Z"),
    (request_of(SIGNER.message(NOW, ALARM, SignatureVersion="3")), "401 SignatureVersion: must be 1 or 2"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "told"), REFUSED)
def test_what_is_no_message_of_a_named_topic_is_refused(request_: Request, told: str) -> None:
    with pytest.raises(Rejected) as refused:
        shown(aws(), request_)
    assert f"{refused.value.status} {refused.value.reason}" == told


@pytest.mark.parametrize(
    "address",
    [
        CERTIFICATE.replace("https", "http"),
        CERTIFICATE.replace("amazonaws.com", "amazonaws.com.example.com"),
        CERTIFICATE.replace(HOST, f"{HOST}@example.com"),
        CERTIFICATE.replace(HOST, f"{HOST}:8443"),
        CERTIFICATE.replace(HOST, f"example.com/{HOST}"),
        CERTIFICATE.replace(HOST, "sns.amazonaws.com"),
        CERTIFICATE.replace(HOST, "sns.a.b.amazonaws.com"),
        CERTIFICATE.replace(HOST, "s3.eu-west-1.amazonaws.com"),
        CERTIFICATE.replace("/Simple", "/bucket/Simple"),
        CERTIFICATE.replace(".pem", ".pem?x=.pem"),
        CERTIFICATE + "\n",
        f" {CERTIFICATE}",
        "https://127.0.0.1/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem",
        "",
    ],
)
def test_a_certificate_is_wanted_from_sns_only(address: str) -> None:
    """Else anybody could make Tocsin fetch what they like, and bring the key that they sign with."""
    message = STRANGER.message(NOW, ALARM, SigningCertURL=address)
    with pytest.raises(Rejected, match=r"^SigningCertURL: is not where Amazon SNS keeps its certificates$"):
        aws().verify(request_of(message), NOW)


def test_a_certificate_of_china_is_wanted_there() -> None:
    with pytest.raises(Wanted):
        aws().verify(request_of(SIGNER.message(NOW, ALARM, SigningCertURL=CERTIFICATE.replace(".com/", ".com.cn/"))), NOW)


@pytest.mark.parametrize(
    ("pem", "told"),
    [
        (b"", "what is there is no certificate"),
        (b"<html>", "what is there is no certificate"),
        (Signer(bits=1024).pem, "the certificate is not of an RSA key of 2048 bits or more"),
    ],
)
def test_what_is_no_certificate_of_a_sound_key_is_not_kept(pem: bytes, told: str) -> None:
    source, request = aws(), request_of(SIGNER.message(NOW, ALARM))
    for _ in range(2):
        with pytest.raises(Wanted) as wanted:
            source.verify(request, NOW)
        with pytest.raises(ValueError, match=f"^{told}$"):
            wanted.value.keep(pem)


def test_a_certificate_counts_as_long_as_it_says() -> None:
    old = Signer(days=400)  # from 2020 on
    with pytest.raises(Rejected, match="the certificate is not valid at this time"):
        shown(aws(), request_of(old.message(NOW, ALARM)), old.pem)


def test_a_subscription_is_confirmed_once_its_signature_is_proven() -> None:
    source, asked = aws(), SIGNER.message(NOW, "You have chosen to subscribe", "SubscriptionConfirmation")
    confirm = f"confirmation https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=70ken"
    stamp, wanted = shown(source, request_of(asked))
    assert wanted == [f"certificate {CERTIFICATE}", confirm]
    assert shown(source, request_of(asked)) == (stamp, [])  # SNS repeats what it heard no answer to
    assert [report.firing for report in source.parse(request_of(asked), NOW).reports] == [False]
    forged = asked | {"Signature": STRANGER.sign(asked)}
    with pytest.raises(Rejected, match="Signature: is wrong"):
        shown(aws(), request_of(forged))


@pytest.mark.parametrize(
    "address",
    [
        f"http://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t",
        f"https://example.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t",
        f"https://{HOST}@example.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t",
        f"https://{HOST}/?Action=Unsubscribe&TopicArn={TOPIC}&Token=t",
        f"https://{HOST}/?Action=ConfirmSubscription&Action=Publish&TopicArn={TOPIC}&Token=t",
        f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}2&Token=t",
        f"https://{HOST}/?Action=ConfirmSubscription&Token=t",
        f"https://{HOST}/x/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t",
        f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t ä",
        "",
    ],
)
def test_only_sns_itself_is_asked_to_confirm(address: str) -> None:
    """Though it is signed: anybody may publish on a topic, and Amazon signs it."""
    message = SIGNER.message(NOW, "x", "SubscriptionConfirmation", SubscribeURL=address)
    with pytest.raises(Rejected, match=r"^SubscribeURL: is not where Amazon SNS has subscriptions to this topic confirmed$"):
        shown(aws(), request_of(message))


def test_the_end_of_a_subscription_is_an_alert_until_there_is_one_again() -> None:
    """The address in it would subscribe anew; nobody asked for that."""
    source = aws()
    ended = request_of(SIGNER.message(NOW, "You have chosen to deactivate", "UnsubscribeConfirmation"))
    assert shown(source, ended)[1] == [f"certificate {CERTIFICATE}"]
    (fires,) = source.parse(ended, NOW).reports
    assert fires.firing and fires.open().labels["alertname"] == "SnsSubscriptionEnded"
    (ends,) = source.parse(request_of(SIGNER.message(NOW, "x", "SubscriptionConfirmation")), NOW).reports
    assert not ends.firing and ends.open().fingerprint == fires.open().fingerprint


def test_without_signatures_no_subscription_is_confirmed() -> None:
    source = Aws("src", AwsConfig.model_validate({"type": "aws", "auth": {"path": "s3cr3t"}}))
    with pytest.raises(Rejected, match=r"^a subscription is confirmed only where auth is \{sns: \{topics: \[…\]\}\}$"):
        source.parse(request_of(SIGNER.message(NOW, "x", "SubscriptionConfirmation")), NOW)


@pytest.mark.parametrize(
    ("topic", "let_in"),
    [
        (TOPIC, True),
        ("arn:aws:sns:eu-west-1:123456789012:*", True),
        ("arn:aws:sns:*:123456789012:alerts-*", True),
        ("arn:aws:sns:us-*:123456789012:*", False),
        ("arn:aws:sns:eu-west-1:123456789012:alerts", False),
        ("arn:aws:sns:eu-west-1:123456789012:alerts.prod", False),
        ("arn:aws:sns:eu-west-1:123456789013:*", False),
    ],
)
def test_topics(topic: str, let_in: bool) -> None:
    try:
        shown(aws(topic), request_of(SIGNER.message(NOW, ALARM)))
    except Rejected as error:
        assert (error.status, let_in) == (403, False)
    else:
        assert let_in


EXAMPLE = "arn:aws:sns:eu-west-1:123456789012:alerts-*"
UNFIT = f"Value error, write the topic's ARN, such as {EXAMPLE}; the account must be there, or anybody's would do"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("sns", f'Value error, say which topics may send: {{sns: {{topics: ["{EXAMPLE}"]}}}}'),
        ({"sns": {"topics": []}}, "Value error, name the topics that may send"),
        ({"sns": {}}, "Field required"),
        ({"sns": {"topics": ["*"]}}, UNFIT),
        ({"sns": {"topics": ["arn:aws:sns:eu-west-1:*:alerts"]}}, UNFIT),
        ({"sns": {"topics": ["alerts-prod"]}}, UNFIT),
        ({"sns": {"topics": [TOPIC]}, "bearer": "b"},
         "Value error, bearer and sns together: choose one (only ip may stand beside another)"),
    ],
)  # fmt: skip
def test_a_config_that_would_let_any_topic_in_is_a_mistake(written: Any, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AwsConfig.model_validate({"type": "aws", "auth": written})
    assert [error["msg"] for error in refused.value.errors()] == [told]
