"""Interactions of the stand-in Discord: one answer within 3 s, then edits and follow-ups while the token lives."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from tests.standins import discord_messages as messages
from tests.standins import discord_shapes as shapes
from tests.standins.discord_call import Call
from tests.standins.discord_forms import Form, check_message, check_modal
from tests.standins.discord_state import Body, DiscordError, Message, World

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
_ALLOWED = {
    COMMAND: (MESSAGE, DEFERRED, MODAL), COMPONENT: (MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL),
    AUTOCOMPLETE: (CHOICES,), MODAL_SUBMIT: (MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE),
}  # fmt: skip
EPHEMERAL = 1 << 6


class Modal(msgspec.Struct):
    """A form on somebody's screen. `body`: as it was sent; `message`: the one whose button opened it, "" for a command."""

    user: str
    channel: str
    body: Body
    message: str = ""
    open: bool = True

    @property
    def title(self) -> str:
        return str(self.body.get("title", ""))

    @property
    def custom_id(self) -> str:
        return str(self.body.get("custom_id", ""))


class Interaction(msgspec.Struct):
    """What somebody did. `born`: clock seconds; `since`: when it was sent, real seconds. `answer`: the callback's type, 0: none.

    `source`: the message that was pressed on. `original`: what @original names. `followups`: in order.
    """

    id: str
    token: str
    kind: int
    user: str
    channel: str
    born: float
    since: float
    source: Message | None = None
    answer: int = 0
    ephemeral: bool = False
    original: Message | None = None
    followups: list[Message] = []
    choices: list[Body] = []
    modal: Modal | None = None
    late: int = 0
    payload: Body = {}


