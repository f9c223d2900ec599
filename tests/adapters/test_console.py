"""The console over a real server and a real HTTP client, as a browser without JavaScript sees it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator

import aiohttp
import msgspec
import pytest

from adapters.chat import DeliveryError, Failure, Invocation, Reply, ThreadNote
from adapters.chats.console import stream as stream_module
from adapters.chats.console.live import MOST_WAITING, Event, Hub, Page
from rules.alert import Severity
from rules.incident import State
from tests.adapters.console_site import BUTTONS, DB, OPS, Site, csrf_of, make_card, running_site, sign_in, text_of

FRAGMENT = {"X-Requested-With": "fetch"}


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as running:
        yield running


async def post_status(client: aiohttp.ClientSession, path: str, data: object, headers: dict[str, str] | None = None) -> int:
    async with client.post(path, data=data, headers=headers, allow_redirects=False) as answer:
        return answer.status


async def heard(answer: aiohttp.ClientResponse, kind: str) -> dict[str, object]:
    """The next server-sent event of a kind."""
    seen = ""
    async with asyncio.timeout(5):
        async for line in answer.content:
            name, _, value = line.decode().strip().partition(": ")
            seen = value if name == "event" else seen
            if name == "data" and seen == kind:
                return dict(json.loads(value))
    raise AssertionError(f"the stream ended before {kind}")


# ---- signing in


async def test_a_token_signs_in_and_out(site: Site) -> None:
    async with site.visitor("ana") as client:
        page = await text_of(client, "/")
        assert "Ana Petrova" in page and "ops" in page
        assert await post_status(client, "/signout", {"csrf": csrf_of(page)}) == 303
        assert "Your token" in await text_of(client, "/")
        assert not site.desk.signed_in.live


async def test_a_wrong_token_is_told_and_sets_no_session(site: Site) -> None:
    async with site.visitor() as client:
        async with await sign_in(client, "wrong") as answer:
            assert answer.status == 401
            assert "not valid" in await answer.text()
        await text_of(client, "/console/suggest", 401)


async def test_a_one_time_link_survives_previews_and_works_once(site: Site) -> None:
    site.desk.signed_in.codes["once"] = "ana"
    async with site.visitor() as client, site.visitor() as late:
        for _ in range(3):
            page = await text_of(client, "/signin?code=once")
        assert 'type="hidden" name="token" value="once"' in page
        async with client.post("/signin", data={"csrf": csrf_of(page), "token": "once"}) as answer:
            assert answer.status == 200 and "Ana Petrova" in await answer.text()
        async with await sign_in(late, "once") as answer:
            assert answer.status == 401


async def test_the_cookie_is_out_of_reach(site: Site) -> None:
    async with site.visitor() as client:
        csrf = csrf_of(await text_of(client, "/signin"))
        async with client.post("/signin", data={"csrf": csrf, "token": "token-of-ana"}, allow_redirects=False) as answer:
            cookie = answer.cookies["tocsin"]
            assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["path"] == "/" and not cookie["secure"]
        site.desk.public_url = "https://tocsin.example.org"
        async with client.get("/signin") as answer:
            cookie = answer.cookies["__Host-tocsin-form"]
            assert cookie["httponly"] and cookie["secure"]


async def test_signing_in_leads_to_the_channel_one_came_for_and_nowhere_else(site: Site) -> None:
    async with site.visitor() as client:
        async with client.get("/?channel=db", allow_redirects=False) as answer:
            assert answer.headers["Location"] == "/signin?channel=db"
        async with await sign_in(client, "token-of-ben", channel="db") as answer:
            assert answer.url.path_qs == "/?channel=db"
        async with await sign_in(client, "token-of-ben", channel="//evil.example") as answer:
            assert answer.url.host == "127.0.0.1"


# ---- no session, wrong form, other site


@pytest.mark.parametrize("path", ["/console/events", "/console/suggest?text=a", "/console/thread/1"])
async def test_nothing_is_told_without_a_session(site: Site, path: str) -> None:
    await site.console.post(OPS, make_card(title="secret title"), "k")
    async with site.visitor() as client:
        assert "secret title" not in await text_of(client, path, 401)
        async with client.get("/", allow_redirects=False) as answer:
            assert answer.status == 303 and "secret" not in await answer.text()
        assert await post_status(client, "/console/command", {"text": "ack 42"}) == 401
    assert not site.desk.invocations


async def test_a_wrong_csrf_value_or_another_site_does_nothing(site: Site) -> None:
    async with site.visitor("ana") as client:
        good = {"csrf": csrf_of(await text_of(client, "/")), "text": "help", "channel": "ops"}
        for bad in ("wrong", "", "ä", good["csrf"] + "x"):
            assert await post_status(client, "/console/command", {**good, "csrf": bad}) == 403
        for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
            assert await post_status(client, "/console/command", good, headers) == 403
            assert await post_status(client, "/signin", good, headers) == 403
        assert await post_status(client, "/signout", {"csrf": "wrong"}) == 403
        assert await post_status(client, "/signin", {"csrf": "wrong", "token": "token-of-ana"}) == 403
        assert not site.desk.invocations
        assert await post_status(client, "/console/command", good, {"Origin": site.url}) == 303
        assert await post_status(client, "/console/command", good, {"Origin": "null"}) == 303
    assert len(site.desk.invocations) == 2


async def test_bodies_that_are_no_form_are_refused(site: Site) -> None:
    async with site.visitor("ana") as client:
        form = "application/x-www-form-urlencoded"
        assert await post_status(client, "/console/command", b"{}", {"Content-Type": "application/json"}) == 415
        assert await post_status(client, "/console/command", b"text=\xff\xfe", {"Content-Type": form}) == 400
        assert await post_status(client, "/console/command", b"a=1&" * 50, {"Content-Type": form}) == 400
        assert await post_status(client, "/console/command", b"x" * 70_000, {"Content-Type": form}) == 413


# ---- who sees what


async def test_channels_outside_the_audience_do_not_exist(site: Site) -> None:
    ref = await site.console.post(DB, make_card(title="Orders are lost"), "k")
    await site.console.reply_in_thread(DB, ref, ThreadNote(42, ("card numbers leaked",)), "t")
    async with site.visitor("ana") as ana, site.visitor("ben") as ben, site.visitor("eve") as eve:
        page = await text_of(ana, "/")
        assert "Orders" not in page and 'channel=db"' not in page
        for path in ("/?channel=db", "/?channel=no-such", "/console/events?channel=db", "/console/suggest?channel=db"):
            assert "There is no such channel, or you are not in its audience." in await text_of(ana, path, 404)
        assert "leaked" not in await text_of(ana, f"/console/thread/{ref}", 404)
        form = {"csrf": csrf_of(page), "text": "ack 42", "channel": "db"}
        assert await post_status(ana, "/console/command", form) == 404
        assert "Orders are lost" in await text_of(ben, "/?channel=db")
        assert "card numbers leaked" in await text_of(ben, f"/console/thread/{ref}")
        assert "You are in the audience of no channel" in await text_of(eve, "/")


async def test_a_stream_ends_when_its_person_loses_the_channel(site: Site) -> None:
    async with site.visitor("ben") as ben, ben.get("/console/events?channel=db") as stream:
        await heard(stream, "beat")
        site.desk.callers["ben"] = site.desk.callers["ana"]
        await site.console.post(DB, make_card(title="Orders are lost"), "k")
        await site.console.post(OPS, make_card(7), "k2")
        told = await heard(stream, "count")
        assert told["id"] == "count-ops"  # nothing of db came before it


# ---- the port


async def test_post_update_and_find(site: Site) -> None:
    console = site.console
    assert await console.find(OPS, "k") is None
    ref = await console.post(OPS, make_card(), "k")
    assert await console.post(OPS, make_card(title="again"), "k") == ref
    assert await console.find(OPS, "k") == ref
    assert await console.update(OPS, ref, make_card(title="It got worse")) == ref
    assert console.link(OPS, ref) == f"{site.url}/?channel=ops#card-{ref}"
    async with site.visitor("ana") as client:
        page = await text_of(client, "/")
        assert page.count("<article") == 1 and "It got worse" in page and f'id="card-{ref}"' in page


async def test_failures_have_a_kind(site: Site) -> None:
    ref = await site.console.post(OPS, make_card(), "k")
    site.desk.log.lose(int(ref))
    for gone in (ref, "x", "²"):
        with pytest.raises(DeliveryError) as failed:
            await site.console.update(OPS, gone, make_card())
        assert failed.value.kind == Failure.message_gone
    with pytest.raises(DeliveryError) as failed:
        await site.console.post(OPS, make_card(title="half \ud800"), "k2")
    assert failed.value.kind == Failure.payload
    site.desk.all_channels["twin"] = OPS.model_copy()
    with pytest.raises(DeliveryError) as failed:  # an old object, and two channels that could be meant
        await site.console.post(OPS.model_copy(), make_card(), "k3")
    assert failed.value.kind == Failure.channel_unreachable


async def test_the_console_is_private_by_making(site: Site) -> None:
    facts = await site.console.inspect(DB)
    assert (facts.private, facts.shared_outside, facts.archived) == (True, False, False)
    assert list(site.console.lanes("post", DB)) == []


async def test_open_cards_stand_first_and_the_worst_of_them_on_top(site: Site) -> None:
    cards = [
        make_card(1, state=State.resolved, resolved_at=2e9),
        make_card(2, state=State.acknowledged),
        make_card(3, severity=Severity.warning),
        make_card(4, snoozed_until=2e9),
        make_card(5, started_at=5.0),
        make_card(6, started_at=9.0),
        make_card(7, silenced="x"),
    ]
    for card in cards:
        await site.console.post(OPS, card, f"k{card.number}")
    async with site.visitor("ana") as client:
        page = await text_of(client, "/")
        assert re.findall(r'class="number"[^>]*>#(\d)<', page) == ["6", "5", "3", "2", "4", "7", "1"]
        assert '6<span class="sr"> open, worst critical' in page


async def test_private_notes_reach_one_person_once(site: Site) -> None:
    async with site.visitor("ana") as ana, site.visitor("ben") as ben, ana.get("/console/events?channel=ops") as stream:
        await heard(stream, "beat")
        ref = await site.console.direct_message("ana", "you are on call", "dm")
        assert await site.console.direct_message("ana", "you are on call", "dm") == ref
        assert "you are on call" in str((await heard(stream, "private"))["html"])
        assert (await text_of(ana, "/")).count("you are on call") == 1
        assert "you are on call" not in await text_of(ben, "/")
        site.desk.clock += 90_000
        assert "you are on call" not in await text_of(ana, "/")


# ---- live


async def test_an_edit_reaches_open_pages(site: Site) -> None:
    ref = await site.console.post(OPS, make_card(), "k")
    async with site.visitor("ana") as client, client.get("/console/events?channel=ops") as stream:
        assert stream.content_type == "text/event-stream"
        assert "Web servers" in str((await heard(stream, "cards"))["html"])  # it said nothing of a version
        await heard(stream, "beat")
        await site.console.update(OPS, ref, make_card(state=State.acknowledged, owner="Ana Petrova"))
        told = await heard(stream, "card")
        assert told["id"] == f"card-{ref}" and "Ana Petrova" in str(told["html"]) and told["urgent"] is False
        await site.console.reply_in_thread(OPS, ref, ThreadNote(42, ("Ana took it",)), "t")
        assert (await heard(stream, "thread"))["id"] == f"card-{ref}"
        await site.console.update(OPS, ref, make_card(state=State.resolved, resolved_at=9.0))
        assert 'data-count="0"' in str((await heard(stream, "count"))["html"])


async def test_what_happens_between_page_and_stream_is_not_missed(site: Site) -> None:
    ref = await site.console.post(OPS, make_card(), "k")
    async with site.visitor("ana") as client:
        found = re.search(r'data-version="([^"]+)"', await text_of(client, "/"))
        assert found
        path = f"/console/events?channel=ops&since={found[1]}"
        async with client.get(path) as stream:
            assert b"event: cards" not in await stream.content.readuntil(b"event: beat")
        async with client.get(path, headers={"Last-Event-ID": "live"}) as stream:
            await heard(stream, "cards")
        await site.console.update(OPS, ref, make_card(title="It got worse"))
        async with client.get(path) as stream:
            assert "It got worse" in str((await heard(stream, "cards"))["html"])


async def test_the_heartbeat_shows_what_another_replica_posted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "BEAT", 0.05)
    ref = await site.console.post(OPS, make_card(), "k")
    async with site.visitor("ana") as client, client.get("/console/events?channel=ops") as stream:
        await heard(stream, "beat")
        await site.desk.messages.edit(int(ref), msgspec.json.encode(make_card(title="It got worse")))
        assert "It got worse" in str((await heard(stream, "card"))["html"])
        await site.desk.messages.add("console", "ops", "k2", msgspec.json.encode(make_card(43, title="A second one")))
        site.desk.clock += 60
        assert "A second one" in str((await heard(stream, "card"))["html"])
        assert ">2<" in str((await heard(stream, "count"))["html"])
        site.desk.signed_in.live.clear()
        await heard(stream, "signin")


async def test_a_stream_ends_with_its_session_and_with_the_console(site: Site) -> None:
    async with site.visitor("ana") as client:
        csrf = csrf_of(await text_of(client, "/"))
        async with client.get("/console/events") as stream, client.get("/console/events") as other:
            await heard(stream, "beat")
            await heard(other, "beat")
            await post_status(client, "/signout", {"csrf": csrf})
            async with asyncio.timeout(5):
                await stream.content.read()
                await other.content.read()
    async with site.visitor("ben") as client, client.get("/console/events") as stream:
        await heard(stream, "beat")
        await site.console.stop()
        async with asyncio.timeout(5):
            await stream.content.read()
        await text_of(client, "/console/events", 503)


async def test_a_slow_page_is_dropped_and_holds_up_nobody() -> None:
    hub, slow, quick = Hub(), Page("ana", "c1", "ops"), Page("ben", "c2", "ops")
    hub.open(slow)
    hub.open(quick)
    for number in range(MOST_WAITING + 1):
        hub.publish(Event("card", b"%d" % number, "ops"))
        event = quick.queue.get_nowait()
        assert event and event.data == b"%d" % number
    assert slow.queue.get_nowait() is None and slow.queue.empty() and len(hub) == 1


# ---- commands


async def test_a_command_without_javascript_shows_its_reply_once(site: Site) -> None:
    async with site.visitor("ana") as client:
        form = {"csrf": csrf_of(await text_of(client, "/")), "channel": "ops"}
        form |= {"text": "silence #42", "duration": "2h", "rest": "30 hosts <b>"}
        async with client.post("/console/command", data=form) as answer:
            assert answer.url.path_qs == "/?channel=ops"
            page = await answer.text()
        assert "silence #42 2h -- 30 hosts &lt;b&gt;" in page and "There is no" in page
        assert "There is no" not in await text_of(client, "/")
    assert site.desk.invocations == [Invocation("console", "ana", "silence #42 2h -- 30 hosts <b>", "ops")]


async def test_a_command_with_javascript_gets_a_fragment(site: Site) -> None:
    async def reply(invocation: Invocation) -> Reply:
        return Reply(f"<i>{invocation.text}</i>\nline two")

    site.desk.on_command = reply
    async with site.visitor("ana") as client:
        form = {"csrf": csrf_of(await text_of(client, "/")), "text": "help"}
        async with client.post("/console/command", data=form, headers=FRAGMENT) as answer:
            html = await answer.text()
    assert html.startswith('<div class="reply good">') and "&lt;i&gt;help&lt;/i&gt;\nline two" in html


async def test_completion_offers_whole_lines(site: Site) -> None:
    async with site.visitor("ana") as client:
        html = await text_of(client, "/console/suggest?text=un")
    assert re.findall(r'role="option"[^>]*data-line="([^"]*)"', html) == ["unack"]


async def test_dialogs_open_without_javascript_but_only_for_real_buttons(site: Site) -> None:
    ref = await site.console.post(OPS, make_card(), "k")
    async with site.visitor("ana") as client:
        page = await text_of(client, f"/?channel=ops&ask=note&card={ref}")
        assert re.search(r'<dialog id="ask-note"[^>]* open>', page) and 'name="text" value="note 42"' in page
        for verb in (*BUTTONS[:3], "resolve 1"):
            assert "open>" not in await text_of(client, f"/?channel=ops&ask={verb}&card={ref}")


# ---- what every answer carries


async def test_every_page_is_locked_down_and_holds_no_inline_script_or_style(site: Site) -> None:
    ref = await site.console.post(OPS, make_card(), "k")
    async with site.visitor("ana") as client:
        for path in ("/", "/signin", "/signin?code=x", f"/console/thread/{ref}", "/?channel=none", "/console/suggest?text=a"):
            async with client.get(path) as answer:
                html = await answer.text()
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert answer.headers["Cache-Control"] == "no-store"
            assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", html), path


async def test_static_files_are_kept_by_browsers_until_they_change(site: Site) -> None:
    async with site.visitor() as client:
        path = re.findall(r'"(/console/static/[^"]+\.css)"', await text_of(client, "/signin"))[0]
        async with client.get(path) as answer:
            assert answer.status == 200 and "immutable" in answer.headers["Cache-Control"] and answer.content_type == "text/css"
        async with client.get(re.sub(r"static/\w+", "static/old", path)) as answer:
            assert answer.status == 200 and answer.headers["Cache-Control"] == "no-cache"
        await text_of(client, "/console/static/x/..%2fconsole.py", 404)
        await text_of(client, "/console/static/x/console.py", 404)


async def test_a_store_that_does_not_answer_is_told(site: Site) -> None:
    async with site.visitor("ana") as client:
        await text_of(client, "/")
        site.desk.clock += 60
        site.desk.log.broken = True
        assert "The store does not answer" in await text_of(client, "/", 503)
