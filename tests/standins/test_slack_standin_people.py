"""What people do in the stand-in Slack, as the real slack_bolt hears it: presses, commands, modals, home, links, channels."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from tests.standins.slack import Slack

ANA, ROOM = "U01ANA", "C0DB"
pytestmark = pytest.mark.usefixtures("handler")


def plain(words: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": words}


def buttons(*labels: str) -> list[dict[str, Any]]:
    elements = [
        {"type": "button", "text": plain(label), "action_id": f"tocsin:{label.lower()}", "value": f"{label.lower()} 42"}
        for label in labels
    ]
    menu = {
        "type": "static_select", "action_id": "tocsin:snooze", "placeholder": plain("Snooze"),
        "options": [{"text": plain(hours), "value": f"snooze 42 {hours}"} for hours in ("1h", "4h")],
    }  # fmt: skip
    return [{"type": "actions", "block_id": "row", "elements": [*elements, menu]}]


REASON = {"type": "plain_text_input", "action_id": "text"}
DISPATCH = {"dispatch_action": True}
TIMES = {"type": "static_select", "action_id": "time", "options": [{"text": plain("2 hours"), "value": "2h"}]}
MODAL: dict[str, Any] = {
    "type": "modal", "callback_id": "silence", "private_metadata": "42", "title": plain("Silence"), "submit": plain("Silence"),
    "blocks": [
        {"type": "input", "block_id": "why", "label": plain("Reason"), "element": REASON},
        {"type": "input", "block_id": "for", "label": plain("How long"), "element": TIMES, "optional": True, **DISPATCH},
    ],
}  # fmt: skip


class Heard(list[dict[str, Any]]):
    """The payloads that the app heard, each acknowledged with `answer`."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: dict[str, Any] = {}

    async def listen(self, ack: Any, body: dict[str, Any]) -> None:
        self.append(body)
        await ack(**self.answer)


@pytest.fixture
def heard(app: AsyncApp) -> Heard:
    heard = Heard()
    app.action({"action_id": "tocsin:ack"})(heard.listen)
    app.action({"action_id": "tocsin:snooze"})(heard.listen)
    app.action({"action_id": "time"})(heard.listen)
    app.command("/tocsin")(heard.listen)
    app.view("silence")(heard.listen)
    app.view_closed("silence")(heard.listen)
    return heard


@pytest.fixture
async def card(client: AsyncWebClient) -> str:
    return str((await client.chat_postMessage(channel=ROOM, text="fire", blocks=buttons("Ack", "Resolve")))["ts"])


async def test_a_press_tells_who_pressed_what_where(slack: Slack, heard: Heard, card: str) -> None:
    assert (await slack.press(ROOM, card, "Ack", user=ANA)).acked
    body = heard[0]
    assert (body["user"]["id"], body["container"]["message_ts"], body["channel"]["id"]) == (ANA, card, ROOM)
    assert (body["actions"][0]["value"], body["actions"][0]["block_id"], body["message"]["text"]) == ("ack 42", "row", "fire")
    assert body["trigger_id"] and body["response_url"].startswith(slack.base_url)


async def test_a_choice_tells_the_option(slack: Slack, heard: Heard, card: str) -> None:
    await slack.choose(ROOM, card, "Snooze", "4h", user=ANA)
    assert heard[0]["actions"][0]["selected_option"]["value"] == "snooze 42 4h"
    state = heard[0]["state"]["values"]["row"]["tocsin:snooze"]
    assert (state["type"], state["selected_option"]["text"]["text"]) == ("static_select", "4h")
    with pytest.raises(LookupError, match="1h"):
        await slack.choose(ROOM, card, "Snooze", "1 year", user=ANA)


