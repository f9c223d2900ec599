"""Whatever Discord answers, or does not, has one meaning for the delivery; and no secret stands in it."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from adapters.chat import Failure, ThreadNote
from adapters.chats.discord import Discord as DiscordChat
from adapters.chats.discord import rest as rest_module
from adapters.chats.discord.denials import MOST
from adapters.chats.discord.errors import CODES, DiscordFailure, refusal, retry_after
from adapters.chats.discord.route import edit_message, get_channel, post_message
from adapters.proxy import proxy_of
from tests.adapters.discord_cards import make_card
from tests.adapters.discord_out import ANA, CHANNELS, DB, Clocked, config, failure, server
from tests.standins.discord import Discord
from tests.standins.discord_faults import Fault

Place = tuple[Discord, DiscordChat]
Call = Callable[[DiscordChat], Awaitable[object]]
MESSAGE = "1457916200058880000"
REF = f"{DB}:{MESSAGE}:key"
CARD = make_card()


def post(chat: DiscordChat) -> Awaitable[object]:
    return chat.post(CHANNELS["db"], CARD, "key")


def update(chat: DiscordChat) -> Awaitable[object]:
    return chat.update(CHANNELS["db"], REF, CARD)


def reply(chat: DiscordChat) -> Awaitable[object]:
    chat._threads._known[MESSAGE] = None
    return chat.reply_in_thread(CHANNELS["db"], REF, ThreadNote(42, ("a line",)), "key")


def first_reply(chat: DiscordChat) -> Awaitable[object]:
    chat._threads._known.clear()
    return chat.reply_in_thread(CHANNELS["db"], REF, ThreadNote(42, ("a line",)), "key")


def tell(chat: DiscordChat) -> Awaitable[object]:
    return chat.direct_message(ANA, "hello", "key")


def find(chat: DiscordChat) -> Awaitable[object]:
    return chat.find(CHANNELS["db"], "key")


def find_reply(chat: DiscordChat) -> Awaitable[object]:
    return chat.find(CHANNELS["db"], "key", REF)


def inspect(chat: DiscordChat) -> Awaitable[object]:
    chat._channels.forget()
    return chat.inspect(CHANNELS["db"])


CREATING = [(post, "messages.create"), (reply, "messages.create"), (tell, "messages.create")]
REPEATABLE = [
    (update, "messages.edit"), (find, "messages.list"), (find_reply, "messages.list"), (find, "me"),
    (first_reply, "threads.create"),
    (inspect, "channels.get"), (inspect, "guild"), (inspect, "guild.members"), (tell, "dm.create"),
]  # fmt: skip
ALL = [*CREATING, *REPEATABLE]
every_call = pytest.mark.parametrize(("call", "name"), ALL, ids=lambda one: getattr(one, "__name__", one))


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with server() as (discord, chat):
        yield discord, chat


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def unanswered(call: Call, name: str) -> Failure:
    """What no answer means."""
    return Failure.unknown_outcome if (call, name) in CREATING else Failure.transient


@every_call
async def test_a_limit_is_obeyed(place: Place, call: Call, name: str) -> None:
    discord, chat = place
    discord.faults.limit(name, retry_after=0.75)
    discord.faults.limit(name, retry_after=None)
    told = [await failure(call(chat)), await failure(call(chat))]
    assert [(one.kind, one.retry_after) for one in told] == [(Failure.rate_limited, 0.75), (Failure.rate_limited, None)]
    assert told[0].lane and told[0].lane == told[1].lane != "global"
    discord.faults.limit(name, retry_after=1.0, scope="global")
    assert (await failure(call(chat))).lane == "global"


@every_call
@pytest.mark.parametrize("status", [500, 502, 503, 504, 524])
async def test_a_page_instead_of_an_answer(place: Place, call: Call, name: str, status: int) -> None:
    discord, chat = place
    discord.faults.html(name, status, times=1)
    discord.faults.plain(name, status, times=1)
    assert {(await failure(call(chat))).kind, (await failure(call(chat))).kind} == {unanswered(call, name)}


@every_call
@pytest.mark.parametrize(
    "body",
    ['{"id":"17', "[1]", "[[]]", "null", '"ok"', "{}", '{"id":7}', '{"id":""}', '{"id":"x"}', "<html>", "7", '[{"id":[]}]'],
)
async def test_an_answer_that_nobody_can_read(place: Place, call: Call, name: str, body: str) -> None:
    discord, chat = place
    discord.faults.add(Fault("answer", name, status=200, content_type="application/json", body=body))
    assert (await failure(call(chat))).kind == unanswered(call, name)


@every_call
async def test_a_lost_answer(place: Place, call: Call, name: str) -> None:
    discord, chat = place
    discord.faults.lose(name) if (call, name) in CREATING else discord.faults.reset(name)
    before = len(discord.calls(name))
    assert (await failure(call(chat))).kind == unanswered(call, name)
    sent = discord.calls(name)[before:]
    assert len(sent) == 1 or (len(sent) == 2 and sent[0].call.startswith("GET")), "nothing is sent twice behind our back"


@every_call
async def test_half_an_answer(place: Place, call: Call, name: str) -> None:
    discord, chat = place
    discord.faults.broken_json(name, 500)
    assert (await failure(call(chat))).kind == unanswered(call, name)


@every_call
async def test_a_call_that_is_never_answered(place: Place, call: Call, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    discord, chat = place
    monkeypatch.setattr(rest_module, "TIMEOUT", aiohttp.ClientTimeout(total=0.1))
    discord.faults.hang(name)
    assert (await failure(call(chat))).kind == unanswered(call, name)


@every_call
async def test_a_dead_token(place: Place, call: Call, name: str) -> None:
    discord, chat = place
    discord.rest.token = "another"
    told = await failure(call(chat))
    assert told.kind == Failure.credentials and "the token is wrong, or was reset" in told.reason


@every_call
async def test_nobody_listens(place: Place, call: Call, name: str) -> None:
    discord, chat = place
    await discord.down()
    told = await failure(call(chat))
    assert told.kind == Failure.transient and "cannot reach 127.0.0.1" in told.reason


@pytest.mark.parametrize("code", sorted(CODES))
async def test_every_code_of_the_table(place: Place, code: int) -> None:
    discord, chat = place
    kind, advice = CODES[code]
    discord.faults.error("messages.create", 429 if kind == Failure.rate_limited else 400, code)
    told = await failure(post(chat))
    assert (told.kind, isinstance(told, DiscordFailure) and told.code) == (kind, code)
    assert advice in told.reason


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 99_999, Failure.payload), (403, 99_999, Failure.channel_unreachable), (404, 99_999, Failure.channel_unreachable),
        (401, 0, Failure.credentials), (500, 0, Failure.unknown_outcome), (503, 99_999, Failure.unknown_outcome),
        (403, 0, Failure.channel_unreachable),
    ],
)  # fmt: skip
async def test_codes_that_nobody_knows(place: Place, status: int, code: int, kind: Failure) -> None:
    discord, chat = place
    discord.faults.error("messages.create", status, code, "Something\nnew")
    told = await failure(post(chat))
    assert told.kind == kind and "\n" not in told.reason


@pytest.mark.parametrize("status", [301, 302, 403, 404, 407, 418, 451])
async def test_a_proxy_on_the_way(place: Place, status: int) -> None:
    discord, chat = place
    discord.faults.html("messages.create", status)
    told = await failure(post(chat))
    assert told.kind == Failure.transient and f"HTTP {status}, not by Discord" in told.reason


async def test_what_is_too_large_for_a_proxy_is_the_payload(place: Place) -> None:
    discord, chat = place
    discord.faults.html("messages.create", 413)
    assert (await failure(post(chat))).kind == Failure.payload


async def test_a_refused_form_says_where_but_not_what(place: Place) -> None:
    discord, chat = place
    errors = {"embeds": {"0": {"title": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "secret card text"}]}}}}
    discord.faults.error("messages.create", 400, 50035, "Invalid Form Body", errors=errors)
    told = await failure(post(chat))
    assert told.kind == Failure.payload and "embeds.0.title: BASE_TYPE_MAX_LENGTH (50035)" in told.reason
    assert "secret" not in told.reason


@pytest.mark.parametrize("errors", [None, [], {"_errors": 7}, {"a": {"_errors": [None, 5]}}, {"a": "b"}])
def test_odd_trees_of_errors_are_no_trouble(errors: object) -> None:
    told = refusal(post_message(DB), 400, {}, {"code": 50035, "errors": errors})
    assert told.kind == Failure.payload


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"Retry-After": "3"}, {"retry_after": 2.5}, 2.5), ({"retry-after": "3"}, {}, 3.0), ({}, {"retry_after": 0.0001}, 0.05),
        ({"Retry-After": "86400"}, {}, 3600.0), ({"Retry-After": "soon"}, {}, None), ({}, {"retry_after": "nan"}, None),
        ({}, {"retry_after": -1}, None), ({}, {"retry_after": None}, None), ({}, {}, None), ({"Retry-After": "inf"}, {}, 3600.0),
    ],
)  # fmt: skip
def test_how_long_to_wait(headers: dict[str, str], body: dict[str, object], wait: float | None) -> None:
    assert retry_after(headers, body) == wait


async def test_no_error_shows_the_token_or_the_card(place: Place) -> None:
    discord, chat = place
    secret = make_card(title="the secret title", summary="the secret summary")
    for spoil in (discord.faults.html, discord.faults.broken_json, discord.faults.reset):
        discord.faults.clear()
        spoil("messages.create")
        told = await failure(chat.post(CHANNELS["db"], secret, "key"))
        shown = "".join(traceback.format_exception(told)) + repr(vars(told))
        assert discord.token not in shown and "secret" not in shown


# Denials


async def test_a_denial_is_not_asked_for_again_until_something_changes(place: Place) -> None:
    discord, chat = place
    discord.overwrite(DB, discord.bot_role, deny=["VIEW_CHANNEL"])
    kinds = {(await failure(post(chat))).kind for _ in range(3)}
    assert kinds == {Failure.channel_unreachable} and len(discord.calls("messages.create")) == 1
    discord.overwrite(DB, discord.bot_role, allow=["VIEW_CHANNEL"])
    assert (await failure(post(chat))).kind == Failure.channel_unreachable
    chat._changed(CHANNELS["ops"].id, "")
    assert (await failure(post(chat))).kind == Failure.channel_unreachable
    chat._changed(DB, "")
    await post(chat)
    assert len(discord.calls("messages.create")) == 2


async def test_a_denial_is_asked_for_again_after_a_minute(place: Place) -> None:
    discord, chat = place
    discord.overwrite(DB, discord.bot_role, deny=["SEND_MESSAGES"])
    assert "the bot lacks a right there" in (await failure(post(chat))).reason
    discord.overwrite(DB, discord.bot_role, allow=["SEND_MESSAGES"])
    discord.clock.jump(61.0)
    await post(chat)


async def test_one_channel_s_denial_is_not_another_s_nor_another_call_s(place: Place) -> None:
    discord, chat = place
    discord.overwrite(DB, discord.bot_role, deny=["SEND_MESSAGES"])
    await failure(post(chat))
    await chat.post(CHANNELS["ops"], CARD, "key-2")
    assert await chat.find(CHANNELS["db"], "key") is None


async def test_tocsin_stops_before_discord_bans_its_address(place: Place) -> None:
    discord, chat = place
    route, denied = get_channel("1"), DiscordFailure(Failure.rate_limited, "no", status=429)
    for _ in range(MOST - 1):
        chat._rest.denials.note(route, denied, shared=False)
        chat._rest.denials.note(route, denied, shared=True)
    discord.faults.limit("messages.create")
    await failure(post(chat))
    sent = len(discord.requests)
    told = await failure(post(chat))
    assert (told.kind, told.lane, len(discord.requests)) == (Failure.rate_limited, "global", sent)
    assert told.retry_after == pytest.approx(600.0, abs=5.0)
    discord.clock.jump(601.0)
    await post(chat)


# The way there


async def test_every_call_says_who_calls(place: Place) -> None:
    discord, chat = place
    await post(chat)
    [call] = discord.requests
    assert call.headers["User-Agent"].startswith("DiscordBot (")
    assert call.headers["Authorization"] == f"Bot {discord.token}"


async def test_a_stopped_chat_calls_nobody(place: Place) -> None:
    discord, chat = place
    await chat.stop()
    assert (await failure(post(chat))).reason == "the chat is stopped"
    assert discord.requests == []


async def test_stopping_ends_a_call_under_way(place: Place) -> None:
    discord, chat = place
    discord.faults.hang("messages.create")
    call = asyncio.ensure_future(post(chat))
    await discord.until(lambda: discord.calls("messages.create"))
    await chat.stop()
    assert (await failure(call)).kind == Failure.unknown_outcome


async def test_a_proxy_that_is_not_there_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://me:hush@127.0.0.1:9/")
    async with Discord() as discord:
        chat = DiscordChat("guild", config(discord, api_url="http://discord.example/api/v10/"), Clocked(discord))
        told = await failure(post(chat))
        assert told.kind == Failure.transient and "hush" not in "".join(traceback.format_exception(told))
        await chat.stop()


def test_which_addresses_go_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", ".inner.example")
    asked = ("https://discord.com/api/v10/", "wss://gateway.discord.gg/", "https://a.inner.example/", "https://127.0.0.1:5/")
    through = "http://proxy.example:3128"
    assert [proxy_of(url) for url in asked] == [through, through, None, None]


def test_only_messages_show_twice_when_made_twice() -> None:
    assert post_message("1").creates and not edit_message("1", "2").creates