class Interactions:
    """`answer_within`: real seconds for the first answer; `token_life`: clock seconds for all that follows."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.answer_within, self.token_life = 3.0, 900.0
        self.all: dict[str, Interaction] = {}
        self._by_token: dict[str, Interaction] = {}

    def new(self, kind: int, user: str, channel: str, source: Message | None = None) -> Interaction:
        one_id = self.world.new_id()
        token = f"aW50ZXJhY3Rpb246{one_id}" + "x" * 40
        one = Interaction(one_id, token, kind, user, channel, self.world.clock.now(), time.monotonic(), source)
        self.all[one_id] = self._by_token[token] = one
        return one

    def callback(self, world: World, call: Call) -> Body | None:
        """The first answer."""
        one = self.all.get(call.path["interaction"])
        if one is None or one.token != call.path["token"]:
            raise DiscordError(404, 10062, "Unknown interaction")
        if one.answer:
            raise DiscordError(400, 40060, "Interaction has already been acknowledged.")
        if time.monotonic() - one.since > self.answer_within:
            one.late += 1
            raise DiscordError(404, 10062, "Unknown interaction")
        kind, data = call.body.get("type"), call.body.get("data") or {}
        form = Form()
        allowed = _ALLOWED[one.kind] if one.source or one.kind != MODAL_SUBMIT else (MESSAGE, DEFERRED)
        form.choice("type", kind, allowed)
        form.check()
        self._answer(one, int(kind or 0), data, call.name)
        one.answer = int(kind or 0)
        world.changed()
        return self._resource(one) if call.query.get("with_response", "").lower() in ("true", "1") else None

    def follow(self, world: World, call: Call) -> Body:
        """A follow-up; the first one after a deferred answer takes its place."""
        one = self._alive(call)
        if one.original and one.original.loading:
            messages.change(world, one.original, call.body, call.name, webhook=True)
            return shapes.message(world, one.original)
        message = self._say(one, call.body, call.name, bool(int(call.body.get("flags") or 0) & EPHEMERAL))
        one.followups.append(message)
        return shapes.message(world, message)

    def get(self, world: World, call: Call) -> Body:
        return shapes.message(world, self._message(call))

    def edit(self, world: World, call: Call) -> Body:
        message = self._message(call)
        messages.change(world, message, call.body, call.name, webhook=True)
        return shapes.message(world, message)

    def delete(self, world: World, call: Call) -> None:
        message = self._message(call)
        message.deleted = True
        world.changed()

    def _answer(self, one: Interaction, kind: int, data: Body, by: str) -> None:
        if kind == MODAL:
            check_modal(data)
            one.modal = Modal(one.user, one.channel, data, one.source.id if one.source else "")
        elif kind == CHOICES:
            one.choices = _choices(one, data)
        elif kind in (DEFERRED_UPDATE, UPDATE):
            one.original = one.source
            if kind == UPDATE and one.source:
                messages.change(self.world, one.source, data, by, webhook=True)
        else:
            one.ephemeral = bool(int(data.get("flags") or 0) & EPHEMERAL)
            one.original = self._say(one, data, by, one.ephemeral, loading=kind == DEFERRED)

    def _say(self, one: Interaction, body: Body, by: str, ephemeral: bool, loading: bool = False) -> Message:
        world = self.world
        if not loading:
            check_message(body)
        said = messages.version(world, world.channels[one.channel], {} if loading else body, by, webhook=True)
        if ephemeral:
            said.calls = []
        if not loading:
            messages.refuse_empty(said)
        kind = 20 if one.kind == COMMAND else 19 if one.source else 0
        message = Message(world.new_id(), one.channel, world.bot, [said], kind=kind)
        message.only_for, message.interaction, message.loading = one.user if ephemeral else "", one.id, loading
        message.asked = body
        world.keep(message)
        return message

    def _alive(self, call: Call) -> Interaction:
        one = self._by_token.get(call.path["token"])
        if call.path["app"] != self.world.app or one is None or not one.answer:
            raise DiscordError(404, 10015, "Unknown Webhook")
        if self.world.clock.now() - one.born > self.token_life:
            raise DiscordError(401, 50027, "Invalid Webhook Token")
        return one

    def _message(self, call: Call) -> Message:
        """Raises 10008 for what there is not, such as @original of a modal."""
        one, name = self._alive(call), call.path["message"]
        mine = [one.original] if name == "@original" else [m for m in [one.original, *one.followups] if m and m.id == name]
        found = next((message for message in mine if message and not message.deleted), None)
        if found is None:
            raise DiscordError(404, 10008, "Unknown Message")
        return found

    def _resource(self, one: Interaction) -> Body:
        body: Body = {"interaction": {"id": one.id, "type": one.kind}, "resource": {"type": one.answer}}
        if one.original:
            body["interaction"] |= {
                "response_message_id": one.original.id, "response_message_loading": one.original.loading,
                "response_message_ephemeral": bool(one.original.only_for),
            }  # fmt: skip
            if one.answer != DEFERRED_UPDATE:
                body["resource"]["message"] = shapes.message(self.world, one.original)
        return body


def _choices(one: Interaction, data: Body) -> list[Body]:
    form, kind = Form(), focused(one.payload).get("type")
    choices: list[Body] = form.many("data.choices", data.get("choices"), 0, 25)
    for number, choice in enumerate(choices):
        form.text(f"data.choices.{number}.name", choice.get("name"), 1, 100)
        value: Any = choice.get("value")
        if not isinstance(value, str if kind == 3 else (int, float)) or isinstance(value, bool):
            form.bad(f"data.choices.{number}.value", "NUMBER_TYPE_COERCE", f'Value "{value}" is not of the type of the option.')
        elif kind == 3:
            form.text(f"data.choices.{number}.value", value, 1, 100)
    form.check()
    return choices


def focused(payload: Body) -> Body:
    """The option that somebody is typing."""
    options: list[Body] = list((payload.get("data") or {}).get("options") or ())
    while options:
        one = options.pop()
        if one.get("focused"):
            return one
        options += one.get("options") or ()
    return {}
