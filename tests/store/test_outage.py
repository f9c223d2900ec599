"""The store when its database is locked, full, away or taken: it says so, writes nothing by halves, and goes on afterwards."""

import asyncio
import sqlite3
import sys
import traceback
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from bot.store.engine import Store
from bot.store.tables import facts
from bot.store.writer import StoreUnavailable
from tests.standins.postgres import PostgresServer
from tests.standins.stores import postgres_server, write


def put(conn: Connection, names: Sequence[str], size: int = 1) -> list[None]:
    conn.execute(insert(facts), [{"name": name, "value": "x" * size} for name in names])
    return [None for _ in names]


def put_much(conn: Connection, names: Sequence[str]) -> list[None]:
    for name in names:
        put(conn, [f"{name}{i}" for i in range(50)], 4000)
    return [None for _ in names]


async def stored(store: Store) -> list[str]:
    query = select(facts.c.name).where(facts.c.value.like("x%")).order_by(facts.c.name)
    return await store.read(lambda conn: [row.name for row in conn.execute(query)])


async def test_a_locked_file_refuses_writes_and_nothing_else(sqlite: Store, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "tocsin.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.gather(*(sqlite.write(put, f"n{i}") for i in range(3)), return_exceptions=True)
        assert await stored(sqlite) == []  # while the write waits
        for answer in await writing:
            assert isinstance(answer, StoreUnavailable)
            assert str(answer) == "the store cannot write: database is locked"
        other.execute("ROLLBACK")
    await sqlite.write(put, "after")
    assert await stored(sqlite) == ["after"]


async def test_a_lock_that_ends_in_time_is_waited_for(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path}/tocsin.db", busy_seconds=30.0)
    with closing(sqlite3.connect(tmp_path / "tocsin.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(store.write(put, "patient"))
        await stored(store)  # the loop is not held up
        assert not writing.done()
        other.execute("ROLLBACK")
    await writing
    assert await stored(store) == ["patient"]
    await store.close()


async def test_a_full_disk_refuses_writes_and_leaves_nothing_half_written(sqlite: Store) -> None:
    def limit(conn: Connection, pages: int) -> int:
        return int(conn.exec_driver_sql(f"PRAGMA max_page_count={pages}").scalar_one())

    pages = await write(sqlite, lambda conn: conn.exec_driver_sql("PRAGMA page_count").scalar_one())
    await write(sqlite, limit, pages + 20)
    many = await asyncio.gather(*(sqlite.write(put_much, f"n{i}-") for i in range(3)), return_exceptions=True)
    assert {str(answer) for answer in many} == {"the store cannot write: database or disk is full"}
    assert await stored(sqlite) == []
    await sqlite.write(put, "small")  # what fits is still taken
    await write(sqlite, limit, 1_000_000)
    await sqlite.write(put_much, "n")
    assert len(await stored(sqlite)) == 51


async def test_a_mistake_in_sql_is_no_outage(sqlite: Store) -> None:
    """Else one faulty query would tell all its neighbours to come back later, for ever."""

    def faulty(conn: Connection, names: Sequence[str]) -> list[None]:
        conn.exec_driver_sql("SELECT * FROM nowhere")
        return [None for _ in names]

    answers = await asyncio.gather(sqlite.write(put, "a"), sqlite.write(faulty, "b"), return_exceptions=True)
    assert answers[0] is None
    assert not isinstance(answers[1], StoreUnavailable)
    assert "nowhere" in str(answers[1])


HOLD = "import asyncio, sys\nfrom bot.store.engine import Store\nasync def main():\n    await Store.open(sys.argv[1])\n    " \
       "print('open', flush=True)\n    await asyncio.sleep(60)\nasyncio.run(main())"  # fmt: skip


async def test_a_second_process_on_one_file_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/tocsin.db"
    first = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLD, url, stdout=asyncio.subprocess.PIPE)
    assert first.stdout and await first.stdout.readline() == b"open\n"
    with pytest.raises(StoreUnavailable) as told:
        await Store.open(url)
    first.kill()
    await first.wait()
    assert str(told.value) == (
        f"{tmp_path}/tocsin.db is in use by another Tocsin. Stop that one first, or give this one a file of its own."
    )
    await (await Store.open(url)).close()  # a killed one holds nothing


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.db"
    path.write_text("something else entirely " * 100)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=f"cannot open the store sqlite:///{path}: file is not a database"):
            await Store.open(f"sqlite:///{path}")
    assert path.read_text().startswith("something else")


@pytest.mark.real
async def test_a_server_that_dies_and_comes_back() -> None:
    postgres_server()  # skips where there is none
    server = PostgresServer()
    try:
        server.start()
        store = await Store.open(server.create_database())
        await store.write(put, "before")
        server.stop("immediate")
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="the store cannot write"):
                await store.write(put, "lost")
            with pytest.raises(StoreUnavailable, match="the store does not answer"):
                await stored(store)
        server.start()
        await store.write(put, "after")
        assert await stored(store) == ["after", "before"]
        await store.close()
    finally:
        server.remove()


