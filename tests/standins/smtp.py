"""A mail server on this machine that keeps what it is given, with faults on demand."""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import cast

HANG, DROP = "hang", "drop"


class SmtpServer:
    """`answers`: what it says to a verb instead of yes (`greeting` and `letter` are verbs, too); HANG or DROP instead of a word.

    `letters`: what it took, oldest first, with whom each was for. `tls`: a certificate and its key, for STARTTLS.
    """

    def __init__(self, user: str = "", password: str = "", tls: tuple[Path, Path] | None = None) -> None:
        self._login, self._tls = (user, password), tls
        self.answers: dict[str, str] = {}
        self.letters: list[tuple[list[str], EmailMessage]] = []
        self.connections = 0
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> SmtpServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._open.add(task)
        self.connections += 1
        try:
            await _Talk(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # whoever called hung up, or the test is over
        finally:
            self._open.discard(task)
            writer.close()


class _Talk:
    def __init__(self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._to: list[str] = []
        self._known = self._safe = False

    async def run(self) -> None:
        await self._say("greeting", "220 mail.example.com")
        while line := (await self._reader.readline()).decode().strip():
            verb, _, rest = line.partition(" ")
            if verb.lower() == "quit":
                return await self._say("quit", "221 bye")
            await getattr(self, f"_{verb.lower()}")(rest)

    async def _ehlo(self, _: str) -> None:
        offers = ["STARTTLS"] if self._server._tls and not self._safe else []
        offers += ["AUTH PLAIN"] if any(self._server._login) else []
        lines = ["mail.example.com", *offers, "SIZE 1000000"]
        await self._say("ehlo", "\r\n".join(f"250{' ' if i == len(lines) - 1 else '-'}{one}" for i, one in enumerate(lines)))

    async def _starttls(self, _: str) -> None:
        assert self._server._tls
        await self._say("starttls", "220 go ahead")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self._server._tls)
        await self._writer.start_tls(context)
        self._safe = True

    async def _auth(self, rest: str) -> None:
        given = base64.b64decode(rest.split()[1]).decode().split("\0")[1:]
        self._known = given == list(self._server._login)
        await self._say("auth", "235 welcome" if self._known else f"535 wrong password {given[1]}")

    async def _mail(self, _: str) -> None:
        await self._say("mail", "250 ok" if self._known or not any(self._server._login) else "530 sign in first")

    async def _rcpt(self, rest: str) -> None:
        address = rest[rest.index("<") + 1 : rest.index(">")]
        answer = self._server.answers.get(f"rcpt {address}", "250 ok")
        if answer.startswith("250"):
            self._to.append(address)
        await self._say("rcpt", answer)

    async def _rset(self, _: str) -> None:
        self._to.clear()
        await self._say("rset", "250 ok")

    async def _data(self, _: str) -> None:
        await self._say("data", "354 go on")
        if self._server.answers.get("data"):
            return
        lines = []
        while (line := await self._reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        said = self._server.answers.get("letter", "")
        if said in ("", HANG, DROP):  # it took it, whatever the answer
            letter = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
            self._server.letters.append((list(self._to), letter))
        await self._say("letter", "250 taken")

    async def _say(self, verb: str, yes: str) -> None:
        said = self._server.answers.get(verb, yes)
        if said == DROP:
            raise ConnectionAbortedError
        if said == HANG:
            await asyncio.Event().wait()
        self._writer.write(f"{said}\r\n".encode())
        await self._writer.drain()
