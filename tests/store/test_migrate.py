"""The schema: what migrations make is what the code's tables say, and a start with nothing to do stays cheap."""

import asyncio
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from bot.store.engine import Store
from bot.store.migrate import HEAD, alembic_config
from bot.store.tables import metadata
from bot.store.writer import StoreUnavailable
from tests.standins.stores import write


async def test_a_new_store_has_the_tables_of_the_code(store: Store) -> None:
    def differences(conn: Connection) -> object:
        return compare_metadata(MigrationContext.configure(conn), metadata)

    assert await store.read(differences) == []


async def test_sqlite_has_them_to_the_letter(sqlite: Store) -> None:
    """What compare_metadata does not see: tables without rowid, numbers that never come back, conditions of indexes."""

    def schema(conn: Connection) -> set[str]:
        rows = conn.execute(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name != 'alembic_version'"))
        return {" ".join(row[0].split()).replace("( ", "(") for row in rows}

    with create_engine("sqlite://").begin() as conn:
        metadata.create_all(conn)
        wanted = schema(conn)
    assert await sqlite.read(schema) == wanted


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(alembic_config()).get_current_head() == HEAD


async def test_what_is_stored_survives_a_second_start(store_url: str) -> None:
    first = await Store.open(store_url)
    await first.close()
    second = await Store.open(store_url)
    await second.close()
    assert first.name == second.name
    assert first.run != second.run


START = """
import asyncio, sys
from bot.store.engine import Store
async def main():
    await (await Store.open(sys.argv[1])).close()
asyncio.run(main())
print("alembic" in sys.modules)
"""


def test_only_a_start_with_something_to_do_loads_alembic(store_url: str) -> None:
    def start() -> str:
        done = subprocess.run([sys.executable, "-c", START, store_url], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert [start(), start()] == ["True", "False"]


async def test_two_first_starts_at_once(store_url: str) -> None:
    opened = await asyncio.gather(Store.open(store_url), Store.open(store_url), return_exceptions=True)
    stores = [one for one in opened if isinstance(one, Store)]
    if store_url.startswith("sqlite"):
        assert len(stores) == 1
        assert [str(one) for one in opened if isinstance(one, StoreUnavailable) and "in use by another Tocsin" in str(one)]
    else:
        assert len({store.name for store in stores}) == 1, "replicas on one store must call it the same"
        assert len(stores) == 2
    for store in stores:
        await store.close()


async def test_a_store_of_a_newer_tocsin_is_refused_and_left_alone(store_url: str) -> None:
    store = await Store.open(store_url)
    await write(store, lambda conn: conn.execute(text("UPDATE alembic_version SET version_num = '9999'")).rowcount)
    await store.close()
    for _ in range(2):
        told = f"the store has schema 9999, which this Tocsin does not know; it knows {HEAD}"
        with pytest.raises(StoreUnavailable, match=told):
            await Store.open(store_url)
