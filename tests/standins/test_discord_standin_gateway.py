"""The stand-in Discord's gateway before the real discord.py: sessions, and every way in which they break."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import aiohttp
import discord as sdk
import pytest

from tests.standins.discord import Discord
from tests.standins.discord_listener import listening

DB = "41771983423143940"


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    async with Discord(rates=False) as discord:
        discord.channel(DB, "db")
        yield discord


@pytest.mark.parametrize("compressed", [True, False])
async def test_events_come_to_who_wants_them(discord: Discord, compressed: bool) -> None:
    discord.gateway.compress = compressed
    async with listening(discord) as client:
        discord.rename(DB, "database")
        discord.leave(discord.world.owner)
        await discord.until(lambda: getattr(client.get_channel(int(DB)), "name", "") == "database")
        assert client.events == ["READY", "GUILD_CREATE", "CHANNEL_UPDATE"]
        assert client.guilds[0].get_role(int(discord.bot_role))
        await discord.until(lambda: discord.gateway.heartbeats)


async def broken(discord: Discord, how: str) -> None:
    gateway = discord.gateway
    if how.isdigit():
        await gateway.close(int(how))
    else:
        acts: dict[str, Callable[[], None]] = {"reconnect": gateway.reconnect, "drop": gateway.drop}
        acts.get(how, partial(gateway.invalidate, resumable=True))()


@pytest.mark.parametrize("how", ["drop", "reconnect", "invalid", "4000", "1000"])
async def test_a_broken_session_is_resumed_and_misses_nothing(discord: Discord, how: str) -> None:
    async with listening(discord) as client:
        await broken(discord, how)
        await discord.until(lambda: not discord.gateway.live)
        discord.rename(DB, "database")
        await discord.until(lambda: client.events[-2:] == ["CHANNEL_UPDATE", "RESUMED"], within=10.0)
        assert len(discord.gateway.sessions) == 1


async def test_a_session_that_is_gone_is_refused(discord: Discord, monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(discord) as client:
        monkeypatch.setattr(client, "before_identify_hook", _at_once)
        discord.gateway.drop(forget=True)
        await discord.until(lambda: len(discord.gateway.sessions) == 2, within=10.0)
        await discord.connected()
        assert len(discord.gateway.resumes) == 1
        discord.gateway.invalidate()
        await discord.until(lambda: len(discord.gateway.sessions) == 3)


async def _at_once(shard: int | None, *, initial: bool = False) -> None:
    return


async def test_a_session_dies_with_a_proper_goodbye_or_with_age(discord: Discord) -> None:
    """Not by discord.py: it says 4000 whatever one asks for."""
    for code, dies in ((1000, True), (4000, False)):
        async with aiohttp.ClientSession() as session, session.ws_connect(discord.gateway_url) as socket:
            await socket.send_json(hello(discord))
            await discord.connected()
            await socket.close(code=code)
        await discord.until(lambda: not discord.gateway.live)
        assert (discord.gateway.sessions[-1].dead, discord.gateway.online) == (dies, not dies)
    discord.clock.jump(300)
    assert (discord.gateway.closes, discord.gateway.online) == ([1000, 4000], False)


async def test_what_is_not_allowed_is_told_by_the_code(discord: Discord) -> None:
    discord.world.enabled_intents.clear()
    with pytest.raises(sdk.PrivilegedIntentsRequired):
        async with listening(discord, intents=sdk.Intents(guilds=True, members=True)):
            pass
    discord.faults.error("me", 401, message="401: Unauthorized")
    with pytest.raises(sdk.LoginFailure):
        async with listening(discord):
            pass
    discord.faults.clear()
    discord.gateway.close_new(4004)
    with pytest.raises(sdk.ConnectionClosed) as closed:
        async with listening(discord):
            pass
    assert closed.value.code == 4004


async def test_a_zombie_says_nothing(discord: Discord) -> None:
    """Frozen: no frame comes, and discord.py resumes after its own timeout."""
    discord.gateway.heartbeat_interval = 0.1
    async with listening(discord, heartbeat_timeout=0.4) as client:
        discord.gateway.freeze()
        discord.rename(DB, "database")
        await discord.until(lambda: client.events[-2:] == ["CHANNEL_UPDATE", "RESUMED"], within=10.0)


async def test_a_gateway_without_a_hello_is_left_and_tried_again(discord: Discord) -> None:
    async with listening(discord, heartbeat_timeout=0.2) as client:
        discord.gateway.mute()
        discord.gateway.drop()
        await discord.until(lambda: len(discord.gateway.handshakes) > 1)
        discord.gateway.recover()
        await discord.until(lambda: client.events[-1] == "RESUMED")


async def test_nobody_is_let_in_while_the_platform_is_out(discord: Discord) -> None:
    async with aiohttp.ClientSession() as session:
        for status in (429, 503):
            discord.gateway.refuse(status, times=1)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(discord.gateway_url)
            assert refused.value.status == status
        await discord.down()
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.ws_connect(discord.gateway_url)
        await discord.up()
        async with session.ws_connect(discord.gateway_url) as socket:
            assert (await socket.receive_json())["op"] == 10


async def test_identifies_are_counted_and_over_the_limit_the_token_is_reset(discord: Discord) -> None:
    discord.rates.on, discord.gateway.daily = True, 2
    for _ in range(2):
        async with listening(discord) as client:
            limit: Any = await client.http.request(sdk.http.Route("GET", "/gateway/bot"))
        discord.clock.jump(5)
    assert limit["session_start_limit"]["remaining"] == 0
    with pytest.raises(sdk.ConnectionClosed) as closed:
        async with listening(discord):
            pass
    assert (closed.value.code, discord.token) == (4004, "")


def hello(discord: Discord) -> Any:
    return {"op": 2, "d": {"token": discord.token, "intents": 1, "properties": {}}}


async def raw(discord: Discord, *frames: Any) -> int | None:
    """What a client that says this is closed with."""
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{discord.gateway_url}?v=10&encoding=json") as socket:
        for frame in frames:
            await (socket.send_str(frame) if isinstance(frame, str) else socket.send_json(frame))
        async for _ in socket:
            pass
        return socket.close_code


async def test_who_breaks_the_rules_is_closed(discord: Discord) -> None:
    assert await raw(discord, {"op": 3, "d": {}}) == 4003
    assert await raw(discord, hello(discord), hello(discord)) == 4005
    assert await raw(discord, hello(discord), {"op": 77}) == 4001
    assert await raw(discord, "no json") == 4002
    assert await raw(discord, {"op": 1, "d": "x" * 4096}) == 4002
    assert await raw(discord, {"op": 2, "d": {"token": "other", "intents": 1}}) == 4004
    assert await raw(discord, {"op": 2, "d": {"token": discord.token, "intents": 1 << 30}}) == 4013
    assert await raw(discord, *[{"op": 1, "d": None}] * 121) == 4008
