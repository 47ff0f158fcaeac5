"""The commands for what is the site's: the settings that clients are told, and the dialling rules."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ctigw.cli.stored import in_directory, stored, table

if TYPE_CHECKING:  # slow to import, for every command
    from sqlalchemy.orm import Session

    from ctigw.directory.journal import DialRuleItem

_Command = TypeVar("_Command", bound=Callable[..., Any])
TYPES = {"application": 1, "lookup": 2}
user_option = click.option("--user", help="What this user has in the place of the site's.")


@click.group()
def setting() -> None:
    """The settings that clients are told: servers, and what a directory server calls things."""


@setting.command("list")
@user_option
@click.option("--all", "everything", is_flag=True, help="Also those that have no value.")
@stored
def setting_list(user: str | None, everything: bool, file: Path | None, data: Path) -> None:
    """List the settings of the site, or as a user has them, and whose each is.

    What a running gateway says where nothing is set, such as its own address, is not known here.
    """
    from ctigw.directory import system

    found = in_directory(file, data, lambda session: system.settings(session, user), make=False)
    rows = (
        (x.name, "********" if x.name in system.SECRETS and x.value else x.value, x.whose.value)
        for x in found
        if everything or x.value or x.whose is not system.Whose.DEFAULT
    )
    table(("NAME", "VALUE", "FROM"), rows)


@setting.command("set")
@click.argument("name")
@click.argument("value")
@user_option
@stored
def setting_set(name: str, value: str, user: str | None, file: Path | None, data: Path) -> None:
    """Set NAME to VALUE; a VALUE of - is read from standard input, where nobody else sees it."""
    from ctigw.directory import system

    text = sys.stdin.readline().rstrip("\r\n") if value == "-" else value
    in_directory(file, data, lambda session: system.set_system(session, {name: text}, user))
    click.echo(f"{name}{_of(user)} set")


@setting.command("unset")
@click.argument("name")
@user_option
@stored
def setting_unset(name: str, user: str | None, file: Path | None, data: Path) -> None:
    """Take back what NAME was set to."""
    from ctigw.directory import system

    in_directory(file, data, lambda session: system.set_system(session, {name: None}, user), make=False)
    click.echo(f"{name}{_of(user)} unset")


def _of(user: str | None) -> str:
    return "" if user is None else f" of {user}"


@click.group("dial-rule")
def dial_rule() -> None:
    """The dialling rules, by which clients make a number another one.

    An application rule is for a number before it is dialled, a lookup rule for one whose owner is looked up.
    """


type_argument = click.argument("kind", type=click.Choice(tuple(TYPES)))
name_argument = click.argument("name")


def _fields(command: _Command) -> _Command:
    for option in (
        click.option("--prefix", help="The digits that are put before the rest."),
        click.option(
            "--remove", "digits_to_be_removed", type=int, help="How many digits are taken from the beginning."
        ),
        click.option("--digits", "number_of_digits", type=int, help="How many digits the number has."),
        click.option("--begins-with", "number_begins_with", help="How the number begins."),
        click.option("--priority", type=int, help="The lowest is tried first."),
        click.option("--description", help="What it is for."),
    ):
        command = option(command)
    return command


@dial_rule.command("list")
@stored
def dial_rule_list(file: Path | None, data: Path) -> None:
    """List the rules, in their order."""
    from ctigw.directory import dial_rules

    words = {number: word for word, number in TYPES.items()}
    found = in_directory(file, data, dial_rules.dial_rules, make=False)
    rows = (
        (
            words[x.type],
            str(x.priority),
            x.name,
            x.number_begins_with,
            str(x.number_of_digits),
            str(x.digits_to_be_removed),
            x.prefix,
            x.description,
        )
        for x in found
    )
    table(("TYPE", "PRIORITY", "NAME", "BEGINS WITH", "DIGITS", "REMOVE", "PREFIX", "DESCRIPTION"), rows)


@dial_rule.command("add")
@type_argument
@name_argument
@_fields
@stored
def dial_rule_add(kind: str, name: str, file: Path | None, data: Path, **given: Any) -> None:
    """Add the rule NAME; without options it is for no number, removes nothing and puts nothing before."""
    from ctigw.directory import dial_rules
    from ctigw.directory.journal import DialRuleItem

    blank = DialRuleItem(TYPES[kind], name, "", 1, "", 0, 0, "")
    in_directory(file, data, lambda session: dial_rules.add(session, _changed(blank, given)))
    click.echo(f"{kind} rule {name} added")


@dial_rule.command("modify")
@type_argument
@name_argument
@click.option("--name", "new_name", help="Another name.")
@_fields
@stored
def dial_rule_modify(
    kind: str, name: str, new_name: str | None, file: Path | None, data: Path, **given: Any
) -> None:
    """Change the rule NAME; what is not said stays."""
    from ctigw.directory import dial_rules

    def work(session: Session) -> None:
        before = dial_rules.dial_rule(session, TYPES[kind], name)
        dial_rules.modify(session, TYPES[kind], name, _changed(before, {**given, "name": new_name}))

    in_directory(file, data, work, make=False)
    click.echo(f"{kind} rule {name} changed")


@dial_rule.command("remove")
@type_argument
@name_argument
@stored
def dial_rule_remove(kind: str, name: str, file: Path | None, data: Path) -> None:
    """Remove the rule NAME."""
    from ctigw.directory import dial_rules

    in_directory(file, data, lambda session: dial_rules.remove(session, TYPES[kind], name), make=False)
    click.echo(f"{kind} rule {name} removed")


def _changed(rule: DialRuleItem, given: dict[str, Any]) -> DialRuleItem:
    from msgspec.structs import replace

    return replace(rule, **{field: value for field, value in given.items() if value is not None})


COMMANDS: tuple[click.Command, ...] = (setting, dial_rule)
