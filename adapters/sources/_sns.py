"""Amazon SNS: whether it signed a message, for which topic, and the confirmation of a subscription (docs/adr/0008)."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import Certificate, load_pem_x509_certificate
from pydantic import AfterValidator, Field, model_validator

from adapters.auth import Auth
from adapters.body import load_json
from adapters.fields import parse_time
from adapters.source import Rejected, Request, Stamp, Wanted
from rules.access import Strict

OLDEST, NEWEST = 3900.0, 300.0
"""Seconds from a message's time to ours. SNS tries for an hour at most."""

MOST_KEPT = 100
_HOST = r"https://sns\.[a-z0-9-]{1,40}\.amazonaws\.com(?:\.cn)?"
_CERTIFICATE = re.compile(_HOST + r"/SimpleNotificationService-[0-9a-f]{16,128}\.pem")
_CONFIRM = re.compile(_HOST + r"/\?[!-~]{1,2000}")
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9*-]+:[0-9]{12}:[A-Za-z0-9_.*-]{1,256}")
_OF_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED: Mapping[str, tuple[str, ...]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": _OF_CONFIRMATION,
    "UnsubscribeConfirmation": _OF_CONFIRMATION,
}
"""The fields that a signature covers, by type of message."""

HASHES = {"1": SHA1, "2": SHA256}


def _topic(pattern: str) -> str:
    if not _TOPIC.fullmatch(pattern):
        example = "arn:aws:sns:eu-west-1:123456789012:alerts-*"
        raise ValueError(f"write the topic's ARN, such as {example}; the account must be there, or anybody's would do")
    return pattern


def _some(topics: tuple[str, ...]) -> tuple[str, ...]:
    if not topics:
        raise ValueError("name the topics that may send")
    return topics


Topics = Annotated[tuple[Annotated[str, AfterValidator(_topic)], ...], AfterValidator(_some)]


class Sns(Strict):
    """Amazon SNS signs what it sends; anybody can have it sign for a topic of their own, so the topics must be named."""

    topics: Topics = Field(description="ARNs of the topics that may send; * stands for any part of a region or name.")


class AwsAuth(Auth):
    """How AWS proves who it is: `sns` for the signatures of Amazon SNS, else one of the usual ways."""

    sns: Sns | None = None

    @property
    def needs_body(self) -> bool:
        return self.sns is not None or super().needs_body

    @model_validator(mode="before")
    @classmethod
    def _sns_needs_topics(cls, data: Any) -> Any:
        if data == "sns":
            raise ValueError('say which topics may send: {sns: {topics: ["arn:aws:sns:eu-west-1:123456789012:alerts-*"]}}')
        return data


