"""GET /alerts and GET /alerts/groups: gathered a page at a time, sorted, written in parts, so that nobody waits long for it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

import msgspec
from aiohttp import web

from bot.alertmanager.alerts import Found
from bot.alertmanager.asked import Asked
from bot.disclosure import Eyes

PART = 256 * 1024
"""Bytes written at once."""

_encode = msgspec.json.Encoder().encode

Pages = AsyncIterator[list[Found]]


class Group(NamedTuple):
    """What Alertmanager calls a group of a receiver. `route`: two routes never share one."""

    labels: tuple[tuple[str, str], ...]
    receiver: str
    route: str


async def listed(pages: Pages) -> list[bytes]:
    """The alerts in the order of their fingerprints, as pieces of JSON."""
    shelves: dict[str, list[tuple[str, bytes]]] = defaultdict(list)  # sorting all at once would take a tenth of a second
    async for page in pages:
        for one in page:
            shelves[one.alert.fingerprint[:2]].append((one.alert.fingerprint, _encode(one.alert)))
    found = []
    for shelf in sorted(shelves):
        await asyncio.sleep(0)  # others go first
        found.append(b",".join([text for _, text in sorted(shelves.pop(shelf))]))
    return _list(found)


async def grouped(pages: Pages, asked: Asked, eyes: Eyes) -> list[bytes]:
    """The alerts by channel and by the labels that make one incident, as pieces of JSON."""
    groups: dict[Group, list[tuple[str, bytes]]] = defaultdict(list)
    async for page in pages:
        for one in page:
            for group in _groups_of(one, asked, eyes):
                groups[group].append((one.alert.fingerprint, _encode(one.alert)))
    found = []
    for group in sorted(groups):
        await asyncio.sleep(0)
        found.append(_group(group, groups.pop(group)))
    return _list(found)


def _groups_of(one: Found, asked: Asked, eyes: Eyes) -> list[Group]:
    found = []
    for node in one.nodes:
        labels = tuple(sorted(eyes.shown(node.group_of(one.row.alert.labels)).items()))
        found += [Group(labels, name, node.id) for name in node.channels if asked.takes([name])]
    return found


def _group(group: Group, alerts: list[tuple[str, bytes]]) -> bytes:
    labels, receiver = _encode(dict(group.labels)), _encode({"name": group.receiver})
    return b'{"alerts":[%b],"labels":%b,"receiver":%b}' % (b",".join([text for _, text in sorted(alerts)]), labels, receiver)


def _list(pieces: Iterable[bytes]) -> list[bytes]:
    """As one JSON list, in pieces."""
    found = [b"["]
    for piece in pieces:
        found += [piece, b","]
    return [*(found[:-1] if len(found) > 1 else found), b"]\n"]


async def send(request: web.Request, pieces: list[bytes]) -> web.StreamResponse:
    """Answers with these, in parts of a size that the event loop does not mind."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = sum(map(len, pieces))
    if response.content_length <= PART:
        return web.Response(body=b"".join(pieces), headers={"Content-Type": "application/json"})
    await response.prepare(request)
    for piece in pieces:
        for at in range(0, len(piece), PART):
            await response.write(piece[at : at + PART])
            await asyncio.sleep(0)  # a write that need not wait lets nobody in
    await response.write_eof()
    return response
