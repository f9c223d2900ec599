"""What people do in the stand-in Discord: run commands, press, choose, submit forms, write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.standins import discord_markdown as markdown
from tests.standins import discord_shapes as shapes
from tests.standins.discord_forms import inputs
from tests.standins.discord_gateway import Gateway
from tests.standins.discord_interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL_SUBMIT, Interaction, Interactions, Modal
from tests.standins.discord_options import filled, find_command, resolved
from tests.standins.discord_permissions import ALL, allowed, may
from tests.standins.discord_pings import called, mentioned
from tests.standins.discord_seen import Refused, Seen
from tests.standins.discord_state import Body, Channel, Message, User, Version, World


class People:
    """The acts of people. Users are named by their id. Each builds what the gateway brings and waits for the answer."""

    world: World
    interactions: Interactions
    gateway: Gateway
    patience = 2.0
    """Real seconds that an act waits for the real answer after a deferred one."""

    async def slash(self, user: str, channel: str, name: str, options: Mapping[str, Any] | None = None) -> Seen:
        """Runs a command, "silence add" for one of a group. Raises Refused for what the client would not send."""
        place, one = self._at(channel, user, "USE_APPLICATION_COMMANDS"), self.world.users[user]
        command, wanted, wrap = find_command(self.world.commands, name)
        self._permitted(command, one, place)
        given = filled(wanted, options or {})
        data = self._command_data(command) | {"options": wrap(given), **resolved(self.world, given)}
        return await self._act(COMMAND, user, place, data)

    async def autocomplete(
        self, user: str, channel: str, name: str, option: str, typed: str = "", options: Mapping[str, Any] | None = None
    ) -> Seen:
        """Types into an option; `seen.choices` is what is offered. `options`: what was filled in before."""
        place = self._at(channel, user, "USE_APPLICATION_COMMANDS")
        command, wanted, wrap = find_command(self.world.commands, name)
        spec = next((one for one in wanted if one["name"] == option), None)
        if spec is None or not spec.get("autocomplete"):
            raise Refused(f"{option} of /{name} is not completed")
        given = filled(wanted, options or {}, partial=True)
        given.append({"name": option, "type": spec["type"], "value": typed, "focused": True})
        return await self._act(AUTOCOMPLETE, user, place, self._command_data(command) | {"options": wrap(given)})

    async def press(self, channel: str, message: str, what: str, user: str, version: int = -1) -> Seen:
        """Presses the button with this custom_id or label. `version`: as the message was then, for a stale click."""
        return await self.choose(channel, message, what, "", user, version)

    async def choose(self, channel: str, message: str, what: str, option: str, user: str, version: int = -1) -> Seen:
        """Chooses an option, by label or value, of the select with this custom_id or placeholder."""
        place = self._at(channel, user)
        source = self._visible(channel, message, user)
        control = _control(source.versions[version], what)
        data: Body = {"custom_id": control["custom_id"], "component_type": control["type"], "id": control.get("id", 0)}
        if control["type"] == 3:
            data["values"] = [_value(control, option)]
        return await self._act(COMPONENT, user, place, data, source)

    async def submit(self, modal: Modal, fields: Mapping[str, str] | None = None) -> Seen:
        """Fills in fields by label or custom_id, keeps the others, and submits. Raises Refused for what is not valid."""
        if not modal.open:
            raise Refused("the form is closed")
        data = {"custom_id": modal.custom_id, "components": _filled_in(modal, dict(fields or {}))}
        modal.open = False
        source = self._visible(modal.channel, modal.message, modal.user) if modal.message else None
        return await self._act(MODAL_SUBMIT, modal.user, self.world.channels[modal.channel], data, source)

    def close_modal(self, modal: Modal) -> None:
        """Nobody is told of that."""
        modal.open = False

    def say(self, user: str, channel: str, content: str) -> Message:
        """Posts as a person."""
        self._at(channel, user)
        world, place = self.world, self.world.channels[channel]
        names = mentioned(world, content, None)
        said = Version(world.clock.now(), user, content, mentions=names, calls=called(world, place, names))
        message = Message(world.new_id(), channel, user, [said])
        world.keep(message)
        world.tell("MESSAGE_CREATE", shapes.message(world, message) | {"guild_id": world.guild})
        return message

    async def _act(self, kind: int, user: str, place: Channel, data: Body, source: Message | None = None) -> Seen:
        one = self.interactions.new(kind, user, place.id, source)
        one.payload = self._payload(one, place, data)
        seen, heard = Seen(self.world, one), self.gateway.online
        if not self.world.interactions_url:
            self.world.tell("INTERACTION_CREATE", one.payload)
        if not await self._within(lambda: one.answer, self.interactions.answer_within if heard else 0.05):
            one.since -= self.interactions.answer_within
            seen.error = "The application did not respond" if kind in (COMMAND, AUTOCOMPLETE) else "This interaction failed"
        elif seen.thinking:
            await self._within(lambda: seen.replies or not seen.thinking, self.patience)
        return seen

    async def _within(self, true: Any, seconds: float) -> bool:
        try:
            await self.world.until(true, seconds)
        except AssertionError:
            return False
        return True

    def _payload(self, one: Interaction, place: Channel, data: Body) -> Body:
        """As INTERACTION_CREATE brings it."""
        world, user = self.world, self.world.users[one.user]
        channel = shapes.channel(world, place) | {"permissions": str(allowed(world, user, place))}
        body: Body = {
            "id": one.id, "application_id": world.app, "type": one.kind, "token": one.token, "version": 1, "data": data,
            "channel_id": place.id, "channel": channel, "locale": user.locale, "entitlements": [], "entitlement_sku_ids": [],
            "app_permissions": str(allowed(world, world.users[world.bot], place)),
            "attachment_size_limit": world.attachment_limit,
        }  # fmt: skip
        if one.source:
            body["message"] = shapes.message(world, one.source)
        if place.kind == 1:
            return body | {"user": shapes.user(user), "context": 1, "authorizing_integration_owners": {"0": "0"}}
        return body | {
            "guild_id": world.guild, "guild_locale": "en-US", "context": 0, "member": shapes.invoked_by(world, user, place),
            "guild": {"id": world.guild, "locale": "en-US", "features": []},
            "authorizing_integration_owners": {"0": world.guild},
        }  # fmt: skip

    def _command_data(self, command: Body) -> Body:
        return {"id": command["id"], "name": command["name"], "type": command["type"], "guild_id": self.world.guild}

    def _at(self, channel: str, user: str, *needed: str) -> Channel:
        place, one = self.world.channels[channel], self.world.users[user]
        if not may(self.world, one, place, "VIEW_CHANNEL", *needed):
            raise Refused(f"{one.name} may not do that in #{place.name}")
        return place

    def _permitted(self, command: Body, one: User, place: Channel) -> None:
        needed = command.get("default_member_permissions")
        can = allowed(self.world, one, place)
        if needed is not None and (can != ALL if needed == "0" else can & int(needed) != int(needed)):
            raise Refused(f"{one.name} does not see /{command['name']}")
        if place.kind == 1 or not self.world.installed:
            raise Refused(f"/{command['name']} is a command of the guild")

    def _visible(self, channel: str, message: str, user: str) -> Message:
        """Also what was deleted meanwhile: its buttons may still be on somebody's screen."""
        found = self.world.messages.get(message)
        if found and found.channel == channel:
            return found
        mine = (one for one in self.world.ephemerals if one.only_for == user and one.id == message and one.channel == channel)
        if (own := next(mine, None)) is None:
            raise Refused(f"{user} sees no message {message} in {channel}")
        return own


