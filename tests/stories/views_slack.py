"""What people see of cards in the stand-in Slack, and how they press, choose, fill in and type there."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from adapters.chat import Reply
from tests.standins import slack_text
from tests.standins.slack import Message, Slack, View
from tests.standins.slack_http import Http
from tests.standins.slack_people import Seen as Answered
from tests.standins.slack_state import Body
from tests.stories.views import Seen

ACCOUNTS = {"ana": "U01ANA", "ben": "U02BEN", "cleo": "U03CLEO", "eve": "U04EVE"}
CHANNELS = {"ops": "C0OPS", "vault": "C0VAULT"}
REFUSED = "⚠️ "


def move_in(slack: Slack) -> Slack:
    """The people of the stories and their channels. Eve reads along in ops, and nobody told Tocsin of her."""
    for name, account in ACCOUNTS.items():
        slack.user(account, name)
    slack.channel(CHANNELS["ops"], "ops", ACCOUNTS.values())
    slack.channel(CHANNELS["vault"], "vault", [ACCOUNTS["ana"]], private=True)
    return slack


def config_of(slack: Slack, http: bool = False) -> str:
    """The chat's own config as YAML, in one line."""
    way_in = f"signing_secret: {slack.signing_secret}" if http else f"app_token: {slack.app_token}"
    if http:
        slack.use_http("", "", "")  # the addresses follow when Tocsin has one
    return f"{{type: slack, bot_token: {slack.bot_token}, {way_in}, api_url: '{slack.api_url}'}}"


def with_ids(config: str) -> str:
    """The config of a story with Slack's ids of its channels."""
    for name, channel in CHANNELS.items():
        config = config.replace(f"id: {name},", f"id: {channel},")
    return config


def passes(slack: Slack, seconds: float) -> None:
    """Time passes there, too."""
    slack.clock.jump(seconds)
    if isinstance(slack.courier.transport, Http):
        slack.courier.transport.skew += seconds


class SlackView:
    """Looks into the stand-in; what people do goes through slack_bolt, as from Slack itself."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack

    @classmethod
    async def of(cls, slack: Slack, url: str) -> SlackView:
        """Once Tocsin runs at `url` and Slack can bring it something."""
        transport = slack.courier.transport
        if isinstance(transport, Http):
            at = f"{url}/slack/work"
            transport.urls = {
                "events_api": f"{at}/events",
                "slash_commands": f"{at}/commands",
                "interactive": f"{at}/actions",
            }
        else:
            await slack.connected()
        return cls(slack)

    async def cards(self, channel: str) -> list[Seen]:
        return [read_card(message) for message in self._slack.messages(CHANNELS[channel]) if message.attachments]

    async def thread(self, channel: str, ref: str) -> list[str]:
        return [line for reply in self._slack.thread(CHANNELS[channel], ref) for line in self._slack.shown(reply).split("\n")]

    async def says(self, person: str, channel: str, text: str, duration: str = "", rest: str = "") -> Reply:
        """Presses what stands for the line on a card and fills in the rest; types the line if nothing there does."""
        user, place = ACCOUNTS[person], CHANNELS[channel]
        for message in self._slack.messages(place):
            pressed = _pressed(message, text, duration)
            if pressed:
                answered = await self._slack.choose(place, message.ts, *pressed, user=user)
                return await self._answer(answered, duration, rest)
        line = " ".join(part for part in (text, duration, f"-- {rest}" if rest else "") if part)
        return await self._answer(await self._slack.slash(user, place, "/tocsin", line))

    async def lets_in(self, person: str, channel: str) -> bool:
        await self._slack.join(CHANNELS[channel], ACCOUNTS[person])
        return True

    async def puts_out(self, person: str, channel: str) -> None:
        await self._slack.leave(CHANNELS[channel], ACCOUNTS[person])

    async def shares(self, channel: str, outside: bool = True) -> None:
        await self._slack.share(CHANNELS[channel], outside)

    async def archives(self, channel: str, archived: bool = True) -> None:
        await self._slack.archive(CHANNELS[channel], archived)

    async def _answer(self, answered: Answered, duration: str = "", rest: str = "") -> Reply:
        """The private answer, or that to the dialog which opened instead."""
        assert answered.acked, answered.error
        await self._slack.until(lambda: answered.replies or answered.view, what="an answer or a dialog")
        if not answered.view:
            return self.reply(answered)
        answered = await self._slack.submit(answered.view, filled_in(answered.view, duration, rest))
        assert answered.acked, answered.error
        if answered.errors:
            return Reply("\n".join(answered.errors.values()), ok=False)
        await answered.reply()
        return self.reply(answered)

    def reply(self, answered: Answered) -> Reply:
        """What the person was answered, without the sign of a refusal."""
        text = "\n".join(self._slack.shown(message) for message in answered.replies)
        return Reply(text.removeprefix(REFUSED), not text.startswith(REFUSED))


def filled_in(view: View, duration: str, rest: str) -> Mapping[str, str]:
    """What goes into the fields of a dialog, by their labels."""
    if view.body["callback_id"] == "tocsin:note":
        return {"Note": rest}
    return {"Reason": rest, "Or for another time": duration}


def _pressed(message: Message, text: str, duration: str) -> tuple[str, str] | None:
    """The button of a card that stands for a line, or the menu and the option."""
    for _, element in slack_text.buttons(message.last):
        options = [option["value"] for option in element.get("options") or ()]
        if element.get("value") == text and not (duration and element["action_id"] != "tocsin:silence"):
            return text, ""
        if element["action_id"] == "tocsin:snooze" and f"{text} for {duration}" in options:
            return "tocsin:snooze", f"{text} for {duration}"
    return None


def read_card(message: Message) -> Seen:
    said = message.last
    words = [slack_text.plain(text.text) if text.tokens else text.text for text in list(slack_text.texts(said))[1:]]
    headline, status = words[0], next(word for word in words[1:] if " · " in word)  # between them: who is called
    title = re.fullmatch(r"\S+ (?:#(\d+) )?(.*)", headline)
    assert title, headline
    state, severity = _state(status)
    whole = "\n".join(words)
    who = _first(r"Resolved by (.*)" if state == "resolved" else r"👤 (.*) has it", whole)
    return Seen(
        ref=message.ts,
        number=int(title[1] or 0),  # 0: of many, a storm card
        state=state,
        severity=severity,
        title=title[2],
        who=who,
        note=_first(r"📝 (.*)", whole),
        silenced="🔕" in whole,
        snoozed="💤" in whole,
        closing="☑️" in whole,
        stub="Shown in full only to" in whole,
        buttons=dict(_command(element) for _, element in slack_text.buttons(said) if element["action_id"] not in OTHERS),
        text="\n".join([whole, msgspec.json.encode([message.metadata, said]).decode()]),
    )


OTHERS = ("tocsin:more", "tocsin:incident")


def _command(element: Body) -> tuple[str, str]:
    """What stands on a button or menu, and its command line."""
    if "options" in element:
        return element["placeholder"]["text"], element["options"][0]["value"].removesuffix(" for 30m")
    return element["text"]["text"], element["value"]


def _state(status: str) -> tuple[str, str]:
    words = [part.strip("* ") for part in status.split(" · ")]
    if words[0].startswith("Resolved"):
        return "resolved", words[1].removeprefix("was ")
    return words[0].lower(), words[1]


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""
