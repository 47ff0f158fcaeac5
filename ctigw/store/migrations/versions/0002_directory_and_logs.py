"""Users, lines, applications and their rights; the call log; the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("display_name", sa.String(255), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
    )
    op.create_table(
        "lines",
        sa.Column("number", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(255), sa.ForeignKey("users.name", ondelete="SET NULL")),
    )
    op.create_index("ix_lines_owner", "lines", ["owner"])
    op.create_table(
        "applications",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("password_hash", sa.String(255), nullable=False),
    )
    op.create_table(
        "application_rights",
        sa.Column(
            "application",
            sa.String(255),
            sa.ForeignKey("applications.name", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("pattern", sa.String(160), primary_key=True),
    )
    op.create_table(
        "calls",
        sa.Column("id", _COUNTED, primary_key=True),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("calling", sa.Text()),
        sa.Column("called", sa.Text()),
        sa.Column("started", sa.Double(), nullable=False),
        sa.Column("answered", sa.Double()),
        sa.Column("ended", sa.Double()),
        sa.Column("cause", sa.Text()),
    )
    op.create_index("ix_calls_started", "calls", ["started"])
    op.create_index("ix_calls_device_started", "calls", ["device", "started"])
    op.create_table(
        "audit",
        sa.Column("id", _COUNTED, primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("on_behalf_of", sa.Text()),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("target", sa.Text()),
    )
    op.create_index("ix_audit_at", "audit", ["at"])


def downgrade() -> None:
    for table in ("audit", "calls", "application_rights", "applications", "lines", "users"):
        op.drop_table(table)
