"""Replicas that follow judge by what the leader was told: who reads a channel, who is in a group. Only the leader asks."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.standins.httpchat import Facts, HttpChatServer, serving
from tests.stories.cluster import Cluster, cluster
from tests.stories.process import Process
from tests.stories.story import iso
from tests.stories.test_drift import TWO_VAULTS
from tests.stories.until import until

pytestmark = pytest.mark.real

WITHIN = 5.0
"""Seconds from a change at the chat to a follower's answer; without any change told, the follower looks every 2."""

LAB = "groups:\n  lab: {httpchat_group: S0LAB, clearance: confidential}\n"
CONFIG = TWO_VAULTS.replace("groups:\n", LAB).replace("permissions:\n", "permissions:\n  - {allow: [ack], groups: [lab]}\n")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[HttpChatServer, Cluster]]:
    async with AsyncExitStack() as stack:
        platform = HttpChatServer()
        url = await stack.enter_async_context(serving(platform.application()))
        yield platform, await stack.enter_async_context(cluster(tmp_path, f"{{type: httpchat, url: '{url}'}}", CONFIG))


async def asked(replica: Process, method: str, path: str, **more: Any) -> Any:
    async with aiohttp.ClientSession(replica.url) as http, http.request(method, path, **more) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def changed(replica: Process, **what: str) -> None:
    """The chat tells that replica, and no other, that something is otherwise now."""
    await asked(replica, "POST", "/httpchat/work/changed", json=what)


async def fires(replica: Process, name: str) -> set[str]:
    """A confidential alert that reaches that replica. The channels in which it is to be shown."""
    labels = {"alertname": name, "severity": "high", "cluster": "eu1", "team": "payments"}
    alert = {"status": "firing", "labels": labels, "startsAt": iso(time.time())}
    await asked(replica, "POST", "/webhooks/prometheus", json={"alerts": [alert]}, headers=bearer("prometheus"))
    found = (await asked(replica, "GET", "/api/v1/incidents", headers=bearer("ana")))["incidents"]
    (mine,) = [one for one in found if one["labels"].get("alertname") == name]
    return {one["channel"] for one in mine["deliveries"]}


def bearer(whose: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-of-{whose}"}


async def trusts(replica: Process, trusted: bool) -> bool:
    """Whether it takes the vault for a channel that may show what is confidential."""
    degraded = (await asked(replica, "GET", "/readyz"))["degraded"]
    assert ("channel vault, verification" not in degraded) is trusted, degraded
    return True


async def test_who_reads_a_channel(place: tuple[HttpChatServer, Cluster]) -> None:
    platform, both = place
    leader = await both.leader()
    follower = both.other(leader)
    for turn, heard_by in enumerate((leader, follower)):
        await until(lambda: trusts(follower, True), WITHIN, "the follower trusts the channel")
        assert await fires(follower, f"Trusted{turn}") == {"vault"}
        platform.facts["vault"] = Facts(members=["account-of-cleo"])
        await changed(heard_by, place="vault", account="account-of-cleo")
        await until(lambda: trusts(follower, False), WITHIN, "the follower trusts it no more")
        assert await fires(follower, f"Drifted{turn}") == {"vault", "safe"}
        await until(lambda: trusts(leader, False), WITHIN)
        platform.facts["vault"] = Facts()
        await changed(heard_by, place="vault", account="account-of-cleo")
    platform.facts["vault"] = Facts(members=["account-of-cleo"])
    await changed(leader, place="vault")
    await until(lambda: trusts(follower, False), WITHIN)
    await follower.kill()
    follower.start()
    await follower.ready()
    await until(lambda: trusts(follower, False), WITHIN, "whoever comes later learns it, too")
    assert await fires(follower, "Later") == {"vault", "safe"}


async def answers(replica: Process, text: str) -> bool:
    """What Eve is told there."""
    told = {"account": "account-of-eve", "text": "whoami", "channel": "ops"}
    reply = await asked(replica, "POST", "/httpchat/work/command", json=told)
    assert text in reply["text"], reply
    return True


async def test_who_is_in_a_group(place: tuple[HttpChatServer, Cluster]) -> None:
    platform, both = place
    leader = await both.leader()
    follower = both.other(leader)
    await answers(follower, "I do not know you")
    for heard_by in (leader, follower):
        platform.groups["S0LAB"] = {"account-of-eve": "Eve"}
        await changed(heard_by, group="S0LAB")
        await until(lambda: answers(follower, "Groups: lab"), WITHIN, "who came is known")
        await until(lambda: answers(leader, "Groups: lab"), WITHIN)
        platform.groups["S0LAB"] = {}
        await changed(heard_by, group="S0LAB")
        await until(lambda: answers(follower, "I do not know you"), WITHIN, "who left is not")
        await until(lambda: answers(leader, "I do not know you"), WITHIN)
