"""The logs without indexes: entries are found by their ids, which follow time.

To keep an index by time costs twice as much as to write the entry, five times for each call, and an index
by device as much again.  Who looks for something is a person, once in a while: for what is new there is
nothing to search, and what is old takes a second for some millions of entries.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.drop_index("ix_calls_device_started", "calls")
    op.drop_index("ix_calls_started", "calls")
    op.drop_index("ix_audit_at", "audit")


def downgrade() -> None:
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_calls_started", "calls", ["started"])
    op.create_index("ix_calls_device_started", "calls", ["device", "started"])
