"""Brings the schema up to date, inside the transaction it is given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from bot.store.writer import StoreUnavailable

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0004"
"""The newest migration; a test keeps it equal to what Alembic finds."""


def migrate(conn: Connection) -> None:
    """Runs what is missing. Costs one query when nothing is: Alembic is only loaded when there is work.

    Raises StoreUnavailable for a store that a newer Tocsin made.
    """
    known = inspect(conn).has_table("alembic_version")
    version = conn.scalar(text("SELECT version_num FROM alembic_version")) if known else None
    if version == HEAD:
        return
    from alembic import command
    from alembic.util import CommandError

    config = alembic_config()
    config.attributes["connection"] = conn
    try:
        command.upgrade(config, "head")
    except CommandError as problem:
        raise StoreUnavailable(
            f"the store has schema {version}, which this Tocsin does not know; it knows {HEAD}. "
            "Run the Tocsin that made it, or a newer one."
        ) from problem


def alembic_config() -> Config:
    """Alembic's configuration for this package's migrations."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config
