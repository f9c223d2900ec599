"""What Slack's answers mean for a delivery: one table of error codes, one reading of everything else."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.chat import DeliveryError, Failure

CREATES = frozenset({"chat.postMessage", "chat.postEphemeral", "chat.scheduleMessage", "chat.meMessage"})
"""Done twice, these show twice. All other calls may simply be repeated."""

LONGEST_WAIT = 3600.0
SLOW_WAIT = 300.0

_CREDENTIALS = """
    invalid_auth not_authed account_inactive token_revoked token_expired missing_scope not_allowed_token_type no_permission
    access_denied accesslimited team_access_not_granted two_factor_setup_required enterprise_is_restricted
    app_access_restricted deprecated_endpoint method_deprecated
"""
_CHANNEL = """
    channel_not_found not_in_channel is_archived is_inactive restricted_action restricted_action_read_only_channel
    restricted_action_thread_only_channel restricted_action_non_threadable_channel restricted_action_thread_locked
    cannot_reply_to_message messages_tab_disabled user_not_in_channel ekm_access_denied team_not_found cannot_dm_bot
    user_not_found user_not_visible user_disabled users_not_found
"""
_GONE = "message_not_found cant_update_message edit_window_closed thread_not_found"
_PAYLOAD = """
    invalid_blocks invalid_blocks_format msg_too_long msg_blocks_too_long msg_too_large no_text too_many_attachments
    attachment_payload_limit_exceeded invalid_attachments metadata_too_large invalid_metadata_format invalid_metadata_schema
    metadata_must_be_sent_from_app markdown_text_conflict block_mismatch invalid_arguments invalid_arg_name invalid_array_arg
    invalid_charset invalid_form_data invalid_post_type missing_post_type invalid_json json_not_object
"""
_TRANSIENT = """
    request_timeout team_added_to_org org_login_required external_channel_migrating message_limit_exceeded ratelimited
    rate_limited
"""
_DOUBTFUL = frozenset({"internal_error", "fatal_error", "service_unavailable", "update_failed"})
"""Slack: "It's possible some aspect of the operation succeeded"."""

CODES: Mapping[str, Failure] = {
    **dict.fromkeys(_CREDENTIALS.split(), Failure.credentials),
    **dict.fromkeys(_CHANNEL.split(), Failure.channel_unreachable),
    **dict.fromkeys(_GONE.split(), Failure.message_gone),
    **dict.fromkeys(_PAYLOAD.split(), Failure.payload),
    **dict.fromkeys(_TRANSIENT.split(), Failure.transient),
    "ratelimited": Failure.rate_limited,
    "rate_limited": Failure.rate_limited,
}
"""As the pages of chat.postMessage, chat.update and conversations.* list them."""

_SLOW = frozenset({"message_limit_exceeded", "team_added_to_org", "org_login_required", "external_channel_migrating"})
_OWN = frozenset({"missing_scope", "no_permission", "access_denied"})
"""The token lives, but not for this call."""

_ADVICE: Mapping[str, str] = {
    "invalid_auth": "the token is wrong",
    "account_inactive": "the app was removed from the workspace, or its token was revoked",
    "token_revoked": "the token was revoked",
    "channel_not_found": "there is no such channel, or it is private and the bot is not in it",
    "not_in_channel": "the bot is not in the channel: /invite it there",
    "is_archived": "the channel is archived",
    "is_inactive": "the channel is archived",
    "message_limit_exceeded": "the workspace has reached what its plan allows",
    "edit_window_closed": "the workspace no longer allows edits of this message",
}


class SlackFailure(DeliveryError):
    """A call that Slack refused with an error code, or empty if it gave none. `needed`: the scope that is missing."""

    def __init__(
        self, kind: Failure, reason: str, retry_after: float | None = None, code: str = "", needed: str = "", lane: str = ""
    ) -> None:
        super().__init__(kind, reason, retry_after, lane)
        self.code = code
        self.needed = needed


def doubt(method: str) -> Failure:
    """What silence means: a call that creates may have done so."""
    return Failure.unknown_outcome if method in CREATES else Failure.transient


def refusal(method: str, status: int, headers: Mapping[str, str], body: object) -> SlackFailure:
    """What an answer other than success means. `body`: its JSON if it has some, whatever else it holds otherwise."""
    told = body if isinstance(body, dict) else {}
    code = str(told.get("error") or "")
    wait = retry_after(headers)
    if status == 429 or CODES.get(code) == Failure.rate_limited:
        reason = f"Slack takes no more {method} for now"  # a refusal is for the whole method in the workspace
        return SlackFailure(Failure.rate_limited, reason, wait, code or "ratelimited", lane=method)
    if code:
        return _by_code(method, status, code, told, wait)
    if 400 <= status < 500:  # nothing that Slack itself says: a proxy on the way
        kind = Failure.payload if status == 413 else Failure.transient
        return SlackFailure(kind, f"{method} was answered with HTTP {status}, not by Slack", wait)
    return SlackFailure(doubt(method), f"{method} was answered with HTTP {status} and no readable body", wait)


def _by_code(method: str, status: int, code: str, told: Mapping[str, object], wait: float | None) -> SlackFailure:
    if code in _DOUBTFUL or (status >= 500 and code not in CODES):
        return SlackFailure(doubt(method), f"{method}: {_clip(code)}", wait, code)
    kind = CODES.get(code, Failure.payload)  # an unknown refusal: once more in plain words, then the admins hear of it
    needed = _clip(told.get("needed")) if code == "missing_scope" else ""
    if code in _OWN and method not in CREATES and not method.startswith(("chat.", "auth.")):
        kind = Failure.channel_unreachable  # a right to look things up is missing; the chat as a whole still works
    advice = f"the app lacks the scope {needed or 'it needs'}" if code == "missing_scope" else _ADVICE.get(code, "")
    why = "; ".join(part for part in (advice, _details(told)) if part)
    reason = f"{method}: {_clip(code)}" + (f" ({why})" if why else "")
    return SlackFailure(kind, reason, SLOW_WAIT if code in _SLOW and wait is None else wait, code, needed)


def _details(told: Mapping[str, object]) -> str:
    """What Slack says beside the code: of refused blocks, which one and why."""
    errors = told.get("errors")
    return "; ".join(_clip(line) for line in errors[:3]) if isinstance(errors, list) else ""


def _clip(text: object) -> str:
    """What Slack wrote, fit for a log line."""
    return "".join(c for c in str(text or "")[:200] if c.isprintable())


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that Slack asks for, between 1 and an hour; None where it says nothing that one can read."""
    written = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    return min(max(float(written), 1.0), LONGEST_WAIT) if written.isascii() and written.isdigit() else None
