"""Comparison of secrets."""

from __future__ import annotations

import hashlib
import hmac


def token_matches(given: str, wanted: str) -> bool:
    """Compares secrets in constant time, whatever characters they hold."""
    return hmac.compare_digest(
        hashlib.sha256(given.encode("utf-8", "replace")).digest(), hashlib.sha256(wanted.encode()).digest()
    )
