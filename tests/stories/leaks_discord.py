"""Discord in the leak matrix. What people do goes over the stand-in's gateway and through discord.py."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress

from tests.standins.discord import Discord, Refused
from tests.standins.discord import Seen as Answered
from tests.standins.discord_admin import set_overwrite
from tests.standins.discord_call import Request
from tests.standins.discord_permissions import may
from tests.stories.leaks import EVERYBODY, Truth, account, group_id, room_id
from tests.stories.leaks_places import NOBODY, Card, Place, Scene, person
from tests.stories.views_discord import config_of, filled_in

EPHEMERAL = 1 << 6
LOBBY = "41771983423140000"
"""A channel for everybody, of which Tocsin knows nothing."""
TO_ONE = (8, 9)
"""Answers that only who asked can see: choices, a form."""
OTHERS = ("guest", "foreigner", "robot")


class DiscordPlace:
    """Ana owns the server, for its owner reads everything. Everybody is in it; who reads a room is named there."""

    chat = "guild"

    async def open(self, stack: AsyncExitStack, scene: Scene) -> str:
        self.scene, self._heard = scene, 0
        self.discord = await stack.enter_async_context(Discord(rates=False))
        self.discord.gateway.concurrency_window = 0.0  # see HastyChat
        self._names = {account(self.chat, one): one for one in (*EVERYBODY, *OTHERS)}
        for user, name in self._names.items():
            self.discord.user(user, name, bot=name == "robot")
        self.discord.world.owner = account(self.chat, "ana")
        self.discord.channel(LOBBY, "lobby")
        self._rooms: dict[str, str] = {}
        for name in ("two", "three", "four"):
            self.discord.role(group_id(self.chat, name), name)
        return config_of(self.discord)

    async def started(self) -> None:
        await self.discord.connected()
        await self.discord.until(lambda: self.discord.commands, what="commands")

    def passes(self, seconds: float) -> None:
        self.discord.clock.jump(seconds)

    def build(self, room: str, people: Sequence[str]) -> None:
        self._rooms[room_id(self.chat, room)] = room
        self.discord.channel(room_id(self.chat, room), room, [account(self.chat, one) for one in people], private=True)

    def truth(self, room: str) -> Truth:
        world = self.discord.world
        place = world.channels[room_id(self.chat, room)]
        readers = [one for one in world.users.values() if not one.bot and may(world, one, place, "VIEW_CHANNEL")]
        everyone = place.overwrites[world.guild]
        humans = frozenset(self._names.get(one.id, one.id) for one in readers)
        return Truth(bool(everyone.deny & 1 << 10), place.kind == 5, False, humans)

    def told(self, group: str) -> frozenset[str]:
        role = group_id(self.chat, group)
        return frozenset(self._names[one.id] for one in self.discord.world.users.values() if role in one.roles)

    def collect(self) -> None:
        for call in self.discord.requests[self._heard :]:
            self.scene.catch(self._reader(call), f"{call.name} in Discord", call.body, call.at)
            self.scene.catch(NOBODY, "an address in Discord", f"{call.call} {call.query}", call.at)
        self._heard = len(self.discord.requests)

    def _reader(self, call: Request) -> Place:
        """Who gets to read what a call says."""
        world, parts = self.discord.world, call.call.split(" ")[1].split("/")
        if parts[0] == "interactions":
            one = self.discord.interactions.all[parts[1]]
            kind, flags = call.body.get("type"), int((call.body.get("data") or {}).get("flags") or 0)
            alone = kind in TO_ONE or flags & EPHEMERAL
        elif parts[0] == "webhooks":
            one = self.discord.interactions._by_token[parts[2]]
            alone = one.ephemeral or int(call.body.get("flags") or 0) & EPHEMERAL
        elif parts[0] == "channels":
            place = world.channels.get(parts[1])
            where = place.parent if place and place.is_thread else parts[1]
            if place and place.user:
                return person(self.chat, self._names[place.user])
            return ("room", self._rooms[where]) if where in self._rooms else NOBODY
        else:
            return NOBODY
        return person(self.chat, self._names[one.user]) if alone else ("room", self._rooms.get(one.channel, ""))

    def cards(self, room: str) -> Mapping[int, Card]:
        found = {}
        for message in self.discord.messages(room_id(self.chat, room)):
            if message.author == self.discord.world.bot and message.embeds:
                thread = self.discord.thread(message.channel, message.id)
                place = self.discord.world.channels.get(message.id)
                said = repr([message.last, *(reply.last for reply in thread), place.name if place else ""])
                number = int(str(message.embeds[0]["title"]).partition("#")[2].partition(" ")[0])
                found[number] = Card("Shown in full only to" in said, said)
        return found

    async def drift(self, room: str, what: str, on: bool, who: str, told: bool) -> bool:
        world, channel = self.discord.world, room_id(self.chat, room)
        place = world.channels[channel]
        if what == "deaf":
            script = self.discord.faults.script
            script[:] = [one for one in script if one.channel != channel]
            if on:
                self.discord.faults.plain("channels.get", channel=channel)
            return True
        if what in ("share", "archive") or who == "ana":
            return False
        target = world.guild if what == "publish" else account(self.chat, who)
        seen = (what == "join") or (what == "publish" and on)
        if what == "leave":
            place.overwrites.pop(target, None)
        else:
            set_overwrite(world, place, target, **{"allow" if seen else "deny": ["VIEW_CHANNEL"]})
        if told:
            self.discord.rename(channel, place.name)  # tells of it as it is now
            await self._heard_of()
        return True

    async def _heard_of(self) -> None:
        """An event is brought in the background."""
        await asyncio.sleep(0.02)

    async def regroup(self, group: str, people: Sequence[str]) -> None:
        role = group_id(self.chat, group)
        for name in EVERYBODY:
            user = self.discord.world.users[account(self.chat, name)]
            if (name in people) != (role in user.roles):
                (self.discord.give if name in people else self.discord.take)(user.id, role)
        await self._heard_of()

    async def says(self, who: str, room: str, line: str) -> None:
        with suppress(Refused):  # Discord's own client refuses
            user, place = account(self.chat, who), self._where(who, room)
            await self._done(await self.discord.slash(user, place, "tocsin", {"command": line}))

    async def looks(self, who: str, room: str, numbers: Sequence[int], lines: Sequence[str], dice: int) -> None:
        """What is offered while they type, and the buttons of cards with their dialogs."""
        user, place = account(self.chat, who), self._where(who, room)
        for text in ("", "ack ", "note kq", "unsilence ", "silence #"):
            await self.discord.autocomplete(user, place, "tocsin", "command", text)
        for verb in ("ack", "incident", "why", "reveal", "note"):
            await self.discord.autocomplete(user, place, verb, "incident", "")
        cards = [one for one in self.discord.messages(place) if one.author == self.discord.world.bot and one.embeds]
        for message in cards[dice % 2 :: 2][:2]:
            for label in self.discord.labels(message)[dice % 3 :: 3]:
                if label in ("Ack", "Unack", "Note", "Silence", "Resolve", "Timeline", "Details", "Incident"):
                    with suppress(Refused):
                        await self._done(await self.discord.press(place, message.id, label, user))

    async def _done(self, answered: Answered) -> None:
        if view := answered.view:
            answered = await self.discord.submit(view, filled_in(view, "1h", "harmless"))
        assert answered.acked, answered.error
        await answered.reply()

    def _where(self, who: str, room: str) -> str:
        """A room of this chat that they see, or else the lobby."""
        world = self.discord.world
        place = world.channels.get(room_id(self.chat, room))
        seen = place and may(world, world.users[account(self.chat, who)], place, "VIEW_CHANNEL", "USE_APPLICATION_COMMANDS")
        return place.id if place and seen else LOBBY
