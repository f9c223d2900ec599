"""Slack in the leak matrix. What people do goes through slack_bolt, as from Slack itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from tests.standins.slack import Slack
from tests.stories.leaks import EVERYBODY, Truth, account, group_id, room_id
from tests.stories.leaks_places import NOBODY, Card, Place, Scene, person
from tests.stories.views_slack import config_of, filled_in


class SlackPlace:
    """The stand-in Slack. What people do goes through slack_bolt."""

    chat = "work"

    async def open(self, stack: AsyncExitStack, scene: Scene) -> str:
        self.scene, self._seen, self._spoken, self._brought = scene, 0, 0, 0
        self.slack = await stack.enter_async_context(Slack(rates=False))
        self.slack.workspace.unfurl_domains = ["tocsin.example"]
        for name in EVERYBODY:
            self.slack.user(account(self.chat, name), name)
        self.slack.user("U0GUEST", "guest", is_restricted=True)
        self.slack.user("U0FOREIGNER", "foreigner", team_id="T0OTHER")
        self.slack.user("U0ROBOT", "robot", is_bot=True)
        self._names = {account(self.chat, name): name for name in EVERYBODY}
        return config_of(self.slack)

    async def started(self) -> None:
        await self.slack.connected()

    def passes(self, seconds: float) -> None:
        self.slack.clock.jump(seconds)

    def build(self, room: str, people: Sequence[str]) -> None:
        self.slack.channel(room_id(self.chat, room), room, [account(self.chat, one) for one in people], private=True)

    def truth(self, room: str) -> Truth:
        place, users = self.slack.workspace.channels[room_id(self.chat, room)], self.slack.workspace.users
        humans = frozenset(self._names.get(one, one) for one in place.members if not users[one].flags.get("is_bot"))
        return Truth(place.private, bool(place.flags.get("is_shared")), place.archived, humans)

    def told(self, group: str) -> frozenset[str]:
        _, users = self.slack.workspace.usergroups.get(group_id(self.chat, group), ("", []))
        return frozenset(self._names[one] for one in users)

    def collect(self) -> None:
        for call in self.slack.web.requests[self._seen :]:
            if call.method != "response_url":
                self.scene.catch(self._reader(call.args, call.method), call.method, call.args, call.at)
        self._seen = len(self.slack.web.requests)
        for message in self.slack.workspace.ephemerals[self._spoken :]:
            said = [[version.text, version.blocks, version.attachments] for version in message.versions]
            self.scene.catch(person(self.chat, self._names[message.only_for]), "a private answer", said, message.last.at)
        self._spoken = len(self.slack.workspace.ephemerals)
        for delivery in self.slack.deliveries[self._brought :]:
            who = delivery.payload.get("user_id") or (delivery.payload.get("user") or {}).get("id", "")
            place = person(self.chat, self._names[who]) if who in self._names else NOBODY
            self.scene.catch(place, f"the acknowledgement of a {delivery.what}", [one.body for one in delivery.attempts])
        self._brought = len(self.slack.deliveries)

    def _reader(self, args: Mapping[str, Any], method: str) -> Place:
        """Who gets to read what a call says."""
        work, channel = self.slack.workspace, str(args.get("channel", ""))
        user = str(args.get("user") or args.get("user_id") or "")
        if "trigger_id" in args:
            user = work.triggers[str(args["trigger_id"])].user
        elif "view_id" in args:
            user = work.views[str(args["view_id"])].user
        if method in ("users.info", "auth.test"):
            return NOBODY
        if user or channel in self._names or channel.startswith("D"):
            return person(self.chat, self._names[user or channel.replace("D", "U", 1)])
        return ("room", channel.removeprefix("C0").lower()) if channel else NOBODY

    def cards(self, room: str) -> Mapping[int, Card]:
        found = {}
        for message in self.slack.messages(room_id(self.chat, room)):
            if message.user == self.slack.workspace.bot_user:
                said = repr([message.last, *(reply.last for reply in self.slack.thread(room_id(self.chat, room), message.ts))])
                number = int(message.last.text.partition("#")[2].partition(" ")[0])
                found[number] = Card("Shown in full only to" in said, said)
        return found

    async def drift(self, room: str, what: str, on: bool, who: str, told: bool) -> bool:
        place = self.slack.workspace.channels[room_id(self.chat, room)]
        user = account(self.chat, who)
        match what:
            case "join" | "leave":
                if (user in place.members) == (what == "join"):
                    return False
                await self._moves(place.members, room, what, user, told)
            case "share":
                await self.slack.share(room_id(self.chat, room), on)
            case "archive":
                await self.slack.archive(room_id(self.chat, room), on)
            case "publish":
                place.private = not on
                if told:
                    await self.slack.rename(room_id(self.chat, room), room)
            case "deaf":
                faults = self.slack.faults.script
                faults[:] = [one for one in faults if one.channel != room_id(self.chat, room)]
                if on:
                    self.slack.faults.plain("conversations.members", channel=room_id(self.chat, room))
        return True

    async def _moves(self, members: list[str], room: str, what: str, user: str, told: bool) -> None:
        if not told:
            (members.append if what == "join" else members.remove)(user)
        elif what == "join":
            await self.slack.join(room_id(self.chat, room), user)
        else:
            await self.slack.leave(room_id(self.chat, room), user)

    async def regroup(self, group: str, people: Sequence[str]) -> None:
        self.slack.usergroup(group_id(self.chat, group), group, [account(self.chat, one) for one in people])
        await self.slack.event({"type": "subteam_members_changed", "subteam_id": group_id(self.chat, group)})

    async def says(self, who: str, room: str, line: str) -> None:
        await self.slack.slash(account(self.chat, who), self._room(room), "/tocsin", line)

    async def looks(self, who: str, room: str, numbers: Sequence[int], lines: Sequence[str], dice: int) -> None:
        """The home tab, links that are shared, and the buttons of cards with their dialogs."""
        user, place = account(self.chat, who), self._room(room)
        published = len(self.slack.calls("views.publish"))
        await self.slack.open_home(user)
        await self.slack.until(lambda: len(self.slack.calls("views.publish")) > published, what="a home tab")
        unfurled = len(self.slack.deliveries)
        for number in numbers:
            await self.slack.say(user, place, f"look at http://tocsin.example/incidents/{number}")
        assert len(self.slack.deliveries) >= unfurled
        cards = [one for one in self.slack.messages(place) if one.user == self.slack.workspace.bot_user]
        for message in cards[dice % 2 :: 2][:2]:
            for label in self.slack.labels(message)[dice % 3 :: 3]:
                if label in ("Ack", "Unack", "Note", "Silence", "Resolve"):
                    await self._presses(place, message.ts, label, user)

    async def _presses(self, place: str, ts: str, label: str, user: str) -> None:
        message = self.slack.message(place, ts)
        if message is None or label not in self.slack.labels(message):
            return
        answered = await self.slack.press(place, ts, label, user)
        await self.slack.until(lambda: answered.replies or answered.view, what="an answer or a dialog")
        if view := answered.view:
            if view.body["callback_id"] == "tocsin:silence":
                await self.slack.press_in(view, "Preview")
            done = await self.slack.submit(view, filled_in(view, "1h", "harmless"))
            if not done.errors:
                await done.reply()

    def _room(self, room: str) -> str:
        """A room of this chat; a command may be typed anywhere."""
        known = self.slack.workspace.channels
        return room_id(self.chat, room) if room_id(self.chat, room) in known else next(iter(known))
