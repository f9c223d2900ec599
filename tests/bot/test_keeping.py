"""What a courier did and the store will not hold is not done twice."""

import sqlite3
from contextlib import closing
from pathlib import Path

from bot.delivery import IN_FLIGHT
from tests.standins.faults import Fault
from tests.stories.telling import telling
from tests.stories.until import until

SPOILT = """CREATE TRIGGER spoilt BEFORE UPDATE ON deliveries WHEN NEW.ref IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'something is wrong with this row'); END"""


async def test_a_card_whose_row_cannot_be_written_is_looked_for_before_it_is_posted_again(tmp_path: Path) -> None:
    async with telling(tmp_path) as story:
        with closing(sqlite3.connect(tmp_path / "tocsin.db", isolation_level=None)) as other:
            other.execute(SPOILT)
            await story.fires("PgDown")

            async def tried_twice() -> bool:
                return [entry["event"] for entry in story.logs].count("delivery_not_kept") > 1

            async def two_posts() -> bool:
                return len(story.server.posts if story.server else ()) == 2

            await until(tried_twice)
            await story.fires("Other")  # the courier is alive
            await until(two_posts)
            other.execute("DROP TRIGGER spoilt")
        await story.shown()
        await (await story.card(title="PgDown")).shows(state="firing")
        await (await story.card(title="Other")).shows(state="firing")
        assert await two_posts()
        story.logs[:] = [entry for entry in story.logs if entry["event"] != "delivery_not_kept"]


async def test_a_critical_is_shown_though_nothing_can_be_written(tmp_path: Path) -> None:
    """As many calls as there may be at a time are over, and wait to be written down: they keep no other from being made."""
    async with telling(tmp_path) as story:
        assert story.server
        story.server.break_with(Fault("delay", op="post", seconds=0.3))
        with closing(sqlite3.connect(tmp_path / "tocsin.db", isolation_level=None)) as other:
            await story.accepts([story.alert(f"Many{n}", severity="warning") for n in range(IN_FLIGHT)])
            await story.fires("PgDown", severity="critical")
            other.execute("BEGIN IMMEDIATE")
            await (await story.card(title="PgDown")).shows(state="firing")
            other.execute("ROLLBACK")
        await story.shown()
        assert len(story.server.posts) == IN_FLIGHT + 1
