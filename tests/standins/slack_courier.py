"""How the stand-in Slack brings payloads to the app: once, or again if nobody acknowledges; over sockets or HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, Literal, Protocol

import msgspec

from tests.standins.slack_state import Body, Workspace

Kind = Literal["events_api", "interactive", "slash_commands"]


class Answer(msgspec.Struct):
    """What the app said to one attempt. `problem`: why it counts as failed, empty if acknowledged. `enough`: no retry, please."""

    problem: str = ""
    body: Any = None
    enough: bool = False


class Delivery(msgspec.Struct):
    """A payload on its way. `attempts`: the answers so far, in order. `at`: when it was first sent, real seconds."""

    id: str
    kind: Kind
    payload: Body
    at: float
    attempts: list[Answer] = []

    @property
    def acked(self) -> bool:
        return any(not answer.problem for answer in self.attempts)

    @property
    def body(self) -> Any:
        """What came with the acknowledgement."""
        return next((answer.body for answer in self.attempts if not answer.problem), None)

    @property
    def what(self) -> str:
        """The type of the event or interaction, or the command."""
        return str(self.payload.get("event", self.payload).get("type") or self.payload.get("command", ""))


class Transport(Protocol):
    async def send(self, delivery: Delivery) -> Answer: ...


class Courier:
    """`redeliver_after`: seconds of the stand-in's clock between the attempts of an event; other payloads go out only once."""

    def __init__(self, workspace: Workspace, transport: Transport) -> None:
        self.workspace, self.transport = workspace, transport
        self.deliveries: list[Delivery] = []
        self.redeliver_after: tuple[float, ...] = (0.0, 60.0, 300.0)
        self._tasks: set[asyncio.Task[None]] = set()

    def new(self, kind: Kind, payload: Body) -> Delivery:
        delivery = Delivery(self.workspace.new_id("E"), kind, payload, time.monotonic())
        self.deliveries.append(delivery)
        return delivery

    async def attempt(self, delivery: Delivery) -> Answer:
        """One attempt; again with the same delivery, it is a redelivery."""
        answer = await self.transport.send(delivery)
        delivery.attempts.append(answer)
        self.workspace.changed()
        return answer

    async def ask(self, kind: Kind, payload: Body) -> Delivery:
        """What a person does: brought once, and who pressed waits."""
        delivery = self.new(kind, payload)
        await self.attempt(delivery)
        return delivery

    def emit(self, event: Body) -> Delivery:
        """An event: brought in the background, again and again until it is acknowledged or nobody tries any more."""
        ts = self.workspace.new_ts()
        payload = {
            "token": "not-used", "team_id": self.workspace.team, "context_team_id": self.workspace.team,
            "api_app_id": self.workspace.app,
            "event": {"event_ts": ts, **event}, "type": "event_callback", "event_id": self.workspace.new_id("Ev"),
            "event_time": int(float(ts)), "is_ext_shared_channel": False,
            "authorizations": [{"team_id": self.workspace.team, "user_id": self.workspace.bot_user, "is_bot": True}],
        }  # fmt: skip
        delivery = self.new("events_api", payload)
        self.start(self._persist(delivery))
        return delivery

    async def told(self, event: Body) -> Delivery:
        """An event whose first attempt is over."""
        delivery = self.emit(event)
        await self.workspace.until(lambda: delivery.attempts, within=10.0, what=f"first attempt of {delivery.what}")
        return delivery

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _persist(self, delivery: Delivery) -> None:
        answer = await self.attempt(delivery)
        for pause in self.redeliver_after:
            if not answer.problem or answer.enough:
                return
            await asyncio.sleep(pause / self.workspace.clock.speed)
            answer = await self.attempt(delivery)
