"""The call log without its index by device.

Every call had to write to two places of that index, all over it: half of what the log cost.  Only a person
who asks for one line's calls used it; that now looks back through the index by time, some seconds for the
calls of a whole year.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.drop_index("ix_calls_device_started", "calls")


def downgrade() -> None:
    op.create_index("ix_calls_device_started", "calls", ["device", "started"])
