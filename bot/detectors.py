"""Finds credentials in a text: the patterns of detect-secrets, run by RE2, and the shapes that those leave out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from detect_secrets.plugins import (
    aws,
    azure_storage_key,
    discord,
    github_token,
    gitlab_token,
    jwt,
    npm,
    openai,
    pypi_token,
    sendgrid,
    slack,
    square_oauth,
    stripe,
    telegram_token,
    twilio,
)  # fmt: skip
from detect_secrets.plugins.base import RegexBasedDetector

from rules.detect import Detector, Span, matches_of

THEIRS: tuple[type[RegexBasedDetector], ...] = (
    aws.AWSKeyDetector, azure_storage_key.AzureStorageKeyDetector, discord.DiscordBotTokenDetector,
    github_token.GitHubTokenDetector, gitlab_token.GitLabTokenDetector, jwt.JwtTokenDetector, npm.NpmDetector,
    openai.OpenAIDetector, pypi_token.PypiTokenDetector, sendgrid.SendGridDetector, slack.SlackDetector,
    square_oauth.SquareOAuthDetector, stripe.StripeDetector, telegram_token.TelegramBotTokenDetector, twilio.TwilioKeyDetector,
)  # fmt: skip
"""Those that know a credential by its own shape. The others guess by the words around it, and take names of alerts for one."""

OURS = (
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*-----|\z)",
    r"github_pat_[A-Za-z0-9_]{22}",
    r"\bx(?:app|ox[a-z])-[A-Za-z0-9-]{10}",
    r"\bAIza[A-Za-z0-9_-]{35}",
    r"\bhv[sbr]\.[A-Za-z0-9_-]{20}",
    r"\bsk-[A-Za-z0-9-]*[A-Za-z0-9_]{32}",
    r"\bnpm_[A-Za-z0-9]{36}",
    r"\b[rs]k_test_[A-Za-z0-9]{24}",
)

_PASSWORD = r"(?:passwo?r?d|passwd|passphrase|\bpwd)"
_KEY = r"(?:(?:api|access|auth|secret|private|account|client)[_-]?(?:key|token|secret)|token)"


def _said_of(name: str, sign: str, least: int) -> list[str]:
    """What stands behind `name=`, in quotes or up to where a word ends; `least`: characters."""
    before = rf"(?i){name}[\"']?\s*{sign}\s*"
    bare = rf"[^\s\"'&,;~][^\s\"'&,;]{{{least - 1},}}"
    return [rf'{before}"([^"]{{{least},}})', rf"{before}'([^']{{{least},}})", rf"{before}({bare})"]


VALUES = (
    r"://[^\s/?#@:]*:([^\s/?#]+)@",  # the password in postgres://tocsin:password@db
    *_said_of(_PASSWORD, "(?:!?=~?|!~)", 1),
)
"""The first group is what to hide."""

DOUBTFUL = (
    *_said_of(_PASSWORD, ":", 6),
    *_said_of(_KEY, "(?:!?=~?|!~|:)", 8),
    r"(?i)\b(?:bearer|basic)\s+([A-Za-z0-9_.~+/-]{16,}=*)",
)
"""Likewise, but only with a digit in it: `token: expired` is no secret."""

_TAIL = re.compile(r"[A-Za-z0-9_./+=~-]*")


@cache
def secrets() -> Detector:
    """Finds tokens, keys and passwords."""
    theirs = [_for_re2(pattern) for plugin in THEIRS for pattern in plugin().denylist]
    shapes = [f"(?:{pattern})" for pattern in (*theirs, *OURS)]
    anything = matches_of("|".join([*shapes, *(f"(?:{pattern})" for pattern in (*VALUES, *DOUBTFUL))]))
    whole = [matches_of(f"({shape})") for shape in shapes]
    values = [(matches_of(p), False) for p in VALUES] + [(matches_of(p), True) for p in DOUBTFUL]

    def find(text: str) -> Iterator[Span]:
        if not anything(text):
            return
        for shape in whole:
            yield from (_to_its_end(text, span) for span in shape(text))
        for value, doubtful in values:
            yield from (span for span in value(text) if not doubtful or any(map(str.isdecimal, text[slice(*span)])))

    return find


def _for_re2(pattern: re.Pattern[str]) -> str:
    """The same pattern without what RE2 does not know: a look-ahead at the end, and more than 1000 repetitions."""
    text = pattern.pattern.removesuffix(r"(?!\w)").replace("{50,1024}", "{50,}")
    return f"(?i:{text})" if pattern.flags & re.IGNORECASE else text


def _to_its_end(text: str, span: Span) -> Span:
    """Patterns end where a token is long enough to be known; the rest of it is no less secret."""
    tail = _TAIL.match(text, span[1])
    return span[0], span[1] + len(tail[0].rstrip(".")) if tail else span[1]