def _control(said: Version, what: str) -> Body:
    for one in markdown.controls(said):
        if what in (one.get("custom_id"), one.get("label"), one.get("placeholder")):
            if one.get("disabled") or "custom_id" not in one:
                raise Refused(f"{what} is disabled or a link")
            return one
    raise Refused(f"no {what!r} among {[one.get('label') or one.get('placeholder') for one in markdown.controls(said)]}")


def _value(control: Body, option: str) -> str:
    for one in control.get("options") or ():
        if option in (one["value"], one["label"]):
            return str(one["value"])
    raise Refused(f"no option {option!r} in {control['custom_id']}")


def _filled_in(modal: Modal, fields: dict[str, str]) -> list[Body]:
    """The components as a submit brings them back: no labels, only ids and values."""
    rows: list[Body] = []
    for path, one in inputs(modal.body.get("components") or []):
        row = modal.body["components"][int(path.split(".")[0])]
        names = [name for name in (one.get("custom_id"), one.get("label"), row.get("label")) if name]
        value = next((fields.pop(name) for name in names if name in fields), None)
        back: Body = {"type": one["type"], "id": len(rows) * 2 + 2, "custom_id": one["custom_id"]}
        if one["type"] == 3:
            chosen = [_value(one, value)] if value else [o["value"] for o in one["options"] if o.get("default")]
            if one.get("required", True) and not chosen:
                raise Refused(f"{names[-1]} is required")
            back["values"] = chosen
        else:
            back["value"] = _text(names[-1], one, str(one.get("value") or "") if value is None else value)
        inner = {"component": back} if row["type"] == 18 else {"components": [back]}
        rows.append({"type": row["type"], "id": len(rows) * 2 + 1, **inner})
    if fields:
        raise Refused(f"no fields {', '.join(fields)}")
    return rows


def _text(name: str, one: Body, value: str) -> str:
    least, most = one.get("min_length") or 0, one.get("max_length") or 4000
    if one.get("required", True) and not value.strip():
        raise Refused(f"{name} is required")
    if value and not least <= len(value) <= most:
        raise Refused(f"{name} must have {least} to {most} characters")
    return value