class Proof:
    """What one source knows of SNS: keys by the address of their certificate, subscriptions that were confirmed."""

    def __init__(self, config: Sns) -> None:
        patterns = (re.escape(topic).replace(r"\*", "[^:]*") for topic in config.topics)
        self._topics = re.compile("|".join(patterns))
        self._certificates: dict[str, Certificate] = {}
        self._confirmed: dict[str, None] = {}

    def check(self, request: Request, now: float) -> Stamp:
        """Raises Rejected (401, 403); Wanted for the certificate, then for the address that confirms a subscription."""
        message = _message(request)
        if not self._topics.fullmatch(message["TopicArn"]):
            raise Rejected(403, "TopicArn: this topic is not in auth.sns.topics")
        at = _time(message["Timestamp"], now)
        address = message["SigningCertURL"]
        if not _CERTIFICATE.fullmatch(address):
            raise Rejected(401, "SigningCertURL: is not where Amazon SNS keeps its certificates")
        if address not in self._certificates:
            raise Wanted(address, "certificate", partial(self._learn, address))
        _check_signature(self._certificates[address], message, now)
        if message["Type"] == "SubscriptionConfirmation":
            self._confirm(message)
        digest = hashlib.sha256(f"{message['Type']}:{message['TopicArn']}:{message['MessageId']}".encode()).hexdigest()
        return Stamp(digest, at + OLDEST)

    def _learn(self, address: str, content: bytes) -> None:
        """Raises ValueError for what is no certificate of an RSA key."""
        try:
            found = load_pem_x509_certificate(content)
        except ValueError:
            raise ValueError("what is there is no certificate") from None
        key = found.public_key()
        if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
            raise ValueError("the certificate is not of an RSA key of 2048 bits or more")
        _remember(self._certificates, address, found)

    def _confirm(self, message: Mapping[str, str]) -> None:
        """Once for each: SNS repeats what it got no answer to, and a copy must not make Tocsin ask again."""
        if message["MessageId"] in self._confirmed:
            return
        address = message["SubscribeURL"]
        asked = parse_qs(urlsplit(address).query)
        wanted = {"Action": ["ConfirmSubscription"], "TopicArn": [message["TopicArn"]]}
        if not _CONFIRM.fullmatch(address) or {name: asked.get(name) for name in wanted} != wanted:
            raise Rejected(401, "SubscribeURL: is not where Amazon SNS has subscriptions to this topic confirmed")
        raise Wanted(address, "confirmation", lambda _: _remember(self._confirmed, message["MessageId"], None))


def _message(request: Request) -> dict[str, str]:
    """What a signature covers and what leads to it, all of it texts."""
    if request.headers.get("x-amz-sns-rawdelivery", "").lower() == "true":
        raise Rejected(401, "raw message delivery is not signed: switch it off for this subscription, or use another auth")
    try:  # of a form, two who read it may take different fields
        body = load_json(request) if request.body.lstrip()[:1] == b"{" else None
    except Rejected:
        body = None
    names = SIGNED.get(str(body.get("Type")), ()) if isinstance(body, dict) else ()
    if not names or not isinstance(body, dict):
        raise Rejected(401, "the body is no message of Amazon SNS, and only those are signed")
    names = (*(name for name in names if name != "Subject" or body.get(name) is not None), "SigningCertURL", "SignatureVersion")
    found: dict[str, str] = {}
    for name in (*names, "Signature"):
        value = body.get(name)
        if not isinstance(value, str):
            raise Rejected(401, f"{name}: must be a text")
        found[name] = value
    return found


def _time(sent: str, now: float) -> float:
    """Seconds since the epoch."""
    try:
        at = parse_time(sent)
    except ValueError as error:
        raise Rejected(401, f"Timestamp: {error}") from None
    if not now - OLDEST < at < now + NEWEST:
        raise Rejected(401, "Timestamp: too far from our clock; Amazon SNS tries for an hour at most")
    return at


def _check_signature(certificate: Certificate, message: Mapping[str, str], now: float) -> None:
    valid = certificate.not_valid_before_utc.timestamp() <= now <= certificate.not_valid_after_utc.timestamp()
    if not valid:
        raise Rejected(401, "SigningCertURL: the certificate is not valid at this time")
    version = HASHES.get(message["SignatureVersion"])
    if version is None:
        raise Rejected(401, "SignatureVersion: must be 1 or 2")
    text = "".join(f"{name}\n{message[name]}\n" for name in SIGNED[message["Type"]] if name in message)
    key = certificate.public_key()
    assert isinstance(key, RSAPublicKey)  # as learnt
    try:
        key.verify(b64decode(message["Signature"], validate=True), text.encode(), PKCS1v15(), version())
    except (InvalidSignature, NotBase64, ValueError):
        raise Rejected(401, "Signature: is wrong") from None
    except UnsupportedAlgorithm:
        raise Rejected(401, "SignatureVersion 1 means SHA-1, which this machine forbids: set it to 2 for the topic") from None


def _remember(known: dict[str, Any], name: str, what: Any) -> None:
    known[name] = what
    if len(known) > MOST_KEPT:
        del known[next(iter(known))]
