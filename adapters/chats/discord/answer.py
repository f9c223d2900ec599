"""Private answers to people: a first word within 3 s, then the answer itself in its place.

The first word is given once: Discord refuses a second one. All after it is an edit, which changes nothing when it arrives twice,
so that nothing shows twice that a lost reply makes us say again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from adapters.chat import DeliveryError, Desk, Failure, Invocation, Reply
from adapters.chats.discord.asked import Asked
from adapters.chats.discord.errors import DiscordFailure
from adapters.chats.discord.rest import Rest
from adapters.chats.discord.route import Route
from adapters.chats.discord.text import escape
from adapters.plain import clean, size

log = structlog.get_logger()

MESSAGE, LATER, LATER_IN_PLACE, CHOICES, DIALOG = 4, 5, 6, 8, 9
"""Kinds of a first answer. `LATER_IN_PLACE`: the answer will replace the message that was pressed on."""
EPHEMERAL = 1 << 6
ALREADY_ANSWERED = 40060
FIRST_WITHIN, FIRST_TRY = 2.6, 1.2
"""Seconds for the first answer in all, and for one try at it."""
PAUSES = (0.3, 1.0, 3.0, 8.0)
"""Seconds between tries to show an answer."""
RETRIED = (Failure.transient, Failure.unknown_outcome, Failure.rate_limited)
TOKEN_LIFE = 14.5 * 60
"""Seconds that Discord takes answers, less what clocks may differ."""
MOST_SHOWN, MOST_IN_EMBED, MOST_IN_CONTENT = 5600, 2800, 1900
REFUSED = "⚠️ "

Message = dict[str, Any]


def said(reply: Reply) -> Message:
    """A message that shows an answer. Columns keep their place; nothing in it is more than text."""
    parts = [_drawn(page) for page in pages((("" if reply.ok else REFUSED) + clean(reply.text).strip()) or "Done.")]
    if len(parts) == 1 and size(parts[0]) <= MOST_IN_CONTENT:
        return message(content=parts[0])
    return message(embeds=[{"description": part} for part in parts])


def message(content: str = "", embeds: list[Message] | None = None, components: list[Message] | None = None) -> Message:
    """All of a message, so that an edit leaves nothing of what was there. It calls nobody."""
    return {
        "content": content, "embeds": embeds or [], "components": components or [], "allowed_mentions": {"parse": []},
    }  # fmt: skip


def pages(text: str) -> list[str]:
    """The text in parts that Discord takes, cut between lines where it can be; what is too much in all is counted, not shown."""
    half = MOST_IN_EMBED // 2  # a character may count twice
    lines = [line[i : i + half] for line in text.split("\n") for i in range(0, len(line) or 1, half)]
    found, shown = [""], 0
    for place, line in enumerate(lines):
        shown += size(line) + 1
        page = f"{found[-1]}\n{line}" if found[-1] else line
        if shown > MOST_SHOWN or (size(page) > MOST_IN_EMBED and len(found) == MOST_SHOWN // MOST_IN_EMBED):
            found[-1] += f"\n… and {len(lines) - place} more lines"
            break
        if size(page) > MOST_IN_EMBED:
            found.append(line)
        else:
            found[-1] = page
    return found


def _drawn(page: str) -> str:
    if "\n" in page or size(page) > MOST_IN_CONTENT // 2:
        return f"```\n{page.replace('```', 'ˋˋˋ')}\n```"
    return escape(page)


class _Callback(Route, frozen=True):
    """A first answer: it can be given once, so it counts whether one whose reply was lost may have arrived."""

    @property
    def creates(self) -> bool:
        return True


class Desktop:
    """What all parts of the inbound side share: the desk under the name of this chat, and the way to answer."""

    def __init__(self, name: str, desk: Desk, rest: Rest) -> None:
        self.name, self.desk, self._rest = name, desk, rest

    def invocation(self, asked: Asked, line: str) -> Invocation:
        """With the config's name of the channel, empty if it is none of ours."""
        known = self.desk.channels(self.name).items() if asked.channel else ()
        return Invocation(self.name, asked.account, line, next((name for name, one in known if one.id == asked.channel), ""))

    async def preview(self, asked: Asked, line: str) -> Reply:
        return await self.desk.preview(self.invocation(asked, line))

    async def do(self, asked: Asked, line: str, first: int = LATER) -> None:
        """Runs a line and answers. Nothing is done where Discord has told the person already that nothing was."""
        if await self.begin(asked, first):
            await self.finish(asked, line)

    async def finish(self, asked: Asked, line: str) -> None:
        """Runs a line whose first answer is given."""
        try:
            reply = await self.desk.command(self.invocation(asked, line))
        except Exception:  # the log has it; the person must not wait for ever
            await self.tell(asked, said(Reply("Something went wrong here, and it is in Tocsin's log.", ok=False)))
            raise
        await self.tell(asked, said(reply))

    async def begin(self, asked: Asked, first: int = LATER, data: Mapping[str, Any] | None = None) -> bool:
        """Gives the first answer, which only the person sees; whether to go on.

        Not, if Discord took none: the person is told that nothing was done. Nor if another process answered, which happens when
        two use the same token. But if nobody knows whether it arrived, yes.
        """
        call = _Callback("POST", "interactions/{id}/{token}/callback", f"interactions/{asked.id}/{asked.token}/callback")
        body = {"type": first, "data": {**(data or {}), **({"flags": EPHEMERAL} if first in (MESSAGE, LATER) else {})}}
        loop, doubt, why = asyncio.get_running_loop(), False, ""
        end = loop.time() + FIRST_WITHIN
        while (left := end - loop.time()) > 0:
            pause = 0.15
            try:
                async with asyncio.timeout(min(FIRST_TRY, left)):
                    await self._rest.call(call, body)
                return True
            except TimeoutError:
                doubt, why = True, "no answer in time"
            except DeliveryError as problem:
                why, pause = problem.reason, max(pause, problem.retry_after or 0.0)
                doubt = doubt or problem.kind == Failure.unknown_outcome
                if problem.kind not in RETRIED:  # Discord's last word; if it had one already, that was to us
                    doubt = doubt and _code(problem) == ALREADY_ANSWERED
                    break
            await asyncio.sleep(min(pause, left))
        log.warning("discord_first_answer_lost", chat=self.name, account=asked.account, reason=why, goes_on=doubt)
        return doubt

    async def tell(self, asked: Asked, answer: Message) -> None:
        """Puts an answer in the place of the first one. What cannot be shown is logged: there is nobody else to tell."""
        path = f"webhooks/{asked.app}/{asked.token}/messages/@original"
        call = Route("PATCH", "webhooks/{app}/{token}/messages/@original", path)
        for pause in (*PAUSES, None):
            if self.desk.now() - asked.at > TOKEN_LIFE:
                why = "it is too old"
                break
            try:
                await self._rest.call(call, answer)
                return
            except DeliveryError as problem:
                why = problem.reason
                if pause is None or problem.kind not in RETRIED:
                    break
                await asyncio.sleep(max(pause, problem.retry_after or 0.0))
        log.warning("discord_answer_lost", chat=self.name, account=asked.account, reason=why)


def _code(problem: DeliveryError) -> int:
    return problem.code if isinstance(problem, DiscordFailure) else 0
