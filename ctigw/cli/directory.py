"""The commands that take the directory elsewhere and bring it back."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from ctigw.cli.running import REFUSED, UNUSABLE, fail
from ctigw.cli.stored import in_directory, stored

if TYPE_CHECKING:  # slow to import, for every command
    from sqlalchemy.orm import Session

    from ctigw.directory.exchange import Document
    from ctigw.directory.journal import Change

T = TypeVar("T")
# Names of people that are printed, and changes that are looked at for them.
SHOWN, MOST = 10, 1_000_000
file_argument = click.argument("target", metavar="FILE", type=click.Path(dir_okay=False))


@click.group()
def directory() -> None:
    """The whole directory as a file, to keep, to change, or to take to another gateway.

    FILE may be -, which is standard output or input.
    """


@directory.command("export")
@file_argument
@click.option(
    "--with-passwords",
    is_flag=True,
    help="Also what is kept of passwords: who has the file can try them, and log in by SIP.",
)
@stored
def directory_export(target: str, with_passwords: bool, file: Path | None, data: Path) -> None:
    """Write everything in the directory to FILE (TOML), which only you can read.

    Users, lines, contacts, rules, properties, long-term status, applications, dialling rules and settings;
    not what clients remember of calls.
    """
    from ctigw.directory import exchange, exporting

    document = in_directory(
        file, data, lambda session: exporting.export(session, with_passwords=with_passwords), make=False
    )
    _write(target, exchange.write(document))
    click.echo(f"{len(document.user)} users and {len(document.application)} applications exported", err=True)


@directory.command("import")
@file_argument
@stored
def directory_import(target: str, file: Path | None, data: Path) -> None:
    """Bring the directory to what FILE says.

    All of it or nothing.  Who and what is not in it stays; of a user who is, what is said is all there is.
    A running gateway cannot keep anything meanwhile: for each new user with many contacts some 15 ms.
    """
    from ctigw.directory import exchange, importing
    from ctigw.directory.errors import DirectoryError

    text = _read(target)
    try:
        document = exchange.read(text)
        _check_statuses(document)
    except DirectoryError as error:
        fail(f"{target}: {error}", REFUSED)
    done, changes = in_directory(
        file, data, _noting(lambda session: importing.take(session, document, time.time()))
    )
    _say_new(done.users, "users")
    _say_new(done.applications, "applications")
    _say_changed(changes, done.users)
    if done.locked:
        click.echo(f"without a password, and cannot log in: {_some(done.locked)}", err=True)


@directory.command("export-users")
@file_argument
@stored
def directory_export_users(target: str, file: Path | None, data: Path) -> None:
    """Write the table of users to FILE (CSV), without passwords."""
    from ctigw.directory import people_csv

    _write(target, in_directory(file, data, people_csv.write, make=False))


@directory.command("import-users")
@file_argument
@stored
def directory_import_users(target: str, file: Path | None, data: Path) -> None:
    """Add and change the users in FILE (CSV), all of them or nobody.

    Its first line names the columns: name, and if you like display name, lines (apart by blanks), first name,
    last name, department, telephone number, password.
    """
    from ctigw.directory import importing, people_csv
    from ctigw.directory.errors import DirectoryError

    text = _read(target)
    try:
        people = people_csv.read(text)
        known = in_directory(file, data, people_csv.hashes)
        passwords = people_csv.prepare(people, known)
    except DirectoryError as error:
        fail(f"{target}: {error}", REFUSED)
    new, changes = in_directory(
        file, data, _noting(lambda session: people_csv.take(session, people, passwords))
    )
    locked = in_directory(file, data, importing.locked)
    _say_new(new, "users")
    _say_changed(changes, new)
    if locked:
        click.echo(f"without a password, and cannot log in: {_some(locked)}", err=True)


def _check_statuses(document: Document) -> None:
    """That what users are for long can be told to others.  Raises `DirectoryError`."""
    from ctigw.directory import exchange
    from ctigw.directory.errors import DirectoryError
    from ctigw.presence import documents

    for name, body in exchange.statuses(document):
        try:
            documents.checked(body)
        except documents.NotPidfError as error:
            raise DirectoryError(f"user {name}: long_term_status: {error}") from None


def _noting(work: Callable[[Session], T]) -> Callable[[Session], tuple[T, list[Change]]]:
    """``work``, and what it has changed."""

    def noted(session: Session) -> tuple[T, list[Change]]:
        from ctigw.directory import journal

        before = journal.last(session)
        done = work(session)
        return done, journal.since(session, before, MOST)

    return noted


def _say_changed(changes: Sequence[Change], new: Sequence[str]) -> None:
    """Who else is not as before, and whose lines are somebody else's now."""
    from ctigw.directory.journal import Kind, LineItem

    others = dict.fromkeys(change.user for change in changes if change.user and change.user not in new)
    if others:
        click.echo(f"changed users: {_some(list(others))}")
    of = [change for change in changes if change.kind is Kind.LINE]
    given = {change.new.number for change in of if isinstance(change.new, LineItem)}
    lost = [(change.old.number, change.user) for change in of if isinstance(change.old, LineItem)]
    taken = [f"{number} ({owner})" for number, owner in lost if number in given]
    if taken:
        click.echo(f"lines that were somebody else's: {_some(taken)}")


def _say_new(those: Sequence[str], what: str) -> None:
    click.echo(f"new {what}: {_some(those) if those else 'none'}")


def _some(those: Sequence[str]) -> str:
    more = len(those) - SHOWN
    return " ".join(those[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _read(target: str) -> str:
    from ctigw.directory.exchange import LONGEST

    try:
        with click.open_file(target, "rb") as file:
            body: bytes = file.read(LONGEST + 1)
        if len(body) > LONGEST:
            fail(f"{target}: more than {LONGEST} bytes", REFUSED)
        return body.decode()
    except OSError as error:
        fail(f"{target}: {error.strerror}", UNUSABLE)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        fail(f"{target}: line {line}: this is not UTF-8", REFUSED)


def _write(target: str, text: str) -> None:
    """In the place of what is called so, and not before it is all there."""
    if target == "-":
        sys.stdout.write(text)
        return
    path = Path(target)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            part.replace(path)
        except BaseException:
            part.unlink()
            raise
    except OSError as error:
        fail(f"{target}: {error.strerror}", UNUSABLE)


COMMANDS: tuple[click.Command, ...] = (directory,)
