"""Migrations of the database, one module each in ``versions/`` (alembic)."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def settings() -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(connection: Connection, revision: str) -> None:
    """Bring the tables behind ``connection`` to ``revision``."""
    config = settings()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
