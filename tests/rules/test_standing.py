from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.access import LEVELS, Sensitivity
from rules.channel import Channel, ChannelFacts
from rules.standing import Audience, Breach, Standing, Why, doubt, holds, judge, needs_asking, unproven

USUAL = Sensitivity.model_validate({})
VAULT = Channel.model_validate({"chat": "work", "id": "C1", "clearance": "restricted"})
SRE = Audience(frozenset({"U1", "U2"}), frozenset({"R1"}))
FINE: dict[str, Any] = {"private": True, "shared_outside": False, "archived": False, "members": ["U1"]}
NOW = 1_700_000_000.0


def judged(sensitivity: Sensitivity = USUAL, channel: Channel = VAULT, **facts: Any) -> Standing:
    return judge("vault", channel, ChannelFacts.model_validate({**FINE, **facts}), SRE, sensitivity, NOW)


def test_a_channel_of_which_all_holds_merits_its_clearance() -> None:
    standing = judged(members=["U2", "U1"], roles=["R1"], owner="U1", administrators=["R1"])
    assert (standing.clearance, standing.breaches) == ("restricted", ())
    assert (standing.members, standing.roles) == (("U1", "U2"), ("R1",))
    assert (standing.owner, standing.administrators) == ("U1", ("R1",))
    assert (standing.at, standing.holds_until) == (NOW, NOW + USUAL.verify_every)


@pytest.mark.parametrize(
    ("facts", "breaches"),
    [
        ({"private": False}, [Breach(Why.not_private)]),
        ({"private": None}, [Breach(Why.not_private)]),
        ({"shared_outside": True}, [Breach(Why.shared_outside)]),
        ({"shared_outside": None}, [Breach(Why.shared_outside)]),
        ({"archived": True}, [Breach(Why.archived)]),
        ({"archived": None}, [Breach(Why.archived)]),
        ({"members": None}, [Breach(Why.unknown_members)]),
        ({"members": None, "owner": "U1"}, [Breach(Why.unknown_members)]),
        ({"members": ["U1", "U9", "U8"]}, [Breach(Why.outsider, "U8"), Breach(Why.outsider, "U9")]),
        ({"owner": "U9"}, [Breach(Why.outsider, "U9")]),
        ({"roles": ["R1", "R9"]}, [Breach(Why.role_outside, "R9")]),
        ({"roles": ["R1"], "administrators": ["R8"]}, [Breach(Why.role_outside, "R8")]),
        ({"members": None, "administrators": ["R8"]}, [Breach(Why.unknown_members), Breach(Why.role_outside, "R8")]),
        ({"private": False, "members": ["U9"]}, [Breach(Why.not_private), Breach(Why.outsider, "U9")]),
    ],
)
def test_whatever_does_not_hold_or_is_unknown(facts: dict[str, Any], breaches: list[Breach]) -> None:
    standing = judged(**facts)
    assert (standing.clearance, list(standing.breaches)) == ("internal", breaches)


def test_a_chat_that_says_nothing() -> None:
    standing = judge("vault", VAULT, None, SRE, USUAL, NOW)
    assert (standing.clearance, standing.breaches) == ("internal", (Breach(Why.unreachable),))


def test_where_all_humans_are_known_the_administrators_are_among_them() -> None:
    standing = judged(administrators=["R8"])
    assert (standing.clearance, standing.roles, standing.administrators) == ("restricted", (), ("R8",))


@pytest.mark.parametrize("clearance", ["public", "internal"])
def test_a_channel_that_needs_no_proof_is_not_asked(clearance: str) -> None:
    channel = Channel.model_validate({"chat": "work", "clearance": clearance})
    standing = judge("ops", channel, None, Audience(), USUAL, NOW)
    assert (standing.clearance, standing.breaches, standing.holds_until) == (clearance, (), None)
    assert not needs_asking(channel, USUAL) and holds(standing, 0.0)
    assert doubt(standing, Why.changed, channel, USUAL) == standing


