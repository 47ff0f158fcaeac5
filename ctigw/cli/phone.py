"""The commands that are a phone: each one a request for a line.

A line is named alone; the gateway finds the call that can be meant, and says so when several can.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import click

from ctigw.cli import show
from ctigw.cli.connection import Access, at_gateway, one_request
from ctigw.csta import call_control as csta
from ctigw.csta.associated import GenerateDigits
from ctigw.csta.logical import ForwardingType, GetDoNotDisturb, GetForwarding, SetDoNotDisturb, SetForwarding
from ctigw.csta.snapshot import SnapshotDevice
from ctigw.csta.types import ConnectionID


def _at(line: str) -> ConnectionID:
    return ConnectionID(device_id=line)


class _Simple(NamedTuple):
    """A command with a line and perhaps one thing more, whose answer is nothing but that it was accepted."""

    name: str
    arguments: tuple[str, ...]
    help: str
    request: Callable[..., object]
    said: str


_SIMPLE = (
    _Simple(
        "answer", ("line",), "Answer the call that rings at LINE.",
        lambda line: csta.AnswerCall(call_to_be_answered=_at(line)), "{line} answers",
    ),
    _Simple(
        "hangup", ("line",), "Take LINE out of its call.",
        lambda line: csta.ClearConnection(connection_to_be_cleared=_at(line)), "{line} hangs up",
    ),
    _Simple(
        "hold", ("line",), "Put the call of LINE on hold.",
        lambda line: csta.HoldCall(call_to_be_held=_at(line)), "{line} holds",
    ),
    _Simple(
        "retrieve", ("line",), "Take the held call of LINE back.",
        lambda line: csta.RetrieveCall(call_to_be_retrieved=_at(line)), "{line} takes it back",
    ),
    _Simple(
        "alternate", ("line",), "Change between the two calls of LINE.",
        lambda line: csta.AlternateCall(held_call=_at(line), active_call=_at(line)), "{line} changes over",
    ),
    _Simple(
        "reconnect", ("line",), "Leave the active call of LINE and take the held one back.",
        lambda line: csta.ReconnectCall(held_call=_at(line), active_call=_at(line)), "{line} goes back",
    ),
    _Simple(
        "deflect", ("line", "number"), "Send the call that rings at LINE to NUMBER.",
        lambda line, number: csta.DeflectCall(call_to_be_diverted=_at(line), new_destination=number),
        "{line} sends it to {number}",
    ),
    _Simple(
        "digits", ("line", "digits"), "Send DIGITS into the call of LINE.",
        lambda line, digits: GenerateDigits(connection_to_send_digits=_at(line), characters_to_send=digits),
        "{line} sends {digits}",
    ),
)  # fmt: skip


def _simple(made: _Simple) -> click.Command:
    def run(gateway: Access, **named: str) -> None:
        what = " ".join((made.name, *(named[argument] for argument in made.arguments)))
        one_request(gateway, made.request(**named), what, lambda _response: made.said.format(**named))

    run.__doc__ = made.help
    command: Any = at_gateway(run)
    for argument in reversed(made.arguments):
        command = click.argument(argument)(command)
    built: click.Command = click.command(made.name)(command)
    return built


@click.command()
@click.argument("caller")
@click.argument("called")
@at_gateway
def call(caller: str, called: str, gateway: Access) -> None:
    """Place a call from line CALLER to the number CALLED."""
    one_request(
        gateway,
        csta.MakeCall(calling_device=caller, called_directory_number=called),
        f"call {caller} {called}",
        lambda response: f"{caller} calls {called}: call {response.calling_device.call_id}",
    )


@click.command()
@click.argument("line")
@click.argument("number")
@at_gateway
def consult(line: str, number: str, gateway: Access) -> None:
    """Hold the call of LINE and call NUMBER."""
    one_request(
        gateway,
        csta.ConsultationCall(existing_call=_at(line), consulted_device=number),
        f"consult {line} {number}",
        lambda response: f"{line} asks {number}: call {response.initiated_call.call_id}",
    )


@click.command()
@click.argument("line")
@click.argument("number", required=False)
@at_gateway
def transfer(line: str, number: str | None, gateway: Access) -> None:
    """Join the two calls of LINE without it; with a NUMBER, send its one call there."""
    request = (
        csta.SingleStepTransferCall(active_call=_at(line), transferred_to=number)
        if number
        else csta.TransferCall(held_call=_at(line), active_call=_at(line))
    )
    what = " ".join(filter(None, ("transfer", line, number)))
    one_request(
        gateway, request, what, lambda response: f"transferred: call {response.transferred_call.call_id}"
    )


@click.command()
@click.argument("line")
@click.argument("number", required=False)
@at_gateway
def conference(line: str, number: str | None, gateway: Access) -> None:
    """Join the two calls of LINE with it; with a NUMBER, bring that into its one call."""
    request = (
        csta.SingleStepConferenceCall(
            active_call=_at(line), device_to_join=number, participation_type=csta.ParticipationType.ACTIVE
        )
        if number
        else csta.ConferenceCall(held_call=_at(line), active_call=_at(line))
    )

    def said(response: Any) -> str:
        joined = getattr(response, "conferenced_call", None) or response.conference_call
        return f"conference: call {joined.call_id}"

    one_request(gateway, request, " ".join(filter(None, ("conference", line, number))), said)


@click.command()
@click.argument("line")
@click.argument("switch", type=click.Choice(["on", "off"]), required=False)
@at_gateway
def dnd(line: str, switch: str | None, gateway: Access) -> None:
    """Keep calls away from LINE (do not disturb), or let them come again; without a word, say how it is."""
    if switch is None:
        one_request(gateway, GetDoNotDisturb(device=line), f"dnd {line}", show.do_not_disturb)
        return
    request = SetDoNotDisturb(device=line, do_not_disturb_on=switch == "on")
    one_request(
        gateway, request, f"dnd {line} {switch}", lambda _response: f"do not disturb is {switch} at {line}"
    )


_WHEN = {kind.value.removeprefix("forward"): kind for kind in ForwardingType}


@click.command()
@click.argument("line")
@click.argument("number", required=False)
@click.option(
    "--when",
    type=click.Choice(list(_WHEN), case_sensitive=False),
    default="Immediate",
    show_default=True,
    help="…Int and …Ext: for calls from inside or outside only.",
)
@click.option("--rings", type=int, help="After how many, for NoAns.")
@click.option("--off", is_flag=True, help="Switch it off.")
@at_gateway
def forward(
    line: str, number: str | None, gateway: Access, *, when: str, rings: int | None, off: bool
) -> None:
    """Forward the calls of LINE to NUMBER; with neither NUMBER nor --off, list its forwardings."""
    if off and number is not None:
        raise click.UsageError("--off takes no NUMBER")
    if rings is not None and (number is None or not when.startswith("NoAns")):
        raise click.UsageError("--rings goes with a NUMBER and --when NoAns, NoAnsInt or NoAnsExt")
    if number is None and not off:
        one_request(gateway, GetForwarding(device=line), f"forward {line}", show.forwardings)
        return
    request = SetForwarding(
        device=line,
        forwarding_type=_WHEN[when],
        activate_forward=not off,
        forward_dn=number,
        ring_count=rings,
    )
    done = "no longer forwards" if off else f"forwards to {number}"
    what = " ".join(filter(None, ("forward", line, number)))
    one_request(gateway, request, what, lambda _response: f"{line} {done} ({_WHEN[when].value})")


@click.command()
@click.argument("line")
@at_gateway
def snapshot(line: str, gateway: Access) -> None:
    """List the calls of LINE."""
    one_request(gateway, SnapshotDevice(snapshot_object=line), f"snapshot {line}", show.snapshot)


COMMANDS: tuple[click.Command, ...] = (
    call,
    *map(_simple, _SIMPLE),
    consult,
    transfer,
    conference,
    dnd,
    forward,
    snapshot,
)
