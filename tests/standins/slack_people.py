"""What people do in the stand-in Slack: press, choose, type, submit, run commands, join, rename, archive."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from tests.standins.slack_chat import as_seen
from tests.standins.slack_courier import Courier, Delivery
from tests.standins.slack_elements import action_of, chosen_by, find_element
from tests.standins.slack_state import Body, Channel, Message, Version, View, Workspace
from tests.standins.slack_views import answer, stack


class Seen:
    """What a person saw of what they did.

    `acked`: the app answered in time. `error`: what Slack itself told them, such as operation_timeout. `errors`: what a modal
    marks, by block_id. `replies`, `texts`, `text`: the ephemeral answers so far; more may come, so ask `reply()`.
    """

    def __init__(self, workspace: Workspace, user: str) -> None:
        self.acked, self.error = False, ""
        self.errors: dict[str, str] = {}
        self.user = user
        self._workspace, self._since = workspace, len(workspace.ephemerals)
        self._views = set(workspace.views)

    @property
    def replies(self) -> list[Message]:
        return [m for m in self._workspace.ephemerals[self._since :] if m.only_for == self.user]

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.replies]

    @property
    def text(self) -> str:
        return "\n".join(self.texts)

    @property
    def view(self) -> View | None:
        """The modal that opened since, if it is still open."""
        return next((v for v in stack(self._workspace, self.user)[::-1] if v.id not in self._views), None)

    async def reply(self, within: float = 5.0) -> Message:
        """The first ephemeral answer, when it is there."""
        found: list[Message] = await self._workspace.until(lambda: self.replies, within, "an ephemeral answer")
        return found[0]

    async def modal(self, within: float = 5.0) -> View:
        """The modal that opens, when it is there."""
        found: View = await self._workspace.until(lambda: self.view, within, "a modal")
        return found


class People:
    """The acts of people on messages and channels. Users are named by their id."""

    workspace: Workspace
    courier: Courier
    base_url: str
    should_escape = True
    """Whether the app's commands ask for mentions and channels as tokens."""
    patience = 2.0
    """Real seconds that `slash` waits for an answer after the acknowledgement."""

    async def press(self, channel: str, ts: str, what: str, user: str, version: int = -1) -> Seen:
        """Presses the button with this action_id, value or label. `version`: as the message was then, for a stale click."""
        return await self.choose(channel, ts, what, "", user, version)

    async def choose(self, channel: str, ts: str, what: str, option: str, user: str, version: int = -1) -> Seen:
        """Chooses an option, by label or value, of a menu. Returns when the app acknowledged or should have."""
        message = self._visible(channel, ts, user)
        number, block, element = find_element(list(message.versions[version].all_blocks), what)
        seen = Seen(self.workspace, user)
        payload = self._block_actions(user, action_of(self.workspace, block, element, option))
        container: Body = {"type": "message_attachment" if number else "message", "message_ts": ts, "channel_id": channel}
        container |= {"is_ephemeral": bool(message.only_for), **({"attachment_id": number} if number else {})}
        container |= {"thread_ts": message.thread_ts} if message.is_reply else {}
        payload |= {
            "container": container, "channel": {"id": channel, "name": self.workspace.channels[channel].name},
            "message": self._as_seen(message), "state": {"values": chosen_by(block, element, payload["actions"][0])},
            "response_url": self._response_url(user, channel, message),
        }  # fmt: skip
        return await self._done(seen, "interactive", payload)

    async def slash(self, user: str, channel: str, command: str, text: str = "") -> Seen:
        """Runs a slash command. Returns with the ephemeral answers, or after `patience` if none comes."""
        seen, place = Seen(self.workspace, user), self.workspace.channels[channel]
        payload = {
            "token": "not-used", "team_id": self.workspace.team, "team_domain": self.workspace.domain, "channel_id": channel,
            "channel_name": place.name or "directmessage", "user_id": user, "user_name": self.workspace.users[user].name,
            "command": command, "text": self._escaped(text) if self.should_escape else text,
            "api_app_id": self.workspace.app, "is_enterprise_install": "false",
            "response_url": self._response_url(user, channel), "trigger_id": self.workspace.new_trigger(user),
        }  # fmt: skip
        await self._done(seen, "slash_commands", payload)
        if seen.acked:
            try:
                await self.workspace.until(lambda: seen.replies or seen.view, self.patience)
            except AssertionError:
                return seen
        return seen

    async def say(self, user: str, channel: str, text: str, thread_ts: str = "") -> Message:
        """Posts as a person. A link of the app's domains becomes link_shared."""
        message = Message(channel, self.workspace.new_ts(), user, [Version(self.workspace.clock.now(), user, text)], thread_ts)
        self.workspace.keep(message)
        links = [
            url for url in re.findall(r"https?://[^\s<>|]+", text) if urlsplit(url).hostname in self.workspace.unfurl_domains
        ]
        if links:
            await self.courier.told({
                "type": "link_shared", "channel": channel, "user": user, "message_ts": message.ts, "is_bot_user_member": True,
                "unfurl_id": f"{message.ts}.{channel}", "source": "conversations_history",
                "links": [{"domain": urlsplit(url).hostname, "url": url} for url in links],
                **({"thread_ts": thread_ts} if thread_ts else {}),
            })  # fmt: skip
        return message

    async def open_home(self, user: str, tab: str = "home") -> Delivery:
        channel = self.workspace.direct(user).id
        return await self.courier.told({"type": "app_home_opened", "user": user, "channel": channel, "tab": tab})

    async def join(self, channel: str, user: str, inviter: str = "") -> Delivery:
        place = self.workspace.channels[channel]
        place.members.append(user)
        more = {"inviter": inviter} if inviter else {}
        return await self.courier.told(self._membership("member_joined_channel", place, user) | more)

    async def leave(self, channel: str, user: str) -> Delivery:
        """Leaves or is removed; the bot itself hears channel_left or group_left."""
        place = self.workspace.channels[channel]
        place.members.remove(user)
        if user == self.workspace.bot_user:
            return await self.courier.told({"type": "group_left" if place.private else "channel_left", "channel": channel})
        return await self.courier.told(self._membership("member_left_channel", place, user))

    async def archive(self, channel: str, archived: bool = True) -> Delivery:
        place = self.workspace.channels[channel]
        place.archived = archived
        return await self._happens(place, "archive" if archived else "unarchive", user="U0ADMIN")

    async def rename(self, channel: str, name: str) -> Delivery:
        place = self.workspace.channels[channel]
        place.name = name
        return await self._happens(place, "rename", channel={"id": channel, "name": name, "created": 1_600_000_000})

    async def share(self, channel: str, outside: bool = True) -> Delivery:
        """Shares the channel with another organisation, or ends that."""
        place = self.workspace.channels[channel]
        place.flags |= {"is_shared": outside, "is_ext_shared": outside}
        kind = "channel_shared" if outside else "channel_unshared"
        return await self.courier.told({"type": kind, "channel": channel, "connected_team_id": "T0OTHER"})

    def delete_message(self, channel: str, ts: str) -> None:
        """As a person or an admin deletes it; the bot hears nothing of it."""
        message = self.workspace.find(channel, ts)
        assert message, f"no message {ts} in {channel}"
        message.deleted = True
        self.workspace.changed()

    async def event(self, event: Body) -> Delivery:
        """Any other event, such as {"type": "tokens_revoked", "tokens": {…}}."""
        return await self.courier.told(event)

    async def again(self, delivery: Delivery) -> None:
        """Delivers once more what was delivered already."""
        await self.courier.attempt(delivery)

    async def _happens(self, place: Channel, what: str, **more: Any) -> Delivery:
        kind = f"{'group' if place.private else 'channel'}_{what}"
        return await self.courier.told({"type": kind, "channel": place.id, **more})

    async def _done(self, seen: Seen, kind: Any, payload: Body) -> Seen:
        delivery = await self.courier.ask(kind, payload)
        seen.acked = delivery.acked
        if not seen.acked:
            seen.error = "dispatch_failed" if delivery.attempts[-1].problem == "no_connection" else "operation_timeout"
            return seen
        body = {"text": delivery.body} if isinstance(delivery.body, str) else delivery.body
        if kind == "slash_commands" and body and (body.get("text") or body.get("blocks") or body.get("attachments")):
            answer(self.workspace, seen.user, payload["channel_id"], body, "ack")
        return seen

    def _block_actions(self, user: str, action: Body, view: View | None = None) -> Body:
        trigger = self.workspace.new_trigger(user, view.id if view else "")
        return {**self._interaction("block_actions", user), "trigger_id": trigger, "actions": [action]}

    def _interaction(self, kind: str, user: str) -> Body:
        name = self.workspace.users[user].name
        return {
            "type": kind, "user": {"id": user, "username": name, "name": name, "team_id": self.workspace.team},
            "api_app_id": self.workspace.app, "token": "not-used", "enterprise": None, "is_enterprise_install": False,
            "team": {"id": self.workspace.team, "domain": self.workspace.domain},
        }  # fmt: skip

    def _membership(self, kind: str, place: Channel, user: str) -> Body:
        channel_type = "G" if place.private else "C"
        return {"type": kind, "user": user, "channel": place.id, "channel_type": channel_type, "team": self.workspace.team}

    def _response_url(self, user: str, channel: str, message: Message | None = None) -> str:
        return f"{self.base_url}/response/{self.workspace.new_response_url(user, channel, message)}"

    def _as_seen(self, message: Message) -> Body:
        return as_seen(self.workspace, message)

    def _visible(self, channel: str, ts: str, user: str) -> Message:
        """Also what was deleted meanwhile: its buttons may still be on somebody's screen."""
        places = [*self.workspace.messages, *(m for m in self.workspace.ephemerals if m.only_for == user)]
        found = next((m for m in places if m.channel == channel and m.ts == ts), None)
        if found is None:
            raise LookupError(f"{user} sees no message {ts} in {channel}")
        return found

    def _escaped(self, text: str) -> str:
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        for user in self.workspace.users.values():
            text = re.sub(rf"@{re.escape(user.name)}\b", f"<@{user.id}|{user.name}>", text)
        for place in self.workspace.channels.values():
            if place.name:
                text = re.sub(rf"#{re.escape(place.name)}\b", f"<#{place.id}|{'' if place.private else place.name}>", text)
        return text
