"""The tables.  A change here needs a migration; a test compares the two."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All tables."""


class LineFeatures(Base):
    """What a driver keeps for a line: forwarding, do not disturb, in the driver's own words."""

    __tablename__ = "line_features"

    number: Mapped[str] = mapped_column(String(64), primary_key=True)
    features: Mapped[dict[str, Any]] = mapped_column(JSON)
