"""The stand-in Slack as the real slack_sdk finds it: posts, edits, threads, history, tokens, channels, people."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.standins.slack import Slack

BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "burning", "verbatim": True}}]
MARK = {"event_type": "card", "event_payload": {"key": "k1"}}


def code_of(refused: pytest.ExceptionInfo[SlackApiError]) -> str:
    return str(refused.value.response["error"])


async def raw(slack: Slack, method: str, token: str = "", **how: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, session.post(slack.api_url + method, headers=headers, **how) as answer:
        body: dict[str, Any] = await answer.json()
        return body


async def test_a_post_is_kept_and_answered(slack: Slack, client: AsyncWebClient) -> None:
    said = await client.chat_postMessage(channel="C0DB", text="fire", blocks=BLOCKS, unfurl_links=False)
    assert (said["channel"], said["message"]["text"], said["message"]["bot_id"]) == ("C0DB", "fire", slack.workspace.bot)
    assert said["message"]["blocks"][0]["block_id"], "a block without an id gets one"
    (message,) = slack.messages("C0DB")
    assert (message.ts, message.asked, slack.shown(message)) == (said["ts"], {"unfurl_links": False}, "burning")
    assert isinstance(said["ts"], str) and len(said["ts"].split(".")[1]) == 6


async def test_each_encoding_of_arguments_is_read(slack: Slack) -> None:
    form = {"channel": "C0DB", "text": "form", "blocks": '[{"type":"divider"}]', "token": slack.bot_token, "link_names": "1"}
    await raw(slack, "chat.postMessage", data=form)
    await raw(slack, "chat.postMessage", slack.bot_token, params={"channel": "C0DB", "text": "query"})
    await raw(
        slack, "chat.postMessage", slack.bot_token, json={"channel": "C0DB", "text": "json", "blocks": [{"type": "divider"}]}
    )
    assert [(message.text, len(message.blocks)) for message in slack.messages()] == [("form", 1), ("query", 0), ("json", 1)]
    assert slack.messages()[0].last.link_names


async def test_methods_that_read_take_no_json(slack: Slack, client: AsyncWebClient) -> None:
    refused = await raw(slack, "conversations.info", slack.bot_token, json={"channel": "C0DB"})
    assert refused["error"] == "invalid_arguments"
    assert (await client.conversations_info(channel="C0DB", include_num_members=True))["channel"]["num_members"] == 2


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, "invalid_json"),
        ({"data": b"[]", "headers": {"Content-Type": "application/json"}}, "json_not_object"),
        ({"data": b"x", "headers": {"Content-Type": "text/html"}}, "invalid_post_type"),
        ({"json": {"channel": "C0DB", "blocks": "{"}}, "invalid_blocks_format"),
        ({"json": {"channel": "C0DB"}}, "no_text"),
        ({"json": {"text": "x"}}, "invalid_arguments"),
    ],
)
async def test_bodies_that_make_no_sense_are_refused(slack: Slack, how: dict[str, Any], code: str) -> None:
    headers = {"Authorization": f"Bearer {slack.bot_token}", **how.pop("headers", {})}
    url = slack.api_url + "chat.postMessage"
    async with aiohttp.ClientSession() as session, session.post(url, headers=headers, **how) as answer:
        assert (await answer.json())["error"] == code


async def test_tokens_are_told_apart(slack: Slack, client: AsyncWebClient) -> None:
    me = await client.auth_test()
    assert (me["user_id"], me["bot_id"]) == (slack.workspace.bot_user, slack.workspace.bot)
    assert "chat:write" in me.headers["x-oauth-scopes"]
    assert (await raw(slack, "auth.test"))["error"] == "not_authed"
    assert (await raw(slack, "auth.test", "xoxb-wrong"))["error"] == "invalid_auth"
    assert (await raw(slack, "chat.postMessage", slack.app_token))["error"] == "not_allowed_token_type"
    assert (await raw(slack, "apps.connections.open", slack.bot_token))["error"] == "not_allowed_token_type"
    assert (await raw(slack, "no.such", slack.bot_token)) == {"ok": False, "error": "unknown_method", "req_method": "no.such"}
    slack.bot.dead = "token_revoked"
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel="C0DB", text="x")
    assert code_of(refused) == "token_revoked"


async def test_a_missing_scope_is_named(slack: Slack, client: AsyncWebClient) -> None:
    slack.bot.scopes = {"commands", "channels:read"}
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel="C0DB", text="x")
    answer = refused.value.response
    assert (answer["error"], answer["needed"], answer["provided"]) == ("missing_scope", "chat:write", "channels:read,commands")
    slack.channel("C0SECRET", "secret", private=True)
    with pytest.raises(SlackApiError) as refused:
        await client.conversations_info(channel="C0SECRET")
    assert refused.value.response["needed"] == "groups:read"


async def test_where_the_bot_may_post(slack: Slack, client: AsyncWebClient) -> None:
    slack.channel("C0PUB", "pub", bot=False)
    slack.channel("C0PRIV", "priv", private=True, bot=False)
    slack.channel("C0RO", "ro").refuses = "restricted_action_read_only_channel"
    slack.channel("C0OLD", "old").archived = True
    codes = {"C0NONE": "channel_not_found", "C0PRIV": "channel_not_found", "C0PUB": "not_in_channel", "C0OLD": "is_archived"}
    for channel, code in {**codes, "C0RO": "restricted_action_read_only_channel"}.items():
        with pytest.raises(SlackApiError) as refused:
            await client.chat_postMessage(channel=channel, text="x")
        assert code_of(refused) == code
    slack.bot.scopes.add("chat:write.public")
    assert (await client.chat_postMessage(channel="#pub", text="x"))["channel"] == "C0PUB"


async def test_text_without_blocks_deletes_the_blocks_and_what_is_left_out_stays(slack: Slack, client: AsyncWebClient) -> None:
    bar = [{"color": "#ff0000", "blocks": BLOCKS}]
    ts = (await client.chat_postMessage(channel="C0DB", text="a", blocks=BLOCKS, attachments=bar, metadata=MARK))["ts"]
    message = slack.messages()[0]
    await client.api_call("chat.update", json={"channel": "C0DB", "ts": ts, "blocks": [*BLOCKS, *BLOCKS]})
    assert (len(message.blocks), message.text) == (2, "a")
    await client.chat_update(channel="C0DB", ts=ts, text="b")
    assert (message.blocks, message.colour, message.metadata) == ([], "#ff0000", MARK)
    await client.chat_update(channel="C0DB", ts=ts, text="c", attachments=[], metadata={})
    assert (message.attachments, message.metadata) == ([], {})
    assert [version.text for version in message.versions] == ["a", "a", "b", "c"]


async def test_what_may_not_be_edited_or_deleted(slack: Slack, client: AsyncWebClient) -> None:
    async def update(ts: str) -> str:
        with pytest.raises(SlackApiError) as refused:
            await client.chat_update(channel="C0DB", ts=ts, text="b")
        return code_of(refused)

    ts = (await client.chat_postMessage(channel="C0DB", text="a"))["ts"]
    theirs = await slack.say("U01ANA", "C0DB", "mine")
    assert await update(theirs.ts) == "cant_update_message"
    with pytest.raises(SlackApiError) as refused:
        await client.chat_delete(channel="C0DB", ts=theirs.ts)
    assert code_of(refused) == "cant_delete_message"
    slack.workspace.edit_window = 60.0
    slack.clock.jump(61.0)
    assert await update(ts) == "edit_window_closed"
    slack.workspace.channels["C0DB"].archived = True
    assert await update(ts) == "is_inactive"
    slack.workspace.channels["C0DB"].archived = False
    slack.delete_message("C0DB", ts)
    assert await update(ts) == "message_not_found"


async def test_replies_stand_in_the_thread_of_the_root(slack: Slack, client: AsyncWebClient) -> None:
    root = (await client.chat_postMessage(channel="C0DB", text="root"))["ts"]
    one = (await client.chat_postMessage(channel="C0DB", text="one", thread_ts=root, metadata=MARK))["ts"]
    await client.chat_postMessage(channel="C0DB", text="two", thread_ts=one)
    assert [reply.text for reply in slack.thread("C0DB", root)] == ["one", "two"]
    (shown,) = (await client.conversations_history(channel="C0DB"))["messages"]
    assert (shown["ts"], shown["reply_count"]) == (root, 2)
    thread = await client.conversations_replies(channel="C0DB", ts=root, include_all_metadata=True)
    assert [message["text"] for message in thread["messages"]] == ["root", "one", "two"]
    assert thread["messages"][1]["metadata"] == MARK
    with pytest.raises(SlackApiError) as refused:
        await client.conversations_replies(channel="C0DB", ts="1.000001")
    assert code_of(refused) == "thread_not_found"


async def test_an_ephemeral_is_for_one_who_is_there(slack: Slack, client: AsyncWebClient) -> None:
    slack.user("U02BO", "bo")
    await client.chat_postEphemeral(channel="C0DB", user="U01ANA", text="psst")
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postEphemeral(channel="C0DB", user="U02BO", text="psst")
    assert code_of(refused) == "user_not_in_channel"
    assert [(one.text, one.only_for) for one in slack.ephemerals()] == [("psst", "U01ANA")]
    assert not (await client.conversations_history(channel="C0DB"))["messages"]


async def test_metadata_is_told_to_those_who_ask_for_it(slack: Slack, client: AsyncWebClient) -> None:
    await client.chat_postMessage(channel="C0DB", text="a", metadata=MARK)
    (brief,) = (await client.conversations_history(channel="C0DB"))["messages"]
    (full,) = (await client.conversations_history(channel="C0DB", include_all_metadata=True))["messages"]
    assert (brief["metadata"], full["metadata"]) == ({"event_type": "card"}, MARK)


async def test_history_comes_in_pages_the_newest_first(slack: Slack, client: AsyncWebClient) -> None:
    slack.rates.on = False
    stamps = [(await client.chat_postMessage(channel="C0DB", text=str(n)))["ts"] for n in range(5)]
    page = await client.conversations_history(channel="C0DB", limit=2)
    assert ([m["text"] for m in page["messages"]], page["has_more"]) == (["4", "3"], True)
    cursor = page["response_metadata"]["next_cursor"]
    await client.chat_postMessage(channel="C0DB", text="meanwhile")
    page = await client.conversations_history(channel="C0DB", limit=3, cursor=cursor)
    assert ([m["text"] for m in page["messages"]], page["has_more"]) == (["2", "1", "0"], False)
    between = await client.conversations_history(channel="C0DB", oldest=stamps[1], latest=stamps[3])
    assert [m["text"] for m in between["messages"]] == ["2"]
    both = await client.conversations_history(channel="C0DB", oldest=stamps[1], latest=stamps[3], inclusive=True)
    assert [m["text"] for m in both["messages"]] == ["3", "2", "1"]
    for wrong, code in ({"cursor": "?"}, "invalid_cursor"), ({"oldest": "noon"}, "invalid_ts_oldest"):
        with pytest.raises(SlackApiError) as refused:
            await client.conversations_history(channel="C0DB", **wrong)  # type: ignore[arg-type]  # only texts, but mypy sees bools
        assert code_of(refused) == code


async def test_history_may_lag(slack: Slack, client: AsyncWebClient) -> None:
    slack.workspace.history_lag = 5.0
    await client.chat_postMessage(channel="C0DB", text="a")
    assert not (await client.conversations_history(channel="C0DB"))["messages"]
    slack.clock.jump(5.0)
    assert (await client.conversations_history(channel="C0DB"))["messages"]


async def test_a_permalink(slack: Slack, client: AsyncWebClient) -> None:
    ts = (await client.chat_postMessage(channel="C0DB", text="a"))["ts"]
    link = (await client.chat_getPermalink(channel="C0DB", message_ts=ts))["permalink"]
    assert link == f"https://standin.slack.com/archives/C0DB/p{ts.replace('.', '')}"


async def test_who_can_read_a_channel(slack: Slack, client: AsyncWebClient) -> None:
    for n in range(5):
        slack.user(f"U1{n}", f"guest{n}", is_restricted=True, team_id="T0OTHER")
    slack.channel("C0X", "x", [f"U1{n}" for n in range(5)], private=True, is_ext_shared=True, is_shared=True, is_org_shared=None)
    told = (await client.conversations_info(channel="C0X"))["channel"]
    assert (told["is_private"], told["is_ext_shared"], told["is_archived"]) == (True, True, False)
    assert "num_members" not in told and "is_org_shared" not in told
    page = await client.conversations_members(channel="C0X", limit=4)
    rest = await client.conversations_members(channel="C0X", limit=4, cursor=page["response_metadata"]["next_cursor"])
    assert [*page["members"], *rest["members"]] == ["U10", "U11", "U12", "U13", "U14", slack.workspace.bot_user]
    assert rest["response_metadata"]["next_cursor"] == ""
    guest = (await client.users_info(user="U10"))["user"]
    assert (guest["is_restricted"], guest["is_bot"], guest["team_id"]) == (True, False, "T0OTHER")
    with pytest.raises(SlackApiError) as refused:
        await client.users_info(user="U0NOBODY")
    assert code_of(refused) == "user_not_found"


async def test_lists_of_channels_people_and_groups(slack: Slack, client: AsyncWebClient) -> None:
    slack.channel("C0HID", "hid", private=True, bot=False)
    slack.channel("C0PRIV", "priv", private=True)
    slack.usergroup("S0DBA", "dba", ["U01ANA"])
    listed = await client.conversations_list(types="public_channel,private_channel")
    assert [channel["id"] for channel in listed["channels"]] == ["C0DB", "C0PRIV"]
    assert len((await client.users_list())["members"]) == 2
    assert (await client.usergroups_list())["usergroups"][0]["handle"] == "dba"
    assert (await client.usergroups_users_list(usergroup="S0DBA"))["users"] == ["U01ANA"]
    with pytest.raises(SlackApiError) as refused:
        await client.usergroups_users_list(usergroup="S0NONE")
    assert code_of(refused) == "no_such_subteam"
    slack.workspace.free_plan = True
    with pytest.raises(SlackApiError) as refused:
        await client.usergroups_users_list(usergroup="S0DBA")
    assert code_of(refused) == "plan_upgrade_required"


async def test_direct_messages(slack: Slack, client: AsyncWebClient) -> None:
    channel = (await client.conversations_open(users="U01ANA"))["channel"]["id"]
    await client.chat_postMessage(channel=channel, text="a")
    assert (await client.chat_postMessage(channel="U01ANA", text="b"))["channel"] == channel
    assert [message.text for message in slack.direct_messages("U01ANA")] == ["a", "b"]


async def test_joining(slack: Slack, client: AsyncWebClient) -> None:
    place = slack.channel("C0PUB", "pub", bot=False)
    await client.conversations_join(channel="C0PUB")
    assert slack.workspace.bot_user in place.members
    assert (await client.conversations_join(channel="C0PUB"))["warning"] == "already_in_channel"
    assert slack.deliveries[0].what == "member_joined_channel"
