"""The commands for the gateway's database: who may log in, whose the lines are, what was done.

They work beside a running gateway.  What the directory refuses ends with status 1, and a configuration or
database that cannot be used with 2; either is told in one line.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from ctigw.cli.running import REFUSED, UNUSABLE, ask_password, fail
from ctigw.cli.serve import config_option, data_option

if TYPE_CHECKING:  # slow to import, for every command
    from sqlalchemy.orm import Session

    from ctigw.store.database import Database

T = TypeVar("T")
_Command = TypeVar("_Command", bound=Callable[..., Any])
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

stdin_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of asking for it."
)
limit_option = click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="Not more than these."
)
device_option = click.option("--device", help="This line only.")
since_option = click.option(
    "--since",
    callback=lambda _context, _option, text: text and _since(text, time.time()),
    help="Not older than: 90s, 30m, 2h, 7d, or a local date such as 2026-03-01 or 2026-03-01T09:30.",
)
kind_argument = click.argument("kind", type=click.Choice(["monitor", "control"]))


def _stored(command: _Command) -> _Command:
    """The options that say which database."""
    return config_option(data_option(command))


@click.group()
def user() -> None:
    """Those who may log in."""


@user.command("add")
@click.argument("name")
@click.option("--display", default="", help="The name that is shown.")
@stdin_option
@_stored
def user_add(name: str, display: str, password_stdin: bool, file: Path | None, data: Path) -> None:
    """Add the user NAME, such as alice@example.com."""
    from ctigw.directory import users

    password = _password(password_stdin)
    _in_directory(file, data, lambda session: users.add(session, name, password, display))
    click.echo(f"user {name} added")


@user.command("list")
@_stored
def user_list(file: Path | None, data: Path) -> None:
    """List the users and their lines."""
    from ctigw.directory import users

    found = _in_directory(file, data, users.users, make=False)
    _table(("NAME", "SHOWN AS", "LINES"), ((u.name, u.display_name, " ".join(u.lines)) for u in found))


@user.command("remove")
@click.argument("name")
@_stored
def user_remove(name: str, file: Path | None, data: Path) -> None:
    """Remove the user NAME; their lines stay."""
    from ctigw.directory import users

    _in_directory(file, data, lambda session: users.remove(session, name))
    click.echo(f"user {name} removed")


@user.command("password")
@click.argument("name")
@stdin_option
@_stored
def user_password(name: str, password_stdin: bool, file: Path | None, data: Path) -> None:
    """Set the password of the user NAME."""
    from ctigw.directory import users

    password = _password(password_stdin)
    _in_directory(file, data, lambda session: users.set_password(session, name, password))
    click.echo(f"password of {name} set")


@user.command("display")
@click.argument("name")
@click.argument("display")
@_stored
def user_display(name: str, display: str, file: Path | None, data: Path) -> None:
    """Show the user NAME as DISPLAY."""
    from ctigw.directory import users

    _in_directory(file, data, lambda session: users.set_display_name(session, name, display))
    click.echo(f"user {name} is shown as {display}")


@click.group()
def line() -> None:
    """The lines, and whose they are."""


@line.command("add")
@click.argument("number")
@click.option("--owner", help="The user whose it is.")
@_stored
def line_add(number: str, owner: str | None, file: Path | None, data: Path) -> None:
    """Add the line NUMBER."""
    from ctigw.directory import lines

    _in_directory(file, data, lambda session: lines.add(session, number, owner))
    click.echo(f"line {number} added")


@line.command("list")
@_stored
def line_list(file: Path | None, data: Path) -> None:
    """List the lines and their owners."""
    from ctigw.directory import lines

    _table(
        ("NUMBER", "OWNER"), ((x.number, x.owner) for x in _in_directory(file, data, lines.lines, make=False))
    )


@line.command("assign")
@click.argument("number")
@click.argument("owner", required=False)
@_stored
def line_assign(number: str, owner: str | None, file: Path | None, data: Path) -> None:
    """Give the line NUMBER to the user OWNER, or without OWNER to nobody."""
    from ctigw.directory import lines

    _in_directory(file, data, lambda session: lines.assign(session, number, owner))
    click.echo(f"line {number} is {owner or 'nobody'}'s")


@line.command("remove")
@click.argument("number")
@_stored
def line_remove(number: str, file: Path | None, data: Path) -> None:
    """Remove the line NUMBER."""
    from ctigw.directory import lines

    _in_directory(file, data, lambda session: lines.remove(session, number))
    click.echo(f"line {number} removed")


@click.group()
def app() -> None:
    """The applications that may log in, and their rights."""


@app.command("add")
@click.argument("name")
@stdin_option
@_stored
def app_add(name: str, password_stdin: bool, file: Path | None, data: Path) -> None:
    """Add the application NAME."""
    from ctigw.directory import applications

    password = _password(password_stdin)
    _in_directory(file, data, lambda session: applications.add(session, name, password))
    click.echo(f"application {name} added")


@app.command("list")
@_stored
def app_list(file: Path | None, data: Path) -> None:
    """List the applications and their rights."""
    from ctigw.directory import applications

    found = _in_directory(file, data, applications.applications, make=False)
    rows = ((a.name, " ".join(a.monitor), " ".join(a.control)) for a in found)
    _table(("NAME", "MONITORS", "CONTROLS"), rows)


@app.command("grant")
@click.argument("name")
@kind_argument
@click.argument("patterns", nargs=-1, required=True)
@_stored
def app_grant(
    name: str, kind: Literal["monitor", "control"], patterns: Sequence[str], file: Path | None, data: Path
) -> None:
    """Let NAME monitor or control the lines of PATTERNS: 2001, "20*", 2001-2005 or "*"."""
    from ctigw.directory import applications

    def grant(session: Session) -> None:
        for pattern in patterns:
            applications.grant(session, name, kind, pattern)

    _in_directory(file, data, grant)
    click.echo(f"{name} may {kind} {' '.join(patterns)}")


@app.command("revoke")
@click.argument("name")
@kind_argument
@click.argument("patterns", nargs=-1, required=True)
@_stored
def app_revoke(
    name: str, kind: Literal["monitor", "control"], patterns: Sequence[str], file: Path | None, data: Path
) -> None:
    """Take back what NAME was granted in the same words."""
    from ctigw.directory import applications

    def revoke(session: Session) -> None:
        for pattern in patterns:
            applications.revoke(session, name, kind, pattern)

    _in_directory(file, data, revoke)
    click.echo(f"{name} was granted {kind} {' '.join(patterns)}, and is no longer")


@app.command("password")
@click.argument("name")
@stdin_option
@_stored
def app_password(name: str, password_stdin: bool, file: Path | None, data: Path) -> None:
    """Set the password of the application NAME."""
    from ctigw.directory import applications

    password = _password(password_stdin)
    _in_directory(file, data, lambda session: applications.set_password(session, name, password))
    click.echo(f"password of {name} set")


@app.command("remove")
@click.argument("name")
@_stored
def app_remove(name: str, file: Path | None, data: Path) -> None:
    """Remove the application NAME and its rights."""
    from ctigw.directory import applications

    _in_directory(file, data, lambda session: applications.remove(session, name))
    click.echo(f"application {name} removed")


@click.command()
@device_option
@since_option
@limit_option
@_stored
def calls(device: str | None, since: float | None, limit: int, file: Path | None, data: Path) -> None:
    """Show the call log, what ended last first: a row for each party of a call."""
    from ctigw.store import call_log

    found = _in_directory(
        file,
        data,
        lambda session: call_log.calls(session, device=device, since=since, limit=limit),
        make=False,
    )
    _table(
        ("STARTED", "CALL", "LINE", "CALLING", "CALLED", "ANSWERED", "ENDED", "CAUSE"),
        (
            (_at(x.started), x.call_id, x.device, x.calling, x.called, _at(x.answered), _at(x.ended), x.cause)
            for x in found
        ),
    )


@click.command()
@click.option("--who", help="By this user or application only.")
@device_option
@since_option
@limit_option
@_stored
def audit(
    *, who: str | None, device: str | None, since: float | None, limit: int, file: Path | None, data: Path
) -> None:
    """Show who asked for what, newest first."""
    from ctigw.store import audit

    found = _in_directory(
        file,
        data,
        lambda session: audit.entries(session, who=who, device=device, since=since, limit=limit),
        make=False,
    )
    _table(
        ("AT", "WHO", "ON BEHALF OF", "REQUEST", "OUTCOME", "TARGET"),
        ((_at(x.at), x.who, x.on_behalf_of, x.request, x.outcome, x.target) for x in found),
    )


@click.group()
def db() -> None:
    """The database itself."""


@db.command("upgrade")
@_stored
def db_upgrade(file: Path | None, data: Path) -> None:
    """Bring the tables up to date, as a gateway does when it starts."""
    with _database(file, data) as database:
        before = database.revision()
        database.migrate()
        after = database.revision()
    click.echo(f"at {after} already" if after == before else f"from {before or 'nothing'} to {after}")


@db.command("revision")
@_stored
def db_revision(file: Path | None, data: Path) -> None:
    """Say which revision the tables are at, and which one this program needs."""
    from ctigw.store.database import HEAD

    with _database(file, data, make=False) as database:
        click.echo(f"at {database.revision() or 'nothing'}, needs {HEAD}")


def _in_directory(file: Path | None, data: Path, work: Callable[[Session], T], *, make: bool = True) -> T:
    """``work`` in one transaction, in a database that is up to date; what goes wrong ends the command.

    ``make``: where there is no database yet.
    """
    from ctigw.directory.errors import DirectoryError

    with _database(file, data, make=make) as database:
        database.migrate()
        try:
            return database.run_now(work)
        except DirectoryError as error:
            fail(str(error), REFUSED)


@contextlib.contextmanager
def _database(file: Path | None, data: Path, *, make: bool = True) -> Iterator[Database]:
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
        database = Database(url or url_in(data))
        try:
            yield database
        finally:
            database.close()
    except ConfigError as error:
        fail(str(error), UNUSABLE)
    except DatabaseError as error:
        fail(f"{where}: {error}", UNUSABLE)
    except SQLAlchemyError as error:
        fail(f"{where}: {' '.join(str(getattr(error, 'orig', None) or error).split())}", UNUSABLE)
    except OSError as error:
        fail(f"--data: {error}", UNUSABLE)


def _password(from_stdin: bool) -> str:
    """Never an argument: those can be seen by everybody on the machine."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return ask_password("--password-stdin reads it", twice=True)


def _since(text: str, now: float) -> float:
    """The time that ``text`` means, in seconds since 1970."""
    if found := re.fullmatch(r"([0-9]{1,9})([smhd])", text):
        return now - int(found[1]) * UNITS[found[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(f"{text!r} is neither 90s, 30m, 2h or 7d nor a date") from None


def _at(moment: float | None) -> str:
    """Local time, for people."""
    return "" if moment is None else datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """Columns as wide as they need; an empty cell is a dash, so that columns can be told by programs."""
    cells = [heads, *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cell(text: str | None) -> str:
    """What clients wrote must not steer a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text or "") or "-"


COMMANDS: tuple[click.Command, ...] = (user, line, app, calls, audit, db)
