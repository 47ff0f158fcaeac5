"""The tables.  A change here needs a migration; a test compares the two.

Times are seconds since 1970 (UTC, with fractions): every database keeps and sorts them alike.
What a client or the PBX may word at length is Text, since PostgreSQL refuses a row over one long value.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    delete,
    false,
    select,
    true,
)
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Mapped, Session, mapped_column

# SQLite counts up by itself only what is called INTEGER.
_COUNTED = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """All tables."""


class LineFeatures(Base):
    """What a driver keeps for a line: forwarding, do not disturb, in the driver's own words."""

    __tablename__ = "line_features"

    number: Mapped[str] = mapped_column(String(64), primary_key=True)
    features: Mapped[dict[str, Any]] = mapped_column(JSON)


class User(Base):
    """Somebody who may log in; ``name`` is "alice@example.com", in lower case.

    ``sip_ha1_md5`` and ``sip_ha1_sha256``: hexadecimal, of "alice:example.com:password"; SIP's digest can be
    checked with nothing less.  NULL: the password was set when there was no SIP, and is not known.
    """

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    display_name: Mapped[str] = mapped_column(String(255))
    password_hash: Mapped[str] = mapped_column(String(255))
    sip_ha1_md5: Mapped[str | None] = mapped_column(String(32))
    sip_ha1_sha256: Mapped[str | None] = mapped_column(String(64))
    calendaring: Mapped[bool] = mapped_column(Boolean, server_default=false(), default=False)
    first_name: Mapped[str] = mapped_column(String(255), server_default="", default="")
    last_name: Mapped[str] = mapped_column(String(255), server_default="", default="")
    telephone_number: Mapped[str] = mapped_column(String(64), server_default="", default="")
    department: Mapped[str] = mapped_column(String(255), server_default="", default="")
    manager: Mapped[str] = mapped_column(String(255), server_default="", default="")
    locale: Mapped[str] = mapped_column(String(64), server_default="", default="")
    licensed_ups: Mapped[bool] = mapped_column(Boolean, server_default=true(), default=True)
    licensed_base: Mapped[bool] = mapped_column(Boolean, server_default=true(), default=True)
    licensed_im: Mapped[bool] = mapped_column(Boolean, server_default=true(), default=True)
    licensed_audio: Mapped[bool] = mapped_column(Boolean, server_default=true(), default=True)
    licensed_video: Mapped[bool] = mapped_column(Boolean, server_default=false(), default=False)


class Line(Base):
    """A line, and the user whose it is."""

    __tablename__ = "lines"

    number: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str | None] = mapped_column(ForeignKey("users.name", ondelete="SET NULL"), index=True)


class Application(Base):
    """A program that may log in."""

    __tablename__ = "applications"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(255))


