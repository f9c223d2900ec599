from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rules.access import LEVELS, STRANGER, Caller, Group, Permission, Person, Sensitivity, caller_of, may, who_may
from rules.channel import Channel, ChannelFacts

USUAL = Sensitivity.model_validate({})
ANY = ("", "public", "internal", "confidential", "restricted", "nonsense", "Public")


# --- may this level be seen, and shown

SEEN: dict[str | None, str] = {
    #                public internal confidential restricted nonsense
    None: "           no     no       no           no         no",
    "": "             no     no       no           no         no",
    "nonsense": "     no     no       no           no         no",
    "public": "       yes    no       no           no         no",
    "internal": "     yes    yes      no           no         no",
    "confidential": " yes    yes      yes          no         no",
    "restricted": "   yes    yes      yes          yes        no",
}
SHOWN_UNVERIFIED = {
    "nonsense": "     no     no       no           no         no",
    "public": "       yes    no       no           no         no",
    "internal": "     yes    yes      no           no         no",
    "confidential": " yes    yes      no           no         no",
    "restricted": "   yes    yes      no           no         no",
}
TOLD = (*LEVELS, "nonsense")


def row(answers: Mapping[str, bool]) -> list[str]:
    return ["yes" if answers[level] else "no" for level in TOLD]


@pytest.mark.parametrize("clearance", SEEN, ids=repr)
def test_who_may_see_what(clearance: str | None) -> None:
    assert row({level: USUAL.may_see(clearance, level) for level in TOLD}) == SEEN[clearance].split()


@pytest.mark.parametrize("clearance", SHOWN_UNVERIFIED)
def test_what_a_channel_may_show(clearance: str) -> None:
    assert row({level: USUAL.may_show(clearance, True, level) for level in TOLD}) == SEEN[clearance].split()
    assert row({level: USUAL.may_show(clearance, False, level) for level in TOLD}) == SHOWN_UNVERIFIED[clearance].split()


@pytest.mark.parametrize(
    ("verified_from", "unproven"),
    [("public", []), ("internal", ["public"]), ("restricted", ["public", "internal", "confidential"]), ("misspelt", [])],
)
def test_from_which_level_on_a_channel_must_be_verified(verified_from: str, unproven: list[str]) -> None:
    sensitivity = Sensitivity.model_validate({"verified_from": verified_from})
    assert [level for level in LEVELS if sensitivity.may_show("restricted", False, level)] == unproven
    assert [level for level in TOLD if not sensitivity.needs_proof(level)] == unproven


def test_own_levels_without_a_word_on_proof_need_it_everywhere() -> None:
    sensitivity = Sensitivity.model_validate({"levels": ["green", "red"], "default": "green"})
    assert not sensitivity.may_show("red", False, "green")
    assert sensitivity.may_show("red", True, "green")
    assert not sensitivity.may_see("restricted", "green")


@given(st.sampled_from([None, *ANY]), st.booleans(), st.sampled_from(ANY), st.sampled_from(ANY), st.permutations(LEVELS))
def test_a_channel_never_shows_more_than_its_clearance_may_see(
    clearance: str | None, verified: bool, level: str, verified_from: str, levels: Sequence[str]
) -> None:
    sensitivity = Sensitivity.model_validate({"levels": levels, "verified_from": verified_from})
    if clearance is not None and sensitivity.may_show(clearance, verified, level):
        assert clearance in levels
        assert level in levels
        assert levels.index(level) <= levels.index(clearance)
        assert verified or (verified_from in levels and levels.index(level) < levels.index(verified_from))
    assert USUAL.may_see(clearance, level) <= (clearance in LEVELS and level in LEVELS)


# --- how secret an alert is

RULES = Sensitivity.model_validate({
    "rules": [
        {"match": ['team="payments"'], "level": "confidential"},
        {"match": ['env="prod"', 'team=~"payments|hr"'], "level": "restricted"},
        {"match": ['team="docs"'], "level": "public"},
        {"match": ['team="typo"'], "level": "secret"},
    ]
})  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "level"),
    [
        ({}, "internal"),
        ({"team": "payments"}, "confidential"),
        ({"team": "payments", "env": "prod"}, "restricted"),
        ({"team": "hr", "env": "test"}, "internal"),
        ({"team": "docs"}, "internal"),  # rules only raise
        ({"team": "typo"}, "secret"),
    ],
)
def test_an_alert_is_as_secret_as_the_highest_rule_says(labels: dict[str, str], level: str) -> None:
    assert RULES.of(labels) == level


def test_a_level_that_nobody_knows_is_above_all_and_seen_by_nobody() -> None:
    assert RULES.rank("secret") > RULES.rank("restricted")
    assert RULES.highest("restricted", "secret") == "secret"
    assert RULES.highest("secret", "public") == "secret"
    assert RULES.highest("public", "internal") == "internal"
    assert not any(RULES.may_see(clearance, "secret") for clearance in (None, *ANY))


# --- people


def allow(*verbs: str, to: Sequence[str], where: Sequence[str] = ()) -> Permission:
    return Permission.model_validate({"allow": verbs, "groups": to, "where": where})


