"""Who sees an alert, from the config and what chats said."""

from typing import Any

import pytest

from rules.grounds import Grounds, Joined, Place, Reader, sight
from rules.standing import Breach, Standing, Why

GROUNDS = Grounds.model_validate({
    "people": {"ana": {"name": "Ana", "slack": "U01"}, "ben": {"name": "Ben", "slack": "U02"}, "cleo": {"name": "Cleo"}},
    "groups": {
        "sre": {"members": ["ana"], "clearance": "restricted"},
        "dba": {"slack_usergroup": "S0", "clearance": "confidential"},
        "web": {"members": ["cleo"]},
    },
    "chats": {"work": {"type": "slack", "group_key": "slack_usergroup"}, "console": {"type": "console"}},
    "channels": {
        "ops": {"chat": "console"},
        "db": {"chat": "work", "id": "C1", "clearance": "confidential", "audience": ["dba"]},
        "vault": {"chat": "work", "id": "C2", "clearance": "restricted", "audience": ["sre"]},
        "screen": {"chat": "console", "clearance": "confidential"},
    },
    "sensitivity": {"rules": [{"match": ['team="db"'], "level": "confidential"}]},
    "route": {"channels": ["ops"], "withheld_to": ["vault"], "routes": [
        {"name": "db", "match": ['team="db"'], "channels": ["db"]},
        {"name": "screen", "match": ['screen="yes"'], "channels": ["screen"]},
    ]},
})  # fmt: skip
DB, VAULT = Standing("db", "confidential", 1.0, members=("U02", "U09")), Standing("vault", "restricted", 1.0, members=("U01",))
JOINED = [Joined("dba", "work", {"U02": "ben on Slack", "U09": "Ina"}), Joined("gone", "work", {"U08": ""})]
ANA, BEN, INA = Reader("ana", "Ana", ("sre",)), Reader("ben", "Ben", ("dba",)), Reader("work:U09", "Ina", ("dba",))


def of(labels: dict[str, str], *standings: Standing, joined: Any = JOINED, grounds: Grounds = GROUNDS) -> Any:
    return sight(grounds, labels, {one.channel: one for one in standings}, joined)


def test_in_a_verified_channel() -> None:
    found = of({"team": "db"}, DB, VAULT)
    assert (found.level, found.routes) == ("confidential", ("db",))
    assert found.places == (Place("db", True, "verified", (BEN, INA)),)
    assert found.cleared == (ANA, BEN, INA)


def test_who_left_their_group_is_no_reader_by_it() -> None:
    found = of({"team": "db"}, DB, joined=[Joined("dba", "work", {"U09": "Ina"})])
    assert found.places[0].readers[0] == Reader("ben", "Ben", ())
    assert found.cleared == (ANA, INA)


def test_a_channel_that_drifted_and_where_it_goes_instead() -> None:
    drifted = Standing("db", "internal", 1.0, breaches=(Breach(Why.outsider, "U66"),), members=("U02", "U66"))
    stub, full = of({"team": "db"}, drifted, VAULT).places
    assert (stub.full, stub.why) == (False, "outsider U66")
    assert stub.readers == (BEN, Reader("work:U66"))
    assert full == Place("vault", True, "verified", (ANA,))


def test_nothing_known_is_a_stub() -> None:
    assert [place.full for place in of({"team": "db"}).places] == [False, False]


def test_an_ordinary_alert() -> None:
    found = of({"team": "web"}, DB, VAULT)
    assert [(place.channel, place.full) for place in found.places] == [("ops", True)]
    assert "no proof" in found.places[0].why
    assert [one.key for one in found.cleared] == ["ana", "ben", "cleo", "work:U09"]


def test_a_channel_that_is_never_cleared() -> None:
    ops = GROUNDS.model_copy(update={"route": GROUNDS.route.model_copy(update={"routes": ()})})
    stub, full = of({"team": "db"}, VAULT, grounds=ops).places
    assert (stub.channel, stub.full, stub.why) == ("ops", False, "its clearance is internal")
    assert (full.channel, full.full) == ("vault", True)


def test_whoever_belongs_can_read_the_console() -> None:
    found = of({"team": "x", "screen": "yes"}, Standing("screen", "confidential", 1.0)).places[0]
    assert found.readers == (ANA, BEN, Reader("cleo", "Cleo", ("web",)), INA)


def test_roles_and_owners() -> None:
    standing = Standing("db", "confidential", 1.0, roles=("S0", "S6"), administrators=("S6",))
    assert of({"team": "db"}, standing).places[0].readers == (
        Reader("role S0", "", ("dba",)),
        Reader("role S6", "its administrators", ()),
    )


@pytest.mark.parametrize("clearance", ["internal", "confidential", "restricted"])
def test_a_standing_of_another_config_lifts_no_channel(clearance: str) -> None:
    ops = GROUNDS.channels["db"].model_copy(update={"clearance": clearance})
    found = of({"team": "db"}, DB, grounds=GROUNDS.model_copy(update={"channels": {**GROUNDS.channels, "db": ops}}))
    assert found.places[0].full == (clearance != "internal")
