"""What people do in the stand-in Slack, as the real slack_bolt hears it: in modals and home tabs."""

from __future__ import annotations

from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.standins.slack import Slack
from tests.standins.slack_listener import MODAL, Heard, buttons, plain

ANA, ROOM = "U01ANA", "C0DB"
pytestmark = pytest.mark.usefixtures("handler")


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
