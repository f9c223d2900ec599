"""What Alertmanager's API tells of a silence: whom a tool named as its maker, and when it was last changed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("silences", sa.Column("author", sa.Text(), server_default="", nullable=False))
    op.add_column("silences", sa.Column("updated_at", sa.Float(), server_default="0", nullable=False))