class ApplicationRight(Base):
    """An application may "monitor" or "control" (``kind``) the lines of a pattern, act for the "users" of
    one, or "administer", which has none.
    """

    __tablename__ = "application_rights"

    application: Mapped[str] = mapped_column(
        ForeignKey("applications.name", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    pattern: Mapped[str] = mapped_column(String(255), primary_key=True)


class GroupRow(Base):
    """A group of contacts; everybody has one with an empty name.

    ``position`` here and in contacts: ten-billionths, so that it is exact and in order in every database.
    """

    __tablename__ = "contact_groups"
    __table_args__ = (UniqueConstraint("owner", "name", name="uq_contact_groups_owner_name"),)

    id: Mapped[int] = mapped_column(_COUNTED, primary_key=True)
    owner: Mapped[str] = mapped_column(ForeignKey("users.name", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    position: Mapped[int] = mapped_column(BigInteger)


class ContactRow(Base):
    """Somebody in a group.  ``member`` need not be a user: there are contacts at other servers."""

    __tablename__ = "contacts"

    group_id: Mapped[int] = mapped_column(
        ForeignKey("contact_groups.id", ondelete="CASCADE"), primary_key=True
    )
    member: Mapped[str] = mapped_column(String(255), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(BigInteger)
    nickname: Mapped[str] = mapped_column(String(255))
    display_on_phone: Mapped[bool] = mapped_column(Boolean)


class RuleRow(Base):
    """A presence rule, as JSON without its list of watchers; ``has_acl``: there is one, maybe empty."""

    __tablename__ = "presence_rules"

    owner: Mapped[str] = mapped_column(ForeignKey("users.name", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    has_acl: Mapped[bool] = mapped_column(Boolean)
    rule: Mapped[str] = mapped_column(Text)


class AclRow(Base):
    """A watcher in the list of a presence rule."""

    __tablename__ = "acl_entries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["owner", "rule"],
            ["presence_rules.owner", "presence_rules.name"],
            name="fk_acl_entries_presence_rules",
            ondelete="CASCADE",
        ),
    )

    owner: Mapped[str] = mapped_column(String(255), primary_key=True)
    rule: Mapped[str] = mapped_column(String(255), primary_key=True)
    watcher: Mapped[str] = mapped_column(String(255), primary_key=True, index=True)


class RecentRow(Base):
    """A communication that a client remembers: ``timestamp`` as it wrote it, ``at`` what that means."""

    __tablename__ = "recent_communications"

    id: Mapped[int] = mapped_column(_COUNTED, primary_key=True)
    owner: Mapped[str] = mapped_column(ForeignKey("users.name", ondelete="CASCADE"), index=True)
    at: Mapped[float] = mapped_column(Double)
    timestamp: Mapped[str] = mapped_column(String(64))
    type: Mapped[str] = mapped_column(String(64))
    data: Mapped[str] = mapped_column(Text)


class LongTermRow(Base):
    """What a user's presence is until they say otherwise: a PIDF document."""

    __tablename__ = "long_term_status"

    owner: Mapped[str] = mapped_column(ForeignKey("users.name", ondelete="CASCADE"), primary_key=True)
    published: Mapped[float] = mapped_column(Double)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class PropertyRow(Base):
    """A setting of a user's client; others may read it if it ``is_public``."""

    __tablename__ = "user_properties"

    owner: Mapped[str] = mapped_column(ForeignKey("users.name", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    is_public: Mapped[bool] = mapped_column(Boolean)


class SystemRow(Base):
    """A setting of the site that is told to clients."""

    __tablename__ = "system_settings"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class UserSystemRow(Base):
    """What a user has in the place of the site's setting."""

    __tablename__ = "user_system_settings"

    owner: Mapped[str] = mapped_column(ForeignKey("users.name", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class DialRuleRow(Base):
    """How a client makes a number another one; see `directory.journal.DialRuleItem`."""

    __tablename__ = "dial_rules"

    type: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    description: Mapped[str] = mapped_column(String(255))
    priority: Mapped[int] = mapped_column(Integer)
    number_begins_with: Mapped[str] = mapped_column(String(64))
    number_of_digits: Mapped[int] = mapped_column(Integer)
    digits_to_be_removed: Mapped[int] = mapped_column(Integer)
    prefix: Mapped[str] = mapped_column(String(64))


class PublicationRow(Base):
    """Event state that somebody published.  Whose it is need not be a user: a domain may be open.

    Found by its own name alone: its entity-tag is another one after each change, and an index of them would
    cost as much as the rows.
    """

    __tablename__ = "publications"

    publication: Mapped[str] = mapped_column(String(64), primary_key=True)
    presentity: Mapped[str] = mapped_column(String(255))
    etag: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(255))
    expires: Mapped[float] = mapped_column(Double)
    published: Mapped[float] = mapped_column(Double)
    sequence: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class BindingRow(Base):
    """Where an address of record is registered; ``data`` is the registrar's."""

    __tablename__ = "bindings"

    aor: Mapped[str] = mapped_column(String(255), primary_key=True)
    contact: Mapped[str] = mapped_column(String(1024), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
    expires: Mapped[float] = mapped_column(Double)


class MessageRow(Base):
    """A message for somebody who was not there."""

    __tablename__ = "stored_messages"

    id: Mapped[int] = mapped_column(_COUNTED, primary_key=True)
    recipient: Mapped[str] = mapped_column(String(255), index=True)
    sender: Mapped[str] = mapped_column(Text)
    content_type: Mapped[str] = mapped_column(Text)
    at: Mapped[float] = mapped_column(Double)
    expires: Mapped[float] = mapped_column(Double)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class ChangeRow(Base):
    """A change of the directory; ``old`` and ``new`` as JSON, NULL for what there was not or is no more.

    A number is never given twice, or who has read up to it would miss a change.
    """

    __tablename__ = "directory_changes"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(_COUNTED, primary_key=True)
    at: Mapped[float] = mapped_column(Double)
    kind: Mapped[str] = mapped_column(String(32))
    person: Mapped[str] = mapped_column(String(255))
    old: Mapped[str | None] = mapped_column(Text)
    new: Mapped[str | None] = mapped_column(Text)


class CallRow(Base):
    """One party's share in one call; ``device`` is the party's line.

    Without an index, as the audit: to keep one by time would cost more than the rows themselves.
    """

    __tablename__ = "calls"

    id: Mapped[int] = mapped_column(_COUNTED, primary_key=True)
    call_id: Mapped[str] = mapped_column(Text)
    device: Mapped[str] = mapped_column(Text)
    calling: Mapped[str | None] = mapped_column(Text)
    called: Mapped[str | None] = mapped_column(Text)
    started: Mapped[float] = mapped_column(Double)
    answered: Mapped[float | None] = mapped_column(Double)
    ended: Mapped[float | None] = mapped_column(Double)
    cause: Mapped[str | None] = mapped_column(Text)


class AuditRow(Base):
    """One request, who made it, and what came of it."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(_COUNTED, primary_key=True)
    at: Mapped[float] = mapped_column(Double)
    who: Mapped[str] = mapped_column(Text)
    on_behalf_of: Mapped[str | None] = mapped_column(Text)
    request: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    target: Mapped[str | None] = mapped_column(Text)


def remove_oldest(
    session: Session,
    row: type[CallRow | AuditRow | ChangeRow],
    moment: InstrumentedAttribute[float],
    before: float,
    most: int,
) -> int:
    """Remove the first ``most`` rows of a log whose ``moment`` lies ``before`` that time; how many there are.

    Rows come when what they tell is over, so those are the oldest, nearly.  While there are enough of them
    they are found at once; when there are not, once a day, all rows are looked at: a second for some
    millions.
    """
    found = session.scalars(select(row.id).where(moment < before).order_by(row.id).limit(most)).all()
    session.execute(delete(row).where(row.id.in_(found)))
    return len(found)