PEOPLE = {name: Person.model_validate({"name": name.title(), "slack": f"U-{name}"}) for name in ("ana", "bo", "cy", "di")}
GROUPS = {
    "sre": Group.model_validate({"members": ("ana", "bo"), "clearance": "restricted"}),
    "dba": Group.model_validate({"members": ("bo", "cy"), "clearance": "confidential"}),
    "typo": Group.model_validate({"members": ("cy",), "clearance": "top"}),
}
PERMISSIONS = [
    allow("ack", "resolve", to=["sre", "dba"]),
    allow("silence", to=["dba"], where=['team="db"', 'env!="prod"']),
    allow("*", to=["admins"]),
    allow("escalate", to=["nobody"]),
]


def caller(key: str) -> Caller:
    return caller_of(key, PEOPLE, GROUPS, USUAL)


@pytest.mark.parametrize(
    ("key", "groups", "clearance"),
    [("ana", {"sre"}, "restricted"), ("bo", {"sre", "dba"}, "restricted"), ("cy", {"dba", "typo"}, "top"), ("di", set(), None)],
)
def test_a_person_is_cleared_as_far_as_the_best_of_their_groups(key: str, groups: set[str], clearance: str | None) -> None:
    one = caller(key)
    assert one == Caller(key=key, name=key.title(), groups=frozenset(groups), clearance=clearance)


def test_in_doubt_nobody_sees_anything() -> None:
    assert not any(USUAL.may_see(caller(key).clearance, "public") for key in ("cy", "di", "eve", ""))


@pytest.mark.parametrize("key", ["", "eve", "Ana"])
def test_a_stranger_has_no_key_no_group_and_no_clearance(key: str) -> None:
    assert caller(key) is STRANGER
    assert (STRANGER.key, STRANGER.groups, STRANGER.clearance) == ("", frozenset(), None)
    assert not any(may(STRANGER, verb, {}, PERMISSIONS) for verb in ("ack", "silence", "*", ""))


@pytest.mark.parametrize(
    ("verb", "labels", "people", "groups"),
    [
        ("ack", {}, ["ana", "bo", "cy"], ("admins", "dba", "sre")),
        ("silence", {"team": "db"}, ["bo", "cy"], ("admins", "dba")),
        ("silence", {"team": "db", "env": "prod"}, [], ("admins",)),
        ("silence", {}, [], ("admins",)),
        ("escalate", {}, [], ("admins", "nobody")),
        ("unheard-of", {}, [], ("admins",)),
    ],
)
def test_what_is_not_listed_is_not_allowed(verb: str, labels: dict[str, str], people: list[str], groups: tuple[str, ...]) -> None:
    assert [key for key in PEOPLE if may(caller(key), verb, labels, PERMISSIONS)] == people
    assert who_may(verb, labels, PERMISSIONS) == groups
    assert may(Caller(key="root", groups=frozenset({"admins"})), verb, labels, PERMISSIONS)
    assert not may(caller("ana"), verb, labels, [])
    assert who_may(verb, labels, []) == ()


permissions = st.builds(
    lambda verbs, groups, where: allow(*verbs, to=groups, where=where),
    st.lists(st.sampled_from(["ack", "silence", "*"]), max_size=2),
    st.lists(st.sampled_from([*GROUPS, "admins"]), max_size=3),
    st.sampled_from([[], ["team=db"], ["team!=db"]]),
)
verbs, teams, keys = st.sampled_from(["ack", "note"]), st.sampled_from(["", "db"]), st.sampled_from([*PEOPLE, "eve"])


@given(st.lists(permissions, max_size=4), verbs, teams, keys)
def test_who_may_names_the_groups_of_those_who_may(rules: list[Permission], verb: str, team: str, key: str) -> None:
    labels = {"team": team}
    assert may(caller(key), verb, labels, rules) == bool(caller(key).groups.intersection(who_may(verb, labels, rules)))


def test_accounts_are_one_a_chat_and_a_token_is_never_told() -> None:
    ana = Person.model_validate({"name": "Ana", "slack": "U01ANA", "token": "s3cret-t0ken"})
    accounts = {chat: ana.account(chat) for chat in ("slack", "discord", "token", "name")}
    assert accounts == {"slack": "U01ANA", "discord": None, "token": None, "name": None}
    assert "s3cret" not in repr(ana) + str(ana) + ana.model_dump_json()


# --- channels


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (ChannelFacts, {"guests": []}),
        (Permission, {"allow": [], "groups": [], "whre": []}),
        (Channel, {"chat": "c", "Id": "1"}),
    ],
)
def test_an_unknown_key_is_a_mistake(kind: type[ChannelFacts | Permission | Channel], said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        kind.model_validate(said)


def test_a_channel_is_internal_unless_said_and_nothing_is_known_of_it() -> None:
    channel = Channel.model_validate({"chat": "console"})
    assert (channel.id, channel.clearance, channel.audience) == ("", "internal", ())
    facts = ChannelFacts()
    assert {facts.private, facts.shared_outside, facts.archived, facts.members} == {None}
