"""The features of lines, kept for drivers without a memory of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.store.database import Database
from ctigw.store.tables import LineFeatures


def all_features(session: Session) -> dict[str, dict[str, Any]]:
    """What is kept, by line number."""
    return {row.number: row.features for row in session.scalars(select(LineFeatures))}


def keep_features(session: Session, number: str, features: Mapping[str, Any]) -> None:
    """Replace what is kept for one line."""
    session.merge(LineFeatures(number=number, features=dict(features)))


class LineMemory:
    """`Memory` (see the driver seam) in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def saved(self) -> Mapping[str, Mapping[str, Any]]:
        """What was saved.  Blocks; drivers ask once, at start."""
        return self._database.run_now(all_features)

    async def save(self, line: str, features: Mapping[str, Any]) -> None:
        """Keep ``features``; returns when they are committed."""
        await self._database.run(keep_features, line, features)
