"""What the configuration decides about one alert, as a pure function: for `tests`, `explain` and dry runs."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bot.config.model import Config
from rules.mute import Mute, muted_by_time_interval
from rules.route import Node, Step, compile_tree, explain_route, route_alert


class Taken(msgspec.Struct, frozen=True):
    """One route that takes the alert. `channels` get a card; of those, `withheld` get a stub in place of the content.

    `added`: channels that get the full card because it is withheld elsewhere. `group`: the labels of its incident. `mute`: why
    nobody is told at that time.
    """

    node: Node
    channels: tuple[str, ...]
    withheld: tuple[str, ...]
    added: tuple[str, ...]
    group: dict[str, str]
    mute: Mute | None


class Decision(msgspec.Struct, frozen=True):
    """All that is decided about one alert, with the walk through the routing tree that led there."""

    steps: list[Step]
    sensitivity: str
    needs_proof: bool  # only verified channels may show it
    taken: tuple[Taken, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel that gets a card, in full or as a stub."""
        return tuple(dict.fromkeys(name for taken in self.taken for name in (*taken.channels, *taken.added)))

    @property
    def withheld(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for taken in self.taken for name in taken.withheld))

    @property
    def mute(self) -> Mute | None:
        """Why nobody at all is told of it; None while any route tells somebody."""
        mutes = [taken.mute for taken in self.taken]
        return mutes[0] if all(mutes) else None


def decide(config: Config, labels: Mapping[str, str], at: float | None) -> Decision:
    """What becomes of an alert with these labels. `at`: seconds since the epoch; None leaves time intervals out.

    Channels that must be verified are taken to be: that is for the platform to say, while the bot runs. Silences and
    inhibitions depend on what else there is, so they are not part of it.
    """
    root = compile_tree(config.route)
    level = config.sensitivity.of(labels)
    taken = tuple(_take(config, node, labels, level, at) for node in route_alert(root, labels))
    needs_proof = config.sensitivity.needs_proof(level)
    return Decision(explain_route(root, labels), level, needs_proof, taken)


def _take(config: Config, node: Node, labels: Mapping[str, str], level: str, at: float | None) -> Taken:
    def cleared(name: str) -> bool:
        return config.sensitivity.may_see(config.channels[name].clearance, level)

    withheld = tuple(name for name in node.channels if not cleared(name))
    others = tuple(name for name in node.withheld_to if name not in node.channels) if withheld else ()
    mute = None if at is None else muted_by_time_interval(node, config.time_intervals, at)
    withheld += tuple(name for name in others if not cleared(name))
    return Taken(node, node.channels, withheld, others, node.group_of(labels), mute)
