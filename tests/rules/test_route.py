from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from pydantic import ValidationError

from rules.incident import Timing
from rules.matcher import Matcher
from rules.route import Node, Route, Step, compile_tree, explain_route, route_alert

NAMES, VALUES = ["a", "b"], ["", "x", "y"]


def tree(**root: Any) -> Node:
    return compile_tree(Route.model_validate(root))


def taken(root: Node, **labels: str) -> list[str]:
    return [node.id for node in route_alert(root, labels)]


TREE = tree(
    channels=["ops"],
    routes=[
        {"name": "audit", "match": ['env="prod"'], "continue": True, "routes": [{"match": ['severity="critical"']}]},
        {
            "name": "db", "match": ['team="db"'], "channels": ["db"],
            "routes": [{"match": ['severity="critical"'], "continue": True}, {"match": ['severity=~"critical|high"']}],
        },
        {"name": "rest of db", "match": ['team="db"']},
        {"name": "web", "match": ['team!~"db|"']},
    ],
)  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "nodes"),
    [
        ({}, ["root"]),
        ({"team": "web"}, ["web"]),
        ({"team": "db"}, ["db"]),
        ({"team": "db", "severity": "high"}, ["db.1"]),
        ({"team": "db", "severity": "critical"}, ["db.0", "db.1"]),
        ({"env": "prod"}, ["audit"]),
        ({"env": "prod", "severity": "critical"}, ["audit.0"]),
        ({"env": "prod", "team": "db", "severity": "critical"}, ["audit.0", "db.0", "db.1"]),
    ],
)
def test_the_first_that_matches_wins_unless_it_continues(labels: dict[str, str], nodes: list[str]) -> None:
    assert taken(TREE, **labels) == nodes


def test_a_deep_tree_goes_to_the_deepest() -> None:
    route: dict[str, Any] = {"match": ['a="1"'], "name": "bottom"}
    for depth in range(60):
        route = {"match": ['a="1"'], "name": f"d{depth}", "routes": [route]}
    root = tree(channels=["ops"], routes=[route])
    assert taken(root, a="1") == ["bottom"]
    assert taken(root, a="2") == ["root"]
    assert [step.depth for step in explain_route(root, {"a": "1"})] == list(range(62))
    assert route_alert(root, {"a": "1"})[0].channels == ("ops",)


# --- inheritance

FIELDS: dict[str, tuple[Any, Any]] = {
    "channels": (["db"], ("db",)),
    "withheld_to": (["vault"], ("vault",)),
    "group_by": (["cluster"], ("cluster",)),
    "group_wait": ("3s", 3.0),
    "group_interval": ("4s", 4.0),
    "repeat_interval": ("5s", 5.0),
    "resolve_after": ("6s", 6.0),
    "reopen_within": ("7s", 7.0),
}


def shown(node: Node, field: str) -> Any:
    return getattr(node.timing, field) if field in Timing.__struct_fields__ else getattr(node, field)


@pytest.mark.parametrize("field", FIELDS)
def test_a_route_inherits_what_it_does_not_say(field: str) -> None:
    written, value = FIELDS[field]
    defaults = tree()
    root = tree(routes=[{field: written, "routes": [{}]}, {}])
    saying, other = root.children
    assert [shown(node, field) for node in (saying, saying.children[0])] == [value, value]
    assert [shown(node, field) for node in (root, other)] == [shown(defaults, field)] * 2
    others = FIELDS.keys() - {field}
    assert [shown(saying, name) for name in others] == [shown(defaults, name) for name in others]
    own = tree(**{field: written}, routes=[{field: [] if isinstance(written, list) else "9s"}]).children[0]
    assert shown(own, field) == (() if isinstance(written, list) else 9.0)


def test_nothing_said_is_grouped_by_name_and_waits_as_documented() -> None:
    root = tree()
    assert (root.id, root.channels, root.withheld_to, root.group_by) == ("root", (), (), ("alertname",))
    assert root.timing == Timing(group_wait=10, group_interval=60, repeat_interval=4 * 3600, resolve_after=30, reopen_within=600)


