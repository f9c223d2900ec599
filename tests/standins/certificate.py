"""A certificate of our own making, without any other program: P-256, signed by itself, good for 127.0.0.1 and localhost."""

from __future__ import annotations

import hashlib
import secrets
from base64 import encodebytes
from pathlib import Path

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
"""The curve of SEC 2, section 2.4.2 (secp256r1)."""

Point = tuple[int, int] | None


def _add(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def _times(k: int, point: Point) -> tuple[int, int]:
    found: Point = None
    while k:
        if k & 1:
            found = _add(found, point)
        point, k = _add(point, point), k >> 1
    assert found
    return found


def _tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    long = bytes([0x80 | len(length)]) if len(body) > 127 else b""
    return bytes([tag]) + long + length + body


def _seq(*parts: bytes) -> bytes:
    return _tlv(0x30, *parts)


def _int(value: int) -> bytes:
    return _tlv(2, value.to_bytes(value.bit_length() // 8 + 1))


def _oid(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    found = bytes([first * 40 + second])
    for number in rest:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(number & 0x7F | 0x80)
        found += bytes(reversed(groups))
    return _tlv(6, found)


def _bits(*parts: bytes) -> bytes:
    return _tlv(3, b"\0", *parts)


def _pem(kind: str, der: bytes) -> str:
    return f"-----BEGIN {kind}-----\n{encodebytes(der).decode()}-----END {kind}-----\n"


def make(certificate: Path, key: Path) -> None:
    """Writes a new pair."""
    private = secrets.randbelow(N - 1) + 1
    x, y = _times(private, G)
    point = _bits(b"\4" + x.to_bytes(32) + y.to_bytes(32))
    curve, ecdsa = _oid("1.2.840.10045.3.1.7"), _seq(_oid("1.2.840.10045.4.3.2"))
    name = _seq(_tlv(0x31, _seq(_oid("2.5.4.3"), _tlv(0x0C, b"tocsin test"))))
    dates = _seq(_tlv(0x17, b"240101000000Z"), _tlv(0x17, b"490101000000Z"))
    names = _seq(_tlv(0x82, b"localhost"), _tlv(0x87, bytes([127, 0, 0, 1])))
    basic = _seq(_oid("2.5.29.19"), b"\1\1\xff", _tlv(4, _seq(b"\1\1\xff")))
    extensions = _tlv(0xA3, _seq(basic, _seq(_oid("2.5.29.17"), _tlv(4, names))))
    public = _seq(_seq(_oid("1.2.840.10045.2.1"), curve), point)
    serial = _int(secrets.randbits(64) | 1)
    body = _seq(_tlv(0xA0, _int(2)), serial, ecdsa, name, dates, name, public, extensions)
    signed = _seq(body, ecdsa, _bits(_sign(private, body)))
    certificate.write_text(_pem("CERTIFICATE", signed))
    key.write_text(_pem("EC PRIVATE KEY", _seq(_int(1), _tlv(4, private.to_bytes(32)), _tlv(0xA0, curve), _tlv(0xA1, point))))


def _sign(private: int, body: bytes) -> bytes:
    k = secrets.randbelow(N - 1) + 1
    r = _times(k, G)[0] % N
    digest = int.from_bytes(hashlib.sha256(body).digest())
    return _seq(_int(r), _int(pow(k, -1, N) * (digest + r * private) % N))
