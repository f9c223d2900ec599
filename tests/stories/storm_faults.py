"""What goes wrong at all platforms at the same time, and whether every card shows the truth in the end."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from tests.standins.faults import Fault
from tests.stories.storm_checks import check_single
from tests.stories.storming import Alert, Shown, Storm

EVERYWHERE = "everywhere"
NAMES = {"": "", "ana": "Ana Petrova", "ben": "Ben Okafor"}


def break_all(storm: Storm, part: float, seed: int) -> None:
    """From now on each call of each platform fails with this probability in each of these ways.

    500; 429; done, but the answer lost; done, and answered late; the connection reset and nothing done.
    """
    for at, faults in ((seed, storm.slack.faults), (seed + 10, storm.discord.faults)):
        faults.html("*", 500, p=part, seed=at)
        faults.limit("*", retry_after=1, times=-1, p=part, seed=at + 1)
        faults.lose("*", p=part, seed=at + 2)
        faults.slow("*", 0.1, p=part, seed=at + 3)
        faults.reset("*", p=part, seed=at + 4)
    kinds = [
        Fault("status", status=500), Fault("status", status=429, retry_after=1.0), Fault("lose"), Fault("delay", seconds=0.1),
        Fault("lose", keep=False),
    ]  # fmt: skip
    ops = ["", "find", "clear", "inspect"]  # those that write, and each of the others
    dice = random.Random(seed + 20)
    storm.other.break_with(*(_of(kind, op, part, dice.randrange(2**32)) for kind in kinds for op in ops))


def _of(kind: Fault, op: str, part: float, seed: int) -> Fault:
    return Fault(kind.kind, op, "", kind.seconds, kind.status, kind.retry_after, kind.keep, p=part, seed=seed)


def mend(storm: Storm) -> str:
    """Nothing goes wrong any more; returns what did, in words."""
    struck = Counter[str]()
    for chat, script in (("Slack", storm.slack.faults.script), ("Discord", storm.discord.faults.script)):
        struck[chat] += sum(fault.struck for fault in script)
    answers = storm.other.answers
    struck["the other"] = answers[500] + answers[429] + answers[499]
    calls = {"Slack": len(storm.slack.requests), "Discord": len(storm.discord.requests), "the other": sum(answers.values())}
    storm.slack.faults.clear()
    storm.discord.faults.clear()
    storm.other.break_with()
    return ", ".join(f"{struck[chat]} of {count} calls of {chat} failed" for chat, count in calls.items())


class Life:
    """Alerts of some groups, shown everywhere, that come, change and go; people who act on them."""

    def __init__(self, storm: Storm, groups: int, dice: random.Random) -> None:
        self._storm, self._dice = storm, dice
        self._groups = [f"Group{n}" for n in range(groups)]
        self.acts = Counter[str]()

    async def goes_on(self) -> None:
        """One thing happens."""
        work = self._dice.choice([self._fires, self._fires, self._resolves, self._acks, self._notes])
        if await work():
            self.acts[work.__name__.strip("_")] += 1

    def _one(self, firing: bool) -> Alert | None:
        alerts = [self._alert(group, host) for group in self._groups for host in range(3)]
        found = [one for one in alerts if one.firing == firing]
        return self._dice.choice(found) if found else None

    def _alert(self, group: str, host: int) -> Alert:
        severity = ("critical", "high", "warning")[host]
        return self._storm.alert(group, EVERYWHERE, severity, f"host{host}")

    async def _fires(self) -> bool:
        if one := self._one(firing=False):
            await self._storm.fires(one)
        return one is not None

    async def _resolves(self) -> bool:
        if one := self._one(firing=True):
            await self._storm.resolves(one)
        return one is not None

    async def _acks(self) -> bool:
        return await self._act("ack")

    async def _notes(self) -> bool:
        return await self._act("note", f"looked at {self._dice.randrange(1000)}")

    async def _act(self, verb: str, *rest: str) -> bool:
        active = [one["number"] for one in await self._storm.incidents() if one["state"] != "resolved"]
        if not active:
            return False
        return await self._storm.order(self._dice.choice(["ana", "ben"]), " ".join([verb, str(self._dice.choice(active)), *rest]))

    async def ends(self) -> None:
        """Half of what fires is over."""
        for one in list(self._storm.alerts.values()):
            if one.firing and self._dice.random() < 0.5:
                await self._storm.resolves(one)


async def check_true(storm: Storm) -> int:
    """Each incident has its one card in each channel, and that shows what is so; returns how many incidents there are."""
    check_single(storm)
    found = [one for one in await storm.incidents() if one["title"].startswith("Group")]  # not what Tocsin says of itself
    _check_known(storm, found)
    cards = {(one.channel, one.seen.number): one for one in storm.shown()}
    for incident in found:
        for channel in storm.channels:
            assert (channel, incident["number"]) in cards, f"#{incident['number']} has no card in {channel}"
            _check_card(cards[channel, incident["number"]], incident)
    assert len(cards) == len(found) * len(storm.channels), "there are cards of nothing"
    return len(found)


def _check_known(storm: Storm, found: list[dict[str, Any]]) -> None:
    """Every alert that got a 200 is there, as it was last accepted."""
    states: dict[tuple[str, str], str] = {}
    for incident in sorted(found, key=lambda one: int(one["number"])):
        for alert in incident["alerts"]:
            states[alert["labels"]["alertname"], alert["labels"]["instance"]] = alert["state"]
    for key, sent in storm.alerts.items():
        assert not sent.accepted or states.get(key) == ("firing" if sent.firing else "resolved"), f"{key}: {states.get(key)}"


def _check_card(card: Shown, incident: dict[str, Any]) -> None:
    seen, where = card.seen, f"#{incident['number']} in {card.channel}"
    wanted = (incident["state"], incident["severity"], NAMES[incident["owner"]] if incident["state"] == "acknowledged" else "")
    who = seen.who if incident["state"] == "acknowledged" else ""
    assert (seen.state, seen.severity, who) == wanted, f"{where} shows {seen}, but it is {wanted}"
    assert seen.note == incident["note"], f"{where} has the note {seen.note!r}, not {incident['note']!r}"
    firing = sum(alert["state"] == "firing" for alert in incident["alerts"])
    if len(incident["alerts"]) > 1 and incident["state"] != "resolved" and card.channel != "h0":
        assert f"{firing} of {len(incident['alerts'])} firing" in seen.text, f"{where}: not {firing} firing in {seen.text[:300]}"
    assert incident["state"] == "resolved" or firing or seen.closing, f"{where} does not say that nothing fires"
