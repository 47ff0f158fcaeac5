"""`ctigw sim …`: the people at the phones of a running simulator, played from the command line."""

from __future__ import annotations

import socket
from pathlib import Path

import click
import msgspec

from ctigw.cli.running import REFUSED, fail
from ctigw.cli.serve import data_option
from simulators import control
from simulators.behaviours import BEHAVIOURS

SECONDS_TO_ANSWER = 5.0


@click.group()
@data_option
@click.option(
    "--control",
    "path",
    type=click.Path(path_type=Path),
    help="The simulator's control socket; without it the one in the folder for settings.",
)
@click.pass_context
def sim(context: click.Context, data: Path, path: Path | None) -> None:
    """Play the people at the phones of a running simulator."""
    context.obj = path or data / control.SOCKET_FILE


@sim.command()
@click.pass_obj
def lines(path: Path) -> None:
    """List the lines, how they behave, and what they do in their calls."""
    for line in _asked(path, control.Lines()).lines:
        calls = "; ".join(_in_words(connection) for connection in line.calls)
        click.echo(f"{line.number:<6}  {line.behaviour:<16}  {calls}".rstrip())


@sim.command()
@click.argument("line")
@click.argument("behaviour", metavar="BEHAVIOUR", type=click.Choice(sorted(BEHAVIOURS)))
@click.pass_obj
def behave(path: Path, line: str, behaviour: str) -> None:
    """Have LINE behave otherwise: normal, busy, auto-answer, …"""
    _asked(path, control.Behave(line, behaviour))
    click.echo(f"{line} is {behaviour} from now on")


@sim.command()
@click.argument("caller")
@click.argument("called")
@click.pass_obj
def ring(path: Path, caller: str, called: str) -> None:
    """Have the outside number CALLER call the line CALLED."""
    _asked(path, control.Ring(caller, called))
    click.echo(f"{caller} calls {called}")


@sim.command("pick-up")
@click.argument("line")
@click.pass_obj
def pick_up(path: Path, line: str) -> None:
    """Lift the handset of LINE, which rings or prompts."""
    _asked(path, control.PickUp(line))
    click.echo(f"{line} picks up")


@sim.command("put-down")
@click.argument("number")
@click.pass_obj
def put_down(path: Path, number: str) -> None:
    """Hang up at NUMBER, a line or an outside caller."""
    _asked(path, control.PutDown(number))
    click.echo(f"{number} hangs up")


@sim.command("drop-link")
@click.argument("seconds", type=click.FloatRange(0, 86400), required=False)
@click.pass_obj
def drop_link(path: Path, seconds: float | None) -> None:
    """Have the gateway lose its PBX for SECONDS, or for as long as the PBX is set to."""
    _asked(path, control.DropLink(seconds))
    click.echo("the link is lost")


def _asked(path: Path, request: control.Request) -> control.Reply:
    """What the simulator at ``path`` answers; that it cannot or will not ends the command."""
    try:
        answer = _exchanged(path, msgspec.json.encode(request) + b"\n")
        reply = msgspec.json.decode(answer, type=control.Reply)
    except OSError as error:
        why = "no simulator listens there" if isinstance(error, _NOBODY) else error.strerror or str(error)
        fail(f"sim: {path}: {why}", REFUSED)
    except msgspec.DecodeError:
        why = "what listens there is no simulator" if answer else "it hung up without an answer"
        fail(f"sim: {path}: {why}", REFUSED)
    if reply.error:
        fail(f"sim: {reply.error}", REFUSED)
    return reply


_NOBODY = (FileNotFoundError, ConnectionRefusedError)


def _exchanged(path: Path, line: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS_TO_ANSWER)
        connection.connect(str(path))
        connection.sendall(line)
        with connection.makefile("rb") as stream:
            return stream.readline(control.LONGEST_REPLY)


def _in_words(connection: control.Connection) -> str:
    others = ", ".join(connection.others)
    return f"{connection.call} {connection.state}" + (f" with {others}" if others else "")
