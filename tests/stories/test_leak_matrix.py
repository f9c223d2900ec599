"""The leak matrix (G3): whatever the config, whoever joins, whatever people try, no secret stands where it may not.

Stories are drawn by chance from the seed of the run, each on a Tocsin of its own with every chat there is. At each moment every
byte that left Tocsin since, and all that stands in a room, is searched for the marks of every alert and of every text that people
typed, and judged by who can read that place by then; and what may be seen must be there to be seen.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from bot.store.engine import Store
from tests.conftest import PROFILE
from tests.stories.leaks_ledger import Leak, Tally, Withheld
from tests.stories.leaks_run import Run
from tests.stories.leaks_stories import Story, draw_story
from tests.stories.leaks_world import CHAT_NAMES

LENGTH = 25
"""Steps of a story."""
PARTS = 4
"""So that all cores have something to do."""
MOMENTS = {"fast": 300, "nightly": 10_000}[PROFILE] // PARTS
"""How many there are to be at least, each after another step. Each is many cases: a piece of content x a place x the moment."""
SHRINK_SECONDS = 45.0


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without anything in it: not every story has to make one."""
    path = tmp_path_factory.mktemp("leaks") / "migrated.db"

    async def migrate() -> None:
        await (await Store.open(f"sqlite:///{path}")).close()

    asyncio.run(migrate())
    return path


@pytest.mark.parametrize("part", range(PARTS))
async def test_no_secret_stands_where_it_may_not(
    part: int, seed: int, migrated: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    tally = Tally()
    while tally.moments < MOMENTS:
        story = draw_story(f"{seed}-{part}-{tally.stories}", CHAT_NAMES, LENGTH)
        if problem := await told(story, migrated, tmp_path, tally):
            pytest.fail(await shortest(story, problem, migrated, tmp_path), pytrace=False)
    record_property("tell", f"leak matrix, seed {seed}, part {part + 1} of {PARTS}: {tally}")
    assert tally.looks >= MOMENTS and tally.forbidden > tally.cases / 10 < tally.allowed


async def told(story: Story, migrated: Path, folder: Path, tally: Tally) -> str:
    """What went wrong in a story, if anything did."""
    place = folder / f"story-{time.monotonic_ns()}"
    place.mkdir()
    shutil.copy(migrated, place / "tocsin.db")
    run = Run(story.setup, place)
    try:
        async with AsyncExitStack() as stack:
            await run.open(stack)
            await run.play(story)
    except (Leak, Withheld, AssertionError) as problem:
        return f"{type(problem).__name__}: {problem}"
    finally:
        shutil.rmtree(place)
    tally.add(run.ledger.tally)
    return ""


async def shortest(story: Story, problem: str, migrated: Path, folder: Path) -> str:
    """The story without all that can be left out so that the same kind of thing still goes wrong."""
    end, kind = time.monotonic() + SHRINK_SECONDS, problem.partition(":")[0]
    size = len(story.steps) // 2
    while size and time.monotonic() < end:
        for start in range(len(story.steps) - 1, -1, -size):
            steps = story.steps[: max(0, start - size + 1)] + story.steps[start + 1 :]
            less = replace(story, steps=steps)
            if time.monotonic() < end and (again := await told(less, migrated, folder, Tally())).partition(":")[0] == kind:
                story, problem = less, again
                break
        else:
            size //= 2
    return f"{problem}\n\n{story}"
