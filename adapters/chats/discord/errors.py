"""What Discord's answers mean for a delivery: one table of error codes, one reading of everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from adapters.chat import DeliveryError, Failure
from adapters.chats.discord.route import Route

OLD_EDITS = 30046
UNKNOWN_CHANNEL, UNKNOWN_MEMBER, UNKNOWN_MESSAGE, UNKNOWN_USER, MISSING_ACCESS = 10003, 10007, 10008, 10013, 50001
LACKS_RIGHT = 50013
THREAD_ARCHIVED, THREAD_EXISTS, THREAD_LOCKED = 50083, 160004, 160005

SHORTEST_WAIT, LONGEST_WAIT, SLOW_WAIT = 0.05, 3600.0, 300.0

_CREDENTIALS = {
    40001: "the token is wrong, or was reset",
    40002: "the bot's owner must verify their account at Discord",
    50014: "the token is wrong, or was reset",
}
_CHANNEL = {
    10003: "there is no such channel, or it was deleted",
    10004: "there is no such server, or the bot is not in it",
    10013: "there is no such user",
    40067: "the forum wants a tag for each post: use a text channel",
    50001: "the bot cannot see the channel: give it View Channel there",
    50003: "this cannot be done in a direct message",
    50007: "the person takes no messages from the bot",
    50008: "the channel holds no text: use a text channel",
    50009: "the channel's verification level is too high for the bot",
    50013: "the bot lacks a right there: `tocsin doctor` names it",
    50024: "this kind of channel cannot do it: use a text channel",
    50033: "there is no such recipient",
    50083: "the thread is archived, and the bot cannot reopen it",
    50278: "the person shares no server with the bot",
    160004: "the message has a thread already",
    160005: "the thread is locked",
    160006: "the server has as many active threads as Discord allows: archive some",
    160007: "the server has as many active announcement threads as Discord allows: archive some",
}
_GONE = {
    10008: "somebody deleted the message",
    50005: "the message is another's",
    50027: "the answer can no longer be given: 15 minutes are over",
}
_PAYLOAD = {
    20009: "Discord takes it for explicit content",
    40005: "it is too large",
    50006: "it is empty",
    50035: "Discord does not take a value in it",
    50045: "it is too large",
    50109: "Discord cannot read it",
    200000: "the server's AutoMod blocked it: exempt the bot's role",
    200001: "the server's AutoMod blocked it: exempt the bot's role",
    240000: "it holds an address that Discord blocks",
}
_LIMITED = {
    20016: "the channel is in slow mode",
    20022: "announcements are edited too often",
    20028: "the channel takes no more for now",
    20029: "the server takes no more for now",
    30046: "Discord takes no more edits of messages older than an hour, for now",
    40003: "the bot opens direct messages too fast",
    40062: "Discord limits this for all",
}
_TRANSIENT = {
    40004: "Discord takes no messages for now",
    40006: "Discord has switched this off for now",
    40333: "Discord's gatekeeper stopped the call",
    130000: "Discord is overloaded",
}

CODES: Mapping[int, tuple[Failure, str]] = {
    code: (kind, advice)
    for kind, table in {
        Failure.credentials: _CREDENTIALS, Failure.channel_unreachable: _CHANNEL, Failure.message_gone: _GONE,
        Failure.payload: _PAYLOAD, Failure.rate_limited: _LIMITED, Failure.transient: _TRANSIENT,
    }.items()
    for code, advice in table.items()
}  # fmt: skip
"""As discord.com/developers, topics/opcodes-and-status-codes lists them; each with what it means and what helps."""

_BY_STATUS = {
    401: (Failure.credentials, "the token is wrong, or was reset"),
    403: (Failure.channel_unreachable, "the bot may not do that"),
    404: (Failure.channel_unreachable, "there is no such thing at that address"),
    429: (Failure.rate_limited, "Discord takes no more of it for now"),
}


class DiscordFailure(DeliveryError):
    """A call that Discord answered with something else than success. `code`: Discord's own, 0 if it gave none."""

    def __init__(
        self, kind: Failure, reason: str, retry_after: float | None = None, lane: str = "", code: int = 0, status: int = 0
    ) -> None:
        super().__init__(kind, reason, retry_after, lane)
        self.code = code
        self.status = status


def doubt(route: Route) -> Failure:
    """What silence means: a call that creates may have done so."""
    return Failure.unknown_outcome if route.creates else Failure.transient


def refusal(route: Route, status: int, headers: Mapping[str, str], body: object, lane: str = "") -> DiscordFailure:
    """What an answer other than success means. `body`: its JSON, None if it has none. `lane`: of a 429, what is full."""
    told = body if isinstance(body, dict) else {}
    code = _number(told.get("code"))
    wait = retry_after(headers, told)
    if status == 429:
        advice = _LIMITED.get(code) or "Discord takes no more of it for now"
        return DiscordFailure(Failure.rate_limited, _reason(route, advice), wait, lane, code, status)
    if "code" in told and code in CODES:
        kind, advice = CODES[code]
        why = "; ".join([advice, *_places(told.get("errors"))])
        slow = SLOW_WAIT if kind == Failure.transient and wait is None and code != 130000 else wait
        return DiscordFailure(kind, _reason(route, f"{why} ({code})"), slow, lane, code, status)
    if "code" not in told and 300 <= status < 500 and status != 401:  # nothing that Discord itself says: a proxy on the way
        kind = Failure.payload if status == 413 else Failure.transient
        return DiscordFailure(kind, f"{route.name} was answered with HTTP {status}, not by Discord", wait, status=status)
    if status >= 500 or status < 400:
        return DiscordFailure(doubt(route), f"{route.name} was answered with HTTP {status}", wait, code=code, status=status)
    kind, advice = _BY_STATUS.get(status, (Failure.payload, "Discord refused it"))  # an unknown refusal: once more in plain words
    clue = f"{clip(told.get('message'))} ({code})" if code else f"HTTP {status}"
    return DiscordFailure(kind, _reason(route, f"{advice}: {clue}"), wait, code=code, status=status)


def retry_after(headers: Mapping[str, str], body: Mapping[str, object]) -> float | None:
    """Seconds that Discord asks for, up to an hour; None where it says nothing that one can read. The body is the finer one."""
    written = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    for told in (body.get("retry_after"), written):
        try:
            wait = float(str(told))
        except ValueError:  # "None", a date, anything
            continue
        if wait >= 0.0:  # NaN is not
            return min(max(wait, SHORTEST_WAIT), LONGEST_WAIT)
    return None


def clip(text: object) -> str:
    """What Discord wrote, fit for a log line."""
    return "".join(c for c in str(text or "")[:200] if c.isprintable())


def _reason(route: Route, why: str) -> str:
    return f"{route.name}: {why}"


def _number(code: object) -> int:
    return code if isinstance(code, int) and not isinstance(code, bool) else 0


def _places(errors: object) -> list[str]:
    """Which values Discord refused: paths and codes, but not its sentences, which may repeat what a card says."""
    return [f"{path}: {clip(code)}" for path, code in _walk(errors, "", 0)][:3]


def _walk(node: object, path: str, depth: int) -> Iterator[tuple[str, object]]:
    if not isinstance(node, dict) or depth > 12:
        return
    for name, below in node.items():
        if name == "_errors" and isinstance(below, list):
            yield from ((path or "it", one.get("code")) for one in below if isinstance(one, dict))
        else:
            yield from _walk(below, f"{path}.{clip(name)[:40]}".lstrip("."), depth + 1)
