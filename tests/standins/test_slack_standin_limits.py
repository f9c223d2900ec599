"""What the stand-in Slack refuses for its size or shape, and what it reads in a text."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.standins.slack import Slack

Blocks = list[dict[str, Any]]


def plain(words: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": words}


def mrkdwn(words: str, verbatim: bool = True) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": words, "verbatim": verbatim}


def section(words: str) -> dict[str, Any]:
    return {"type": "section", "text": mrkdwn(words)}


def button(label: str = "Ack", **more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain(label), **more}


def actions(*elements: dict[str, Any]) -> Blocks:
    return [{"type": "actions", "elements": list(elements)}]


def select(*options: tuple[str, str]) -> dict[str, Any]:
    return {"type": "static_select", "options": [{"text": plain(label), "value": value} for label, value in options]}


def fields(count: int, size: int) -> Blocks:
    return [{"type": "section", "fields": [mrkdwn("x" * size)] * count}]


FIT: list[Blocks] = [
    [section("x" * 3000)],
    fields(10, 1300),
    fields(1, 2000),
    [{"type": "header", "text": plain("x" * 150)}],
    [{"type": "context", "elements": [mrkdwn("x")] * 10}],
    actions(*[button(action_id=str(n)) for n in range(25)]),
    actions(button("x" * 75, value="v" * 2000, url="https://a.example/" + "x" * 2982)),
    actions(select(*[(f"{n:075}", f"{n:0150}") for n in range(100)])),
    [section("x")] * 50,
    [{"type": "markdown", "text": "x" * 12000}],
    [section("x" * 3000)] * 4 + [section("x" * 1172)],
]
BEYOND: list[tuple[Blocks, str, str]] = [
    ([section("x" * 3001)], "must be less than 3001 characters", "/blocks/0/text/text"),
    ([section("")], "must be more than 0 characters", "/blocks/0/text/text"),
    (fields(11, 1), "no more than 10 items allowed", "/blocks/0/fields"),
    (fields(1, 2001), "must be less than 2001 characters", "/blocks/0/fields/0/text"),
    ([{"type": "section"}], "missing required field: text or fields", "/blocks/0"),
    ([{"type": "header", "text": plain("x" * 151)}], "must be less than 151 characters", "/blocks/0/text/text"),
    ([{"type": "header", "text": mrkdwn("x")}], "unsupported type: mrkdwn", "/blocks/0/text/type"),
    ([{"type": "context", "elements": [mrkdwn("x")] * 11}], "no more than 10 items allowed", "/blocks/0/elements"),
    (actions(*[button(action_id=str(n)) for n in range(26)]), "no more than 25 items allowed", "/blocks/0/elements"),
    (actions(), "no fewer than 1 items required", "/blocks/0/elements"),
    (actions(button("x" * 76)), "must be less than 76 characters", "/blocks/0/elements/0/text/text"),
    (actions(button(value="v" * 2001)), "must be less than 2001 characters", "/blocks/0/elements/0/value"),
    (actions(button(url="https://" + "x" * 3000)), "must be less than 3001 characters", "/blocks/0/elements/0/url"),
    (actions(button(url="here")), "must be a valid URL", "/blocks/0/elements/0/url"),
    (actions(button(style="green")), "must be one of: primary, danger", "/blocks/0/elements/0/style"),
    (actions(button(action_id="a"), button(action_id="a")), "`action_id` a already exists", "/blocks/0/elements/1/action_id"),
    (actions(button(action_id="a" * 256)), "must be less than 256 characters", "/blocks/0/elements/0/action_id"),
    (actions(select()), "no fewer than 1 items required", "/blocks/0/elements/0/options"),
    (actions(select(("x" * 76, "v"))), "must be less than 76 characters", "/blocks/0/elements/0/options/0/text/text"),
    (actions(select(("x", "v" * 151))), "must be less than 151 characters", "/blocks/0/elements/0/options/0/value"),
    ([{"type": "divider", "block_id": "d"}] * 2, "`block_id` d already exists", "/blocks/1/block_id"),
    ([section("x")] * 51, "no more than 50 items allowed", "/blocks"),
    ([{"type": "alert", "text": plain("x")}], "unsupported type: alert", "/blocks/0/type"),
    ([{"type": "divider", "colour": "red"}], "invalid additional property: colour", "/blocks/0"),
    ([{"type": "section", "text": {**plain("x"), "verbatim": True}}], "invalid additional property: verbatim", "/blocks/0/text"),
    ([{"type": "section", "text": "x"}], "must be an object", "/blocks/0/text"),
    (
        actions(button(confirm={"title": plain("x" * 101), "text": plain("x"), "confirm": plain("y"), "deny": plain("n")})),
        "must be less than 101 characters",
        "/blocks/0/elements/0/confirm/title/text",
    ),
]


@pytest.mark.parametrize("blocks", FIT)
async def test_what_just_fits_is_taken(blocks: Blocks, slack: Slack, client: AsyncWebClient) -> None:
    await client.chat_postMessage(channel="C0DB", text="x", blocks=blocks)
    assert slack.messages()


@pytest.mark.parametrize(("blocks", "problem", "pointer"), BEYOND, ids=[f"{problem} {at}" for _, problem, at in BEYOND])
async def test_what_is_too_much_is_refused(
    blocks: Blocks, problem: str, pointer: str, slack: Slack, client: AsyncWebClient
) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel="C0DB", text="x", blocks=blocks)
    answer = refused.value.response
    told = f"{problem} [json-pointer:{pointer}]"
    assert answer["error"] == "invalid_blocks" and told in answer["errors"]
    assert f"[ERROR] {told}" in answer["response_metadata"]["messages"]
    assert not slack.said()


async def test_the_body_of_a_refusal_is_that_of_the_platform(client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel="C0DB", text="x", blocks=[section("x" * 3001)])
    problems = [
        "failed to match all allowed schemas [json-pointer:/blocks/0/text]",
        "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
    ]
    messages = [f"[ERROR] {problem}" for problem in problems]
    expected = {"ok": False, "error": "invalid_blocks", "errors": problems, "response_metadata": {"messages": messages}}
    assert refused.value.response.data == expected


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"blocks": [section("x" * 3000)] * 4 + [section("x" * 1173)]}, "msg_blocks_too_long"),
        ({"blocks": [section("🔥" * 1500)] * 4 + [section("🔥" * 587)]}, "msg_blocks_too_long"),
        ({"attachments": [{"blocks": [section("x" * 3000)] * 5}]}, "msg_blocks_too_long"),
        ({"attachments": [{"blocks": [section("x" * 3001)]}]}, "invalid_attachments"),
        ({"attachments": [{"text": "x"}] * 101}, "too_many_attachments"),
        ({"attachments": [{"text": "x" * 100_001}]}, "attachment_payload_limit_exceeded"),
        ({"metadata": {"event": "x"}}, "invalid_metadata_format"),
        ({"metadata": {"event_type": "x", "event_payload": {"x": "x" * 8000}}}, "metadata_too_large"),
        ({"markdown_text": "x", "text": "y"}, "markdown_text_conflict"),
    ],
)
async def test_other_limits_of_a_message(args: dict[str, Any], code: str, slack: Slack, client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.chat_postMessage(channel="C0DB", **{"text": "x", **args})
    assert refused.value.response["error"] == code


async def test_a_long_text_is_cut_on_post_and_refused_on_update(slack: Slack, client: AsyncWebClient) -> None:
    said = await client.chat_postMessage(channel="C0DB", text="x" * 40_001)
    assert said["response_metadata"]["warnings"] == ["message_truncated"]
    assert len(slack.messages()[0].text) == 40_000
    await client.chat_update(channel="C0DB", ts=said["ts"], text="x" * 4000)
    with pytest.raises(SlackApiError) as refused:
        await client.chat_update(channel="C0DB", ts=said["ts"], text="火" * 1334)
    assert refused.value.response["error"] == "msg_too_long", "counted in bytes of UTF-8"


MODAL = {"type": "modal", "title": plain("Silence"), "blocks": [section("x")]}
INPUT = {"type": "input", "label": plain("Why"), "element": {"type": "plain_text_input"}}


@pytest.mark.parametrize(
    ("view", "problem"),
    [
        ({**MODAL, "title": plain("x" * 25)}, "must be less than 25 characters [json-pointer:/view/title/text]"),
        ({**MODAL, "private_metadata": "x" * 3001}, "must be less than 3001 characters [json-pointer:/view/private_metadata]"),
        ({**MODAL, "blocks": [section("x")] * 101}, "no more than 100 items allowed [json-pointer:/view/blocks]"),
        ({**MODAL, "blocks": [INPUT]}, "missing required field: submit [json-pointer:/view]"),
        ({**MODAL, "text": "x"}, "invalid additional property: text [json-pointer:/view]"),
        ({**MODAL, "type": "home"}, "must be a view of type modal [json-pointer:/view/type]"),
    ],
)
async def test_limits_of_a_modal(view: dict[str, Any], problem: str, slack: Slack, client: AsyncWebClient) -> None:
    with pytest.raises(SlackApiError) as refused:
        await client.views_open(trigger_id=slack.workspace.new_trigger("U01ANA"), view=view)
    assert refused.value.response["error"] == "invalid_arguments"
    assert f"[ERROR] {problem}" in refused.value.response["response_metadata"]["messages"]


PINGS: list[tuple[dict[str, Any], list[str]]] = [
    ({"text": "<!here> <!channel> <!everyone> <@U01ANA> <!subteam^S0DBA|dba>"},
     ["!here", "!channel", "!everyone", "@U01ANA", "!subteam^S0DBA"]),
    ({"text": "&lt;!here&gt; @here #db @ana"}, []),
    ({"text": "@here @ana @nobody", "link_names": True}, ["@here", "@ana"]),
    ({"text": "@channel", "parse": "full"}, ["@channel"]),
    ({"blocks": [{"type": "section", "text": mrkdwn("@here", verbatim=False)}]}, ["@here"]),
    ({"blocks": [{"type": "section", "text": mrkdwn("`@here` me@here.example", verbatim=False)}]}, []),
    ({"blocks": [section("@here #db https://x.example")]}, []),
    ({"blocks": [section("*<!here>*")]}, ["!here"]),
    ({"blocks": [{"type": "section", "fields": [plain("<!here>")]}, {"type": "header", "text": plain("<@U01ANA>")}]}, []),
    ({"blocks": [{"type": "context", "elements": [mrkdwn("<@U01ANA>")]}]}, ["@U01ANA"]),
    ({"attachments": [{"blocks": [section("<!here>")]}]}, ["!here"]),
    ({"attachments": [{"text": "@here", "fields": [{"title": "a", "value": "<@U01ANA>"}]}]}, ["@here", "@U01ANA"]),
    ({"blocks": [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
        {"type": "text", "text": "<!here>"}, {"type": "broadcast", "range": "channel"}]}]}]}, ["!channel"]),
]  # fmt: skip


@pytest.mark.parametrize(("args", "whom"), PINGS)
async def test_what_would_call_people(args: dict[str, Any], whom: list[str], slack: Slack, client: AsyncWebClient) -> None:
    await client.chat_postMessage(channel="C0DB", **{"text": "x", **args})
    assert [ping.whom for ping in slack.mentions()] == whom


async def test_edits_and_ephemerals_call_people_too(slack: Slack, client: AsyncWebClient) -> None:
    ts = (await client.chat_postMessage(channel="C0DB", text="x"))["ts"]
    await client.chat_update(channel="C0DB", ts=ts, text="<!here>")
    await client.chat_postEphemeral(channel="C0DB", user="U01ANA", text="<@U01ANA>")
    assert [(ping.by, ping.whom) for ping in slack.mentions()] == [("chat.update", "!here"), ("chat.postEphemeral", "@U01ANA")]


LINKS: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"text": "<https://x.example|click> <mailto:a@x.example> <foo>"},
     [("https://x.example", "click"), ("mailto:a@x.example", "mailto:a@x.example")]),
    ({"text": "https://x.example", "parse": "none"}, []),
    ({"text": "https://x.example"}, [("https://x.example", "https://x.example")]),
    ({"blocks": [section("https://x.example #db")]}, []),
    ({"blocks": [{"type": "section", "text": mrkdwn("https://x.example #db #42", verbatim=False)}]},
     [("https://x.example", "https://x.example"), ("#db", "#db")]),
    ({"blocks": [section("<!date^1^{date}^https://x.example|then>")]}, [("https://x.example", "then")]),
    ({"blocks": actions(button("Go", url="https://x.example"))}, [("https://x.example", "Go")]),
    ({"blocks": [{"type": "image", "image_url": "https://x.example/a.png", "alt_text": "a"}]}, [("https://x.example/a.png", "")]),
    ({"attachments": [{"title": "a", "title_link": "https://x.example"}]}, [("https://x.example", "")]),
]  # fmt: skip


@pytest.mark.parametrize(("args", "links"), LINKS)
async def test_what_one_could_click(
    args: dict[str, Any], links: list[tuple[str, str]], slack: Slack, client: AsyncWebClient
) -> None:
    await client.chat_postMessage(channel="C0DB", **{"text": "x", **args})
    assert slack.links() == links
