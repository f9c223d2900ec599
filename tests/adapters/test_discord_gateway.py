"""The gateway: kept with few tries, told of in words, and gone without a trace when the chat stops."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest
from structlog.testing import capture_logs

from adapters.chats.discord.changes import Change, change_in
from adapters.chats.discord.chat import Discord as DiscordChat
from adapters.chats.discord.pace import WAITS, Pace, Waits
from tests.adapters.discord_site import ANA, BEN, DB, Site, a_desk, config_for, people_in, site
from tests.standins.discord import Discord

BACK = 10.0
FASTEST = 50.0
HASTY = Waits(opening=1.0, heartbeat=0.4, longest_pause=0.3, settled=0.3, identify=0.1, refused=0.6, closing=0.5)
"""Where what counts is that it comes back, not when."""


@pytest.fixture
async def place() -> AsyncIterator[Site]:
    async with Discord(speed=FASTEST, rates=False) as discord, site(discord, HASTY) as found:
        found.answers("fine")
        yield found


async def works(place: Site) -> None:
    """A command is answered, once the gateway is there for it."""
    await place.discord.until(lambda: place.chat._inbound.connected and place.discord.gateway.live, BACK)
    seen = await place.discord.slash(ANA, DB, "ack", {"incident": 42})
    assert seen.acked and seen.text == "fine" and place.chat.trouble == ""


def handshakes(place: Site) -> int:
    return len(place.discord.gateway.handshakes)


async def test_a_link_that_worked_is_resumed_and_nothing_is_lost(place: Site) -> None:
    """What people do while Discord moves a link is there when it is back: no new session, no gap."""
    await asyncio.sleep(HASTY.settled)
    place.discord.patience = 0.0
    for number in (1, 2):
        place.discord.gateway.reconnect() if number == 1 else place.discord.gateway.drop()
        await place.discord.until(lambda: not place.chat._inbound.connected)
        sent = asyncio.create_task(place.discord.slash(ANA, DB, "ack", {"incident": number}))
        assert (await sent).acked
        await asyncio.sleep(HASTY.settled)
    await place.discord.until(lambda: place.said == ["ack 1", "ack 2"])
    assert len(place.discord.gateway.sessions) == 1 and place.discord.gateway.sessions[0].resumed == 2


async def test_a_link_is_asked_for_a_sign_of_life_only_when_it_is_quiet(place: Site) -> None:
    beats = place.discord.gateway.heartbeats
    await asyncio.sleep(2.6 * HASTY.heartbeat)
    assert 1 <= place.discord.gateway.heartbeats - beats <= 3 and len(place.discord.gateway.handshakes) == 1


async def test_a_dead_token_is_told_in_words_and_asked_about_rarely(place: Site) -> None:
    kept, place.discord.rest.token = place.discord.rest.token, "another"
    before = len(place.discord.requests)
    await place.discord.gateway.close(4004)
    await place.discord.until(lambda: place.chat.trouble)
    assert "refuses the token" in place.chat.trouble and kept not in place.chat.trouble
    await asyncio.sleep(0.5 * HASTY.refused)
    assert len(place.discord.requests) == before
    place.discord.rest.token = kept
    place.desk.clock += 61.0
    await works(place)


async def test_a_token_that_was_dead_from_the_start_does_not_stop_the_start() -> None:
    async with Discord(rates=False) as discord:
        people_in(discord)
        config = config_for(discord)
        discord.rest.token = "another"
        chat = DiscordChat("guild", config, a_desk(), HASTY)
        began = time.monotonic()
        await chat.start()
        assert time.monotonic() - began < 1.0 and "token" in chat.trouble and not discord.gateway.handshakes
        await chat.stop()


@pytest.mark.parametrize("code", [4010, 4013])
async def test_what_only_a_person_can_mend_is_not_tried_again_and_again(place: Site, code: int) -> None:
    before = handshakes(place)
    await place.discord.gateway.close(code)
    await place.discord.until(lambda: str(code) in place.chat.trouble)
    await asyncio.sleep(0.7 * HASTY.refused)
    assert handshakes(place) == before


async def test_without_the_members_intent_it_goes_on_without() -> None:
    async with Discord(speed=FASTEST, rates=False) as discord:
        discord.world.enabled_intents = set()
        with capture_logs() as logs:
            async with site(discord, HASTY) as place:
                place.answers("fine")
                await works(place)
                assert [session.intents for session in discord.gateway.sessions] == [1]
                await discord.gateway.close(4000)
                await asyncio.sleep(0.05)
                await works(place)
        assert "Server Members Intent" in str(next(one for one in logs if one["event"] == "discord_gateway_lost"))
        assert len(discord.gateway.handshakes) == 3


async def test_the_sessions_of_the_day_are_never_used_up() -> None:
    """Discord resets the token of who asks for one too many."""
    async with Discord(speed=FASTEST, rates=False) as discord:
        discord.gateway.daily, discord.gateway.identifies = 20, [discord.clock.now() - 1000.0] * 16
        async with site(discord, HASTY):
            discord.gateway.invalidate()
            await asyncio.sleep(3 * HASTY.longest_pause)
            assert len(discord.gateway.identifies) == 17, "the few that are left were not spread over the day"
        discord.gateway.daily = len(discord.gateway.identifies)
        chat = DiscordChat("guild", config_for(discord), a_desk(), HASTY)
        await chat.start()
        assert "no more sessions today" in chat.trouble and len(discord.gateway.identifies) == discord.gateway.daily
        await chat.stop()


async def test_a_stop_leaves_nothing(place: Site) -> None:
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    other = DiscordChat("guild", config_for(place.discord), a_desk(), HASTY)
    await asyncio.sleep(HASTY.identify)
    await other.start()
    await place.discord.connected(2)
    await other.stop()
    assert set(threading.enumerate()) == threads and {task for task in asyncio.all_tasks() if not _serves(task)} <= tasks
    await place.discord.until(lambda: place.discord.gateway.closes == [1000])
    assert len(place.discord.gateway.live) == 1


async def test_people_do_not_see_it_online_after_a_stop() -> None:
    async with Discord(rates=False) as discord:
        async with site(discord):
            assert discord.gateway.online
        await discord.until(lambda: not discord.gateway.online, 1.0)
        assert discord.gateway.closes == [1000]


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.03, 0.1])
@pytest.mark.parametrize("outage", ["mute", "close_new", "nothing"])
async def test_a_stop_at_any_moment_of_the_start_leaves_nothing(outage: str, seconds: float) -> None:
    threads, tasks = set(threading.enumerate()), asyncio.all_tasks()
    async with Discord(rates=False) as discord:
        people_in(discord)
        if outage != "nothing":
            getattr(discord.gateway, outage)()
        chat = DiscordChat("guild", config_for(discord), a_desk())
        starting = asyncio.create_task(chat.start())
        await asyncio.sleep(seconds)
        began = time.monotonic()
        await chat.stop()
        assert time.monotonic() - began < 1.5 and set(threading.enumerate()) == threads
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
    assert {task for task in asyncio.all_tasks() if not _serves(task)} == tasks


async def test_a_link_that_never_says_hello_is_closed_when_it_is_given_up() -> None:
    async with Discord(rates=False) as discord:
        people_in(discord)
        discord.gateway.mute()
        chat = DiscordChat("guild", config_for(discord), a_desk(), HASTY._replace(opening=0.3))
        await chat.start()
        assert chat.trouble == "the gateway opened no session"
        gc.collect()  # what was left open is told of now
        await chat.stop()


async def test_it_starts_again_after_a_stop(place: Site) -> None:
    for _ in range(2):
        await place.chat.stop()
        assert not place.chat._inbound.connected
        await place.chat.start()
    await works(place)


async def test_what_people_were_promised_is_done_before_it_stops(place: Site) -> None:
    place.answers("done at last", after=0.5)
    seen = asyncio.create_task(place.discord.slash(ANA, DB, "ack", {"incident": 42}))
    await place.discord.until(lambda: place.said)
    await place.chat.stop()
    assert (await seen).text == "done at last"


async def test_changes_of_who_can_read_what_are_told(place: Site) -> None:
    heard: list[tuple[str, str]] = []
    place.chat._inbound._on_channel_event = lambda channel, user, roles: heard.append((channel, user))
    discord = place.discord
    acts: list[tuple[Callable[[], object], tuple[str, str]]] = [
        (lambda: discord.overwrite(DB, BEN, deny=["VIEW_CHANNEL"]), (DB, "")),
        (lambda: discord.rename(DB, "data"), (DB, "")),
        (lambda: discord.role("165511591545143296", "dba"), ("", "")),
        (lambda: discord.permit("165511591545143296", allow=["ADMINISTRATOR"]), ("", "")),
        (lambda: discord.give(BEN, "165511591545143296"), ("", BEN)),
        (lambda: discord.take(BEN, "165511591545143296"), ("", BEN)),
        (lambda: discord.leave(BEN), ("", BEN)),
        (lambda: discord.join(BEN), ("", BEN)),
        (lambda: discord.delete_role("165511591545143296"), ("", "")),
        (lambda: discord.set_owner(BEN), ("", "")),
        (lambda: discord.unavailable(), ("", "")),
        (lambda: discord.unavailable(now=False), ("", "")),
        (lambda: discord.delete_channel(DB), (DB, "")),
    ]
    for act, told in acts:
        heard.clear()
        act()
        await discord.until(lambda: heard)
        assert told in heard


async def test_after_a_gap_anything_may_have_changed(place: Site) -> None:
    heard: list[tuple[str, str]] = []
    place.chat._inbound._on_channel_event = lambda channel, user, roles: heard.append((channel, user))
    await place.discord.gateway.close(4000)
    await place.discord.until(lambda: heard)
    assert set(heard) == {("", "")}


@pytest.mark.parametrize(
    ("frame", "change"),
    [
        ('{"t":"CHANNEL_UPDATE","op":0,"d":{"id":"7","guild_id":"1"}}', Change("CHANNEL_UPDATE", "7")),
        ('{"t":"CHANNEL_UPDATE","op":0,"d":{"id":"7","guild_id":"2"}}', None),
        ('{"t":"GUILD_UPDATE","d":{"id":"1"}}', Change("GUILD_UPDATE")),
        ('{"t":"GUILD_UPDATE","d":{"id":"2"}}', None),
        ('{"t":"GUILD_DELETE","d":{"id":"1","unavailable":true}}', Change("GUILD_DELETE")),
        ('{"t":"GUILD_CREATE","d":{"id":"1","roles":[{"id":"1"}]}}', Change("GUILD_CREATE")),
        (
            '{"t":"GUILD_MEMBER_UPDATE","d":{"guild_id":"1","user":{"id":"5"},"roles":["8","9"]}}',
            Change("GUILD_MEMBER_UPDATE", "", "5", ("8", "9")),
        ),
        (
            '{"t":"GUILD_MEMBER_ADD","d":{"guild_id":"1","user":{"id":"5"},"roles":["8"]}}',
            Change("GUILD_MEMBER_ADD", "", "5"),
        ),
        ('{"t":"GUILD_MEMBER_REMOVE","d":{"guild_id":"1","user":{"id":"5"}}}', Change("GUILD_MEMBER_REMOVE", "", "5")),
        ('{"t":"MESSAGE_CREATE","d":{"id":"7","guild_id":"1"}}', None),
        ('{"op":11,"t":null,"d":null}', None),
        ('{"t":"CHANNEL_UPDATE","d":[]}', None),
        ('{"t":5}', None),
        ("[", None),
        (b"\xff", None),
    ],
)
def test_a_change_is_read_from_a_frame(frame: str | bytes, change: Change | None) -> None:
    assert change_in(frame, "1") == change


async def test_who_sends_interactions_elsewhere_hears_of_it() -> None:
    async with Discord(rates=False) as discord:
        discord.world.interactions_url = "https://elsewhere.example.com/"
        async with site(discord) as place:
            assert place.chat._inbound.connected and "empty Interactions Endpoint URL" in place.chat.trouble


async def test_two_chats_of_different_discords_do_not_mix() -> None:
    """discord.py keeps the addresses for the whole process."""
    async with Discord(rates=False) as one, Discord(rates=False, token="another") as two, site(one) as here, site(two) as there:
        here.answers("here")
        there.answers("there")
        await one.gateway.close(4004)
        assert (await two.slash(ANA, DB, "ack", {"incident": 42})).text == "there"
        assert len(two.gateway.handshakes) == 1 and {call.error for call in [*one.requests, *two.requests]} == {0}


async def test_the_pace_grows_and_is_bounded() -> None:
    """With the product's own waits: what hangs is given up and tried again within ten seconds, and so is what is frozen."""
    assert WAITS.opening + WAITS.longest_pause < BACK and 2.125 * WAITS.heartbeat + WAITS.closing < BACK
    assert WAITS.identify + WAITS.longest_pause < BACK
    pace = Pace()
    pauses = [pace.failed() for _ in range(12)]
    assert pauses[0] <= 0.5 and max(pauses) <= WAITS.longest_pause and min(pauses[5:]) >= 0.7 * WAITS.longest_pause
    assert pace.failed(30.0) == 30.0
    pace.worked()
    assert pace.failed() <= 0.5
    pace.budget(1000, 900, 14_400.0)
    assert pace.failed() <= 1.0
    pace.budget(1000, 100, 14_400.0)
    assert pace.failed() == 144.0


async def test_the_product_s_own_waits_work() -> None:
    async with Discord(rates=False) as discord:
        discord.gateway.refuse(503, times=1)
        async with site(discord) as place:
            place.answers("fine")
            await works(place)


async def test_nothing_that_people_say_gets_into_the_log(place: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with capture_logs() as logs:
        await place.discord.slash(ANA, DB, "note", {"incident": 42, "note": "the secret of the day"})
        await place.discord.gateway.close(4000)
        await asyncio.sleep(0.05)
        await works(place)
    assert "secret of the day" not in caplog.text + str(logs) and place.discord.token not in caplog.text + str(logs)


def _serves(task: asyncio.Task[object]) -> bool:
    """Whether it is the stand-in's."""
    return "aiohttp" in repr(task) or "standins" in repr(task)
