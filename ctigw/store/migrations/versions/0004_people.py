"""What belongs to people: contacts, presence rules, properties; what they publish, register and are sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NAME = sa.String(255)
TABLES = (
    *("directory_changes", "stored_messages", "bindings", "publications", "user_properties"),
    *(
        "long_term_status",
        "recent_communications",
        "acl_entries",
        "presence_rules",
        "contacts",
        "contact_groups",
    ),
)


def upgrade() -> None:
    op.add_column("users", sa.Column("sip_ha1_md5", sa.String(32)))
    op.add_column("users", sa.Column("sip_ha1_sha256", sa.String(64)))
    op.add_column("users", sa.Column("calendaring", sa.Boolean(), nullable=False, server_default=sa.false()))
    _contacts()
    _rules()
    _of_users()
    _of_addresses()
    op.create_table(
        "directory_changes",
        sa.Column("id", _COUNTED, primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("person", _NAME, nullable=False),
        sa.Column("old", sa.Text()),
        sa.Column("new", sa.Text()),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    for column in ("calendaring", "sip_ha1_sha256", "sip_ha1_md5"):
        op.drop_column("users", column)


def _owner(*, primary_key: bool = False) -> sa.Column[str]:
    to_users = sa.ForeignKey("users.name", ondelete="CASCADE")
    return sa.Column("owner", _NAME, to_users, primary_key=primary_key, nullable=False)


def _contacts() -> None:
    op.create_table(
        "contact_groups",
        sa.Column("id", _COUNTED, primary_key=True),
        _owner(),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("owner", "name", name="uq_contact_groups_owner_name"),
    )
    # Everybody has a group without a name from the start.
    op.execute("INSERT INTO contact_groups (owner, name, position) SELECT name, '', 0 FROM users")
    op.create_table(
        "contacts",
        sa.Column(
            "group_id",
            _COUNTED,
            sa.ForeignKey("contact_groups.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("member", _NAME, primary_key=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("nickname", _NAME, nullable=False),
        sa.Column("display_on_phone", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_contacts_member", "contacts", ["member"])


def _rules() -> None:
    op.create_table(
        "presence_rules",
        _owner(primary_key=True),
        sa.Column("name", _NAME, primary_key=True),
        sa.Column("has_acl", sa.Boolean(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
    )
    op.create_table(
        "acl_entries",
        sa.Column("owner", _NAME, primary_key=True),
        sa.Column("rule", _NAME, primary_key=True),
        sa.Column("watcher", _NAME, primary_key=True),
        sa.ForeignKeyConstraint(
            ["owner", "rule"],
            ["presence_rules.owner", "presence_rules.name"],
            name="fk_acl_entries_presence_rules",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_acl_entries_watcher", "acl_entries", ["watcher"])


def _of_users() -> None:
    op.create_table(
        "recent_communications",
        sa.Column("id", _COUNTED, primary_key=True),
        _owner(),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("timestamp", sa.String(64), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
    )
    op.create_index("ix_recent_communications_owner", "recent_communications", ["owner"])
    op.create_table(
        "long_term_status",
        _owner(primary_key=True),
        sa.Column("published", sa.Double(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "user_properties",
        _owner(primary_key=True),
        sa.Column("name", _NAME, primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
    )


def _of_addresses() -> None:
    op.create_table(
        "publications",
        sa.Column("publication", sa.String(64), primary_key=True),
        sa.Column("presentity", _NAME, nullable=False),
        sa.Column("etag", sa.String(64), nullable=False),
        sa.Column("source", _NAME, nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.Column("published", sa.Double(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "bindings",
        sa.Column("aor", _NAME, primary_key=True),
        sa.Column("contact", sa.String(1024), primary_key=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
    )
    op.create_table(
        "stored_messages",
        sa.Column("id", _COUNTED, primary_key=True),
        sa.Column("recipient", _NAME, nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_stored_messages_recipient", "stored_messages", ["recipient"])
