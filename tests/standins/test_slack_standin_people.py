"""What people do in the stand-in Slack, as the real slack_bolt hears it: presses, commands, links, channels."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from tests.standins.slack import Slack
from tests.standins.slack_listener import Heard, buttons

ANA, ROOM = "U01ANA", "C0DB"
pytestmark = pytest.mark.usefixtures("handler")


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


async def test_an_ephemeral_has_buttons_for_who_sees_it(slack: Slack, heard: Heard, client: AsyncWebClient) -> None:
    slack.user("U02BO", "bo")
    ts = (await client.chat_postEphemeral(channel=ROOM, user=ANA, text="sure?", blocks=buttons("Ack")))["message_ts"]
    with pytest.raises(LookupError):
        await slack.press(ROOM, ts, "Ack", user="U02BO")
    await slack.press(ROOM, ts, "Ack", user=ANA)
    assert heard[0]["container"]["is_ephemeral"]
    await AsyncWebhookClient(heard[0]["response_url"], retry_handlers=[]).send(text="done", replace_original=True)
    assert [one.text for one in slack.ephemerals(ANA)] == ["done"]


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


async def test_a_link_of_ours_is_told_and_shown(slack: Slack, app: AsyncApp) -> None:
    slack.workspace.unfurl_domains.append("tocsin.example")
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
