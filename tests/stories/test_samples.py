"""`tocsin send --as`: the sample of every kind of source, by the lines of docs/sources.md, into a Tocsin that runs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters import registry
from bot.cli.sample import CannotSend, sample_of
from bot.cli.send import Options, send
from bot.config import Config, load
from tests.sources_page import Entry
from tests.stories.story import PEOPLE, Story
from tests.stories.telling import telling
from tests.stories.until import until

OTHER_WAYS = {"aws": {"path": "secret-of-the-address"}, "statuscake": {"md5": {"user": "Ex", "key": "hush"}}}
"""What SNS signs cannot be made; and one more way that only its source has."""

CONFIG = f"""{PEOPLE}
chats: {{work: CHAT}}
channels: {{ops: {{chat: work, audience: [sre, dba, web]}}}}
route: {{channels: [ops], group_by: ["..."], group_wait: 0s, resolve_after: 0s, reopen_within: 0s}}
"""


def sources() -> dict[str, Any]:
    """With a secret of its own each."""
    lines = {kind: re.sub(r"\$\{(\w+)\}", r"\1", Entry(kind).yaml) for kind in registry.SOURCES}
    found = {kind: yaml.safe_load(text)["sources"][kind] for kind, text in lines.items()}
    return found | {kind: {**found[kind], "auth": auth} for kind, auth in OTHER_WAYS.items()}


@pytest.fixture
async def story(tmp_path: Path) -> AsyncIterator[Story]:
    async with telling(tmp_path, CONFIG + yaml.safe_dump({"sources": sources()}), "console") as found:
        yield found


async def sends(story: Story, config: Config, kind: str, resolved: bool) -> None:
    assert await asyncio.to_thread(send, [], Options(story.url, None, None, kind, resolved), story.now(), config) == 0, kind


async def states(story: Story) -> dict[str, list[str]]:
    """Of all incidents of a source, the newest first."""
    async with story.http.get(
        "/api/v1/incidents?state=all&limit=500", headers={"Authorization": "Bearer token-of-ana"}
    ) as answer:
        listed = (await answer.json())["incidents"]
    found: dict[str, list[str]] = {}
    for incident in listed:
        found.setdefault(incident["alerts"][0]["source"], []).append(incident["state"])
    return found


async def test_every_sample_opens_an_incident_and_resolves_it_again_and_again(story: Story) -> None:
    config = load(story.path, {})
    ending = [kind for kind in registry.SOURCES if not Entry(kind).close_after]
    for times in (1, 2):
        for kind in registry.SOURCES:
            await sends(story, config, kind, resolved=False)
        opened = await states(story)
        assert {kind: found[0] for kind, found in opened.items()} == dict.fromkeys(registry.SOURCES, "firing")
        assert {kind: len(opened[kind]) for kind in ending} == dict.fromkeys(ending, times)
        await story.passes("3s")
        for kind in ending:
            await sends(story, config, kind, resolved=True)
        await until(lambda: resolved(story, ending))
        await story.passes("3s")


async def resolved(story: Story, kinds: list[str]) -> bool:
    found = await states(story)
    assert {kind: {*found[kind]} for kind in kinds} == {kind: {"resolved"} for kind in kinds}
    return True


@pytest.mark.parametrize("kind", [kind for kind in registry.SOURCES if Entry(kind).close_after])
def test_what_never_says_that_it_is_over_is_told_so(kind: str) -> None:
    with pytest.raises(CannotSend, match=f"{kind} never says that an alert is over; it ends after 2h "):
        sample_of(kind, True, 0.0, 7200.0)
