"""Socket Mode: the connections come back within 10 s of the end of any outage, ask for few tickets, and lose nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import pytest
from structlog.testing import capture_logs

from adapters.chat import Invocation, Reply
from adapters.chats.slack.client import Client
from adapters.chats.slack.inbound import CAPTURED, Inbound
from adapters.chats.slack.socket import WAITS, Pace, Waits
from tests.adapters.slack_site import ANA, DB, Site, a_desk, config_for, site, workspace
from tests.standins.slack import Slack
from tests.standins.slack_sockets import Link

BACK = 10.0
SHORT = Waits(opening=1.0, heartbeat=1.0, longest_pause=1.0, settled=1.0, linger=1.0)
"""Where what counts is that it comes back, not when."""


@pytest.fixture
async def place() -> AsyncIterator[Site]:
    async with Slack(rates=False) as slack, site(slack) as found:
        found.answers("fine")
        yield found


@pytest.fixture
async def hasty() -> AsyncIterator[Site]:
    async with Slack(rates=False) as slack, site(slack, waits=SHORT) as found:
        found.answers("fine")
        yield found


async def works(place: Site, but: Iterable[Link] = ()) -> float:
    """Waits for a first link other than these, and tries it; then for the second. How long the first took, in seconds."""
    began, old = time.monotonic(), set(but)
    await place.slack.until(lambda: set(place.slack.sockets.links) - old and not set(place.slack.sockets.links) & old, BACK)
    took = time.monotonic() - began
    await place.slack.connected(2, BACK)
    for _ in range(4):
        place.desk.invocations.clear()
        seen = await place.slack.slash(ANA, DB, "/ack", "42")
        assert seen.acked and seen.replies
    return took


def tickets(slack: Slack) -> int:
    return len(slack.calls("apps.connections.open"))


async def test_two_connections_and_both_are_used(place: Site) -> None:
    assert place.chat._inbound.connections == 2 and place.chat._inbound.trouble == ""
    for _ in range(12):
        await place.slack.slash(ANA, DB, "/ack", "42")
    assert all(link.sent for link in place.slack.sockets.links) and tickets(place.slack) == 2


async def refused(place: Site) -> None:
    place.slack.sockets.refuse(503)
    await place.slack.sockets.close()
    await asyncio.sleep(2.0)
    place.slack.sockets.accept()


async def refused_for_long(place: Site) -> None:
    """Until the next pause would be more than ten seconds if nothing bounded it."""
    place.slack.sockets.refuse(503)
    before = tickets(place.slack)
    await place.slack.sockets.close()
    await place.slack.until(lambda: tickets(place.slack) >= before + 6, 3 * BACK)
    place.slack.sockets.accept()


async def refused_for_good(place: Site) -> None:
    place.slack.sockets.refuse(403, times=2)
    await place.slack.sockets.close()


async def storm(place: Site) -> None:
    place.slack.sockets.storming = True
    await place.slack.sockets.close()
    await asyncio.sleep(3.0)
    place.slack.sockets.accept()


async def down(place: Site) -> None:
    await place.slack.down()
    await asyncio.sleep(1.0)
    await place.slack.up()


async def no_tickets(place: Site) -> None:
    faults = [
        place.slack.faults.html("apps.connections.open", 503, times=2),
        place.slack.faults.error("apps.*", "internal_error", 1),
    ]
    await place.slack.sockets.close()
    await place.slack.until(lambda: faults[0].struck == 2 and faults[1].struck == 1, BACK)


async def odd_tickets(place: Site) -> None:
    slack = place.slack
    fault = slack.faults.broken_json("apps.connections.open", times=1)
    again = slack.faults.plain("apps.connections.open", 200, times=1)
    await slack.sockets.close()
    await slack.until(lambda: fault.struck == 1 and again.struck == 1, BACK)


async def hanging_tickets(place: Site) -> None:
    place.slack.faults.hang("apps.connections.open")
    await place.slack.sockets.close()
    await asyncio.sleep(3.0)
    place.slack.faults.clear()


async def limited(place: Site) -> None:
    fault = place.slack.faults.limit("apps.connections.open", retry_after=2, times=1)
    await place.slack.sockets.close()
    await place.slack.until(lambda: fault.struck == 1, BACK)


async def dropped(place: Site) -> None:
    place.slack.sockets.drop()


async def frozen(place: Site) -> None:
    place.slack.sockets.freeze()
    frozen = list(place.slack.sockets.links)
    await place.slack.until(lambda: not set(frozen) & set(place.slack.sockets.links), BACK)


async def dead_token(place: Site) -> None:
    place.slack.app.dead = "token_revoked"
    await place.slack.sockets.close()
    await place.slack.until(lambda: "token was revoked" in place.chat._inbound.trouble, BACK)
    place.slack.app.dead = ""


async def too_many(place: Site) -> None:
    await place.slack.sockets.disconnect("too_many_websockets", close_after=0.0)


async def switched_off(place: Site) -> None:
    await place.slack.sockets.disconnect("link_disabled", close_after=0.0)


OUTAGES = [
    refused,
    refused_for_good,
    storm,
    down,
    no_tickets,
    odd_tickets,
    hanging_tickets,
    limited,
    dropped,
    frozen,
    dead_token,
    too_many,
    switched_off,
]


async def test_it_comes_back_from_every_outage_and_asks_for_few_tickets() -> None:
    """Each in a workspace of its own, all at once: with the product's own pauses that is mostly waiting."""
    all_of_them = [comes_back(refused_for_long, SHORT, 2 * SHORT.longest_pause), *map(comes_back, OUTAGES)]
    problems = await asyncio.gather(*all_of_them, return_exceptions=True)
    failed = [problem for problem in problems if isinstance(problem, Exception)]
    if failed:
        raise ExceptionGroup("outages that it did not come back from", failed)


