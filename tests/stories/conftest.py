"""Stories are told on each kind of chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.stories.story import BASE, Story
from tests.stories.telling import telling


@pytest.fixture(params=["console", "httpchat", "slack", "discord"])
def chat(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def config() -> str:
    """The config of the story; a test that wants another overrides it with `parametrize`."""
    return BASE


@pytest.fixture
async def story(chat: str, config: str, tmp_path: Path) -> AsyncIterator[Story]:
    async with telling(tmp_path, config, chat) as found:
        yield found
