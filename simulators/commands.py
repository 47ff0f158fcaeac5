"""`ctigw sim …`: the people at the phones of a running simulator, played from the command line."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
import msgspec

from ctigw.cli.running import REFUSED, fail
from simulators import control
from simulators.behaviours import BEHAVIOURS
from simulators.control import SOCKET_FILE

SECONDS_TO_ANSWER = 5.0


def at_simulator(command: Callable[..., None]) -> Callable[..., None]:
    """Options that say which simulator; ``command`` gets its control socket as ``path``."""

    @click.option(
        "--data",
        type=click.Path(path_type=Path),
        default=Path("var"),
        show_default=True,
        envvar="CTIGW_DATA",
        help="The folder for settings of the gateway that the simulator runs in.",
    )
    @click.option(
        "--control",
        type=click.Path(path_type=Path),
        help="The simulator's control socket; without it sim.sock in the folder for settings.",
    )
    @wraps(command)
    def with_path(*args: Any, data: Path, control: Path | None, **kwargs: Any) -> None:
        command(*args, path=control or data / SOCKET_FILE, **kwargs)

    return with_path


@click.group()
def sim() -> None:
    """Play the people at the phones of a running simulator."""


@sim.command()
@at_simulator
def lines(path: Path) -> None:
    """List the lines, how they behave, what is set at them, and what they do in their calls."""
    for line in _asked(path, control.Lines()).lines:
        now = [*["do not disturb"] * line.do_not_disturb, *line.forwardings, *map(_in_words, line.calls)]
        click.echo(f"{line.number:<6}  {line.behaviour:<16}  {'; '.join(now)}".rstrip())


@sim.command()
@click.argument("line")
@click.argument("behaviour", type=click.Choice(sorted(BEHAVIOURS)))
@at_simulator
def behave(line: str, behaviour: str, path: Path) -> None:
    """Have LINE behave otherwise from now on."""
    _asked(path, control.Behave(line, behaviour))
    click.echo(f"{line} is {behaviour} from now on")


@sim.command()
@click.argument("caller")
@click.argument("called")
@at_simulator
def ring(caller: str, called: str, path: Path) -> None:
    """Have CALLER, an outside number or a line, call CALLED."""
    _asked(path, control.Ring(caller, called))
    click.echo(f"{caller} calls {called}")


@sim.command("pick-up")
@click.argument("line")
@at_simulator
def pick_up(line: str, path: Path) -> None:
    """Lift the handset of LINE, which rings or prompts."""
    _asked(path, control.PickUp(line))
    click.echo(f"{line} picks up")


@sim.command("put-down")
@click.argument("number")
@at_simulator
def put_down(number: str, path: Path) -> None:
    """Hang up at NUMBER, a line or an outside caller."""
    _asked(path, control.PutDown(number))
    click.echo(f"{number} hangs up")


@sim.command("drop-link")
@click.argument("seconds", type=click.FloatRange(0, 86400), required=False)
@at_simulator
def drop_link(seconds: float | None, path: Path) -> None:
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
