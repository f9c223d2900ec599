"""No way out forgets: what somebody may not read leaves by none of them, whichever field it stands in (G3)."""

from __future__ import annotations

import ast
import json
import types
from collections.abc import AsyncIterator, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from msgspec.structs import replace

from adapters.chat import Invocation, Reply, ThreadNote
from bot.desk import Desk
from bot.disclosure import OURS, PAIRS, PEOPLE, Eyes
from bot.policy import Policy
from bot.store.messages import Messages
from rules.alert import Alert, Link, Severity
from rules.card import Button, Card, Ping
from rules.change import Change
from rules.command import VERBS
from rules.incident import Incident, State
from rules.matcher import parse_matchers
from tests.bot.world import HEAD, ROUTE, policy
from tests.stories.story import BASE, Story
from tests.stories.telling import telling

REDACT = """
redact:
  - {name: email, below: confidential}
  - {name: ip, below: confidential}
  - {name: hostname, below: confidential, domain: corp.example}
  - {name: card_number, below: confidential}
  - {name: secret, below: restricted}
  - {name: order, below: confidential, pattern: 'order-[0-9]+'}
"""
CANARIES = {
    "email": "kestrel@example.com",
    "ip": "10.77.31.5",
    "hostname": "kestrel.corp.example",
    "card_number": "4111 1111 1111 1111",
    "secret": "ghp_" + "k3" * 18,
    "order": "order-7731",
}
ALL = " and ".join(CANARIES.values())


@pytest.fixture
def rules(tmp_path: Path) -> Policy:
    return policy(tmp_path, ROUTE + REDACT)


