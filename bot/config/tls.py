"""TLS served by Tocsin itself: a certificate and its key, and what they are spoken with."""

from __future__ import annotations

import ssl
from pathlib import Path

import structlog
from pydantic import Field, model_validator

from rules.access import Strict

log = structlog.get_logger()

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy, authenticated encryption, nothing else. TLS 1.3 has only such."""


class Tls(Strict):
    """A certificate and its key, as files. Relative paths start from the folder of the config."""

    certificate: str = Field(description="The file with the certificate in PEM: the server's own, then those that vouch for it.")
    key: str = Field(description="The file with its private key in PEM, without a passphrase.")

    @model_validator(mode="after")
    def _fits(self) -> Tls:
        context_of(self)
        return self


def context_of(tls: Tls) -> ssl.SSLContext:
    """What a server speaks TLS with: 1.2 and up. Raises ValueError with what is wrong with the files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    renew(context, tls)
    return context


def renew(context: ssl.SSLContext, tls: Tls) -> None:
    """Reads the files again; connections made from now on get the new certificate. Raises ValueError."""
    for path, begin in ((tls.certificate, "CERTIFICATE-----"), (tls.key, "PRIVATE KEY-----")):
        _check_pem(path, begin)
    try:
        context.load_cert_chain(tls.certificate, tls.key, password="")  # "": or OpenSSL would ask on the terminal
    except ssl.SSLError as problem:
        if "KEY_VALUES_MISMATCH" in str(problem):
            raise ValueError(f"the key in {tls.key} is not that of the certificate in {tls.certificate}") from None
        reason = (problem.reason or "unreadable").replace("_", " ").lower()
        raise ValueError(f"{tls.certificate} and {tls.key} cannot be used: {reason}") from None
    except OSError as problem:
        raise ValueError(f"{tls.certificate} and {tls.key} cannot be read ({problem.strerror})") from None


def _check_pem(path: str, begin: str) -> None:
    try:
        text = Path(path).read_text(errors="replace")
    except OSError as problem:
        raise ValueError(f"cannot read the file {path} ({problem.strerror})") from None
    except ValueError:  # a NUL in it
        raise ValueError("this is no path of a file") from None
    if begin not in text:
        kind = begin.strip("-").lower()
        raise ValueError(f'the file {path} holds no {kind} in PEM ("-----BEGIN … {begin}")')
    if "ENCRYPTED" in text and begin.startswith("PRIVATE"):
        raise ValueError(f"the key in {path} needs a passphrase, which nobody can type at a restart: store it without")


def refresh(context: ssl.SSLContext | None, tls: Tls | None) -> None:
    """`renew` for a server at work: what was right a moment ago and is not now, leaves the certificate it has."""
    try:
        if context and tls:
            renew(context, tls)
    except ValueError as problem:
        log.error("certificate_kept", reason=str(problem))