@pytest.mark.real
async def test_a_connection_broken_off_in_the_middle_is_an_outage_for_all_in_it() -> None:
    store = await Store.open(postgres_server().create_database())

    def broken_off(conn: Connection, names: Sequence[str]) -> list[None]:
        conn.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        return [None for _ in names]

    answers = await asyncio.gather(store.write(put, "a"), store.write(broken_off, "b"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailable, StoreUnavailable]
    await store.write(put, "c")
    assert await stored(store) == ["c"]
    await store.close()


@pytest.mark.real
async def test_replicas_write_in_turn() -> None:
    """What a transaction has read stays true until it commits: a number is never given twice."""
    url = postgres_server().create_database()
    stores = [await Store.open(url) for _ in range(3)]

    def number(conn: Connection, items: Sequence[None]) -> list[int]:
        found = conn.scalar(select(facts.c.value).where(facts.c.name == "n"))
        conn.exec_driver_sql("SELECT pg_sleep(0.005)")
        conn.execute(delete(facts).where(facts.c.name == "n"))
        conn.execute(insert(facts).values(name="n", value=str(int(found or 0) + 1)))
        return [int(found or 0) for _ in items]

    async def take(store: Store) -> list[int]:
        return [await store.write(number, None) for _ in range(10)]

    taken = [one for some in await asyncio.gather(*map(take, stores)) for one in some]
    assert sorted(taken) == list(range(30))
    for store in stores:
        await store.close()


@pytest.mark.real
async def test_a_replica_that_is_cut_off_in_the_middle_keeps_nobody_waiting() -> None:
    url = postgres_server().create_database()
    first, second = await Store.open(url), await Store.open(url)

    def cut_off(conn: Connection, names: Sequence[str]) -> list[None]:
        put(conn, names)
        conn.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        return [None for _ in names]

    with pytest.raises(StoreUnavailable):
        await first.write(cut_off, "by halves")
    await second.write(put, "second")
    await first.write(put, "first")
    assert await stored(first) == await stored(second) == ["first", "second"]
    await first.close()
    await second.close()


async def test_no_value_in_an_error(store: Store) -> None:
    """What alerts say must not reach those who read logs."""
    await store.write(put, "confidential")
    with pytest.raises(IntegrityError) as told:
        await store.write(put, "confidential")
    assert "INSERT INTO facts" in str(told.value)
    assert "confidential" not in str(told.value)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("tocsin:s3cr3t@127.0.0.1:1/tocsin", "Connect call failed"),
        ("tocsin:s3cr3t@127.0.0.1:1/tocsin?sslmode=require&password=s3cr3t", "Connect call failed"),
        ("tocsin:s3cr3t@127.0.0.1:1/tocsin?nonsense=1", "the address cannot be read"),
        ("tocsin:12/s3cr3t@127.0.0.1:1/tocsin", "Connect call failed"),
        ("tocsin:s3cr3t/?#@127.0.0.1:1/tocsin", "cannot open the store"),
        ("tocsin:s3cr3t@127.0.0.1:port/tocsin", "the address cannot be read"),
        ("tocsin:s3cr3t", "the address cannot be read"),
        ("", "cannot open the store"),
    ],
)
async def test_no_password_in_an_error(address: str, why: str) -> None:
    with pytest.raises(StoreUnavailable, match=why) as told:
        await Store.open(f"postgresql://{address}")
    shown = "".join(traceback.format_exception(told.value, limit=0))  # with what caused it, as a log shows it
    assert "s3cr3t" not in shown


@pytest.mark.real
async def test_a_wrong_password_is_told_without_it() -> None:
    url = postgres_server().url().replace("tocsin:", f"tocsin:{quote('wr@ng/s3cr3t')}", 1)
    with pytest.raises(StoreUnavailable, match='password authentication failed for user "tocsin"') as told:
        await Store.open(url)
    assert "s3cr3t" not in str(told.value)