def filled(kind: Any, text: str) -> Any:
    """A value of this type with the text in every place that takes one."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return filled(args[0], text)
    if origin is tuple:
        return (filled(args[0], text),) if args[1:] == (...,) else tuple(filled(one, text) for one in args)
    if origin in (dict, Mapping):
        return {f"name {text}": text}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind(**{name: filled(hint, text) for name, hint in get_type_hints(kind).items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    return text if kind is str else kind()


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, msgspec.Struct):
        value = [getattr(value, name) for name in value.__struct_fields__]
    if isinstance(value, Mapping):
        value = [*value, *value.values()]
    if type(value) is str:
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)


@pytest.mark.parametrize("name", CANARIES)
@pytest.mark.parametrize("kind", [Card, Incident, Alert, Change, ThreadNote, Link], ids=lambda kind: kind.__name__)
def test_no_field_is_forgotten(rules: Policy, kind: type[msgspec.Struct], name: str) -> None:
    """Whatever field there is, and whichever comes: hidden, unless it is listed as our own."""
    thing = filled(kind, f"<{CANARIES[name]}>")
    public = Eyes(rules, "public").shown(thing)
    for field in kind.__struct_fields__:
        before, after = getattr(thing, field), getattr(public, field)
        if field in OURS.get(kind, ()):
            assert after == before
        else:
            assert not any(CANARIES[name] in text for text in texts(after)), field
    assert Eyes(rules, "restricted").shown(thing) is thing


def test_the_key_of_a_person_stays_as_it_is(tmp_path: Path) -> None:
    """Also one that looks like what is to be hidden: names are found by it."""
    text = f"\npeople: {{ana: {{name: Ana}}, '{CANARIES['email']}': {{name: Jo}}}}"
    rules = policy(tmp_path, ROUTE + REDACT, HEAD.replace("\npeople: {ana: {name: Ana}}", text))
    shown = Eyes(rules, "public").shown(replace(filled(Incident, ""), owner=CANARIES["email"], resolved_by="ana"))
    assert (shown.owner, shown.resolved_by) == (CANARIES["email"], "ana")
    assert Eyes(rules, "public").shown(filled(Change, CANARIES["email"])).by == CANARIES["email"]


def test_what_is_listed_exists() -> None:
    for kind, fields in OURS.items():
        assert fields <= get_type_hints(kind).keys(), kind
    assert all(field in get_type_hints(kind) for kind, field in PAIRS | PEOPLE)


def test_what_is_not_a_text_stays_as_it_is(rules: Policy) -> None:
    ours = Card(
        42, 7, State.firing, Severity.high, "title", "summary", 1.0, 2.0, 3, 4, (("a", "b"),), more=5, url="http://10.0.0.1/incidents/42",
        buttons=(Button("ack", "Ack", "ack 42"),), pings=(Ping("U1", False),), links=(Link("runbook", "https://x.org/a"),),
    )  # fmt: skip
    assert Eyes(rules, "public").shown(ours) == ours
    with pytest.raises(TypeError, match="no telling what of a object may be shown"):
        Eyes(rules, "public").shown(object())


def test_a_link_that_would_not_be_whole_is_left_out(rules: Policy) -> None:
    links = [
        Link("graph", "http://10.0.0.1:9090/graph"),
        Link("runbook", "https://x.org/?q=order%2D77"),
        Link("wiki", "https://x.org/w"),
    ]
    assert Eyes(rules, "internal").shown(links) == [links[2]]


def test_a_label_named_like_a_secret(rules: Policy) -> None:
    shown = Eyes(rules, "internal").shown(replace(filled(Card, "x"), fields=(("password", "correct horse"), ("team", "db"))))
    assert shown.fields == (("password", "[secret]"), ("team", "db"))


def test_a_grant_shows_one_incident_as_far_as_it_goes(rules: Policy) -> None:
    incident = replace(filled(Incident, CANARIES["email"]), number=42, sensitivity="confidential")
    other, worse = replace(incident, number=43), replace(incident, sensitivity="restricted")
    eyes = Eyes(rules, "internal", {42: "confidential"})
    assert [eyes.sees(one) for one in (incident, other, worse)] == [True, False, False]
    assert eyes.about(42).text(ALL).endswith("[secret] and order-7731") and eyes.about(43).text(ALL).startswith("[email]")
    assert Eyes(rules, "restricted", {42: "confidential"}).about(42).clearance == "restricted"
    assert not eyes.cleared_for("confidential") and not Eyes(rules, None, {}).cleared_for("public")


@pytest.mark.parametrize(
    ("mine", "theirs", "both"),
    [
        ("restricted", "internal", "internal"),
        ("internal", "restricted", "internal"),
        ("internal", None, None),
        (None, "public", None),
    ],
)
def test_of_two_who_look_on_the_lower_clearance_counts(
    rules: Policy, mine: str | None, theirs: str | None, both: str | None
) -> None:
    assert Eyes(rules, mine, {42: "restricted"}).within(theirs) == Eyes(rules, both)


def test_what_one_may_not_read_cannot_be_sounded_out(rules: Policy) -> None:
    labels = {"instance": "10.77.31.5:9100", "team": "db"}
    for matchers in (
        'instance="10.77.31.5:9100"',
        'instance=~"10[.]77.*"',
        'instance!="10.77.31.5:9100"',
        'team="db", instance=~"1.*"',
    ):
        known, unknown = (
            Eyes(rules, "internal").match(parse_matchers(matchers), {**labels, "instance": ip})
            for ip in ("10.77.31.5:9100", "10.8.8.8:9100")
        )
        assert known == unknown, matchers
    assert Eyes(rules, "internal").match(parse_matchers('team="db", instance="[ip]:9100"'), labels)
    assert Eyes(rules, "restricted").match(parse_matchers('instance=~"10[.]77.*"'), labels)


def test_matchers_that_would_not_be_whole_are_not_offered(rules: Policy) -> None:
    reply = Reply('It would mute {instance="10.0.0.1"}', matchers='{instance="10.0.0.1"}')
    assert Eyes(rules, "internal").reply(reply, ()) == Reply('It would mute {instance="[ip]"}')
    assert Eyes(rules, "internal", {7: "restricted"}).reply(reply, (7,)) == reply
    assert Eyes(rules, "internal", {7: "restricted"}).reply(reply, (7, 8)).matchers == ""


# --- the ways out of a whole Tocsin ---------------------------------------------------------------------------------


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    everybody = "permissions:\n  - {allow: ['*'], groups: [sre, dba, web]}\n"
    async with telling(tmp_path, BASE.replace("permissions:\n", everybody) + REDACT) as found:
        yield found


async def everything(story: Story, person: str, number: int) -> list[Any]:
    """All that this person can get out of Tocsin about an incident, by every way and every verb there is."""
    app, account = story.app, f"account-of-{person}"
    desk = Desk(lambda: app.policy, story.now, Messages(app.store, story.now), app.sign_in, app.commands)
    lines = [example.replace("42", str(number)) for verb in VERBS.values() for example in verb.examples]
    lines += [f"{verb.name} {number}" for verb in VERBS.values()] + [
        "incidents all",
        f"silence #{number} 2h {ALL}",
        "silences",
        "requests",
    ]
    lines += [f'silence note="{ALL}" 2h', f"assign {number} {CANARIES['email']}", f"note {number} see it", f'incidents "{ALL}"']
    await desk.command(Invocation("work", account, f"assign {number} {person}"))
    told: list[Any] = [await desk.home(Invocation("work", account, ""))]
    told += [await desk.card(Invocation("work", account, str(number), channel)) for channel in ("", "ops")]
    typed = ("", "ack ", f"ack {number}", "unsilence ", "ack kestrel")
    told += [await desk.suggest(Invocation("work", account, line)) for line in typed]
    told += [await desk.preview(Invocation("work", account, line)) for line in lines]
    told += [await desk.command(Invocation("work", account, line)) for line in lines]
    return [
        *map(msgspec.to_builtins, told),
        await story.get(f"/api/v1/incidents/{number}", person),
        await story.get("/api/v1/incidents?state=all", person),
    ]


async def fires(story: Story) -> int:
    """An incident of two alerts with the canaries wherever a sender, or somebody in chat, can write them."""
    found = []
    for one in "ab":
        alert = story.alert(
            f"Kestrel {ALL}", "critical", f"{one} {ALL}", cluster=ALL, instance=f"{one} {ALL}", **{"password": CANARIES["secret"]}
        )
        alert["annotations"] |= {
            "description": ALL,
            CANARIES["email"]: ALL,
            "runbook_url": f"https://example.com/?q={CANARIES['ip']}",
        }
        found.append({**alert, "generatorURL": f"http://{CANARIES['hostname']}:9090/graph?g0.expr=%22{CANARIES['ip']}%22"})
    await story.accepts(found)
    number = (await story.card("ops")).number
    for line in (f"ack {number} {ALL}", f"note {number} {ALL}", f'silence cluster="{ALL}" 2h {ALL}'):
        assert (await story.order("ana", line))["ok"], line
    return number


async def test_no_way_out_tells_what_is_hidden(story: Story) -> None:
    number = await fires(story)
    told = json.dumps(await everything(story, "cleo", number))
    assert [name for name, canary in CANARIES.items() if canary in told] == []
    assert all(f"[{name}]" in told for name in CANARIES)
    assert story.server
    await story.shown("1s")
    posts = [post for post in story.server.posts.values() if post.channel == "ops"]
    posted = json.dumps([[msgspec.json.decode(version.card) for version in post.versions] for post in posts], ensure_ascii=False)
    posted += repr([post.replies for post in posts])
    assert [name for name, canary in CANARIES.items() if canary in posted] == []
    assert all(f"[{name}]" in posted for name in CANARIES)


async def test_whoever_is_cleared_reads_all_of_it(story: Story) -> None:
    number = await fires(story)
    told = json.dumps(await everything(story, "ana", number))
    assert [name for name, canary in CANARIES.items() if canary not in told] == []
    told = json.dumps(await everything(story, "ben", number))
    assert [name for name, canary in CANARIES.items() if canary not in told] == ["secret"]


async def test_a_card_in_a_channel_hides_what_the_channel_may_not_read(story: Story) -> None:
    number, app = await fires(story), story.app
    for channel, hides in (("", False), ("vault", True), ("ops", True)):  # who is in vault was not asked
        seen = await app.commands.card("ana", number, app.policy.channels.get(channel))
        assert ("[email]" in repr(seen)) is hides and (CANARIES["email"] in repr(seen)) is not hides, channel


async def test_a_grant_shows_what_a_clearance_would_and_no_longer_than_the_config_says(story: Story) -> None:
    async def may_reveal(groups: str, up_to: str) -> None:
        rule = f"reveal: {{groups: [{groups}], up_to: {up_to}, lasts: 15m}}\n"
        story.rewrite(lambda text: text.partition("reveal:")[0] + rule)
        assert await story.app.reload()

    await may_reveal("web", "confidential")
    await story.accepts([story.alert("Leak", "high", ALL, team="payments")])
    number = (await story.card("vault")).number

    async def unseen() -> bool:
        hidden = (await story.order("cleo", "incident 4711"))["text"].replace("4711", str(number))
        return bool((await story.order("cleo", f"incident {number}"))["text"] == hidden)

    assert await unseen()
    assert (await story.order("cleo", f"reveal {number} the pager went off"))["ok"]
    shown = (await story.order("cleo", f"incident {number}"))["text"]
    assert [name for name, canary in CANARIES.items() if canary not in shown] == ["secret"]
    assert CANARIES["email"] in json.dumps(await story.get(f"/api/v1/incidents/{number}", "cleo"))
    for groups, up_to in (("dba", "confidential"), ("web", "internal")):
        await may_reveal(groups, up_to)
        assert await unseen()
    await may_reveal("web", "confidential")
    assert not await unseen()
    await story.passes("15m")
    assert await unseen()


SAYS = {("rules.wording", "tell"), ("rules.card", "card"), ("bot.drawing", "alerts_of"), ("bot.store", "timeline")}
WRITES = {"bot/fallback.py", "bot/moves.py", "bot/senders.py", "bot/store/retention.py"}
"""They keep, compare or count entries of the timeline, and show none."""


def test_whoever_tells_of_incidents_asks_the_eyes() -> None:
    """The modules that put what alerts say into words or cards: each must at least know where to ask."""
    forgetful, root = [], Path(__file__).parent.parent.parent
    for path in sorted((root / "bot").rglob("*.py")):
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        says = {(node.module, alias.name) for node in imports for alias in node.names} & SAYS
        if says and not any(node.module == "bot.disclosure" for node in imports):
            forgetful.append(str(path.relative_to(root)))
    assert set(forgetful) <= WRITES
