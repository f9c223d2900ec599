"""What must be heard, and for how long it was not."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "heard",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("silent_for", sa.Float(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