async def comes_back(outage: Callable[[Site], Awaitable[None]], waits: Waits = WAITS, back: float = BACK) -> None:
    """Raises with the name of the outage if it does not within `back` seconds of the outage's end."""
    async with Slack(rates=False) as slack, site(slack, waits=waits) as place:
        place.answers("fine")
        before, began, old = tickets(slack), time.monotonic(), list(slack.sockets.links)
        try:
            await outage(place)
            took = await works(place, but=old)
        except Exception as problem:
            problem.add_note(f"after the outage {outage.__name__}")
            raise
        asked, lasted = tickets(slack) - before, time.monotonic() - began
        assert took <= back, f"{outage.__name__}: back after {took:.1f} s"
        assert asked <= 6 + lasted * 1.5, f"{outage.__name__}: {asked} tickets in {lasted:.1f} s"


async def test_a_refresh_loses_nothing(hasty: Site) -> None:
    """Commands keep coming while Slack has every connection replaced, again and again."""
    hasty.answers("fine", after=0.3)
    hasty.slack.patience = 0.0
    seen: list[Awaitable[object]] = []
    for round_ in range(30):
        if round_ % 20 == 5:
            await hasty.slack.sockets.disconnect("refresh_requested", close_after=2.0)
            await hasty.slack.until(lambda: [link for link in hasty.slack.sockets.links if not link.draining], BACK)
        seen.append(asyncio.ensure_future(hasty.slack.slash(ANA, DB, "/ack", str(round_ + 1))))
        await asyncio.sleep(0.02)
    results = await asyncio.gather(*seen)
    assert all(getattr(one, "acked", False) for one in results)
    await hasty.slack.until(lambda: len(hasty.slack.ephemerals()) == 30)
    assert sorted(hasty.said) == sorted(f"ack {n + 1}" for n in range(30))


async def test_a_warning_replaces_the_connection_before_it_goes(hasty: Site) -> None:
    old = list(hasty.slack.sockets.links)
    await hasty.slack.sockets.disconnect("warning", close_after=None)
    await hasty.slack.until(lambda: len(set(hasty.slack.sockets.links) - set(old)) == 2, BACK)
    await hasty.slack.until(lambda: not set(old) & set(hasty.slack.sockets.links), BACK)
    assert await works(hasty) < BACK


async def test_what_is_under_way_at_a_disconnect_is_acknowledged(place: Site) -> None:
    """Over the connection it came by: whether Slack takes it over another is not known."""
    place.slack.sockets.any_link_acks = False
    message = await place.card()
    view = await (await place.slack.press(DB, message.ts, "Note", user=ANA)).modal()

    async def slow(_: Invocation) -> Reply:
        await asyncio.sleep(0.5)
        return Reply("fine")

    place.desk.on_preview = slow
    submitting = asyncio.ensure_future(place.slack.submit(view, {"Note": "x"}))
    await asyncio.sleep(0.1)
    await place.slack.sockets.disconnect("refresh_requested", close_after=2.0)
    seen = await submitting
    assert seen.acked and not view.open
    await seen.reply()
    assert place.said == ["note 42 -- x"]


async def test_an_acknowledgement_that_was_lost_is_given_again_without_a_second_run(place: Site) -> None:
    place.answers("fine")
    await place.slack.slash(ANA, DB, "/ack", "42")
    sent = next(one for one in place.slack.deliveries if one.kind == "slash_commands")
    for _ in range(2):
        await place.slack.again(sent)
    assert [answer.problem for answer in sent.attempts] == [""] * 3 and place.said == ["ack 42"]


async def test_an_event_is_redelivered_until_a_connection_takes_it(hasty: Site) -> None:
    heard: list[str] = []
    hasty.chat._inbound._on_channel_event = lambda channel, _: heard.append(channel)
    hasty.slack.courier.redeliver_after = (1.0,) * 10
    hasty.slack.sockets.freeze()
    event = hasty.slack.courier.emit({"type": "channel_archive", "channel": DB})
    await hasty.slack.until(lambda: event.acked, 2 * BACK)
    assert heard == [DB]


@pytest.mark.parametrize(
    "kind", ["new_event", "message", "app_rate_limited", "tokens_revoked", "app_uninstalled", "function_executed"]
)
async def test_no_event_is_left_without_an_acknowledgement(place: Site, kind: str) -> None:
    event = await place.slack.event({"type": kind, "channel": DB, "user": ANA, "text": "hello", "tokens": {"bot": ["U0"]}})
    assert event.acked and len(event.attempts) == 1


