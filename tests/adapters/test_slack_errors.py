"""Whatever Slack answers, or does not, has one meaning for the delivery; and no secret stands in it."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from adapters.chat import Failure, ThreadNote
from adapters.chats.slack import Slack as SlackChat
from adapters.chats.slack import client as client_module
from adapters.chats.slack.client import READS
from adapters.chats.slack.errors import CODES, retry_after
from adapters.proxy import proxy_of
from tests.adapters.slack_cards import make_card
from tests.adapters.slack_out import ANA, CHANNELS, DB, Clocked, config, failure, workspace
from tests.standins.slack import Slack
from tests.standins.slack_faults import Fault

Place = tuple[Slack, SlackChat]
Call = Callable[[SlackChat], Awaitable[object]]
REF = f"{DB}:1767668400.000100"
CARD = make_card()


def post(chat: SlackChat) -> Awaitable[object]:
    return chat.post(CHANNELS["db"], CARD, "key")


def update(chat: SlackChat) -> Awaitable[object]:
    return chat.update(CHANNELS["db"], REF, CARD)


def reply(chat: SlackChat) -> Awaitable[object]:
    return chat.reply_in_thread(CHANNELS["db"], REF, ThreadNote(42, ("a line",)), "key")


def tell(chat: SlackChat) -> Awaitable[object]:
    return chat.direct_message(ANA, "hello", "key")


def find(chat: SlackChat) -> Awaitable[object]:
    return chat.find(CHANNELS["db"], "key")


def find_reply(chat: SlackChat) -> Awaitable[object]:
    return chat.find(CHANNELS["db"], "key", REF)


def inspect(chat: SlackChat) -> Awaitable[object]:
    return chat.inspect(CHANNELS["db"])


CREATING = [(post, "chat.postMessage"), (reply, "chat.postMessage"), (tell, "chat.postMessage")]
REPEATABLE = [
    (update, "chat.update"), (find, "conversations.history"), (find_reply, "conversations.replies"),
    (inspect, "conversations.info"), (inspect, "conversations.members"), (tell, "conversations.open"),
]  # fmt: skip
ALL = [*CREATING, *REPEATABLE]
every_call = pytest.mark.parametrize(("call", "method"), ALL, ids=lambda one: getattr(one, "__name__", one))


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with workspace() as (slack, chat):
        yield slack, chat


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def unanswered(call: Call, method: str) -> Failure:
    """What no answer means."""
    return Failure.unknown_outcome if (call, method) in CREATING else Failure.transient


@every_call
async def test_a_limit_is_obeyed(place: Place, call: Call, method: str) -> None:
    slack, chat = place
    slack.faults.limit(method, retry_after=7)
    slack.faults.limit(method, retry_after=None)
    told = [await failure(call(chat)), await failure(call(chat))]
    assert [(one.kind, one.retry_after) for one in told] == [(Failure.rate_limited, 7.0), (Failure.rate_limited, None)]


@every_call
@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_page_instead_of_an_answer(place: Place, call: Call, method: str, status: int) -> None:
    slack, chat = place
    slack.faults.html(method, status, times=1)
    assert (await failure(call(chat))).kind == unanswered(call, method)
    slack.faults.plain(method, status, times=1)
    assert (await failure(call(chat))).kind == unanswered(call, method)


@every_call
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", '{"ok":true,"ts":"17'), ("application/json", ""), ("application/json", "[1]"),
        ("application/json", "null"),
        ("application/json", '"ok"'), ("application/json", "{}"), ("application/json", '{"ok":"yes'), ("text/plain", "ok"),
        ("text/plain", ""), ("text/html", "<html>"), ("application/octet-stream", "x"),
    ],
)  # fmt: skip
async def test_an_answer_that_nobody_can_read(place: Place, call: Call, method: str, content_type: str, body: str) -> None:
    slack, chat = place
    slack.faults.add(Fault("answer", method, status=200, content_type=content_type, body=body))
    assert (await failure(call(chat))).kind == unanswered(call, method)


@every_call
async def test_bytes_that_are_no_text(place: Place, call: Call, method: str) -> None:
    slack, chat = place
    slack.faults.add(
        Fault("answer", method, status=200, content_type="application/json", body='{"ok":false,"error":"\ud83d"}'[:20])
    )
    assert (await failure(call(chat))).kind == unanswered(call, method)


async def test_a_post_that_names_no_message_may_have_arrived(place: Place) -> None:
    slack, chat = place
    slack.faults.add(Fault("answer", "chat.postMessage", content_type="application/json", body='{"ok":true}'))
    assert (await failure(post(chat))).kind == Failure.unknown_outcome


@every_call
async def test_a_lost_answer(place: Place, call: Call, method: str) -> None:
    slack, chat = place
    slack.faults.lose(method) if (call, method) in CREATING else slack.faults.reset(method)
    before = len(slack.calls(method))
    assert (await failure(call(chat))).kind == unanswered(call, method)
    sent = len(slack.calls(method)) - before
    assert sent == 1 or (sent == 2 and method in READS), "aiohttp may ask a question twice; nothing else is sent behind our back"


@every_call
async def test_a_call_that_is_never_answered(place: Place, call: Call, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slack, chat = place
    await chat.stop()
    monkeypatch.setattr(client_module, "TIMEOUT", aiohttp.ClientTimeout(total=0.2))
    await chat.start()
    slack.faults.hang(method)
    assert (await failure(call(chat))).kind == unanswered(call, method)


@every_call
async def test_slack_cannot_be_reached(place: Place, call: Call, method: str) -> None:
    slack, chat = place
    await slack.down()
    told = await failure(call(chat))
    # A connection that was open may break after the call was sent; a new one is refused.
    told = await failure(call(chat))
    assert told.kind == Failure.transient
    assert "cannot reach 127.0.0.1" in told.reason


async def test_a_chat_that_is_stopped_takes_nothing(place: Place) -> None:
    slack, chat = place
    await chat.stop()
    assert (await failure(post(chat))).kind == Failure.transient
    assert slack.messages(DB) == []


async def test_a_chat_starts_while_slack_is_down(place: Place) -> None:
    slack, _ = place
    await slack.down()
    chat = SlackChat("work", config(slack), Clocked(slack))
    await chat.start()
    await slack.up()
    ref = await chat.post(CHANNELS["db"], CARD, "key")
    assert chat.link(CHANNELS["db"], ref).startswith("https://standin.slack.com/archives/C0DB/p")
    await chat.stop()


@pytest.mark.parametrize("code", sorted(CODES))
async def test_each_code_has_its_meaning(place: Place, code: str) -> None:
    slack, chat = place
    slack.faults.error("chat.postMessage", code)
    slack.faults.error("chat.update", code)
    for call in (post, update):
        told = await failure(call(chat))
        assert told.kind == CODES[code]
        assert code in told.reason or told.kind == Failure.rate_limited


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("token_revoked", Failure.credentials), ("is_archived", Failure.channel_unreachable),
        ("message_not_found", Failure.message_gone),
        ("msg_too_long", Failure.payload), ("request_timeout", Failure.transient), ("ratelimited", Failure.rate_limited),
        ("something_new", Failure.payload),
    ],
)  # fmt: skip
async def test_one_code_of_each_kind(place: Place, code: str, kind: Failure) -> None:
    slack, chat = place
    slack.faults.error("chat.update", code)
    assert (await failure(update(chat))).kind == kind


@pytest.mark.parametrize("code", ["internal_error", "fatal_error", "service_unavailable", "update_failed"])
@every_call
async def test_slack_itself_does_not_know(place: Place, call: Call, method: str, code: str) -> None:
    slack, chat = place
    slack.faults.error(method, code)
    assert (await failure(call(chat))).kind == unanswered(call, method)


async def test_a_full_plan_is_tried_again_slowly(place: Place) -> None:
    slack, chat = place
    slack.faults.error("chat.postMessage", "message_limit_exceeded")
    told = await failure(post(chat))
    assert (told.kind, told.retry_after) == (Failure.transient, 300.0)


@pytest.mark.parametrize(("status", "kind"), [(403, Failure.transient), (404, Failure.transient), (413, Failure.payload)])
async def test_a_proxy_on_the_way_refuses(place: Place, status: int, kind: Failure) -> None:
    slack, chat = place
    slack.faults.html("chat.postMessage", status)
    told = await failure(post(chat))
    assert told.kind == kind
    assert f"HTTP {status}" in told.reason


async def test_refused_blocks_say_which_and_why(place: Place) -> None:
    slack, chat = place
    why = "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    slack.faults.error("chat.postMessage", "invalid_blocks", errors=["failed to match all allowed schemas", why])
    told = await failure(post(chat))
    assert told.kind == Failure.payload
    assert why in told.reason


async def test_a_missing_scope_is_named(place: Place) -> None:
    slack, chat = place
    slack.bot.scopes -= {"chat:write"}
    told = await failure(post(chat))
    assert told.kind == Failure.credentials
    assert "chat:write" in told.reason


@pytest.mark.parametrize(
    ("name", "calls"),
    [("is_archived", (post,)), ("is_inactive", (update,)), ("channel_not_found", (post, update, find, inspect))],
)
async def test_the_channel_is_no_more(place: Place, name: str, calls: tuple[Call, ...]) -> None:
    slack, chat = place
    if name == "channel_not_found":
        del slack.workspace.channels[DB]
    else:
        slack.workspace.channels[DB].archived = True
    for call in calls:
        told = await failure(call(chat))
        assert told.kind == Failure.channel_unreachable
        assert name in told.reason


async def test_the_bot_was_removed_from_the_channel(place: Place) -> None:
    slack, chat = place
    slack.workspace.channels["C0OPS"].members.remove(slack.workspace.bot_user)
    for call in (chat.post(CHANNELS["ops"], CARD, "key"), chat.find(CHANNELS["ops"], "key")):
        told = await failure(call)
        assert told.kind == Failure.channel_unreachable
        assert "/invite" in told.reason


async def test_a_channel_without_an_id(place: Place) -> None:
    _, chat = place
    told = await failure(chat.post(CHANNELS["db"].model_copy(update={"id": ""}), CARD, "key"))
    assert (told.kind, told.reason) == (Failure.channel_unreachable, "the channel has no id in the config")


@pytest.mark.parametrize("ref", ["", "nonsense", "C0DB:", "C0DB:17", "C0OPS:1767668400.000100", "C0DB:1767668400.000100"])
async def test_a_card_that_is_gone(place: Place, ref: str) -> None:
    _, chat = place
    assert (await failure(chat.update(CHANNELS["db"], ref, CARD))).kind == Failure.message_gone


@pytest.mark.parametrize("kind", ["invalid_auth", "reset", "down", "html", "plain", "hang"])
async def test_no_secret_in_any_error(place: Place, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slack, chat = place
    await chat.stop()
    monkeypatch.setattr(client_module, "TIMEOUT", aiohttp.ClientTimeout(total=0.2))
    await chat.start()
    match kind:
        case "invalid_auth":
            slack.bot.dead = "invalid_auth"
        case "down":
            await slack.down()
        case _:
            getattr(slack.faults, kind)("*")
    for call, _ in ALL:
        told = await failure(call(chat))
        written = "".join(traceback.format_exception(told)) + repr(told.__dict__)
        assert slack.bot_token not in written
        assert "xoxb" not in written
    assert slack.bot_token not in repr(config(slack)) + str(config(slack))


async def test_a_proxy_in_the_environment_is_not_asked_for_this_machine(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    slack, _ = place
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    chat = SlackChat("work", config(slack), Clocked(slack))
    await chat.start()
    await chat.post(CHANNELS["db"], CARD, "key")
    await chat.stop()
    assert len(slack.messages(DB)) == 1


def test_no_proxy_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example.com:3128")
    assert proxy_of("https://slack.com/api/") == "http://proxy.example.com:3128"
    assert proxy_of("https://localhost/api/") is None
    monkeypatch.setenv("no_proxy", "localhost,.slack.com,slack.com")
    assert proxy_of("https://slack.com/api/") is None


async def test_a_proxy_that_is_down_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _, chat = place
    chat._client.web.proxy = "http://127.0.0.1:9"
    told = await failure(post(chat))
    assert told.kind == Failure.transient


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30", 30.0),
        ("0", 1.0),
        ("999999", 3600.0),
        (" 5 ", 5.0),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
    ],
)
def test_retry_after(written: str, seconds: float | None) -> None:
    assert retry_after({"retry-After": written}) == seconds


def test_retry_after_is_not_told() -> None:
    assert retry_after({}) is None


async def test_a_cancelled_call_stays_cancelled(place: Place) -> None:
    slack, chat = place
    slack.faults.hang("chat.postMessage")
    task = asyncio.ensure_future(post(chat))
    await slack.until(lambda: slack.calls("chat.postMessage"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
