"""App Home: what a person owns, what they forgot, silences that end soon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import structlog

from adapters.chat import DeliveryError, Home, Reply
from adapters.chats.slack.answer import Desktop, Place, said
from adapters.chats.slack.blocks import SIGNS, SNOOZES, own, plain
from adapters.chats.slack.text import date, link, safe_url
from adapters.plain import cut, one_line
from rules.card import Button, Card

log = structlog.get_logger()

Block = dict[str, Any]
MOST_BLOCKS = 100


def home_view(home: Home | None, now: float, notice: Reply | None = None) -> dict[str, Any]:
    """`home`: None if it is not known, of which `notice` then tells. `notice`: else the answer to what was pressed last. `now`:
    seconds since the epoch.
    """
    blocks = list(_notice(notice))
    if home:
        blocks += _cards("Yours", home.mine, "You have no open incident. All quiet.")
        if home.forgotten:
            blocks += _cards("Still firing, and acknowledged by you long ago", home.forgotten, "")
        blocks += _silences(home.silences)
    blocks.append({"type": "context", "elements": [own(f"As of {date(now)}. To see it anew, open this tab again.")]})
    for place, block in enumerate(blocks):
        block["block_id"] = f"home-{int(now * 1000)}-{place}"
    return {"type": "home", "blocks": blocks[:MOST_BLOCKS]}


def _notice(notice: Reply | None) -> Iterator[Block]:
    if notice:
        yield from said(notice)["blocks"][:2]
        yield {"type": "divider"}


def _header(text: str) -> Block:
    return {"type": "header", "text": plain(text)}


def _cards(title: str, cards: Sequence[Card], nothing: str) -> list[Block]:
    blocks = [_header(title)]
    for card in cards:
        blocks += [_headline(card), *_facts(card), *_buttons(card.buttons)]
    if not cards:
        blocks.append({"type": "section", "text": plain(nothing)})
    return blocks


def _headline(card: Card) -> Block:
    title = cut(one_line(card.title), 300) or "alert without a name"
    return {"type": "section", "text": plain(f"{SIGNS[card.severity]} #{card.number} {title}")}


def _facts(card: Card) -> Iterator[Block]:
    url = safe_url(card.url)
    parts = [f"*{card.state.title()}*", f"*{card.severity.name}*", f"since {date(card.started_at)}"]
    parts += [f"ack ends {date(card.acked_until)}"] if card.acked_until else []
    parts += [link(url, f"open #{card.number}")] if url else []
    yield {"type": "context", "elements": [own(" · ".join(parts))]}


def _buttons(buttons: Sequence[Button]) -> Iterator[Block]:
    elements = [_element(button) for button in buttons[:5]]
    if elements:
        yield {"type": "actions", "elements": elements}


def _element(button: Button) -> Block:
    action = {"action_id": f"tocsin:{button.verb}"}
    if button.verb == "snooze":
        options = [{"text": plain(words), "value": f"{button.command} for {span}"} for words, span in SNOOZES.items()]
        return {"type": "static_select", **action, "placeholder": plain(button.label), "options": options}
    return {"type": "button", **action, "text": plain(button.label), "value": button.command}


def _silences(silences: Sequence[tuple[str, str, float]]) -> Iterator[Block]:
    yield _header("Silences that end soon")
    for silence, matchers, ends_at in silences:
        end = {"type": "button", "action_id": "tocsin:unsilence", "text": plain("End it now"), "value": f"unsilence {silence}"}
        yield {"type": "section", "text": plain(f"🔕 {cut(one_line(matchers), 600)}"), "accessory": end}
        yield {"type": "context", "elements": [own(f"ends {date(ends_at)}"), plain(f"silence {cut(one_line(silence), 80)}")]}
    if not silences:
        yield {"type": "section", "text": plain("None within a day.")}


class HomeTab:
    """Draws the home tab of a person anew."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    async def show(self, account: str, notice: Reply | None = None) -> None:
        """`account`: Slack's id of the person. What goes wrong is logged: the tab can be opened again."""
        desktop, home = self._desktop, None
        known = await desktop.preview(Place(account), "incidents")
        try:
            if known.ok:
                home = await desktop.desk.home(desktop.invocation(Place(account), ""))
            else:
                notice = known  # a stranger, who is told how to become known, and not that all is quiet
        except DeliveryError as problem:
            log.warning("slack_home_unknown", chat=desktop.name, reason=problem.reason)
            notice = Reply("The database does not answer right now. Please open this tab again soon.", ok=False)
        try:
            await desktop.client.call("views.publish", user_id=account, view=home_view(home, desktop.desk.now(), notice))
        except DeliveryError as problem:
            log.warning("slack_home_not_shown", chat=desktop.name, account=account, reason=problem.reason)
