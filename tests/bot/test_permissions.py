"""Every verb, by every role, on everything that matchers tell apart; and each refusal says who could do it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.chat import Reply
from rules.grammar import VERBS
from tests.stories.story import BASE, Story
from tests.stories.telling import telling

RULES = """
permissions:
  - {allow: ["*"], groups: [sre]}
  - {allow: [ack, resolve, note], groups: [dba]}
  - {allow: [silence], groups: [dba], where: ['team="db"']}
  - {allow: [ack, silence, assign], groups: [web], where: ['team="web"']}
  - {allow: [snooze], groups: [web], where: ['team!="db"', 'severity!="critical"']}
  - {allow: [note], groups: [guests], where: ['team=~"web|db"']}
"""
PEOPLE = """
people:
  ana: {name: Ana, token: token-of-ana, httpchat: account-of-ana}
  ben: {name: Ben, token: token-of-ben, httpchat: account-of-ben}
  cleo: {name: Cleo, token: token-of-cleo, httpchat: account-of-cleo}
  dora: {name: Dora, token: token-of-dora, httpchat: account-of-dora}
groups:
  sre: {members: [ana], clearance: restricted}
  dba: {members: [ben], clearance: confidential}
  web: {members: [cleo]}
  guests: {members: [dora]}
  watchers: {members: [eve]}
"""
CONFIG = re.sub(r"\npeople:.*?(?=\nadmin:)", PEOPLE.rstrip() + RULES.rstrip(), BASE, flags=re.DOTALL).replace(
    "  dora:", "  eve: {name: Eve, token: token-of-eve, httpchat: account-of-eve}\n  dora:"
)
ROLES = {"sre": "ana", "dba": "ben", "web": "cleo", "guests": "dora", "watchers": "eve", "stranger": ""}
THINGS = {"db": 1, "web": 2, "mild": 3, "none": 4, "pay": 5}
"""What there is, by number: team db and critical, web and critical, web and only a warning, no team, confidential."""

# x: may, -: may not, and is told who may; ?: does not exist for them
TABLE = {
    #            db web mild none pay   each by sre, dba, web, guests, watchers, stranger
    "ack":       "x  x  x  x  x | x  x  x  x  x | -  x  x  -  ? | -  -  -  -  ? | -  -  -  -  ? | !",
    "unack":     "x  x  x  x  x | x  x  x  x  x | -  x  x  -  ? | -  -  -  -  ? | -  -  -  -  ? | !",
    "resolve":   "x  x  x  x  x | x  x  x  x  x | -  -  -  -  ? | -  -  -  -  ? | -  -  -  -  ? | !",
    "snooze":    "x  x  x  x  x | -  -  -  -  - | -  -  x  -  ? | -  -  -  -  ? | -  -  -  -  ? | !",
    "assign":    "x  x  x  x  x | -  -  -  -  - | -  x  x  -  ? | -  -  -  -  ? | -  -  -  -  ? | !",
    "note":      "x  x  x  x  x | x  x  x  x  x | -  -  -  -  ? | x  x  x  -  ? | -  -  -  -  ? | !",
    "silence":   "x  x  x  x  x | x  -  -  -  - | -  x  x  -  ? | -  -  -  -  ? | -  -  -  -  ? | !",
    "unsilence": "x  x  x  x  x | x  -  -  -  - | -  x  x  -  ? | -  -  -  -  ? | -  -  -  -  ? | !",
    "incident":  "x  x  x  x  x | x  x  x  x  x | x  x  x  x  ? | x  x  x  x  ? | x  x  x  x  ? | !",
    "why":       "x  x  x  x  x | x  x  x  x  x | x  x  x  x  ? | x  x  x  x  ? | x  x  x  x  ? | !",
}  # fmt: skip
REST = {"assign": "ben", "note": "hm", "snooze": "2h"}


def cells(verb: str) -> dict[str, dict[str, str]]:
    """role -> thing -> x, - or ?."""
    rows = [part.split() for part in TABLE[verb].split("|")]
    rows = [row * len(THINGS) if row == ["!"] else row for row in rows]
    return {role: dict(zip(THINGS, row, strict=True)) for role, row in zip(ROLES, rows, strict=True)}


@pytest.mark.parametrize("verb", TABLE)
async def test_every_cell(verb: str, tmp_path: Path) -> None:
    async with telling(tmp_path, CONFIG) as story:
        await fire(story)
        for role, row in cells(verb).items():
            for thing, cell in row.items():
                reply = await tries(story, verb, ROLES[role], thing)
                assert told(reply, verb, THINGS[thing]) == cell, (verb, role, thing, reply)
                if cell == "-":
                    may = sorted(name for name, others in cells(verb).items() if others[thing] == "x")
                    assert reply.text.endswith(f"Members of {', '.join(may)} may."), (verb, role, thing, reply)


async def fire(story: Story) -> None:
    for number, (name, labels) in enumerate(
        {
            "Db": {"team": "db"}, "Web": {"team": "web"}, "Mild": {"team": "web", "severity": "warning"}, "None": {},
            "Pay": {"team": "payments"},
        }.items(), 1
    ):  # fmt: skip
        await story.fires(name, labels.pop("severity", "critical"), **labels)
        await story.card("vault" if name == "Pay" else "ops", number=number)


async def tries(story: Story, verb: str, person: str, thing: str) -> Reply:
    """The answer; what it changed is made good, so that the cells do not matter to each other."""
    run, number = story.app.commands.run, THINGS[thing]
    line = f"{verb} {number} {REST.get(verb, '')}".strip()
    if verb == "unsilence":
        made = await run("ana", f"silence #{number} 1h")
        line = f"unsilence {made.text.split()[1]}"
    reply = await run(person, line)
    if verb == "silence" and reply.ok:
        await run("ana", f"unsilence {reply.text.split()[1]}")
    return reply


def told(reply: Reply, verb: str, number: int) -> str:
    if reply.ok:
        return "x"
    if "I do not know you" in reply.text:
        assert "Ask sre to add you" in reply.text
        return "!"
    hidden = f"There is no incident #{number} that you may see." in reply.text
    assert not hidden or "Members of sre may show you more." in reply.text
    if hidden or (verb == "unsilence" and "no silence in force has that id" in reply.text):
        return "?"
    assert f"You may not {verb} this." in reply.text
    return "-"


def test_the_table_has_every_verb_on_incidents_that_permissions_or_clearance_decide() -> None:
    others = {"silences", "incidents", "whoami", "help", "requests", "approve", "deny", "reveal"}  # each has its own stories
    assert set(TABLE) == set(VERBS) - others
