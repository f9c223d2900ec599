"""Outages of the gateway: back within 10 s of the end of any, with few tries.

They run against waits, and a clock of Discord, that are five times as fast as the product's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from adapters.chats.discord.pace import WAITS, Waits
from tests.adapters.discord_site import ANA, DB, Site, site
from tests.standins.discord import Discord

FASTER = 5.0
BACK = 10.0 / FASTER
SHORT = Waits(*(seconds / FASTER for seconds in WAITS))


async def works(place: Site) -> None:
    """A command is answered, once the gateway is there for it."""
    await place.discord.until(lambda: place.chat._inbound.connected and place.discord.gateway.live, 3 * BACK)
    seen = await place.discord.slash(ANA, DB, "ack", {"incident": 42})
    assert seen.acked and seen.text == "fine" and place.chat.trouble == ""


def handshakes(place: Site) -> int:
    return len(place.discord.gateway.handshakes)


async def closed(place: Site) -> None:
    await place.discord.gateway.close(4000)


async def closed_politely(place: Site) -> None:
    await place.discord.gateway.close(1000)


async def dropped(place: Site) -> None:
    place.discord.gateway.drop()


async def dropped_and_forgotten(place: Site) -> None:
    place.discord.gateway.drop(forget=True)


async def frozen(place: Site) -> None:
    """The end of this one is when we see it: nobody tells us."""
    old = list(place.discord.gateway.links)
    place.discord.gateway.freeze()
    await place.discord.until(lambda: not place.chat._inbound.connected, BACK)
    assert old


async def without_acknowledgements(place: Site) -> None:
    place.discord.gateway.withhold_acks()
    await place.discord.until(lambda: not place.chat._inbound.connected, BACK)


async def asked_to_reconnect(place: Site) -> None:
    place.discord.gateway.reconnect()
    await asyncio.sleep(0.05)


async def invalid_session(place: Site) -> None:
    place.discord.gateway.invalidate()
    await asyncio.sleep(0.05)


async def session_to_resume(place: Site) -> None:
    place.discord.gateway.invalidate(resumable=True)
    await asyncio.sleep(0.05)


async def invalid_again_and_again(place: Site) -> None:
    place.discord.gateway.invalidate_next(times=2)
    place.discord.gateway.drop()
    await place.discord.until(lambda: not place.discord.gateway._invalid, 5 * BACK)


async def refused(place: Site) -> None:
    place.discord.gateway.refuse(503)
    await place.discord.gateway.close()
    await asyncio.sleep(2.0)
    place.discord.gateway.recover()


async def refused_for_long(place: Site) -> None:
    """Until the next pause would be too long if nothing bounded it."""
    before = handshakes(place)
    place.discord.gateway.refuse(502)
    await place.discord.gateway.close()
    await place.discord.until(lambda: handshakes(place) >= before + 6, 6 * BACK)
    place.discord.gateway.recover()


async def too_many_handshakes(place: Site) -> None:
    place.discord.gateway.refuse(429, times=2)
    await place.discord.gateway.close()
    await place.discord.until(lambda: not place.discord.gateway._refusals, 3 * BACK)


async def storm(place: Site) -> None:
    """Every new link is closed at once: discord.py alone would connect a thousand times a second."""
    place.discord.gateway.close_new()
    await place.discord.gateway.close()
    await asyncio.sleep(2.5)
    place.discord.gateway.recover()


async def storm_of_sessions(place: Site) -> None:
    """Every new session is closed as soon as it is there."""
    end = time.monotonic() + 3.0
    while time.monotonic() < end:
        await place.discord.gateway.close(4000)
        await asyncio.sleep(0.01)


async def mute(place: Site) -> None:
    place.discord.gateway.mute()
    await place.discord.gateway.close()
    await asyncio.sleep(1.7)
    place.discord.gateway.recover()


async def down(place: Site) -> None:
    await place.discord.down()
    await asyncio.sleep(0.5)
    await place.discord.up()


async def no_rest(place: Site) -> None:
    faults = [place.discord.faults.html("gateway.bot", 503, times=2), place.discord.faults.broken_json("gateway.bot", times=1)]
    await place.discord.gateway.close()
    await place.discord.until(lambda: [fault.struck for fault in faults] == [2, 1], 3 * BACK)


async def no_login(place: Site) -> None:
    faults = [place.discord.faults.plain("me", 503, times=1), place.discord.faults.reset("application", times=1)]
    await place.discord.gateway.close()
    await place.discord.until(lambda: [fault.struck for fault in faults] == [1, 1], 3 * BACK)


async def hanging_rest(place: Site) -> None:
    place.discord.faults.hang("gateway.bot")
    await place.discord.gateway.close()
    await asyncio.sleep(1.7)
    place.discord.faults.clear()


async def hanging_login(place: Site) -> None:
    place.discord.faults.hang("me")
    await place.discord.gateway.close()
    await asyncio.sleep(1.7)
    place.discord.faults.clear()


async def limited(place: Site) -> None:
    fault = place.discord.faults.limit("gateway.bot", retry_after=0.3)
    await place.discord.gateway.close()
    await place.discord.until(lambda: fault.struck == 1, BACK)


OUTAGES = [
    closed, closed_politely, dropped, dropped_and_forgotten, frozen, without_acknowledgements, asked_to_reconnect,
    invalid_session, session_to_resume, invalid_again_and_again, refused, refused_for_long, too_many_handshakes, storm,
    storm_of_sessions, mute, down, no_rest, no_login, hanging_rest, hanging_login, limited,
]  # fmt: skip


async def test_it_is_back_soon_after_every_outage() -> None:
    """Each in a guild of its own, all at once: that is mostly waiting."""
    problems = await asyncio.gather(*map(comes_back, OUTAGES), return_exceptions=True)
    failed = [problem for problem in problems if isinstance(problem, Exception)]
    if failed:
        raise ExceptionGroup("outages that it did not come back from", failed)


async def comes_back(outage: Callable[[Site], Awaitable[None]]) -> None:
    """Raises with the name of the outage if it does not in time."""
    async with Discord(speed=FASTER, rates=False) as discord, site(discord, SHORT) as place:
        place.answers("fine")
        before, began, old = handshakes(place), time.monotonic(), list(discord.gateway.links)
        try:
            await outage(place)
            ended = time.monotonic()
            await discord.until(lambda: not set(old) & {one.link for one in discord.gateway.live}, 3 * BACK)
            await works(place)
            took, lasted = time.monotonic() - ended, time.monotonic() - began
            assert took <= BACK, f"back after {took:.2f} s"
            tries = handshakes(place) - before
            assert tries <= 4 + 2 * lasted / SHORT.longest_pause, f"{tries} handshakes in {lasted:.1f} s"
            assert len(discord.gateway.live) == 1 and len(discord.gateway.identifies) <= 2 + lasted / SHORT.identify
        except Exception as problem:
            problem.add_note(f"after the outage {outage.__name__}")
            raise
