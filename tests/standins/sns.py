"""An Amazon SNS of our own making: it signs messages, and answers for its certificate and for confirmations over TLS."""

from __future__ import annotations

import asyncio
import json
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

HOST = "sns.eu-west-1.amazonaws.com"
CERTIFICATE = f"https://{HOST}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts-prod"
_OF_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_OF_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")


def certificate(
    name: str, key: Any, issuer: str = "", by: Any = None, authority: bool = False, days: int = 3650
) -> x509.Certificate:
    """One for a host; signed by itself unless `by` is given. `days`: from 2020 on."""

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    begins = datetime(2020, 1, 1, tzinfo=UTC)
    found = x509.CertificateBuilder().subject_name(named(name)).issuer_name(named(issuer or name)).public_key(key.public_key())
    found = (
        found.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(begins + timedelta(days=days))
    )
    found = found.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    found = found.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    found = found.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    signer = by or key
    found = found.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    if authority:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        found = found.add_extension(usage, critical=True)
    return found.sign(signer, SHA256())


def pem(found: x509.Certificate) -> bytes:
    return found.public_bytes(Encoding.PEM)


class Signer:
    """Who signs as SNS does."""

    def __init__(self, bits: int = 2048, days: int = 7300) -> None:
        self.key = rsa.generate_private_key(65537, bits)
        self.pem = pem(certificate("sns.amazonaws.com", self.key, days=days))

    def message(self, now: float, what: Any, kind: str = "Notification", version: str = "1", **more: Any) -> dict[str, Any]:
        """A message about `what`, a text or something for JSON. `more`: other fields than usual; None leaves one out."""
        at = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.123Z")
        found: dict[str, Any] = {
            "Type": kind, "MessageId": f"{now:.3f}-{kind}", "TopicArn": TOPIC, "Timestamp": at, "SignatureVersion": version,
            "Message": what if isinstance(what, str) else json.dumps(what), "SigningCertURL": CERTIFICATE,
        }  # fmt: skip
        if kind != "Notification":
            found["Token"] = "70ken"
            found["SubscribeURL"] = f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=70ken"
        found = {name: value for name, value in (found | more).items() if value is not None}
        return found | {"Signature": self.sign(found)}

    def sign(self, message: dict[str, Any]) -> str:
        names = _OF_NOTIFICATION if message["Type"] == "Notification" else _OF_CONFIRMATION
        text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
        hashed: HashAlgorithm = SHA1() if message["SignatureVersion"] == "1" else SHA256()
        return b64encode(self.key.sign(text.encode(), PKCS1v15(), hashed)).decode()


class Loopback(AbstractResolver):
    """Every host is this machine, at one port."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        self.asked.append(host)
        return [ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=2, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing to close."""


class SnsServer:
    """Where the certificate lies and subscriptions are confirmed.

    `answers`: what else it says, by path. `asked`: what it was, each as a line. It answers when `open` is set.
    """

    def __init__(self, signer: Signer) -> None:
        self.signer, self.asked = signer, list[str]()
        self.answers: dict[str, web.Response] = {}
        self.open = asyncio.Event()
        self.open.set()
        self.trust = ssl.create_default_context()
        self.resolver = Loopback(0)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path_qs}")
        await self.open.wait()
        if answer := self.answers.get(request.path):
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        return web.Response(body=self.signer.pem if request.path.endswith(".pem") else b"<ConfirmSubscriptionResponse/>")


@asynccontextmanager
async def serving(folder: Path, server: SnsServer, host: str = HOST) -> AsyncIterator[SnsServer]:
    """On loopback, with a certificate for `host` by an authority that only `server.trust` trusts."""
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = certificate("test authority", root, authority=True, days=7300)
    leaf = certificate(host, own, "test authority", root, days=7300)
    (folder / "sns.crt").write_bytes(pem(leaf))
    (folder / "sns.key").write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server.trust = ssl.create_default_context(cadata=pem(authority).decode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "sns.crt", folder / "sns.key")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    server.resolver = Loopback(runner.addresses[0][1])
    try:
        yield server
    finally:
        await runner.cleanup()
