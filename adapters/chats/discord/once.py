"""What Discord sends twice is done once."""

from __future__ import annotations

from collections import OrderedDict

MOST_KEPT = 10_000
"""Far more than arrives within the 15 minutes that an interaction lives."""


class Once:
    """The latest ids."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()

    def first(self, key: str) -> bool:
        """Whether it is seen for the first time."""
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > MOST_KEPT:
            self._seen.popitem(last=False)
        return True
