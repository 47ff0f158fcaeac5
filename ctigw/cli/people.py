"""The commands for what belongs to people: contacts, presence rules, recent communications."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ctigw.cli.parts import WHY, all_done, do
from ctigw.cli.stored import in_directory, stored, table
from ctigw.rules import Rule, Visibility

if TYPE_CHECKING:  # slow to import, for every command
    from sqlalchemy.orm import Session


def _index(_context: object, _option: object, text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        raise click.BadParameter(f"{text!r} is not a number") from None


user_argument = click.argument("user")
group_option = click.option(
    "--group", "inside", default="", help="The group; without it the one that has no name."
)
index_option = click.option(
    "--index", callback=_index, help="Its place: a number such as 2 or 1.5; without it the last."
)


@click.group()
def contact() -> None:
    """The contacts of users."""


@contact.command("list")
@user_argument
@stored
def contact_list(user: str, file: Path | None, data: Path) -> None:
    """List the contacts of USER, in their order."""
    from ctigw.directory import contact_list as lists

    found = in_directory(file, data, lambda session: lists.contact_list(session, user), make=False)
    rows = (
        (group.name, contact.name, contact.nickname, lists.shown(contact.index))
        for group in found
        for contact in group.contacts
    )
    table(("GROUP", "CONTACT", "NICKNAME", "INDEX"), rows)


@contact.command("add")
@user_argument
@click.argument("name")
@group_option
@click.option("--nickname", default="", help="What USER calls them.")
@index_option
@click.option("--elsewhere", is_flag=True, help="NAME is no user here, but somebody at another server.")
@stored
def contact_add(
    *,
    user: str,
    name: str,
    inside: str,
    nickname: str,
    index: Decimal | None,
    elsewhere: bool,
    file: Path | None,
    data: Path,
) -> None:
    """Add NAME to the contacts of USER."""
    from ctigw.directory import contacts

    wanted = contacts.Wanted(inside, name, index, nickname)
    foreign = [name.strip().lower().partition("@")[2]] if elsewhere else []
    do(file, data, lambda session: contacts.add(session, user, [wanted], foreign=foreign))
    click.echo(f"{name} is a contact of {user}")


@contact.command("remove")
@user_argument
@click.argument("name")
@group_option
@stored
def contact_remove(user: str, name: str, inside: str, file: Path | None, data: Path) -> None:
    """Remove NAME from the contacts of USER."""
    from ctigw.directory import contacts

    do(file, data, lambda session: contacts.remove(session, user, [(inside, name)]))
    click.echo(f"{name} is removed from the contacts of {user}")


@click.group()
def group() -> None:
    """The groups in which users have their contacts."""


@group.command("list")
@user_argument
@stored
def group_list(user: str, file: Path | None, data: Path) -> None:
    """List the groups of USER, in their order."""
    from ctigw.directory import contact_list as lists

    found = in_directory(file, data, lambda session: lists.contact_list(session, user), make=False)
    rows = ((group.name, lists.shown(group.index), str(len(group.contacts))) for group in found)
    table(("GROUP", "INDEX", "CONTACTS"), rows)


@group.command("add")
@user_argument
@click.argument("name")
@index_option
@stored
def group_add(user: str, name: str, index: Decimal | None, file: Path | None, data: Path) -> None:
    """Add the group NAME to the contacts of USER."""
    from ctigw.directory import groups

    wanted = groups.Wanted(name, index)
    do(file, data, lambda session: groups.add(session, user, [wanted]))
    click.echo(f"group {name} of {user} added")


@group.command("remove")
@user_argument
@click.argument("name")
@stored
def group_remove(user: str, name: str, file: Path | None, data: Path) -> None:
    """Remove the group NAME, and the contacts in it."""
    from ctigw.directory import contact_list as lists
    from ctigw.directory import groups
    from ctigw.directory.errors import DirectoryError

    def work(session: Session) -> None:
        if name not in [each.name for each in lists.contact_list(session, user)]:
            raise DirectoryError(WHY["NO_GROUP"])  # programs are told that it is gone
        all_done(groups.remove(session, user, [name]))

    in_directory(file, data, work)
    click.echo(f"group {name} of {user} removed")


@click.group()
def rule() -> None:
    """The presence rules of users: who may see how much of them."""


@rule.command("list")
@user_argument
@stored
def rule_list(user: str, file: Path | None, data: Path) -> None:
    """List the presence rules of USER."""
    from ctigw.directory import rules

    found = in_directory(file, data, lambda session: rules.rules_of(session, user), make=False)
    rows = (
        (
            rule.name,
            rule.visibility.value,
            "all others" if rule.acl is None else " ".join(rule.acl) or "nobody",
            ", ".join(rule.excluded_sources),
            " ".join(when.status for when in rule.whens),
        )
        for rule in found
    )
    table(("NAME", "VISIBILITY", "FOR", "WITHOUT", "CONDITIONS"), rows)


@rule.command("set")
@user_argument
@click.argument("name")
@click.option(
    "--visibility", type=click.Choice([each.value for each in Visibility]), default="all", show_default=True
)
@click.option("--watcher", "watchers", multiple=True, help="For this user; without any, for all others.")
@click.option("--without", "sources", multiple=True, help="Leave out what this source says, such as cupc.")
@stored
def rule_set(
    *,
    user: str,
    name: str,
    visibility: str,
    watchers: Sequence[str],
    sources: Sequence[str],
    file: Path | None,
    data: Path,
) -> None:
    """Set the presence rule NAME of USER.

    The conditions for reachability that a client has written into a rule of that name stay.
    """
    from msgspec.structs import replace

    from ctigw.directory import rules

    def work(session: Session) -> None:
        old = next((x for x in rules.rules_of(session, user) if x.name == name), Rule(name))
        new = replace(old, visibility=Visibility(visibility), excluded_sources=tuple(sources))
        all_done(rules.set_rules(session, user, [new]))
        done = rules.set_acl(session, user, name, watchers or None)
        all_done(done, "there is no such watcher: {}", watchers)

    in_directory(file, data, work)
    click.echo(f"rule {name} of {user} set")


@rule.command("remove")
@user_argument
@click.argument("name")
@stored
def rule_remove(user: str, name: str, file: Path | None, data: Path) -> None:
    """Remove the presence rule NAME of USER."""
    from ctigw.directory import rules

    do(file, data, lambda session: rules.delete_rules(session, user, [name]))
    click.echo(f"rule {name} of {user} removed")


@click.command()
@user_argument
@stored
def recent(user: str, file: Path | None, data: Path) -> None:
    """Show the recent communications that the clients of USER keep, newest first."""
    from ctigw.directory import recent as communications

    found = in_directory(file, data, lambda session: communications.communications(session, user), make=False)
    table(("AT", "TYPE", "DATA"), ((x.timestamp, x.type, x.data) for x in found))


COMMANDS: tuple[click.Command, ...] = (contact, group, rule, recent)