@pytest.mark.parametrize("kind", ["message_action", "shortcut", "block_suggestion", "view_closed", "brand_new"])
async def test_no_interaction_is_left_without_an_acknowledgement(place: Site, kind: str) -> None:
    payload = {
        "type": kind,
        "trigger_id": f"t-{kind}",
        "callback_id": "x",
        "action_id": "y",
        "block_id": "z",
        "value": "",
        "user": {"id": ANA},
        "team": None,
        "view": {"callback_id": "v", "type": "modal", "id": "V1"},
        "api_app_id": "A0",
    }
    assert (await place.slack.courier.ask("interactive", payload)).acked


async def test_the_bots_own_coming_and_going_is_heard(place: Site) -> None:
    heard: list[str] = []
    place.chat._inbound._on_channel_event = lambda channel, _: heard.append(channel)
    bot = place.slack.workspace.bot_user
    for happens in (
        place.slack.leave(DB, bot),
        place.slack.join(DB, bot, ANA),
        place.slack.archive(DB),
        place.slack.rename(DB, "data"),
        place.slack.share("C0OPS"),
        place.slack.event({"type": "channel_id_changed", "old_channel_id": DB, "new_channel_id": "C1"}),
    ):
        assert (await happens).acked
    assert heard == [DB, DB, DB, DB, "C0OPS", DB]


FRAMES = [
    "",
    "{",
    "[]",
    "5",
    '"x"',
    "\x00",
    '{"envelope_id": 5}',
    '{"type": "hello"}',
    '{"type": "odd", "envelope_id": "e"}',
    '{"envelope_id": "e", "type": "interactive", "payload": []}',
    "[" * 5000,
]


@pytest.mark.parametrize("frame", FRAMES)
async def test_a_broken_frame_breaks_nothing(place: Site, frame: str) -> None:
    for link in place.slack.sockets.links:
        await link.socket.send_str(frame)
    await works(place)
    assert tickets(place.slack) == 2


async def test_start_returns_and_goes_on_trying_where_nothing_answers() -> None:
    async with Slack(rates=False) as slack:
        slack.sockets.refuse(503)
        workspace(slack)
        config = config_for(slack)
        client = Client(config)
        inbound = Inbound("work", config, a_desk(), client, print, SHORT)
        with capture_logs() as logs:
            began = time.monotonic()
            await inbound.start()
            assert time.monotonic() - began < 2 * SHORT.opening and inbound.connections == 0
            assert "refused with HTTP 503" in inbound.trouble
            slack.sockets.accept()
            await slack.connected(2, BACK)
            await inbound.stop()
            await client.close()
        assert inbound.connections == 0 and not slack.sockets.links
        assert "ticket=" not in str(logs) and not [entry for entry in logs if "exc_info" in entry]


async def test_stop_leaves_nothing_behind_and_start_works_again() -> None:
    async with Slack(rates=False) as slack, site(slack) as place:
        place.answers("fine")
        before = len(asyncio.all_tasks())
        for _ in range(2):
            await place.chat.stop()
            await slack.until(lambda: not slack.sockets.links)
            await place.chat.start()
            await works(place)
        assert len(asyncio.all_tasks()) <= before + 2


async def test_stop_at_once_while_nothing_answers() -> None:
    async with Slack(rates=False) as slack:
        slack.faults.hang("apps.connections.open")
        config = config_for(slack)
        inbound = Inbound("work", config, a_desk(), Client(config), print)
        starting = asyncio.ensure_future(inbound.start())
        await asyncio.sleep(0.2)
        began = time.monotonic()
        await inbound.stop()
        assert time.monotonic() - began < 2.0
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)


async def test_the_environment_does_not_make_another_app_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CAPTURED:
        monkeypatch.setenv(name, "from-the-environment")
    async with Slack(rates=False) as slack, site(slack) as place:
        place.answers("fine")
        assert (await slack.slash(ANA, DB, "/ack", "42")).replies
        assert not slack.calls("oauth.v2.access") and {call.error for call in slack.requests} == {""}


async def test_no_call_stands_between_a_payload_and_its_acknowledgement() -> None:
    """slack_bolt by itself would ask auth.test first, and take a command without doing it where that fails."""
    async with Slack(rates=False) as slack, site(slack) as place:
        place.answers("fine")
        slack.faults.hang("auth.test")
        assert (await slack.slash(ANA, DB, "/ack", "42")).replies and place.said == ["ack 42"]


async def test_the_pace_grows_and_is_bounded() -> None:
    assert WAITS.longest_pause + WAITS.opening / 2 < BACK
    pace = Pace()
    pauses = [pace.failed() for _ in range(12)]
    assert pauses[0] <= 0.5 and max(pauses) <= WAITS.longest_pause and min(pauses[5:]) >= 0.7 * WAITS.longest_pause
    assert pace.failed(30.0) == 30.0
    pace.worked()
    assert pace.failed() <= 0.5
