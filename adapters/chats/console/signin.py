"""Signing in with a token or with the one-time link printed at start, and out again."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from adapters.chats.console.context import Context
from adapters.chats.console.guard import check_csrf, random_value
from adapters.chats.console.serve import page, see_other

_FORM = "tocsin-form"  # the cookie that the sign-in form must match, since there is no session yet


class SignIn:
    """GET and POST `/signin`, POST `/signout`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The form. With `?code=` it has one button: whoever merely looks at a link must not use it up."""
        return self._form(request, request.query.get("code", ""), request.query.get("channel", ""))

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        guard = self._context.guard
        form = await guard.form(request)
        check_csrf(form.get("csrf", ""), guard.cookie(request, _FORM))
        channel = form.get("channel", "")
        cookie = await self._context.desk.sessions.sign_in(form.get("token", "").strip(), request.remote or "")
        if cookie is None:
            return self._form(request, "", channel, failed=True)
        response = see_other(f"/?channel={quote(channel, safe='')}" if channel else "/")
        guard.set_cookie(request, response, "tocsin", cookie)
        guard.drop_cookie(request, response, _FORM)
        return response

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """Ends the session and all of its open pages."""
        context = self._context
        visitor = await context.guard.need(request)
        check_csrf((await context.guard.form(request)).get("csrf", ""), visitor.csrf)
        await context.desk.sessions.sign_out(visitor.cookie)
        context.hub.sign_out(visitor.cookie)
        response = see_other("/signin")
        context.guard.drop_cookie(request, response, "tocsin")
        return response

    def _form(self, request: web.Request, code: str, channel: str, failed: bool = False) -> web.Response:
        guard = self._context.guard
        csrf = guard.cookie(request, _FORM) or random_value()
        html = self._context.views.page("signin.html", code=code, channel=channel, csrf=csrf, failed=failed)
        response = page(html, 401 if failed else 200)
        guard.set_cookie(request, response, _FORM, csrf)
        return response