@pytest.mark.parametrize(
    ("clearance", "verified_from", "merits"),
    [
        ("restricted", "restricted", "confidential"),
        ("restricted", "confidential", "internal"),
        ("confidential", "internal", "public"),
        ("internal", "confidential", "internal"),
        ("restricted", "public", None),
        ("public", "public", None),
        ("restricted", "misspelt", None),
        ("misspelt", "confidential", None),
    ],
)
def test_what_may_be_shown_without_proof(clearance: str, verified_from: str, merits: str | None) -> None:
    assert unproven(clearance, Sensitivity.model_validate({"verified_from": verified_from})) == merits


def test_own_levels_without_a_word_on_proof_need_it_everywhere() -> None:
    own = Sensitivity.model_validate({"levels": ["green", "red"], "default": "green"})
    channel = Channel.model_validate({"chat": "work", "clearance": "red"})
    assert judged(own, channel).clearance == "red"
    assert judged(own, channel, private=None).clearance is None


def test_a_clearance_that_is_no_level_is_none() -> None:
    channel = Channel.model_validate({"chat": "work", "clearance": "misspelt"})
    assert judged(channel=channel).clearance is None and not needs_asking(channel, USUAL)


def test_a_doubt_lowers_and_is_told_first() -> None:
    doubted = doubt(judged(members=["U9"]), Why.changed, VAULT, USUAL)
    assert (doubted.clearance, doubted.breaches) == ("internal", (Breach(Why.changed), Breach(Why.outsider, "U9")))
    assert doubt(doubted, Why.changed, VAULT, USUAL) == doubted
    assert doubt(judged(), Why.stale, VAULT, USUAL).clearance == "internal"


def test_how_long_it_counts() -> None:
    standing = judged(Sensitivity.model_validate({"verify_every": "2m"}))
    assert [holds(standing, at) for at in (NOW - 1, NOW, NOW + 119, NOW + 120)] == [False, True, True, False]
    assert standing.verdict == judge("vault", VAULT, ChannelFacts.model_validate(FINE), SRE, USUAL, NOW + 999).verdict
    assert standing.verdict != judged(members=["U2"]).verdict


def test_it_survives_being_written_down() -> None:
    for standing in (judged(members=["U9"]), judge("ops", VAULT, None, SRE, USUAL, NOW)):
        assert msgspec.json.decode(msgspec.json.encode(standing), type=Standing) == standing


ids = st.frozensets(st.sampled_from(["U1", "U2", "U8", "U9"]))
flags = st.sampled_from([True, False, None])
facts = st.builds(
    ChannelFacts, private=flags, shared_outside=flags, archived=flags, members=st.none() | ids,
    roles=st.frozensets(st.sampled_from(["R1", "R9"])), owner=st.sampled_from(["", "U1", "U9"]),
    administrators=st.frozensets(st.sampled_from(["R1", "R9"])),
)  # fmt: skip
names = st.sampled_from([*LEVELS, "nonsense"])


@given(st.none() | facts, ids, names, names, st.permutations(LEVELS), names)
def test_a_channel_never_merits_more_than_was_proven(
    told: ChannelFacts | None, accounts: frozenset[str], clearance: str, verified_from: str, levels: Sequence[str], level: str
) -> None:
    sensitivity = Sensitivity.model_validate({"levels": levels, "verified_from": verified_from})
    channel = Channel.model_validate({"chat": "work", "clearance": clearance})
    audience = Audience(accounts, frozenset({"R1"}))
    standing = judge("vault", channel, told, audience, sensitivity, NOW)
    shown = sensitivity.may_see(standing.clearance, level)
    if shown:
        assert sensitivity.may_see(clearance, level)
    if shown and sensitivity.needs_proof(level):
        assert told and told.private is True and told.shared_outside is False and told.archived is False
        assert told.members is not None and told.members | ({told.owner} - {""}) <= accounts
        assert told.roles <= {"R1"} and (not told.roles or told.administrators <= {"R1"})
    doubted = doubt(standing, Why.changed, channel, sensitivity)
    assert not (sensitivity.may_see(doubted.clearance, level) and sensitivity.needs_proof(level))
    assert not (sensitivity.may_see(doubted.clearance, level) and not shown)
