"""The budgets that calls to Slack spend (docs.slack.dev, apis/web-api/rate-limits).

A tier is so many calls a minute of one method in one workspace. A lane with a burst of a fifth of them and the rest as its pace
never spends more within any minute. Posts have a rule of their own: about one a second in a channel, and "several hundred" a
minute in the workspace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.chat import Lane
from rules.channel import Channel

TIER_3, TIER_4 = 50, 100
WORKSPACE_POSTS = 240

_TIERS: Mapping[str, tuple[tuple[str, int], ...]] = {
    "post": (("chat.postMessage", WORKSPACE_POSTS),),
    "reply_in_thread": (("chat.postMessage", WORKSPACE_POSTS),),
    "direct_message": (("chat.postMessage", WORKSPACE_POSTS), ("conversations.open", TIER_3)),
    "update": (("chat.update", TIER_3),),
    "find": (("conversations.history", TIER_3),),
    "find in a thread": (("conversations.replies", TIER_3),),
    "clear_thread": (("conversations.replies", TIER_3), ("chat.delete", TIER_3)),
    "inspect": (("conversations.info", TIER_3), ("conversations.members", TIER_4)),
}


def lanes(op: str, channel: Channel, ref: str = "") -> Sequence[Lane]:
    """The lanes of one call: those of the workspace, and for posts the channel's own. `ref`: of a `find`, in whose thread."""
    tiers = _TIERS["find in a thread" if op == "find" and ref else op] if op in _TIERS else ()
    shared = [_tier(method, per_minute) for method, per_minute in tiers]
    own = [Lane(f"chat.postMessage:{channel.id}", 1.0, 1)] if op in ("post", "reply_in_thread") else []
    return [*shared, *own]


def _tier(name: str, per_minute: int) -> Lane:
    return Lane(name, 0.8 * per_minute / 60.0, per_minute // 5)
