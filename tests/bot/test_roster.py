"""Who is who when a chat tells who is in a group: keys, names, audiences. How it is asked: tests/stories/test_groups.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import load
from bot.policy import Policy
from bot.roster import DOUBTED, LIFE, Roster

CONFIG = """
people: {ana: {name: Ana Petrova, slack: U01ANA}, ben: {name: Ben Okafor, slack: U02BEN}}
groups:
  sre: {members: [ana], clearance: restricted}
  lab: {slack_usergroup: S0LAB, clearance: confidential}
  mixed: {members: [ana], slack_usergroup: S0MIX}
chats:
  console: {type: console}
  work: {type: slack, bot_token: xoxb-1, app_token: xapp-1}
channels:
  ops: {chat: work, id: C0OPS}
  lab: {chat: work, id: C0LAB, audience: [lab]}
sources: {prom: {type: generic, auth: none}}
route: {channels: [ops]}
"""


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def roster(clock: Clock) -> Roster:
    found = Roster(clock)
    found.learn("work", "S0LAB", {"U02BEN": "ben", "U0EVE": "Eve"})
    return found


@pytest.fixture
def policy(tmp_path: Path, roster: Roster) -> Policy:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return Policy(load(path, {}), roster)


def test_people_of_the_config_keep_their_key_and_others_have_chat_and_account(policy: Policy) -> None:
    accounts = ("U01ANA", "U02BEN", "U0EVE", "U0NOBODY")
    assert [policy.person_of("work", account) for account in accounts] == ["ana", "ben", "work:U0EVE", ""]
    assert policy.person_of("console", "work:U0EVE") == ""
    eve = policy.caller("work:U0EVE")
    assert (eve.key, eve.name, eve.groups, eve.clearance) == ("work:U0EVE", "Eve", frozenset({"lab"}), "confidential")
    assert policy.caller("ben").groups == {"lab"} and policy.caller("ana").groups == {"sre", "mixed"}
    for stranger in ("work:U0NOBODY", "console:U0EVE", "U0EVE", "work:", ":U0EVE"):
        assert policy.caller(stranger).key == ""


def test_members_are_those_of_the_config_and_those_of_the_chat(policy: Policy, roster: Roster) -> None:
    roster.learn("work", "S0MIX", {"U02BEN": "ben"})
    assert [sorted(policy.caller(key).groups) for key in ("ana", "ben")] == [["mixed", "sre"], ["lab", "mixed"]]


def test_an_answer_counts_for_so_long(policy: Policy, roster: Roster, clock: Clock) -> None:
    clock.now += LIFE - 1.0
    assert policy.caller("work:U0EVE").groups == {"lab"}
    roster.doubt("work", "S0LAB")
    clock.now += 1.0
    assert policy.caller("work:U0EVE").key == ""
    roster.learn("work", "S0LAB", {"U0EVE": "Eve"})
    roster.doubt("work", "S0LAB")
    clock.now += DOUBTED - 1.0
    assert policy.caller("work:U0EVE").groups == {"lab"}
    clock.now += 1.0
    assert policy.caller("work:U0EVE").key == ""
    assert policy.names["work:U0EVE"] == "Eve", "what they did keeps its name"


def test_an_answer_from_the_future_counts_for_nothing(policy: Policy, clock: Clock) -> None:
    clock.now -= 60.0  # the clock was set
    assert policy.caller("work:U0EVE").key == ""


def test_who_came_or_went(roster: Roster) -> None:
    assert roster.learn("work", "S0LAB", {"U02BEN": "benny", "U0CY": "Cy"}) == {"U0EVE", "U0CY"}
    assert roster.learn("work", "S0LAB", {"U02BEN": "ben", "U0CY": "Cy"}) == frozenset()


def test_a_person_whom_only_a_chat_knows_is_called_by_account_not_by_name(policy: Policy) -> None:
    found = [policy.person_called(name) for name in ("U0EVE", "work:u0eve", "Eve", "U0NOBODY")]
    assert found == ["work:U0EVE", "work:U0EVE", None, None]


def test_who_was_written_down_since_is_that_person(policy: Policy) -> None:
    keys = {"work:U01ANA": "ana", "work:U0EVE": "work:U0EVE", "ana": "ana", "gone:U1": "gone:U1"}
    assert {key: policy.key_now(key) for key in keys} == keys


def test_audiences_hold_whom_the_chat_tells(policy: Policy) -> None:
    assert policy.audience(policy.channels["lab"]).accounts == {"U02BEN", "U0EVE"}
    assert policy.audience(policy.channels["ops"]).accounts == {"U01ANA", "U02BEN", "U0EVE"}
    assert [policy.may_read(key, policy.channels["lab"]) for key in ("ana", "ben", "work:U0EVE")] == [False, True, True]
