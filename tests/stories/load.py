"""What keeps Tocsin busy while a story kills it: alerts that come, go and are sent again, notes and acknowledgements of people.

Whoever gets no answer asks again until there is one, as monitoring systems, chats and people do. What was confirmed is kept, to
be looked for afterwards.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import aiohttp
import msgspec

from tests.stories.process import Process
from tests.stories.test_chaos import Senders

AGAIN = 0.05
"""Seconds from no answer to the next try, and between two acts of a person."""

TOKEN = {"Authorization": "Bearer token-of-ana"}


class Load(Senders):
    """`notes`: texts that Ana was told are noted on #1. `acks`: (number, person), as confirmed to Ana by API, to Ben by chat."""

    def __init__(self, url: str, dice: random.Random) -> None:
        super().__init__(url, dice)
        self.ending = False
        self.again = 0
        self.notes: list[str] = []
        self.acks: set[tuple[int, str]] = set()

    async def run(self) -> None:
        """Until `ending`."""
        async with aiohttp.ClientSession(self._url) as http:
            people = (self._write_notes(http), self._acknowledge(http, "ana"), self._acknowledge(http, "ben"))
            await asyncio.gather(super().run(), *people)

    async def _send(self, http: aiohttp.ClientSession, keys: list[tuple[str, str]]) -> None:
        while not self.ending:
            some = self._dice.sample(keys, self._dice.randint(1, 3))
            for sent in (self.alerts[key] for key in some):
                if sent.known and sent.trying is None and self._dice.random() < 0.3:
                    sent.trying, self.again = sent.firing, self.again + 1
            while not await self._tell(http, some):  # noqa: ASYNC110 - the pace of a sender
                await asyncio.sleep(AGAIN)
            await asyncio.sleep(0.01)

    async def _tell(self, http: aiohttp.ClientSession, keys: list[tuple[str, str]]) -> bool:
        try:
            return await super()._tell(http, keys)
        except AssertionError:  # haproxy's or a replica's 5xx
            return False

    async def _write_notes(self, http: aiohttp.ClientSession) -> None:
        while not self.ending:
            text = f"word {len(self.notes)}"
            while not (await self._by_api(http, f"note 1 {text}")).get("ok"):  # noqa: ASYNC110 - the pace of a person
                await asyncio.sleep(AGAIN)
            self.notes.append(text)
            await asyncio.sleep(AGAIN)

    async def _acknowledge(self, http: aiohttp.ClientSession, person: str) -> None:
        """Whatever is open, each once. What resolved meanwhile cannot be acknowledged any more."""
        done: set[int] = set()
        while not self.ending:
            listed = await _asked(http, "GET", "/api/v1/incidents?state=open&limit=20", headers=TOKEN)
            for number in [one["number"] for one in listed.get("incidents", ()) if one["number"] not in done][:1]:
                done.add(number)
                told = await self._until_answered(http, person, f"ack {number}")
                if f"#{number} is acknowledged by" in told:
                    self.acks.add((number, person))
            await asyncio.sleep(AGAIN)

    async def _until_answered(self, http: aiohttp.ClientSession, person: str, line: str) -> str:
        by = self._by_api if person == "ana" else self._by_chat
        while True:
            told = await by(http, line)
            if told and "try again" not in told["text"]:
                return str(told["text"])
            await asyncio.sleep(AGAIN)

    async def _by_api(self, http: aiohttp.ClientSession, line: str) -> dict[str, Any]:
        return await _asked(http, "POST", "/api/v1/commands", headers=TOKEN, json={"text": line})

    async def _by_chat(self, http: aiohttp.ClientSession, line: str) -> dict[str, Any]:
        """As Ben presses a button there."""
        told = {"account": "account-of-ben", "text": line, "channel": "ops"}
        return await _asked(http, "POST", "/httpchat/work/command", json=told)


async def _asked(http: aiohttp.ClientSession, method: str, path: str, **more: Any) -> dict[str, Any]:
    """The JSON of the answer; empty if there was none."""
    try:
        async with http.request(method, path, **more) as answer:
            found: dict[str, Any] = await answer.json() if answer.status == 200 else {}
            return found
    except (aiohttp.ClientError, ConnectionError):
        return {}


async def check_commands(process: Process, load: Load) -> None:
    """Every note and acknowledgement that was confirmed is in its timeline, whoever was killed then."""
    async with aiohttp.ClientSession(process.url) as http:
        numbers = {number for number, _ in load.acks}
        paths = {number: f"/api/v1/incidents/{number}" for number in {1, *numbers}}
        lines = {number: (await _asked(http, "GET", path, headers=TOKEN))["timeline"] for number, path in paths.items()}
    said = msgspec.json.encode(lines[1]).decode()
    missing = [note for note in load.notes if f'{note}"' not in said]
    assert not missing, f"confirmed and lost: {missing}"
    acks = {(number, line["by"]) for number in numbers for line in lines[number] if line["change"] == "acknowledged"}
    assert load.acks <= acks, f"confirmed and lost: acknowledgements {load.acks - acks}"