async def test_buttons_in_attachments_and_threads(slack: Slack, heard: Heard, client: AsyncWebClient, card: str) -> None:
    bar = [{"color": "#f00", "blocks": buttons("Ack")}]
    ts = (await client.chat_postMessage(channel=ROOM, text="x", thread_ts=card, attachments=bar))["ts"]
    await slack.press(ROOM, ts, "tocsin:ack", user=ANA)
    container = heard[0]["container"]
    assert (container["type"], container["attachment_id"], container["thread_ts"]) == ("message_attachment", 1, card)


async def test_a_button_that_is_gone_can_be_pressed_by_who_still_sees_it(
    slack: Slack, heard: Heard, client: AsyncWebClient, card: str
) -> None:
    await client.chat_update(channel=ROOM, ts=card, text="over", blocks=buttons("Reopen"))
    with pytest.raises(LookupError, match="Reopen"):
        await slack.press(ROOM, card, "Ack", user=ANA)
    assert (await slack.press(ROOM, card, "Ack", user=ANA, version=0)).acked
    assert slack.labels(slack.messages()[0]) == ["Reopen", "Snooze"]


async def test_a_command_tells_who_where_and_what(slack: Slack, heard: Heard) -> None:
    slack.patience = 0.05
    slack.channel("C0HID", "hid", private=True)
    seen = await slack.slash(ANA, ROOM, "/tocsin", "assign 42 @ana in #db or #hid if a < b")
    assert seen.acked and not seen.replies
    command = heard[0]
    assert (command["user_id"], command["channel_id"], command["channel_name"]) == (ANA, ROOM, "db")
    assert command["text"] == "assign 42 <@U01ANA|ana> in <#C0DB|db> or <#C0HID|> if a &lt; b"


async def test_answers_come_with_the_ack_or_later(slack: Slack, app: AsyncApp, heard: Heard) -> None:
    heard.answer = {"text": "working on it"}
    assert (await slack.slash(ANA, ROOM, "/tocsin")).text == "working on it"

    @app.command("/later")
    async def later(ack: Any, respond: Any) -> None:
        await ack()
        await asyncio.sleep(0.05)
        await respond("done")
        await respond("for all", response_type="in_channel")

    seen = await slack.slash(ANA, ROOM, "/later")
    assert (await seen.reply()).text == "done"
    await slack.until(lambda: [message.text for message in slack.messages(ROOM)] == ["for all"])


async def test_a_response_url_replaces_deletes_and_wears_out(slack: Slack, heard: Heard, card: str) -> None:
    await slack.press(ROOM, card, "Ack", user=ANA)
    hook = AsyncWebhookClient(heard[0]["response_url"], retry_handlers=[])
    await hook.send(text="mine", replace_original=True)
    assert (slack.messages()[0].text, slack.messages()[0].blocks) == ("mine", [])
    assert (await hook.send(text="x" * 10, blocks=[{"type": "section"}])).status_code == 400
    for _ in range(3):
        assert (await hook.send(text="psst")).body == "ok"
    spent = await hook.send(delete_original=True)
    assert (spent.status_code, spent.body) == (404, '{"ok":false,"error":"used_url"}')
    assert len(slack.ephemerals(ANA)) == 3

    await slack.press(ROOM, card, "Ack", user=ANA, version=0)
    hook = AsyncWebhookClient(heard[1]["response_url"], retry_handlers=[])
    await hook.send(delete_original=True)
    assert not slack.messages()
    slack.clock.jump(1801.0)
    assert "expired_url" in (await hook.send(text="too late")).body


async def test_a_trigger_opens_one_modal_and_soon(slack: Slack, heard: Heard, client: AsyncWebClient, card: str) -> None:
    async def code(trigger_id: str) -> str:
        with pytest.raises(SlackApiError) as refused:
            await client.views_open(trigger_id=trigger_id, view=MODAL)
        return str(refused.value.response["error"])

    seen = await slack.press(ROOM, card, "Ack", user=ANA)
    trigger = heard[0]["trigger_id"]
    view = (await client.views_open(trigger_id=trigger, view=MODAL))["view"]
    assert seen.view and (seen.view.id, seen.view.user) == (view["id"], ANA)
    assert await code(trigger) == "exchanged_trigger_id"
    assert await code("1.2.3") == "invalid_trigger_id"
    slack.workspace.trigger_life = 0.0
    assert await code(slack.workspace.new_trigger(ANA)) == "expired_trigger_id"


