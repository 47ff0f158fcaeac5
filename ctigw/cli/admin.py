"""The commands for the gateway's database: who may log in, whose the lines are, what was done."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ctigw.cli.running import ask_password
from ctigw.cli.stored import at, database, in_directory, stored, table

if TYPE_CHECKING:  # slow to import, for every command
    from sqlalchemy.orm import Session


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


@click.group()
def user() -> None:
    """Those who may log in."""


@user.command("add")
@click.argument("name")
@click.option("--display", default="", help="The name that is shown.")
@stdin_option
@stored
def user_add(name: str, display: str, password_stdin: bool, file: Path | None, data: Path) -> None:
    """Add the user NAME, such as alice@example.com."""
    from ctigw.directory import users

    password = _password(password_stdin)
    in_directory(file, data, lambda session: users.add(session, name, password, display))
    click.echo(f"user {name} added")


@user.command("list")
@stored
def user_list(file: Path | None, data: Path) -> None:
    """List the users and their lines."""
    from ctigw.directory import users

    found = in_directory(file, data, users.users, make=False)
    table(("NAME", "SHOWN AS", "LINES"), ((u.name, u.display_name, " ".join(u.lines)) for u in found))


@user.command("remove")
@click.argument("name")
@stored
def user_remove(name: str, file: Path | None, data: Path) -> None:
    """Remove the user NAME; their lines stay."""
    from ctigw.directory import users

    in_directory(file, data, lambda session: users.remove(session, name))
    click.echo(f"user {name} removed")


@user.command("password")
@click.argument("name")
@stdin_option
@stored
def user_password(name: str, password_stdin: bool, file: Path | None, data: Path) -> None:
    """Set the password of the user NAME."""
    from ctigw.directory import users

    password = _password(password_stdin)
    in_directory(file, data, lambda session: users.set_password(session, name, password))
    click.echo(f"password of {name} set")


@user.command("display")
@click.argument("name")
@click.argument("display")
@stored
def user_display(name: str, display: str, file: Path | None, data: Path) -> None:
    """Show the user NAME as DISPLAY."""
    from ctigw.directory import users

    in_directory(file, data, lambda session: users.set_display_name(session, name, display))
    click.echo(f"user {name} is shown as {display}")


@click.group()
def line() -> None:
    """The lines, and whose they are."""


@line.command("add")
@click.argument("number")
@click.option("--owner", help="The user whose it is.")
@stored
def line_add(number: str, owner: str | None, file: Path | None, data: Path) -> None:
    """Add the line NUMBER."""
    from ctigw.directory import lines

    in_directory(file, data, lambda session: lines.add(session, number, owner))
    click.echo(f"line {number} added")


@line.command("list")
@stored
def line_list(file: Path | None, data: Path) -> None:
    """List the lines and their owners."""
    from ctigw.directory import lines

    table(
        ("NUMBER", "OWNER"), ((x.number, x.owner) for x in in_directory(file, data, lines.lines, make=False))
    )


@line.command("assign")
@click.argument("number")
@click.argument("owner", required=False)
@stored
def line_assign(number: str, owner: str | None, file: Path | None, data: Path) -> None:
    """Give the line NUMBER to the user OWNER, or without OWNER to nobody."""
    from ctigw.directory import lines

    in_directory(file, data, lambda session: lines.assign(session, number, owner))
    click.echo(f"line {number} is {owner or 'nobody'}'s")


@line.command("remove")
@click.argument("number")
@stored
def line_remove(number: str, file: Path | None, data: Path) -> None:
    """Remove the line NUMBER."""
    from ctigw.directory import lines

    in_directory(file, data, lambda session: lines.remove(session, number))
    click.echo(f"line {number} removed")


@click.group()
def app() -> None:
    """The applications that may log in, and their rights."""


@app.command("add")
@click.argument("name")
@stdin_option
@stored
def app_add(name: str, password_stdin: bool, file: Path | None, data: Path) -> None:
    """Add the application NAME."""
    from ctigw.directory import applications

    password = _password(password_stdin)
    in_directory(file, data, lambda session: applications.add(session, name, password))
    click.echo(f"application {name} added")


@app.command("list")
@stored
def app_list(file: Path | None, data: Path) -> None:
    """List the applications and their rights."""
    from ctigw.directory import applications

    found = in_directory(file, data, applications.applications, make=False)
    rows = ((a.name, " ".join(a.monitor), " ".join(a.control)) for a in found)
    table(("NAME", "MONITORS", "CONTROLS"), rows)


@app.command("grant")
@click.argument("name")
@kind_argument
@click.argument("patterns", nargs=-1, required=True)
@stored
def app_grant(
    name: str, kind: Literal["monitor", "control"], patterns: Sequence[str], file: Path | None, data: Path
) -> None:
    """Let NAME monitor or control the lines of PATTERNS: 2001, "20*", 2001-2005 or "*"."""
    from ctigw.directory import applications

    def grant(session: Session) -> None:
        for pattern in patterns:
            applications.grant(session, name, kind, pattern)

    in_directory(file, data, grant)
    click.echo(f"{name} may {kind} {' '.join(patterns)}")


@app.command("revoke")
@click.argument("name")
@kind_argument
@click.argument("patterns", nargs=-1, required=True)
@stored
def app_revoke(
    name: str, kind: Literal["monitor", "control"], patterns: Sequence[str], file: Path | None, data: Path
) -> None:
    """Take back what NAME was granted in the same words."""
    from ctigw.directory import applications

    def revoke(session: Session) -> None:
        for pattern in patterns:
            applications.revoke(session, name, kind, pattern)

    in_directory(file, data, revoke)
    click.echo(f"{name} was granted {kind} {' '.join(patterns)}, and is no longer")


@app.command("password")
@click.argument("name")
@stdin_option
@stored
def app_password(name: str, password_stdin: bool, file: Path | None, data: Path) -> None:
    """Set the password of the application NAME."""
    from ctigw.directory import applications

    password = _password(password_stdin)
    in_directory(file, data, lambda session: applications.set_password(session, name, password))
    click.echo(f"password of {name} set")


@app.command("remove")
@click.argument("name")
@stored
def app_remove(name: str, file: Path | None, data: Path) -> None:
    """Remove the application NAME and its rights."""
    from ctigw.directory import applications

    in_directory(file, data, lambda session: applications.remove(session, name))
    click.echo(f"application {name} removed")


@click.command()
@device_option
@since_option
@limit_option
@stored
def calls(device: str | None, since: float | None, limit: int, file: Path | None, data: Path) -> None:
    """Show the call log, what ended last first: a row for each party of a call."""
    from ctigw.store import call_log

    found = in_directory(
        file,
        data,
        lambda session: call_log.calls(session, device=device, since=since, limit=limit),
        make=False,
    )
    table(
        ("STARTED", "CALL", "LINE", "CALLING", "CALLED", "ANSWERED", "ENDED", "CAUSE"),
        (
            (at(x.started), x.call_id, x.device, x.calling, x.called, at(x.answered), at(x.ended), x.cause)
            for x in found
        ),
    )


@click.command()
@click.option("--who", help="By this user or application only.")
@device_option
@since_option
@limit_option
@stored
def audit(
    *, who: str | None, device: str | None, since: float | None, limit: int, file: Path | None, data: Path
) -> None:
    """Show who asked for what, newest first."""
    from ctigw.store import audit

    found = in_directory(
        file,
        data,
        lambda session: audit.entries(session, who=who, device=device, since=since, limit=limit),
        make=False,
    )
    table(
        ("AT", "WHO", "ON BEHALF OF", "REQUEST", "OUTCOME", "TARGET"),
        ((at(x.at), x.who, x.on_behalf_of, x.request, x.outcome, x.target) for x in found),
    )


@click.group()
def db() -> None:
    """The database itself."""


@db.command("upgrade")
@stored
def db_upgrade(file: Path | None, data: Path) -> None:
    """Bring the tables up to date, as a gateway does when it starts."""
    with database(file, data) as opened:
        before = opened.revision()
        opened.migrate()
        after = opened.revision()
    click.echo(f"at {after} already" if after == before else f"from {before or 'nothing'} to {after}")


@db.command("revision")
@stored
def db_revision(file: Path | None, data: Path) -> None:
    """Say which revision the tables are at, and which one this program needs."""
    from ctigw.store.database import HEAD

    with database(file, data, make=False) as opened:
        click.echo(f"at {opened.revision() or 'nothing'}, needs {HEAD}")


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


COMMANDS: tuple[click.Command, ...] = (user, line, app, calls, audit, db)
