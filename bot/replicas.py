"""What other replicas do, and what follows from it here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from bot.config import Config
from bot.intake import Intake
from bot.mirror import Mirror
from bot.store.engine import Store
from bot.store.news import News
from rules.audit_entry import canonical

OWN = {"listen", "public_url", "tls"}
"""Keys that may differ between replicas."""


class Replicas:
    """`leads`: whether this process does. `changed` is called when there may be work for the one that leads."""

    def __init__(
        self,
        store: Store,
        intake: Intake,
        mirror: Mirror,
        config: Callable[[], Config],
        leads: Callable[[], bool],
        changed: Callable[[], None],
    ) -> None:
        self._store, self._intake, self._mirror, self._config = store, intake, mirror, config
        self._leads, self._changed = leads, changed
        if store.line:
            store.line.heard, store.line.missed = self._heard, self._missed

    def state(self) -> tuple[str, Mapping[str, str]]:
        """For /readyz: what this process is among its replicas (empty where there are none), and what is wrong."""
        line = self._store.line
        if line is None:
            return "", {}
        wrong: dict[str, str] = {}
        if not line.up:
            wrong["replicas"] = "no line to the other replicas: this one cannot lead, and looks every report up in the store"
        elif line.leader and line.leader.partition(" ")[2] != digest(self._config()):
            wrong["config, replicas"] = "this replica has another config than the one that leads: give both the same, and reload"
        return "leads" if self._leads() else "follows", wrong

    def _heard(self, news: News) -> None:
        for source, fingerprint in news.changed:
            self._intake.forget(source, fingerprint)
        if news.all_changed:
            self._intake.forget_all()
        if news.leader:
            self._follow()
        self._mirror.hear(news)
        if self._leads():
            self._changed()

    def _missed(self) -> None:
        self._intake.forget_all()
        self._follow()
        self._mirror.wake()

    def _follow(self) -> None:
        """Rows that are new from now on are marked as nobody's but the leader's to post."""
        line = self._store.line
        if line and line.leader and not self._leads():
            self._store.run = line.leader.partition(" ")[0]


def digest(config: Config) -> str:
    """Names a config, apart from what may differ between replicas."""
    return hashlib.sha256(canonical(config.model_dump(mode="json", exclude=OWN)).encode()).hexdigest()[:16]
