"""What must be heard, and for how long it was not."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "storms",
        sa.Column("number", number, autoincrement=False, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("began_at", sa.Float(), nullable=False),
        sa.Column("ended_at", sa.Float(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("storms_raging", "storms", ["ended_at"])
    op.add_column("deliveries", sa.Column("storm", number, server_default="0", nullable=False))
    op.create_index(
        "deliveries_storm", "deliveries", ["storm"], sqlite_where=sa.text("storm > 0"), postgresql_where=sa.text("storm > 0")
    )
    op.create_table(
        "heard",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("silent_for", sa.Float(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "fallbacks",
        sa.Column("incident", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("instead_of", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("back", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("incident", "channel"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "fallbacks_away", "fallbacks", ["incident"], sqlite_where=sa.text("back = 0"), postgresql_where=sa.text("not back")
    )
