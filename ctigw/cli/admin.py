"""The commands for the gateway's database: whose the lines are, which programs may log in, what was done."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ctigw.cli.passwords import given_password, stdin_option
from ctigw.cli.stored import at, database, in_directory, stored, table

if TYPE_CHECKING:  # slow to import, for every command
    from sqlalchemy.orm import Session

    from ctigw.directory.applications import Kind

_WORDS = {"monitor": "monitor", "control": "control", "users": "act for", "administer": "administer"}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

limit_option = click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="Not more than these."
)
device_option = click.option("--device", help="This line only.")
since_option = click.option(
    "--since",
    callback=lambda _context, _option, text: text and _since(text, time.time()),
    help="Not older than: 90s, 30m, 2h, 7d, or a local date such as 2026-03-01 or 2026-03-01T09:30.",
)
kind_argument = click.argument("kind", type=click.Choice(["monitor", "control", "users", "administer"]))
patterns_argument = click.argument("patterns", nargs=-1)


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

    password = given_password(password_stdin)
    in_directory(file, data, lambda session: applications.add(session, name, password))
    click.echo(f"application {name} added")


@app.command("list")
@stored
def app_list(file: Path | None, data: Path) -> None:
    """List the applications and their rights."""
    from ctigw.directory import applications

    found = in_directory(file, data, applications.applications, make=False)
    rows = (
        (
            a.name,
            " ".join(a.monitor),
            " ".join(a.control),
            " ".join(a.users),
            "yes" if a.administers else "",
        )
        for a in found
    )
    table(("NAME", "MONITORS", "CONTROLS", "ACTS FOR", "ADMINISTERS"), rows)


@app.command("grant")
@click.argument("name")
@kind_argument
@patterns_argument
@stored
def app_grant(name: str, kind: Kind, patterns: Sequence[str], file: Path | None, data: Path) -> None:
    """Let NAME do something.

    \b
    monitor     watch the lines of PATTERNS: 2001, "20*", 2001-2005 or "*"
    control     make and end calls of the lines of PATTERNS
    users       act for the users of PATTERNS without their passwords: alice@example.com, "*@example.com"
    administer  change everybody's settings (without PATTERNS)
    """
    from ctigw.directory import applications

    def grant(session: Session) -> None:
        for pattern in patterns or _without(kind):
            applications.grant(session, name, kind, pattern)

    in_directory(file, data, grant)
    click.echo(" ".join((name, "may", _WORDS[kind], *patterns)))


@app.command("revoke")
@click.argument("name")
@kind_argument
@patterns_argument
@stored
def app_revoke(name: str, kind: Kind, patterns: Sequence[str], file: Path | None, data: Path) -> None:
    """Take back what NAME was granted in the same words."""
    from ctigw.directory import applications

    def revoke(session: Session) -> None:
        for pattern in patterns or _without(kind):
            applications.revoke(session, name, kind, pattern)

    in_directory(file, data, revoke)
    click.echo(" ".join((name, "was granted to", _WORDS[kind], *patterns)) + ", and is no longer")


@app.command("password")
@click.argument("name")
@stdin_option
@stored
def app_password(name: str, password_stdin: bool, file: Path | None, data: Path) -> None:
    """Set the password of the application NAME."""
    from ctigw.directory import applications

    password = given_password(password_stdin)
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


def _without(kind: Kind) -> tuple[str]:
    """The pattern of a right that is granted without one."""
    if kind != "administer":
        raise click.UsageError("PATTERNS are missing")
    return ("",)


def _since(text: str, now: float) -> float:
    """The time that ``text`` means, in seconds since 1970."""
    if found := re.fullmatch(r"([0-9]{1,9})([smhd])", text):
        return now - int(found[1]) * UNITS[found[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(f"{text!r} is neither 90s, 30m, 2h or 7d nor a date") from None


COMMANDS: tuple[click.Command, ...] = (line, app, calls, audit, db)
