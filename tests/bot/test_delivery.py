"""Cards converge, whatever the platform does (G2, G4): scripted faults at the stand-in server."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.delivery import IN_FLIGHT
from tests.standins.faults import Fault
from tests.standins.httpchat import HttpChatServer, Post
from tests.stories.story import BASE, Story, iso
from tests.stories.telling import telling
from tests.stories.until import until


@pytest.fixture
def config() -> str:
    return BASE


@pytest.fixture
async def story(config: str, tmp_path: Path) -> AsyncIterator[Story]:
    async with telling(tmp_path, config) as found:
        yield found


def platform(story: Story) -> HttpChatServer:
    assert story.server
    return story.server


def posts(story: Story) -> list[Post]:
    """The cards that stand in the channels."""
    return [post for post in platform(story).posts.values() if not post.deleted]


def writes(story: Story) -> list[float]:
    """When calls that write reached the platform."""
    return [call.began for call in story.heard if call.method != "GET"]


async def test_retry_after_is_obeyed_by_the_whole_channel(story: Story) -> None:
    platform(story).break_with(Fault("status", status=429, retry_after=0.7, channel="ops", times=1))
    await story.fires("First")
    await until(lambda: _answered(story, 429))
    refused = writes(story)[0]
    await story.fires("Second")
    await story.fires("Secret", team="payments")
    await story.card("vault")
    assert time.monotonic() < refused + 0.65, "the machine is too slow to tell"
    await story.card("ops", "First")
    await story.card("ops", "Second")
    ops = [call.began - refused for call in story.heard if "/ops/" in call.path and call.method != "GET"]
    assert ops[0] == 0.0 and 0.69 < ops[1] < 1.5


async def _answered(story: Story, status: int) -> bool:
    return platform(story).answers[status] > 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=500, times=3), Fault("status", status=503, times=3), Fault("lose", keep=False, times=3),
        Fault("lose", keep=True, times=3), Fault("lose", op="update", times=2), Fault("lose", op="reply", times=1),
    ],
    ids=str,
)  # fmt: skip
async def test_after_a_fault_the_card_is_there_once_and_right(story: Story, fault: Fault) -> None:
    platform(story).break_with(fault)
    await story.fires("PgDown")
    await story.shown(step="1s")
    assert (await story.command("ana", "ack 1 on it")).ok
    await story.shown(step="1s")
    assert platform(story).script.faults[0].times == 0, "the fault did not strike as often as it should"
    assert [(post.shown["state"], post.shown["note"]) for post in posts(story)] == [("acknowledged", "on it")]
    assert [line for reply in posts(story)[0].replies for line in reply.lines] == ["acknowledged by Ana Petrova: on it"]


async def test_fifty_lost_answers_are_fifty_cards(story: Story) -> None:
    """Even where the question "did it arrive?" fails too, at first."""
    platform(story).break_with(Fault("lose", op="post", times=50), Fault("status", op="find", status=503, times=30))
    await story.accepts([story.alert(f"Down{n}", instance=str(n)) for n in range(50)])
    await story.shown(step="1s")
    assert platform(story).answers[499] == 50 and platform(story).answers[503] == 30
    assert sorted(post.shown["number"] for post in posts(story)) == list(range(1, 51))


@pytest.mark.parametrize("config", [BASE.replace("group_wait: 0s", "group_wait: 30s")])
@pytest.mark.parametrize("fault", [Fault("status", op="reply", status=503, times=2), Fault("lose", op="reply", times=1)], ids=str)
async def test_a_thread_that_fails_does_not_undo_its_card(story: Story, fault: Fault) -> None:
    """The card and its first news are due at once; the news fails after the card was posted."""
    platform(story).break_with(fault)
    await story.fires("PgDown")
    await story.command("ana", "ack 1")
    await story.passes("30s")
    await story.shown(step="1s")
    assert [post.shown["state"] for post in posts(story)] == ["acknowledged"]
    assert [reply.lines for reply in posts(story)[0].replies] == [["acknowledged by Ana Petrova"]]


@pytest.mark.parametrize("fault", [Fault("hang", seconds=5.0), Fault("delay", seconds=0.2)], ids=["no answer", "200 ms a call"])
async def test_a_slow_chat_does_not_slow_intake(story: Story, fault: Fault) -> None:
    await story.fires("Warm")
    await story.shown()
    calm = await _post_times(story, "Calm")
    platform(story).break_with(fault)
    while_slow = await _post_times(story, "Slow")
    assert len([call for call in story.heard if call.ended - call.began > 4]) == 0, "it took longer than the hang"
    normal, slow = (statistics.quantiles(times, n=100)[98] for times in (calm, while_slow))
    sys.stdout.write(f"p99 of a POST: {normal * 1000:.1f} ms calm, {slow * 1000:.1f} ms while the chat is slow\n")
    assert slow < max(0.5, 5 * normal)


async def _post_times(story: Story, name: str) -> list[float]:
    found = []
    for n in range(60):
        began = time.perf_counter()
        await story.fires(f"{name}{n}")
        found.append(time.perf_counter() - began)
    return found


async def test_a_call_without_an_answer_is_given_up(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.delivery.CALL_SECONDS", 0.2)
    platform(story).break_with(Fault("hang", seconds=60.0, times=1))
    await story.fires("PgDown")
    await story.shown(step="1s")
    assert len(posts(story)) == 1


async def test_a_card_that_a_person_deleted_is_posted_afresh(story: Story) -> None:
    await story.fires("PgDown")
    await story.card()
    first = posts(story)[0]
    first.deleted = True
    await story.command("ana", "ack 1")
    card = await story.card()
    await card.shows(state="acknowledged")
    assert (await card.seen()).ref != first.ref


async def test_a_card_that_is_refused_comes_plain(story: Story) -> None:
    platform(story).break_with(Fault("status", op="post", status=400, times=1))
    await story.fires("PgDown", summary="orders-db is down", team="db")
    card = await story.card()
    await card.shows(title="orders-db is down", state="firing")
    assert posts(story)[0].shown["fields"] == [] and "Ack" in (await card.seen()).buttons


TWO_CHATS = BASE.replace("chats: {work: CHAT}", "chats: {work: CHAT, own: {type: console}}").replace(
    "channels:\n  ops:", "channels:\n  admins: {chat: own, audience: [sre]}\n  ops:", 1
).replace("channel: ops}", "channel: admins}")  # fmt: skip


@pytest.mark.parametrize("config", [TWO_CHATS])
async def test_dead_credentials_pause_the_chat_and_the_admins_know(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.watch.EVERY_SECONDS", 0.05)
    await story.restart()
    platform(story).break_with(Fault("status", status=401))
    await story.fires("PgDown")
    await until(lambda: _degraded(story, "chat work"))
    tried = len(writes(story))
    await story.passes("55s")
    await story.accepts([story.alert(f"More{n}") for n in range(20)])
    await until(lambda: _admins_told(story, "firing"))
    assert len(writes(story)) == tried, "a chat with a dead token was called again"
    platform(story).break_with()
    await story.passes("6s")
    await story.shown(step="10s")
    assert len(posts(story)) == 21
    body = await _readyz(story)
    assert (body["status"], body["degraded"]) == ("ok", {})
    await until(lambda: _admins_told(story, "resolved"))


async def _readyz(story: Story) -> dict[str, object]:
    async with story.http.get("/readyz") as answer:
        assert answer.status == 200, "a chat that is down must not turn senders away"
        found: dict[str, object] = await answer.json()
        return found


async def _degraded(story: Story, what: str) -> bool:
    return what in str((await _readyz(story))["degraded"])


async def _admins_told(story: Story, state: str) -> bool:
    await story.passes("1s")
    found = (await story.get("/api/v1/incidents?state=all"))["incidents"]
    own = [one for one in found if one["title"].startswith("21 cards cannot") or "TocsinCannotDeliver" in str(one["labels"])]
    return [one["state"] for one in own] == [state] and own[0]["deliveries"][0]["channel"] == "admins"


async def test_a_channel_that_is_gone_harms_no_other(story: Story) -> None:
    platform(story).break_with(Fault("status", status=403, channel="ops"))
    await story.fires("Secret", team="payments")
    await story.card("vault")
    await until(lambda: _degraded(story, "channel ops"))
    await story.passes("30s")
    await story.fires("More", team="payments")
    await story.card("vault", "More")
    platform(story).break_with()
    await story.passes("61s")
    await story.shown(step="1s")
    assert len(posts(story)) == 4 and not await _degraded(story, "ops")


async def test_one_call_at_a_time_for_each_card(story: Story) -> None:
    platform(story).break_with(Fault("delay", seconds=0.02))
    await story.accepts([story.alert(name) for name in ("A", "B", "C")])
    for n in range(40):
        await asyncio.gather(*(story.order("ana", f"note {number} change {n}") for number in (1, 2, 3)))
    await story.shown()
    calls = sorted((call.card, call.began, call.ended) for call in story.heard)
    overlaps = [(one, two) for one, two in itertools.pairwise(calls) if one[0] == two[0] and two[1] < one[2]]
    assert len(calls) > 6 and not overlaps
    assert [post.shown["note"] for post in posts(story)] == ["change 39"] * 3


async def test_the_worst_first(story: Story) -> None:
    platform(story).break_with(Fault("delay", seconds=0.1))
    await story.accepts([story.alert(f"Minor{n}", "warning") for n in range(200)])
    await until(lambda: _posted(story, 20))
    before = len(posts(story))
    await story.fires("Worst", "critical")
    await story.card("ops", "Worst")
    place = [post.shown["title"] for post in posts(story)].index("Worst")
    assert place <= before + 2 * IN_FLIGHT, f"{place - before} warnings went before the critical one"
    platform(story).break_with()
    await story.shown()
    assert len(posts(story)) == 201


async def _posted(story: Story, count: int) -> bool:
    return len(posts(story)) >= count


async def test_what_is_over_waits_for_what_burns(story: Story) -> None:
    """A channel blocked for an hour: of two hundred edits and one new warning, the warning comes first."""
    await story.accepts([story.alert(f"Old{n}", "critical") for n in range(40)])
    await story.shown()
    platform(story).break_with(Fault("status", status=429, retry_after=3600.0))
    over = {"status": "resolved", "endsAt": iso(story.now())}
    await story.accepts([{**story.alert(f"Old{n}", "critical"), **over} for n in range(40)])
    await story.fires("New", "warning")
    await until(lambda: _answered(story, 429))
    await story.passes("31s")
    await until(lambda: _all_resolved(story))
    platform(story).break_with(Fault("delay", seconds=0.05))
    count = len(story.heard)
    await story.passes("1h")
    await story.card("ops", "New")
    assert [call.method for call in sorted(story.heard[count:], key=lambda call: call.began)][:IN_FLIGHT].count("POST") >= 1
    await story.shown()


async def _all_resolved(story: Story) -> bool:
    return len((await story.get("/api/v1/incidents"))["incidents"]) == 1


async def test_a_hundred_changes_while_blocked_cost_one_edit(story: Story) -> None:
    await story.fires("PgDown")
    card = await story.card()
    platform(story).break_with(Fault("status", status=429, retry_after=3600.0))
    for n in range(100):
        await story.order("ana", f"note 1 change {n}")
    platform(story).break_with()
    await story.passes("1h1s")
    await card.shows(note="change 99")
    await story.shown()
    assert len(posts(story)[0].versions) == 2 and len(posts(story)[0].replies) == 1
    assert posts(story)[0].replies[0].lines[0] == "… 80 earlier changes"


async def test_a_stop_in_the_middle_of_a_post(story: Story) -> None:
    platform(story).break_with(Fault("hang", op="post", seconds=0.5, times=1))
    await story.fires("PgDown")
    await until(lambda: _posted(story, 1))
    await story.restart()
    await story.command("ana", "ack 1")
    await (await story.card()).shows(state="acknowledged")
    await asyncio.sleep(0.5)
    assert len(posts(story)) == 1
