"""Users as a table (CSV), as spreadsheets and other systems' exports have them.

The first line names the columns: `COLUMNS`, of which only ``name`` has to be there, in any order.  A cell is
what is so from then on, also an empty one; but an empty display name, and an empty password, change nothing.
Lines are told apart by blanks.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session

from ctigw.directory import details, lines, names, users
from ctigw.directory.blame import at, quoted
from ctigw.directory.errors import DirectoryError
from ctigw.directory.passwords import Kept, keep, verify_password
from ctigw.store.tables import User

DETAILS = ("first_name", "last_name", "department", "telephone_number")
PASSWORD = "password"  # noqa: S105 - a column
COLUMNS = ("name", "display_name", "lines", *DETAILS, PASSWORD)
# What a column may be called as well.
_ALSO = {"telephone": "telephone_number", "display": "display_name", "user": "name"}
# Rows of one table.
MOST = 1_000_000


class Person(Struct, frozen=True):
    """A row: what its columns say, by name.  ``line``: where it stands in the file, from 1."""

    line: int
    name: str
    said: dict[str, str]


def read(text: str) -> list[Person]:
    """The people in a table.  Raises `DirectoryError`, which names the line."""
    people: list[Person] = []
    lines_of: dict[str, int] = {}
    columns: list[str] = []
    for line, row in _rows(text.removeprefix("\ufeff")):
        with at(f"line {line}"):
            if not columns:
                columns = _columns(row)
            elif any(row):
                person = _person(line, columns, row)
                _once(lines_of, person)
                people.append(person)
                if len(people) > MOST:
                    raise DirectoryError(f"more than {MOST} users")
    if not columns:
        raise DirectoryError("line 1: there are no names of columns")
    return people


def write(session: Session) -> str:
    """The table of all users, without passwords."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS[:-1])
    for user, known in users.search(session, "", "", sys.maxsize):
        said = (getattr(known, field) for field in DETAILS)
        writer.writerow((user.name, user.display_name, " ".join(user.lines), *said))
    return text.getvalue()


def hashes(session: Session) -> dict[str, str]:
    """What is kept of everybody's password, by name, for `prepare`."""
    return dict(session.execute(select(User.name, User.password_hash)).all())


def prepare(people: Sequence[Person], known: Mapping[str, str]) -> dict[str, Kept]:
    """What to keep of the passwords in ``people`` that are not those that are ``known``, by name.

    Slow: some 20 ms each, so it is done before anything is changed.  Raises `DirectoryError`.
    """
    found = {}
    for person in people:
        password = person.said.get(PASSWORD)
        if password and not (known.get(person.name) and verify_password(known[person.name], password)):
            with at(f"line {person.line}"):
                found[person.name] = keep(password, person.name)
    return found


def take(session: Session, people: Sequence[Person], passwords: Mapping[str, Kept]) -> list[str]:
    """Make it so; the names of who is new.

    Raises `DirectoryError`, which names the line; nothing of the transaction may be kept then.
    """
    new = []
    for person in people:
        with at(f"line {person.line}"):
            if session.get(User, person.name) is None:
                users.add(
                    session, person.name, passwords.get(person.name), person.said.get("display_name", "")
                )
                new.append(person.name)
            else:
                _change(session, person, passwords)
            known = details.details(session, person.name)
            said = {field: person.said[field] for field in DETAILS if field in person.said}
            details.set_details(session, person.name, replace(known, **said))
    for person in people:
        if "lines" in person.said:
            with at(f"line {person.line}"):
                lines.give(session, person.name, person.said["lines"].split())
    return new


def _change(session: Session, person: Person, passwords: Mapping[str, Kept]) -> None:
    shown = person.said.get("display_name")
    if shown and shown != names.user(session, person.name).display_name:
        users.set_display_name(session, person.name, shown)
    if person.name in passwords:
        users.set_password(session, person.name, passwords[person.name])


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows, and the line in which each ends."""
    # Where a comma is in numbers, spreadsheets write a semicolon for it.
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise DirectoryError(f"line {reader.line_num}: {error}") from None


def _columns(row: Sequence[str]) -> list[str]:
    found = ["_".join(cell.lower().replace("_", " ").split()) for cell in row]
    columns = [_ALSO.get(name, name) for name in found]
    for name in columns:
        if name not in COLUMNS:
            raise DirectoryError(f"{quoted(name)} is no column: there are {', '.join(COLUMNS)}")
    if len(set(columns)) < len(columns):
        raise DirectoryError("two columns have one name")
    if "name" not in columns:
        raise DirectoryError("there is no column name")
    return columns


def _person(line: int, columns: Sequence[str], row: Sequence[str]) -> Person:
    if len(row) != len(columns):
        raise DirectoryError(f"there are {len(row)} cells, and {len(columns)} columns")
    said = {
        column: cell if column == PASSWORD else cell.strip()
        for column, cell in zip(columns, row, strict=True)
    }
    return Person(line, names.user_name(said.pop("name")), said)


def _once(lines_of: dict[str, int], person: Person) -> None:
    """Nobody, and no line, is there twice; ``lines_of``: where each was.  A name has an @, no line has."""
    for thing in (person.name, *person.said.get("lines", "").split()):
        if thing in lines_of:
            raise DirectoryError(f"{thing} is in line {lines_of[thing]} already")
        lines_of[thing] = person.line
