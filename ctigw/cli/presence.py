"""The commands that watch, say and explain who is there, and that send messages."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click
from twisted.internet.defer import Deferred

from ctigw.cli import presence_show as show
from ctigw.cli.columns import one_line
from ctigw.cli.connection import say
from ctigw.cli.running import REFUSED, UNUSABLE, fail
from ctigw.cli.sip_connection import Server, at_server, in_words, refused, short, with_user
from ctigw.net.sip_agent import Text
from ctigw.net.sip_client import SipClient, SipRefused
from ctigw.net.sip_watch import Notification
from ctigw.presence.lists import NotListError
from ctigw.presence.lists import read as read_list

KEPT_FOR_LATER = 202
EXPLANATION = "application/vnd.ctigw.explanation+json"
_LIST = (
    ("Event", "presence"),
    ("Accept", "multipart/related, application/rlmi+xml, application/pidf+xml"),
    ("Supported", "eventlist"),
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group()
def presence() -> None:
    """Watch who is there, say it, and send messages (SIP).

    \b
    ctigw presence watch bob carol --as alice      a line whenever something changes
    ctigw presence publish alice --activity busy   as long as the command runs
    ctigw presence im alice bob "Lunch?"           a message
    ctigw presence explain alice                   whose word counts, and why
    """


@presence.command()
@click.argument("who", nargs=-1, required=True)
@at_server
@json_option
def watch(who: tuple[str, ...], server: Server, as_json: bool) -> None:
    """Show how WHO are, and every change, until Ctrl-C; without --as, as the first of them would see it."""
    uris = [server.uri(name) for name in who]
    wide = max(len(short(uri)) for uri in uris)

    async def work(client: SipClient) -> None:
        click.echo(f"watching {', '.join(map(short, uris))}; Ctrl-C ends it", err=as_json)
        for uri in uris:
            try:
                await client.watch(uri, _shown(client, wide, as_json=as_json))
            except SipRefused as error:
                refused(f"watch {short(uri)}", error)
        await Deferred()  # until a signal

    with_user(server, who[0], work)


def _shown(client: SipClient, wide: int, *, as_json: bool) -> Callable[[Notification], None]:
    def show_it(notification: Notification) -> None:
        if client.is_closing:  # what is said last, since this side has ended it
            return
        found = show.seen(short(notification.uri), notification.body, notification.state, notification.reason)
        _say(found, wide, as_json=as_json)

    return show_it


def _say(found: show.Seen, wide: int, *, as_json: bool) -> None:
    now = datetime.now().astimezone()
    if as_json:
        say(show.as_json(found, now))
    else:
        say(show.line(found, now, wide=wide, color=sys.stdout.isatty()))


@presence.command()
@click.argument("who")
@click.option("--basic", type=click.Choice(("open", "closed")), default="open", show_default=True)
@click.option("--activity", "activities", multiple=True, help="busy, meeting, away …; may be said twice.")
@click.option("--note", default="", help="A few words for whoever watches.")
@click.option("--source", default="", help="The name of the source, which decides its priority.")
@click.option(
    "--for", "seconds", type=click.IntRange(1), default=3600, show_default=True,
    help="Seconds until it is forgotten if it is not refreshed.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Say it and go; it is forgotten when its time is over.")
@at_server
def publish(who: str, server: Server, seconds: int, once: bool, **said: Any) -> None:
    """Say that WHO is open or closed, and what they do, until Ctrl-C: then it is taken back."""
    uri = server.uri(who)
    document = show.document(uri, said["basic"], said["activities"], said["note"], said["source"])

    async def work(client: SipClient) -> None:
        try:
            made = await client.publish(document, seconds, uri)
        except SipRefused as error:
            refused(f"publish {short(uri)}", error)
        words = show.line(show.seen(short(uri), document), None)
        if once:
            client.leave(made)
            say(f"{words}  for {made.expires} s")
        else:
            say(f"{words}  until Ctrl-C")
            await Deferred()

    with_user(server, who, work)


@presence.command()
@click.argument("sender", metavar="FROM")
@click.argument("to", required=False)
@click.argument("text", required=False)
@click.option("--receive", is_flag=True, help="Be reachable as FROM, and print what comes, until Ctrl-C.")
@at_server
@json_option
def im(sender: str, to: str | None, text: str | None, server: Server, **how: bool) -> None:
    """Send TEXT from FROM to TO; or print what others send to FROM (--receive)."""
    receive, as_json = how["receive"], how["as_json"]
    if not receive and (to is None or text is None):
        fail("im: to whom, and what?  im FROM TO TEXT, or im FROM --receive", UNUSABLE)

    async def work(client: SipClient) -> None:
        if receive:
            try:
                await client.register()
            except SipRefused as error:
                refused(f"register {short(client.uri)}", error)
            click.echo(f"{short(client.uri)} can be reached here; Ctrl-C ends it", err=as_json)
        if to is not None and text is not None:
            await _send(client, server.uri(to), text)
        if receive:
            await Deferred()

    def came(message: Text) -> None:
        now = datetime.now().astimezone()
        body = message.body.decode("utf-8", "replace")
        if as_json:
            told = {"time": now.isoformat(), "from": short(message.sender), "type": message.content_type}
            say(json.dumps(told | {"text": body}, ensure_ascii=False))
        else:
            is_text = message.content_type.lower().startswith("text/plain")
            shown = body if is_text else f"({message.content_type}, {len(message.body)} bytes)"
            say(one_line(f"{now:%H:%M:%S}  {short(message.sender)}  {shown}"))

    with_user(server, sender, work, came)


async def _send(client: SipClient, uri: str, text: str) -> None:
    try:
        status = await client.message(uri, text)
    except SipRefused as error:
        fail(f"refused: {short(uri)}: {in_words(error)}", REFUSED)
    later = f"stored until {short(uri)} is there"
    say(later if status == KEPT_FOR_LATER else f"delivered to {short(uri)}")


@presence.command()
@click.argument("called", metavar="[LIST]", required=False)
@at_server
@json_option
def lists(called: str | None, server: Server, as_json: bool) -> None:
    """Show everybody in your contact list (or in LIST), and every change, until Ctrl-C."""

    async def work(client: SipClient) -> None:
        def told(notification: Notification) -> None:
            if not client.is_closing:
                _say_list(notification, as_json=as_json)

        user, _, host = client.uri.partition("@")
        uri = server.uri(called) if called else f"{user}-contacts@{host}"
        click.echo(f"watching the list {short(uri)}; Ctrl-C ends it", err=as_json)
        try:
            await client.watch(uri, told, headers=_LIST)
        except SipRefused as error:
            refused(f"watch {short(uri)}", error)
        await Deferred()

    with_user(server, None, work)


def _say_list(notification: Notification, *, as_json: bool) -> None:
    if not notification.body:
        _say(show.Seen(who=short(notification.uri), state=notification.state), 0, as_json=as_json)
        return
    try:
        listed = read_list(notification.content_type, notification.body)
    except NotListError as error:
        click.echo(f"ctigw: {short(notification.uri)}: {error}", err=True)
        return
    found = [
        show.seen(short(uri), each.document or b"", each.state, each.reason) for uri, each in listed.resources
    ]
    if not found and listed.full and not as_json:
        say("nobody is in it")
    for one in found:
        _say(one, max(len(each.who) for each in found), as_json=as_json)


@presence.command()
@click.argument("who")
@at_server
@json_option
def explain(who: str, server: Server, as_json: bool) -> None:
    """Say who says what of WHO, and whose word counts: source, priority, age, what it decides."""
    uri = server.uri(who)

    async def work(client: SipClient) -> None:
        headers = (("Event", "presence"), ("Accept", EXPLANATION))
        try:
            notification = await client.fetch(uri, headers=headers)
        except (SipRefused, TimeoutError) as error:
            refused(f"explain {short(uri)}", error)
        if not notification.content_type.lower().startswith(EXPLANATION):
            found = show.Seen(who=short(uri), state=notification.state, reason=notification.reason)
            fail(f"explain: {show.line(found, None)}", REFUSED)
        try:
            told = show.explained(notification.body)
        except ValueError as error:
            fail(f"explain: the server says what nobody understands: {error}", REFUSED)
        say(notification.body.decode() if as_json else show.explanation(short(uri), told))

    with_user(server, who, work)


COMMANDS: tuple[click.Command, ...] = (presence,)