@pytest.mark.parametrize("field", ["group_wait", "group_interval", "resolve_after", "reopen_within"])
def test_zero_is_said_and_not_inherited(field: str) -> None:
    assert shown(tree(**{field: "5s"}, routes=[{field: 0}]).children[0], field) == 0.0


def test_reminders_without_a_pause_are_refused() -> None:
    with pytest.raises(ValidationError, match="without end"):
        Route.model_validate({"repeat_interval": "0s"})


def test_mutes_by_time_and_continue_are_not_inherited() -> None:
    child = tree(mute_time_intervals=["nights"], active_time_intervals=["days"], routes=[{}]).children[0].route
    assert (child.mute_time_intervals, child.active_time_intervals, child.continue_) == ((), (), False)


def test_a_name_names_a_route_and_its_place_does_otherwise() -> None:
    root = tree(routes=[{}, {"name": "db", "routes": [{}, {"name": "pg"}]}, {"routes": [{}]}])
    assert [node.id for node in root.walk()] == ["root", "root.0", "db", "db.0", "pg", "root.2", "root.2.0"]


def test_an_unknown_key_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="chanels"):
        Route.model_validate({"chanels": ["ops"]})


# --- groups


def test_a_group_is_what_its_labels_say_and_a_missing_one_stays_missing() -> None:
    node = tree(group_by=["cluster", "alertname"])
    assert node.group_of({"alertname": "DiskFull", "instance": "db1"}) == {"alertname": "DiskFull"}
    assert node.group_of({"alertname": "DiskFull", "cluster": ""}) == {"cluster": "", "alertname": "DiskFull"}
    assert tree(group_by=[]).group_of({"alertname": "DiskFull"}) == {}


def test_three_dots_make_an_incident_of_every_label_set() -> None:
    assert tree(group_by=["..."]).group_of({"b": "2", "a": "1"}) == {"a": "1", "b": "2"}


# --- why


def test_an_explanation_names_the_matcher_that_failed() -> None:
    steps = explain_route(TREE, {"team": "db"})
    assert [(step.depth, step.node.id, step.matched, step.failed) for step in steps] == [
        (0, "root", True, ""),
        (1, "audit", False, 'env="prod"'),
        (1, "db", True, ""),
        (2, "db.0", False, 'severity="critical"'),
        (2, "db.1", False, 'severity=~"critical|high"'),
    ]


def taken_steps(steps: list[Step]) -> list[Node]:
    """The steps that matched and under which none matched: where the walk ended."""
    found = []
    for i, step in enumerate(steps):
        below = []
        for later in steps[i + 1 :]:
            if later.depth <= step.depth:
                break
            below.append(later)
        if step.matched and not any(other.matched for other in below):
            found.append(step.node)
    return found


matchers = st.builds(
    Matcher, st.sampled_from(NAMES), st.sampled_from(["=", "!=", "=~", "!~"]), st.sampled_from([*VALUES, "x|y", ".+"])
)
labels = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES))


def routes(children: st.SearchStrategy[tuple[Route, ...]]) -> st.SearchStrategy[Route]:
    return st.builds(
        lambda match, go_on, below: Route.model_validate({"match": match, "continue": go_on, "routes": below}),
        st.lists(matchers, max_size=2), st.booleans(), children,
    )  # fmt: skip


def trees() -> st.SearchStrategy[Node]:
    leaf = routes(st.just(()))
    route = st.recursive(leaf, lambda below: routes(st.lists(below, max_size=4).map(tuple)), max_leaves=12)
    return st.lists(route, max_size=4).map(lambda below: compile_tree(Route.model_validate({"routes": below})))


@given(trees(), labels)
def test_an_alert_goes_somewhere_and_the_explanation_says_where(root: Node, labels: dict[str, str]) -> None:
    nodes = route_alert(root, labels)
    event(f"{len(nodes)} taken")
    assert nodes
    assert [id(node) for node in taken_steps(explain_route(root, labels))] == [id(node) for node in nodes]
    known = {id(node) for node in root.walk()}
    assert {id(node) for node in nodes} <= known
