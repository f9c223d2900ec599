"""Who is asking, and may this browser ask at all: session cookie, CSRF, origin, and the headers of every answer."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from adapters.chat import Desk, Session
from adapters.reading import read_body
from adapters.source import Rejected

MOST_FORM = 64 * 1024
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refused(Rejected):
    """A request that is not answered. `status`: the HTTP status; the reason is shown to the person."""


class Visitor(NamedTuple):
    """A signed-in person: key, CSRF value, and the cookie that proves it."""

    person: str
    csrf: str
    cookie: str


class Guard:
    """Checks requests for the pages of the console."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def _secure(self, request: web.Request) -> bool:
        """Whether the browser speaks https: so the config says, or so it came, by our own TLS or through a trusted proxy."""
        return self._desk.public_url.startswith("https://") or request.scheme == "https"

    def _cookie_name(self, request: web.Request, name: str) -> str:
        """Browsers take `__Host-` cookies only over https and from this very host, so no other can plant one."""
        return f"__Host-{name}" if self._secure(request) else name

    def set_cookie(self, request: web.Request, response: web.StreamResponse, name: str, value: str) -> None:
        """Lax, not Strict: with Strict a link to a card, opened from a chat, would arrive signed out."""
        response.set_cookie(
            self._cookie_name(request, name), value, httponly=True, secure=self._secure(request), samesite="Lax", path="/",
        )  # fmt: skip

    def drop_cookie(self, request: web.Request, response: web.StreamResponse, name: str) -> None:
        named, secure = self._cookie_name(request, name), self._secure(request)
        response.del_cookie(named, path="/", secure=secure, httponly=True, samesite="Lax")

    def cookie(self, request: web.Request, name: str) -> str:
        return request.cookies.get(self._cookie_name(request, name), "")

    async def visitor(self, request: web.Request) -> Visitor | None:
        """The signed-in person, or None."""
        cookie = self.cookie(request, "tocsin")
        session: Session | None = await self._desk.sessions.session(cookie) if cookie else None
        return Visitor(session.person, session.csrf, cookie) if session else None

    async def need(self, request: web.Request) -> Visitor:
        """The signed-in person. Raises Refused(401)."""
        visitor = await self.visitor(request)
        if visitor is None:
            raise Refused(401, "Sign in first.")
        return visitor

    async def form(self, request: web.Request) -> dict[str, str]:
        """The fields of a posted form from our own pages. Raises Rejected (400, 403, 408, 413, 415)."""
        self._check_origin(request)
        if request.content_type != "application/x-www-form-urlencoded":
            raise Refused(415, "Send a form (application/x-www-form-urlencoded).")
        body = await read_body(request, MOST_FORM, "the limit of a form")
        try:
            return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20))
        except ValueError as error:  # not UTF-8, too many fields
            raise Refused(400, "This form cannot be read.") from error

    def _check_origin(self, request: web.Request) -> None:
        """Refuses what another site sent. `Origin: null` says nothing: our own Referrer-Policy makes browsers send it."""
        site = request.headers.get("Sec-Fetch-Site")
        origin = request.headers.get("Origin", "null")
        if site is not None:
            ours = site in ("same-origin", "none")
        else:
            ours = origin == "null" or urlsplit(origin).netloc in (request.host, urlsplit(self._desk.public_url).netloc)
        if not ours:
            raise Refused(403, "This request came from another site.")


def check_csrf(given: str, wanted: str) -> None:
    """Compares in constant time. Raises Refused(403)."""
    if not wanted or not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace")):
        raise Refused(403, "This form is out of date. Reload the page and try again.")


def random_value() -> str:
    return secrets.token_urlsafe(24)
