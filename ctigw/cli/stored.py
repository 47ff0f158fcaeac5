"""What the commands for the gateway's database share.

They work beside a running gateway.  What the directory refuses ends with status 1, and a configuration or
database that cannot be used with 2; either is told in one line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ctigw.cli.columns import columns
from ctigw.cli.running import REFUSED, UNUSABLE, fail
from ctigw.cli.serve import config_option, data_option

if TYPE_CHECKING:  # slow to import, for every command
    from sqlalchemy.orm import Session

    from ctigw.store.database import Database

T = TypeVar("T")
_Command = TypeVar("_Command", bound=Callable[..., Any])


def stored(command: _Command) -> _Command:
    """The options that say which database."""
    return config_option(data_option(command))


def in_directory(file: Path | None, data: Path, work: Callable[[Session], T], *, make: bool = True) -> T:
    """``work`` in one transaction, in a database that is up to date; what goes wrong ends the command.

    ``make``: where there is no database yet.
    """
    from ctigw.directory.errors import DirectoryError

    with database(file, data, make=make) as opened:
        opened.migrate()
        try:
            return opened.run_now(work)
        except DirectoryError as error:
            fail(str(error), REFUSED)


@contextlib.contextmanager
def database(file: Path | None, data: Path, *, make: bool = True) -> Iterator[Database]:
    from sqlalchemy.exc import SQLAlchemyError

    from ctigw.config import Config, ConfigError, load
    from ctigw.store.database import Database, DatabaseError, url_in

    where = "database"
    try:
        url = (load(file) if file else Config()).store.url
        if not url:
            where = str(url_in(data).database)
            if not (make or Path(where).exists()):  # an empty answer would say that there is nothing in it
                fail(f"{where}: there is no such database", UNUSABLE)
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
        opened = Database(url or url_in(data))
        try:
            yield opened
        finally:
            opened.close()
    except ConfigError as error:
        fail(str(error), UNUSABLE)
    except DatabaseError as error:
        fail(f"{where}: {error}", UNUSABLE)
    except SQLAlchemyError as error:
        fail(f"{where}: {' '.join(str(getattr(error, 'orig', None) or error).split())}", UNUSABLE)
    except OSError as error:
        fail(f"--data: {error}", UNUSABLE)


def at(moment: float | None) -> str:
    """Local time, for people."""
    return "" if moment is None else datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def table(heads: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """Print ``rows`` under ``heads``."""
    for row in columns((heads, *rows)):
        click.echo(row)
