"""The features of lines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "line_features",
        sa.Column("number", sa.String(64), primary_key=True),
        sa.Column("features", sa.JSON(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("line_features")
