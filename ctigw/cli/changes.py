"""The command that shows what changes in the directory, as clients are told it."""

from __future__ import annotations

from datetime import datetime

import click
from twisted.internet.defer import Deferred

from ctigw.cli import changes_show as show
from ctigw.cli.columns import printable
from ctigw.cli.connection import say
from ctigw.cli.sip_connection import Server, at_server, refused, short, with_user
from ctigw.net.sip_client import SipClient, SipRefused
from ctigw.net.sip_watch import AGAIN, Notification

ACCEPT = "application/xml, text/xml, application/uccn+xml"


@click.command()
@click.argument("user")
@click.option("--event", default="uccn", show_default=True, help="What the server calls the event package.")
@click.option("--xml", "as_xml", is_flag=True, help="The documents as they come.")
@at_server
def changes(user: str, server: Server, event: str, as_xml: bool) -> None:
    """Show what changes of USER's contacts, rules and settings, and of the site's, until Ctrl-C (UCCN).

    \b
    ctigw changes alice
    12:00:01  insert-group  friends  group index "2.0000000000"
    12:00:07  update-group  friends  group "friends" -> "colleagues"
    """
    uri = server.uri(user)

    async def work(client: SipClient) -> None:
        def told(notification: Notification) -> None:
            if not client.is_closing:  # what is said last, since this side has ended it
                _say(notification, as_xml=as_xml)

        try:
            await client.watch(uri, told, headers=(("Event", event), ("Accept", ACCEPT)))
        except SipRefused as error:
            refused(f"changes of {short(uri)}", error)
        click.echo(f"waiting for changes of {short(uri)}; Ctrl-C ends it", err=as_xml)
        await Deferred()  # until a signal

    with_user(server, user, work)


def _say(notification: Notification, *, as_xml: bool) -> None:
    if notification.body and as_xml:
        text = notification.body.decode("utf-8", "replace")
        say("\n".join(map(printable, text.splitlines())))
    elif notification.body:
        try:
            say(show.line(show.told(notification.body), datetime.now().astimezone()))
        except show.NotNoticeError as error:
            click.echo(f"ctigw: what the server sent is no change notice: {error}", err=True)
    if notification.state == "terminated":
        again = "; asked again: something may have been missed" if notification.reason in AGAIN else ""
        click.echo(f"ctigw: the server has ended it ({notification.reason or 'no reason'}){again}", err=True)


COMMANDS: tuple[click.Command, ...] = (changes,)