async def test_what_was_typed_is_submitted_and_the_modal_closes(slack: Slack, heard: Heard, client: AsyncWebClient) -> None:
    await client.views_open(trigger_id=slack.workspace.new_trigger(ANA), view=MODAL)
    view = slack.modal(ANA)
    assert view
    assert await slack.choose_in(view, "How long", "2 hours")
    assert (heard[0]["actions"][0]["action_id"], heard[0]["view"]["private_metadata"]) == ("time", "42")
    assert "response_url" not in heard[0]
    seen = await slack.submit(view, {"Reason": "disk swap"})
    assert (seen.acked, seen.errors, slack.modal(ANA)) == (True, {}, None)
    values = heard[1]["view"]["state"]["values"]
    assert (values["why"]["text"]["value"], values["for"]["time"]["selected_option"]["value"]) == ("disk swap", "2h")


async def test_slack_itself_asks_for_what_is_required(slack: Slack, heard: Heard, client: AsyncWebClient) -> None:
    await client.views_open(trigger_id=slack.workspace.new_trigger(ANA), view=MODAL)
    view = slack.modal(ANA)
    assert view and "why" in (await slack.submit(view)).errors
    assert not heard and slack.modal(ANA) is view


async def test_a_submission_may_get_errors_or_another_view(slack: Slack, heard: Heard, client: AsyncWebClient) -> None:
    await client.views_open(trigger_id=slack.workspace.new_trigger(ANA), view=MODAL)
    view = slack.modal(ANA)
    assert view
    heard.answer = {"response_action": "errors", "errors": {"why": "say more"}}
    assert (await slack.submit(view, {"why": "x"})).errors == {"why": "say more"}
    assert slack.modal(ANA) is view
    heard.answer = {"response_action": "errors", "errors": {"nowhere": "say more"}}
    assert "invalid_errors" in (await slack.submit(view)).error
    heard.answer = {"response_action": "update", "view": {**MODAL, "title": plain("Sure?")}}
    await slack.submit(view)
    assert view.body["title"]["text"] == "Sure?" and view.values["why"]["text"]["value"] == "x"
    heard.answer = {"response_action": "push", "view": {**MODAL, "title": plain("Really?")}}
    await slack.submit(view)
    top = slack.modal(ANA)
    assert top and (top.root, top.previous) == (view.id, view.id)
    heard.answer = {"response_action": "clear"}
    await slack.submit(top, {"why": "x"})
    assert slack.modal(ANA) is None


async def test_an_unacknowledged_submission_leaves_the_modal_open(slack: Slack, client: AsyncWebClient) -> None:
    slack.sockets.ack_within = 0.1
    await client.views_open(trigger_id=slack.workspace.new_trigger(ANA), view={**MODAL, "callback_id": "nobody"})
    view = slack.modal(ANA)
    assert view and (await slack.submit(view, {"why": "x"})).error == "operation_timeout"
    assert slack.modal(ANA) is view


async def test_views_are_updated_by_their_hash_and_pushed_three_deep(slack: Slack, client: AsyncWebClient) -> None:
    async def push() -> dict[str, Any]:
        trigger = slack.workspace.new_trigger(ANA)
        view: dict[str, Any] = (await client.views_push(trigger_id=trigger, view={**MODAL, "title": plain("over")}))["view"]
        return view

    first = (await client.views_open(trigger_id=slack.workspace.new_trigger(ANA), view=MODAL))["view"]
    await client.views_update(view_id=first["id"], hash=first["hash"], view={**MODAL, "title": plain("new")})
    with pytest.raises(SlackApiError) as refused:
        await client.views_update(view_id=first["id"], hash=first["hash"], view=MODAL)
    assert refused.value.response["error"] == "hash_conflict"
    assert (await push())["previous_view_id"] == first["id"]
    await push()
    with pytest.raises(SlackApiError) as refused:
        await push()
    assert refused.value.response["error"] == "push_limit_reached"


