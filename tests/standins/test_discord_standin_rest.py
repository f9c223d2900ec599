"""The stand-in Discord's REST API as documented: permissions, limits, forms, mentions, and what goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.standins.discord import Discord

ANA, BOB, DBA, DB = "80351110224678912", "80351110224678913", "165511591545143296", "41771983423143940"


@pytest.fixture
async def discord() -> AsyncIterator[Discord]:
    async with Discord() as discord:
        discord.role(DBA, "dba")
        discord.user(ANA, "ana", roles=[DBA])
        discord.user(BOB, "bob")
        discord.channel(DB, "db")
        yield discord


class Rest:
    def __init__(self, discord: Discord, session: aiohttp.ClientSession) -> None:
        self.discord, self.session = discord, session
        self.headers: Any = {}

    async def __call__(self, call: str, body: Any = None, **query: str) -> tuple[int, Any]:
        """The status and the code of a refusal, or the body of an answer."""
        method, path = call.split(" ")
        headers = {"Authorization": f"Bot {self.discord.token}"}
        url = self.discord.api_url + path
        async with self.session.request(method, url, json=body, params=query, headers=headers) as answer:
            self.headers = answer.headers
            said = await answer.json() if answer.content_type == "application/json" else await answer.text()
        return answer.status, said["code"] if answer.status >= 400 and isinstance(said, dict) and "code" in said else said

    async def post(self, content: str = "fire", **more: Any) -> tuple[int, Any]:
        return await self(f"POST channels/{DB}/messages", {"content": content, **more})


@pytest.fixture
async def rest(discord: Discord) -> AsyncIterator[Rest]:
    async with aiohttp.ClientSession() as session:
        yield Rest(discord, session)


async def test_every_permission_is_needed(discord: Discord, rest: Rest) -> None:
    discord.rates.on = False
    message = (await rest.post())[1]["id"]
    here, bot = f"channels/{DB}", discord.world.bot
    embed = {"embeds": [{"title": "disk"}]}

    async def without(name: str, call: str, body: Any = None) -> tuple[int, Any]:
        discord.overwrite(DB, bot, deny=[name])
        answer = await rest(call, body)
        discord.clear_overwrite(DB, bot)
        return answer

    assert await without("VIEW_CHANNEL", f"GET {here}") == (403, 50001)
    assert await without("VIEW_CHANNEL", f"POST {here}/messages", {"content": "x"}) == (403, 50001)
    assert await without("SEND_MESSAGES", f"POST {here}/messages", {"content": "x"}) == (403, 50013)
    assert await without("EMBED_LINKS", f"POST {here}/messages", embed) == (403, 50013)
    beside = (await without("EMBED_LINKS", f"POST {here}/messages", embed | {"content": "x"}))[1]
    edited = (await without("EMBED_LINKS", f"PATCH {here}/messages/{message}", embed | {"content": "y"}))[1]
    assert (beside["embeds"], edited["content"], edited["embeds"]) == ([], "y", [])
    assert await without("EMBED_LINKS", f"PATCH {here}/messages/{message}", embed) == (400, 50006)
    assert await without("READ_MESSAGE_HISTORY", f"GET {here}/messages") == (200, [])
    assert await without("CREATE_PUBLIC_THREADS", f"POST {here}/messages/{message}/threads", {"name": "x"}) == (403, 50013)
    assert (await rest(f"POST {here}/messages/{message}/threads", {"name": "x"}))[0] == 200
    assert await without("SEND_MESSAGES_IN_THREADS", f"POST channels/{message}/messages", {"content": "x"}) == (403, 50013)
    assert (await without("SEND_MESSAGES", f"POST channels/{message}/messages", embed))[0] == 200
    discord.make_private(DB, DBA)
    assert await rest(f"GET {here}") == (403, 50001)
    discord.permit(discord.bot_role, ["ADMINISTRATOR"])
    assert (await rest(f"GET {here}"))[0] == 200
    assert await rest("GET channels/5") == (404, 10003)
    assert await rest(f"PATCH {here}/messages/5", {"content": "x"}) == (404, 10008)


async def test_threads_are_archived_and_locked(discord: Discord, rest: Rest) -> None:
    message = (await rest.post())[1]["id"]
    await rest(f"POST channels/{DB}/messages/{message}/threads", {"name": "x"})
    said = (await rest(f"POST channels/{message}/messages", {"content": "a"}))[1]["id"]
    (first,) = [one["id"] for one in (await rest(f"GET channels/{message}/messages"))[1] if one["type"] == 21]
    assert await rest(f"DELETE channels/{message}/messages/{first}") == (403, 50021)
    discord.archive(message)
    assert await rest(f"DELETE channels/{message}/messages/{said}") == (400, 50083)
    assert await rest(f"PATCH channels/{message}/messages/{said}", {"content": "b"}) == (400, 50083)
    assert (await rest(f"POST channels/{message}/messages", {"content": "c"}))[0] == 200
    assert not discord.world.channels[message].archived
    discord.archive(message, locked=True)
    assert await rest(f"POST channels/{message}/messages", {"content": "d"}) == (400, 160005)


async def test_a_form_that_is_wrong_is_told_where(discord: Discord, rest: Rest) -> None:
    embeds = [{"title": "x" * 257, "fields": [{"name": "", "value": "v"}], "url": "ftp://x"}, *[{"description": "x" * 4000}] * 2]
    row = {"type": 1, "components": [{"type": 2, "style": 1, "label": "a", "custom_id": "a"}] * 2}
    body = {"content": "x" * 2001, "embeds": embeds, "components": [row], "nonce": "n" * 26,
            "allowed_mentions": {"parse": ["users"], "users": [ANA]}}  # fmt: skip
    headers = {"Authorization": f"Bot {discord.token}"}
    async with rest.session.post(f"{discord.api_url}channels/{DB}/messages", json=body, headers=headers) as answer:
        said = await answer.json()
    assert (answer.status, said["code"], answer.headers["Content-Type"]) == (400, 50035, "application/json")
    first, errors = said["errors"]["embeds"]["0"], said["errors"]
    assert first["title"]["_errors"] == [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 256 or fewer in length."}]
    assert first["fields"]["0"]["name"]["_errors"][0]["code"] == "BASE_TYPE_REQUIRED"
    assert first["url"]["_errors"][0]["code"] == "URL_TYPE_INVALID_SCHEME"
    assert errors["embeds"]["_errors"][0]["code"] == "MAX_EMBED_SIZE_EXCEEDED"
    assert errors["components"]["0"]["components"]["1"]["custom_id"]["_errors"]
    assert errors.keys() == {"content", "embeds", "components", "nonce", "allowed_mentions"}
    assert await rest.post("  ") == (400, 50006)
    assert discord.messages() == []


async def test_who_is_called_depends_on_allowed_mentions_and_permissions(discord: Discord, rest: Rest) -> None:
    text = f"@everyone <@&{DBA}> <@{ANA}>"
    silent: Any = {"parse": []}
    only = {"parse": [], "roles": [DBA]}
    message = (await rest.post(text, allowed_mentions=silent))[1]["id"]
    await rest.post(text, allowed_mentions=only)
    assert (discord.pings, [one.whom for one in discord.mentions()]) == ([], [f"<@&{DBA}>"])
    discord.mentionable(DBA)
    await rest.post(text, allowed_mentions=only)
    assert [one.whom for one in discord.pings] == [f"<@&{DBA}>"]
    await rest(f"PATCH channels/{DB}/messages/{message}", {"content": text})
    assert [(one.by, one.whom) for one in discord.pings if one.message == message] == [
        ("messages.edit", f"<@&{DBA}>"), ("messages.edit", f"<@{ANA}>")]  # fmt: skip
    discord.permit(discord.bot_role, ["MENTION_EVERYONE"])
    await rest.post("@here")
    assert discord.pings[-1].whom == "@here"


async def test_budgets_fall_and_refill(discord: Discord, rest: Rest) -> None:
    left = []
    for _ in range(5):
        assert (await rest.post())[0] == 200
        left.append(rest.headers["X-RateLimit-Remaining"])
    assert left == ["4", "3", "2", "1", "0"]
    status, said = await rest.post()
    assert (status, said["global"], rest.headers["X-RateLimit-Scope"], rest.headers["Via"]) == (429, False, "user", "1.1 google")
    assert 4 < said["retry_after"] <= 5 == int(rest.headers["Retry-After"])
    message = discord.messages(DB)[0].id
    discord.clock.jump(3700)
    for _ in range(3):
        assert (await rest(f"PATCH channels/{DB}/messages/{message}", {"content": "old"}))[0] == 200
    assert await rest(f"PATCH channels/{DB}/messages/{message}", {"content": "old"}) == (429, 30046)
    fresh = (await rest.post())[1]["id"]
    assert (await rest(f"PATCH channels/{DB}/messages/{fresh}", {"content": "new"}))[0] == 200
    discord.clock.jump(5)
    answers = [await rest(f"GET users/{ANA}") for _ in range(51)]
    assert [status for status, _ in answers].count(429) == 1 and rest.headers["X-RateLimit-Scope"] == "global"
    discord.rates.invalid_limit = 2
    assert (await rest.post())[0] == 429 and "Via" not in rest.headers


async def test_history_is_paged_newest_first(discord: Discord, rest: Rest) -> None:
    discord.rates.on = False
    ids = [(await rest.post(str(number), nonce=str(number)))[1]["id"] for number in range(5)]
    discord.say(ANA, DB, "a word")

    async def page(**query: str) -> list[str]:
        return [one["content"] for one in (await rest(f"GET channels/{DB}/messages", **query))[1]]

    assert await page() == ["", "4", "3", "2", "1", "0"]
    assert await page(limit="2", before=ids[3]) == ["2", "1"]
    assert await page(limit="2", after=ids[1]) == ["3", "2"]
    assert await page(limit="3", around=ids[2]) == ["3", "2", "1"]
    assert await rest(f"GET channels/{DB}/messages", limit="101") == (400, 50035)
    assert "nonce" not in (await rest(f"GET channels/{DB}/messages/{ids[0]}"))[1]


async def test_members_channels_and_roles_are_listed(discord: Discord, rest: Rest) -> None:
    guild = f"guilds/{discord.guild}"
    first = (await rest(f"GET {guild}/members", limit="2"))[1]
    rest_of = (await rest(f"GET {guild}/members", limit="1000", after=first[-1]["user"]["id"]))[1]
    assert [one["user"]["username"] for one in first + rest_of] == ["owner", "ana", "bob", "tocsin"]
    discord.world.enabled_intents.clear()
    assert await rest(f"GET {guild}/members", limit="2") == (403, 50001)
    assert (await rest(f"GET {guild}/members/{ANA}"))[1]["roles"] == [DBA]
    discord.leave(ANA)
    assert await rest(f"GET {guild}/members/{ANA}") == (404, 10007)
    assert [one["name"] for one in (await rest(f"GET {guild}/channels"))[1]] == ["db"]
    direct = (await rest("POST users/@me/channels", {"recipient_id": BOB}))[1]["id"]
    assert (await rest(f"POST channels/{direct}/messages", {"content": "you"}))[0] == 200
    discord.world.users[BOB].closed = True
    assert await rest(f"POST channels/{direct}/messages", {"content": "you"}) == (403, 50007)
    discord.leave(discord.world.bot)
    assert await rest(f"GET {guild}") == (404, 10004)
    discord.rest.token = "other"
    rest.discord = Discord(token="stale")
    async with rest.session.get(f"{discord.api_url}users/@me", headers={"Authorization": "Bot stale"}) as answer:
        assert answer.status == 401


async def test_commands_have_limits(discord: Discord, rest: Rest) -> None:
    path = f"applications/{discord.world.app}/guilds/{discord.guild}/commands"

    def some(count: int, prefix: str = "c", **more: Any) -> list[Any]:
        return [{"name": f"{prefix}{number}", "description": "x", **more} for number in range(count)]

    put = (await rest(f"PUT {path}", some(2)))[1]
    assert (await rest(f"PUT {path}", some(2)))[1] == put == (await rest(f"GET {path}"))[1]
    discord.clock.jump(60)
    assert await rest(f"PUT {path}", some(101)) == (400, 30032)
    assert await rest(f"PUT {path}", [{"name": "No good", "description": ""}]) == (400, 50035)
    discord.clock.jump(60)
    assert await rest(f"PUT {path}", some(1, options=[{"type": 3, "name": "a", "description": "x" * 90}] * 26)) == (400, 50035)
    for prefix in ("d", "e"):
        discord.clock.jump(60)
        status, _ = await rest(f"PUT {path}", some(99, prefix))
    assert status == 200
    discord.clock.jump(60)
    assert await rest(f"PUT {path}", some(2, "f")) == (429, 30034)
    assert len(discord.commands) == 99


async def test_what_goes_wrong_is_scripted(discord: Discord, rest: Rest) -> None:
    discord.rates.on = False
    post: Any = {"nonce": "k", "enforce_nonce": True}
    for fault in (discord.faults.lose, discord.faults.cut):
        fault("messages.create", times=1)
        with pytest.raises(aiohttp.ClientError):
            await rest.post(**post)
    assert (await rest.post(**post))[0] == 200
    assert len(discord.messages(DB)) == 1
    discord.faults.reset("POST channels/*/messages", times=1)
    with pytest.raises(aiohttp.ClientError):
        await rest.post("lost")
    discord.faults.html("messages.*", times=1)
    assert (await rest.post("lost"))[0] == 502
    discord.faults.broken_json("messages.*", times=1)
    with pytest.raises(ValueError):
        await rest.post("lost")
    discord.faults.limit("messages.*", 2.5, scope="shared")
    status, said = await rest.post("lost")
    assert (status, said["retry_after"], rest.headers["X-RateLimit-Scope"]) == (429, 2.5, "shared")
    discord.faults.error("messages.*", 500, times=1)
    assert (await rest.post("lost"))[0] == 500
    discord.faults.hang("messages.*", times=1)
    rest.session._timeout = aiohttp.ClientTimeout(total=0.05)
    with pytest.raises(TimeoutError):
        await rest.post("lost")
    assert [one.content for one in discord.messages(DB)] == ["fire"]
