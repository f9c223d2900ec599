"""The files of the package that every browser may load: held in memory, named by their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from aiohttp import web

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
PATH = "/console/static/{digest}/{name}"


class Static:
    """All static files by name."""

    def __init__(self) -> None:
        self._files = {path.name: path.read_bytes() for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES}
        self._digests = {name: hashlib.blake2b(body, digest_size=8).hexdigest() for name, body in self._files.items()}

    def url(self, name: str) -> str:
        """The address of a file; it changes when the file does, so that a browser may keep it for good."""
        return PATH.format(digest=self._digests[name], name=name)

    async def get(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in self._files:
            return web.Response(status=404, text="No such file.")
        current = request.match_info["digest"] == self._digests[name]
        response = web.Response(body=self._files[name], content_type=_TYPES[Path(name).suffix], charset="utf-8")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if current else "no-cache"
        return response