async def test_closing_is_told_to_those_who_asked(slack: Slack, heard: Heard, client: AsyncWebClient) -> None:
    for notify in (False, True):
        view = {**MODAL, "notify_on_close": notify}
        await client.views_open(trigger_id=slack.workspace.new_trigger(ANA), view=view)
        shown = slack.modal(ANA)
        assert shown
        await slack.close_modal(shown)
        with pytest.raises(LookupError):
            await slack.fill(shown, "why", "x")
    assert [body["type"] for body in heard] == ["view_closed"]


async def test_the_home_tab(slack: Slack, app: AsyncApp, heard: Heard) -> None:
    @app.event("app_home_opened")
    async def opened(event: dict[str, Any], client: AsyncWebClient) -> None:
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": buttons("Ack")})

    await slack.open_home(ANA)
    home = await slack.until(lambda: slack.home(ANA))
    await slack.press_in(home, "Ack")
    assert (heard[0]["container"]["type"], heard[0]["view"]["type"], "channel" in heard[0]) == ("view", "home", False)
    slack.workspace.home_enabled = False
    with pytest.raises(SlackApiError) as refused:
        await app.client.views_publish(user_id=ANA, view={"type": "home", "blocks": []})
    assert refused.value.response["error"] == "not_enabled"


async def test_a_link_of_ours_is_told_and_shown(slack: Slack, app: AsyncApp) -> None:
    slack.workspace.unfurl_domains.add("tocsin.example")
    url = "https://tocsin.example/incidents/42"

    @app.event("link_shared")
    async def shared(event: dict[str, Any], client: AsyncWebClient) -> None:
        for link in event["links"]:
            unfurls: dict[str, Any] = {link["url"]: {"blocks": buttons("Ack")}}
            await client.chat_unfurl(channel=event["channel"], ts=event["message_ts"], unfurls=unfurls)

    message = await slack.say(ANA, ROOM, f"see {url} and https://other.example/x")
    await slack.until(slack.unfurls)
    assert list(slack.unfurls()) == [url]
    with pytest.raises(SlackApiError) as refused:
        await app.client.chat_unfurl(channel=ROOM, ts=message.ts, unfurls={"https://not.there": {"text": "x"}})
    assert refused.value.response["error"] == "cannot_unfurl_url"


async def test_what_happens_to_channels_is_told(slack: Slack, app: AsyncApp) -> None:
    kinds = (
        "member_joined_channel", "member_left_channel", "channel_left", "group_archive", "group_unarchive", "channel_rename",
        "channel_shared", "channel_unshared", "tokens_revoked",
    )  # fmt: skip
    heard: list[str] = []

    async def listener(event: dict[str, Any]) -> None:
        heard.append(event["type"])

    for kind in kinds:
        app.event(kind)(listener)
    slack.user("U02BO", "bo")
    slack.channel("C0PRIV", "priv", private=True)
    await slack.join(ROOM, "U02BO")
    await slack.leave(ROOM, "U02BO")
    await slack.archive("C0PRIV")
    await slack.archive("C0PRIV", archived=False)
    await slack.rename(ROOM, "databases")
    await slack.share(ROOM)
    assert slack.workspace.channels[ROOM].flags["is_ext_shared"]
    await slack.share(ROOM, outside=False)
    await slack.leave(ROOM, slack.workspace.bot_user)
    await slack.event({"type": "tokens_revoked", "tokens": {"bot": [slack.workspace.bot_user]}})
    await slack.until(lambda: sorted(heard) == sorted(kinds))
