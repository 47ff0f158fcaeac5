"""The commands for users: who may log in, what is known of them, and what they may use and have set."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ctigw.cli.parts import do
from ctigw.cli.passwords import given_password, stdin_option
from ctigw.cli.stored import in_directory, stored, table

if TYPE_CHECKING:  # slow to import, for every command
    from sqlalchemy.orm import Session

_Command = TypeVar("_Command", bound=Callable[..., Any])
name_argument = click.argument("name")
# The options of `user details`: the fields of `directory.details.Details`.
DETAILS = {
    "first_name": "The first name.",
    "last_name": "The last name.",
    "telephone_number": "The number in the telephone book.",
    "department": "The department.",
    "manager": "Whose staff they are.",
    "locale": "Such as 'English United States'.",
}
# Those of `licence set`: the fields of `directory.licensing.Features`.
FEATURES = {
    "ups": "Presence at all.",
    "base": "The soft client.",
    "im": "Messages.",
    "audio": "Calls.",
    "video": "Pictures.",
}


def _options(kind: dict[str, str], *, switches: bool) -> Callable[[_Command], _Command]:
    """A decorator: an option for each of ``kind``, which is None if it is not given."""

    def decorate(command: _Command) -> _Command:
        for name, help_ in reversed(kind.items()):
            word = name.replace("_", "-")
            form = f"--{word}/--no-{word}" if switches else f"--{word}"
            command = click.option(form, name, default=None, help=help_)(command)
        return command

    return decorate


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

    password = given_password(password_stdin)
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

    password = given_password(password_stdin)
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


@user.command("find")
@click.option("--first", default="", help="The first name; % stands for anything.")
@click.option("--last", default="", help="The last name; % stands for anything.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True)
@stored
def user_find(first: str, last: str, limit: int, file: Path | None, data: Path) -> None:
    """Find users by their first and last names."""
    from ctigw.directory import users

    found = in_directory(file, data, lambda session: users.search(session, first, last, limit), make=False)
    rows = (
        (u.name, d.first_name, d.last_name, d.telephone_number, d.department, " ".join(u.lines))
        for u, d in found
    )
    table(("NAME", "FIRST NAME", "LAST NAME", "TELEPHONE", "DEPARTMENT", "LINES"), rows)


@user.command("details")
@name_argument
@_options(DETAILS, switches=False)
@stored
def user_details(name: str, file: Path | None, data: Path, **given: str | None) -> None:
    """Set what is known of the user NAME; without options, show it."""
    from msgspec.structs import asdict, replace

    from ctigw.directory import details

    wanted = {field: value for field, value in given.items() if value is not None}

    def work(session: Session) -> details.Details:
        known = details.details(session, name)
        if wanted:
            details.set_details(session, name, replace(known, **wanted))
        return known

    known = in_directory(file, data, work, make=False)
    if wanted:
        click.echo(f"details of {name} set")
    else:
        table(("DETAIL", "VALUE"), ((field.replace("_", " "), x) for field, x in asdict(known).items()))


@user.command("calendaring")
@name_argument
@click.argument("wanted", type=click.Choice(("on", "off")), required=False)
@stored
def user_calendaring(name: str, wanted: str | None, file: Path | None, data: Path) -> None:
    """Make the calendar of the user NAME part of their presence, or not; without on or off, say which."""
    from ctigw.directory import properties

    def work(session: Session) -> bool:
        if wanted is not None:
            properties.set_calendaring(session, name, wanted == "on")
        return properties.calendaring(session, name)

    click.echo(f"calendaring of {name} is {'on' if in_directory(file, data, work, make=False) else 'off'}")


@user.group("status")
def user_status() -> None:
    """The long-term status of users: what their presence is until it is taken back."""


@user_status.command("set")
@name_argument
@click.option("--basic", type=click.Choice(("open", "closed")), default="open", show_default=True)
@click.option("--activity", "activities", multiple=True, help="vacation, away, busy …; may be said twice.")
@click.option("--note", default="", help="A few words for whoever watches.")
@stored
def status_set(
    name: str, basic: str, activities: Sequence[str], note: str, file: Path | None, data: Path
) -> None:
    """Say how the user NAME is from now on, in the place of what was said so before."""
    from ctigw.cli.presence_show import document
    from ctigw.directory import long_term, names

    def work(session: Session) -> None:
        body = document(f"sip:{names.user_name(name)}", basic, activities, note, "")
        long_term.publish(session, name, body, time.time())

    in_directory(file, data, work, make=False)
    click.echo(f"long-term status of {name} set")


@user_status.command("clear")
@name_argument
@stored
def status_clear(name: str, file: Path | None, data: Path) -> None:
    """Take back the long-term status of the user NAME."""
    from ctigw.directory import long_term

    in_directory(file, data, lambda session: long_term.unpublish(session, name), make=False)
    click.echo(f"long-term status of {name} cleared")


@user_status.command("show")
@name_argument
@stored
def status_show(name: str, file: Path | None, data: Path) -> None:
    """Print the document that is the long-term status of the user NAME, if there is one."""
    from ctigw.cli.columns import printable
    from ctigw.directory import long_term

    body = in_directory(file, data, lambda session: long_term.status(session, name), make=False)
    for line in (body or b"").decode(errors="replace").splitlines():
        click.echo(printable(line))


@click.group()
def licence() -> None:
    """What users may use."""


@licence.command("show")
@name_argument
@stored
def licence_show(name: str, file: Path | None, data: Path) -> None:
    """Show what the user NAME may use."""
    from msgspec.structs import asdict

    from ctigw.directory import licensing

    found = in_directory(file, data, lambda session: licensing.features(session, name), make=False)
    table(("FEATURE", "ALLOWED"), ((field, "yes" if x else "no") for field, x in asdict(found).items()))


@licence.command("set")
@name_argument
@_options(FEATURES, switches=True)
@stored
def licence_set(name: str, file: Path | None, data: Path, **given: bool | None) -> None:
    """Let the user NAME use something, or not; what is not said stays."""
    from msgspec.structs import replace

    from ctigw.directory import licensing

    wanted = {field: value for field, value in given.items() if value is not None}

    def work(session: Session) -> None:
        licensing.set_features(session, name, replace(licensing.features(session, name), **wanted))

    in_directory(file, data, work, make=False)
    click.echo(f"licence of {name} set")


@click.group("property")
def property_() -> None:
    """What the clients of users have set, and keep here."""


@property_.command("list")
@click.argument("user")
@stored
def property_list(user: str, file: Path | None, data: Path) -> None:
    """List the properties of USER."""
    from ctigw.directory import properties

    found = in_directory(file, data, lambda session: properties.properties(session, user), make=False)
    table(("NAME", "VALUE", "PUBLIC"), ((x.name, x.value, "yes" if x.is_public else "no") for x in found))


@property_.command("set")
@click.argument("user")
@name_argument
@click.argument("value")
@click.option("--public", is_flag=True, help="Others may read it.")
@stored
def property_set(*, user: str, name: str, value: str, public: bool, file: Path | None, data: Path) -> None:
    """Set the property NAME of USER to VALUE."""
    from ctigw.directory import names, properties
    from ctigw.directory.journal import PropertyItem

    item = PropertyItem(name, value, public)
    why = (
        f"a property is named by one line of at most {names.LONGEST} characters, its value is one of at most "
        f"{properties.LONGEST}, and a user has {properties.MOST} at most"
    )
    do(file, data, lambda session: properties.set_properties(session, user, [item]), why)
    click.echo(f"property {name} of {user} set")


@property_.command("unset")
@click.argument("user")
@name_argument
@stored
def property_unset(user: str, name: str, file: Path | None, data: Path) -> None:
    """Forget the property NAME of USER."""
    from ctigw.directory import properties

    why = "there is no such property"
    do(file, data, lambda session: properties.delete_properties(session, user, [name]), why)
    click.echo(f"property {name} of {user} forgotten")


COMMANDS: tuple[click.Command, ...] = (user, licence, property_)
