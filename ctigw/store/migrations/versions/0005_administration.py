"""What administrators set: more of a user, the site's settings, dialling rules, rights to act for users."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_NAME = sa.String(255)
TEXTS = {
    "first_name": 255,
    "last_name": 255,
    "telephone_number": 64,
    "department": 255,
    "manager": 255,
    "locale": 64,
}
FEATURES = {"ups": True, "base": True, "im": True, "audio": True, "video": False}


def upgrade() -> None:
    for name, longest in TEXTS.items():
        op.add_column("users", sa.Column(name, sa.String(longest), nullable=False, server_default=""))
    for name, enabled in FEATURES.items():
        default = sa.true() if enabled else sa.false()
        op.add_column(
            "users", sa.Column(f"licensed_{name}", sa.Boolean(), nullable=False, server_default=default)
        )
    op.create_table(
        "system_settings",
        sa.Column("name", _NAME, primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )
    op.create_table(
        "user_system_settings",
        sa.Column(
            "owner", _NAME, sa.ForeignKey("users.name", ondelete="CASCADE"), primary_key=True, nullable=False
        ),
        sa.Column("name", _NAME, primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )
    op.create_table(
        "dial_rules",
        sa.Column("type", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("name", _NAME, primary_key=True),
        sa.Column("description", _NAME, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("number_begins_with", sa.String(64), nullable=False),
        sa.Column("number_of_digits", sa.Integer(), nullable=False),
        sa.Column("digits_to_be_removed", sa.Integer(), nullable=False),
        sa.Column("prefix", sa.String(64), nullable=False),
    )
    _patterns(160, 255)


def downgrade() -> None:
    # What no older program knows; it would grant a right to lines for each.
    op.execute("DELETE FROM application_rights WHERE kind NOT IN ('monitor', 'control')")
    _patterns(255, 160)
    for table in ("dial_rules", "user_system_settings", "system_settings"):
        op.drop_table(table)
    for name in (*(f"licensed_{name}" for name in FEATURES), *TEXTS):
        op.drop_column("users", name)


def _patterns(before: int, after: int) -> None:
    """A pattern of users is as long as a user's name.  SQLite changes a column in a new table only."""
    with op.batch_alter_table("application_rights") as table:
        table.alter_column(
            "pattern",
            existing_type=sa.String(before),
            type_=sa.String(after),
            existing_nullable=False,
        )
