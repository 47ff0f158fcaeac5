"""``ctigw describe``: what the gateway speaks and does, from the code that does it."""

from __future__ import annotations

import enum
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from ctigw.cli import describe_sip, describe_web
from ctigw.cli.client import form_option
from ctigw.cli.running import UNUSABLE, fail
from ctigw.cli.serve import checked, config_option
from ctigw.csta.types import csta
from ctigw.errors import MEANINGS
from ctigw.xml import Elements, Empty, camel_case, flag_name

ANSWERS = ("Response", "PosResponse", "NegResponse")
_TYPES = {str: "text", int: "number", bool: "true | false", bytes: "hexadecimal", Elements: "anything"}


def services(gateway: Any) -> list[dict[str, Any]]:
    """The requests that ``gateway`` serves: the module that serves each, and its answers."""
    served = {cls.__name__: _file(handler.__module__) for cls, handler in gateway.dispatcher.handlers.items()}
    return [{"request": name, "served": served[name], "answers": answers(name)} for name in sorted(served)]


def events(gateway: Any) -> list[dict[str, Any]]:
    """The events that monitors of ``gateway`` are told, and the flags of a filter that keep them away."""
    from ctigw.csta.monitoring import CallControlEvents
    from ctigw.services.event_messages import SHAPES
    from ctigw.services.monitors import told

    flags = {SHAPES[kind].message: SHAPES[kind].flag for kind in told(gateway.switch.kinds)}
    names = {cls.__name__: flag_name(flag) for cls, flag in flags.items()}
    names["CallClearedEvent"] = flag_name(CallControlEvents.CALL_CLEARED)
    return [{"event": name, "filter": names[name]} for name in sorted(names)]


def messages(_gateway: Any = None) -> list[dict[str, Any]]:
    """Every message that can be read and written."""
    return [{"message": name, "means": _doc(csta.messages[name])} for name in sorted(csta.messages)]


def message(name: str) -> dict[str, Any]:
    """The message ``name``: what it means, what answers it, and its children, in the order of the wire."""
    cls = csta.messages[name]
    return {"message": name, "means": _doc(cls), "answers": answers(name)} | _content(cls)


def answers(name: str) -> list[str]:
    """The messages that answer the request ``name``, besides CSTAErrorCode."""
    return [name + answer for answer in ANSWERS if name + answer in csta.messages]


def states(_gateway: Any = None) -> str:
    """The connection states, and the events that change them, as a mermaid diagram."""
    from ctigw.services.event_messages import SHAPES
    from ctigw.switch.states import MACHINE, NEXT

    def ends(change: tuple[Any, Any]) -> tuple[str, str]:
        return change[0].value, NEXT[change].value

    lines = ["stateDiagram-v2", f"    [*] --> {str(MACHINE.initial).lower()}"]
    for (start, end), changes in itertools.groupby(sorted(NEXT, key=ends), ends):
        causes = sorted(SHAPES[kind].message.__name__.removesuffix("Event") for _state, kind in changes)
        lines.append(f"    {start} --> {end}: {', '.join(causes)}")
    return "\n".join(lines)


def errors(_gateway: Any = None) -> list[dict[str, Any]]:
    """What requests are refused with: the category, the value, and what it is said for."""
    reasons = sorted(MEANINGS.items(), key=lambda item: item[0].value)
    return [{"category": r.category, "value": r.value_name, "means": means} for r, means in reasons]


TOPICS: Mapping[str, Callable[[Any], Any]] = {
    "services": services,
    "events": events,
    "messages": messages,
    "states": states,
    "errors": errors,
    **describe_sip.TOPICS,
    **describe_web.TOPICS,
}


@click.command()
@click.argument("topic", required=False)
@config_option
@form_option
def describe(topic: str | None, file: Path | None, form: str | None) -> None:
    """Describe what the gateway speaks: TOPIC is services, events, messages, states, errors, sip-methods,
    sip-packages, sip-transactions, web-operations, or a message.

    Without TOPIC it describes everything but the contents of the messages.  States come as mermaid diagrams.
    """
    if topic in csta.messages:
        found = message(topic)
        click.echo(json.dumps(found) if form else message_text(found))
        return
    if topic not in (None, *TOPICS):
        fail(f"describe {topic}: neither a message nor {', '.join(TOPICS)}", UNUSABLE)
    gateway = checked(file)
    told = {name: tell(gateway) for name, tell in TOPICS.items() if topic in (None, name)}
    if form:
        click.echo(json.dumps(told if topic is None else told[topic]))
        return
    texts = {name: found if isinstance(found, str) else table(found) for name, found in told.items()}
    click.echo("\n\n".join(f"{name}\n\n{text}" if topic is None else text for name, text in texts.items()))


def table(rows: list[dict[str, Any]]) -> str:
    """``rows`` of equal keys, one a line."""
    cells = [[", ".join(v) if isinstance(v, list) else v for v in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def message_text(told: dict[str, Any]) -> str:
    """What `message` gives, for people."""
    head = [told["message"], *(f"  {line}" for line in (told["means"],) if line)]
    if told["answers"]:
        head.append(f"  answered with {' or '.join(told['answers'])}, or CSTAErrorCode")
    return "\n".join((*head, "", *_lines(told, "  ")))


def _lines(content: dict[str, Any], indent: str) -> Iterator[str]:
    if content["choice"]:
        yield f"{indent}one of"
    elif not content["children"]:
        yield f"{indent}nothing in it"
    for known in content["children"]:
        name = f"{known['within']}/{known['name']}" if known["within"] else known["name"]
        yield f"{indent + name:<44} {known['occurs']:<9}  {known['type']}".rstrip()
        if "children" in known:
            yield from _lines(known, indent + "  ")


def _content(cls: type) -> dict[str, Any]:
    plan = csta.plan(cls)
    return {"choice": plan.choice, "children": [_child(known, plan.choice) for known in plan.children]}


def _child(known: Any, chosen: bool) -> dict[str, Any]:
    occurs = "repeated" if known.many else "mandatory" if known.required else "" if chosen else "optional"
    told = {"name": known.name, "within": known.within, "occurs": occurs, "type": _type(known.type)}
    return told if told["type"] else told | _content(known.type)


def _type(hint: Any) -> str:
    """What stands in an element, in words; "" where it is elements."""
    if hint in _TYPES:
        return _TYPES[hint]
    if hint is Empty:
        return "empty"
    if issubclass(hint, enum.Flag):
        return "flags: " + ", ".join(map(flag_name, hint))
    if issubclass(hint, enum.Enum):
        return " | ".join(str(value.value) for value in hint)
    return ""


def _doc(cls: type) -> str:
    """The first line of what the declaration says, with names as on the wire; "" when it says nothing."""
    said = cls.__doc__ or ""
    if said.startswith(f"{cls.__name__}("):  # the one that dataclasses make
        return ""
    line = " ".join(said.split("\n\n")[0].split())
    return re.sub(r"``?(\w+)``?", lambda found: camel_case(found[1]), line)


def _file(module: str) -> str:
    return module.replace(".", "/") + ".py"


COMMANDS: tuple[click.Command, ...] = (describe,)
