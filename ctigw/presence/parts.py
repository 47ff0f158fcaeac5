"""The parts of presence documents, and documents put together of them: valid by the schemas always."""

from __future__ import annotations

from collections.abc import Sequence

from ctigw.presence.lexical import ncname, quoted, uri
from ctigw.presence.vocabulary import PIDF, PREFIXES
from ctigw.values import value
from ctigw.xml import DECLARATION

ACTIVITIES = "r:activities"


@value
class Tuple:
    """A way to reach somebody: a device, a program, a line.

    ``key``: the id as it was sent, "" for none; ``basic``: "open", "closed" or ""; ``priority``: of the
    contact, as text; ``xml``: the content.
    """

    key: str
    source: str
    basic: str
    contact: str
    priority: str
    timestamp: str
    xml: str


@value
class Property:
    """All that is told of a person in elements of one name, such as ``r:activities``.

    ``says``: the names of the activities, where it is these.
    """

    name: str
    xml: str
    says: tuple[str, ...] = ()


@value
class Device:
    """``key`` and ``xml`` as of a tuple."""

    key: str
    xml: str


@value
class Document:
    """What somebody tells.  Parts that are text can stand in any document of ours.

    ``person``: the properties, in order of appearance; ``notes``: of the whole document; ``others``: whatever
    else stood in it, by name.
    """

    entity: str
    tuples: tuple[Tuple, ...] = ()
    person: tuple[Property, ...] = ()
    devices: tuple[Device, ...] = ()
    notes: str = ""
    others: tuple[Property, ...] = ()

    @property
    def basic(self) -> str:
        """ "open" if any tuple is, "closed" if any tells, else ""."""
        said = {each.basic for each in self.tuples}
        return "open" if "open" in said else "closed" if "closed" in said else ""

    @property
    def activities(self) -> tuple[str, ...]:
        """The names of the person's activities."""
        return next((each.says for each in self.person if each.name == ACTIVITIES), ())

    @property
    def empty(self) -> bool:
        """Whether it tells nothing at all."""
        return not (self.tuples or self.person or self.devices or self.notes or self.others)


def unique(wanted: str, taken: dict[str, int]) -> str:
    """``wanted``, or something like it that is not ``taken`` yet; it is from now on.

    ``taken`` counts how often each was wanted: a document may want the same one a thousand times.
    """
    name = wanted
    while name in taken:
        taken[wanted] += 1
        name = f"{wanted}-{taken[wanted]}"
    taken[name] = 1
    return name


_BOUND = [
    (f"<{prefix}:", f" {prefix}:", f" xmlns:{prefix}={quoted(namespace)}")
    for namespace, prefix in PREFIXES.items()
    if prefix
]


def put_together(
    entity: str,
    tuples: Sequence[Tuple] = (),
    *,
    notes: str = "",
    person: Sequence[Property] = (),
    devices: Sequence[Device] = (),
    others: Sequence[Property] = (),
) -> bytes:
    """The document of ``entity`` with these parts.

    Ids are kept where XML can have them, and no other part has the same.  The person is called after the
    user part of the entity.
    """
    entity = uri(entity)
    ids: dict[str, int] = {}
    # Those that are called something come first: what has no name must not take theirs.
    tuple_ids = _called(tuples, ids)
    device_ids = _called(devices, ids)
    content = "".join(
        [
            *[
                f'<tuple id="{name or unique("t1", ids)}">{part.xml}</tuple>'
                for name, part in zip(tuple_ids, tuples, strict=True)
            ],
            notes,
            _person(unique(person_id(entity), ids), person) if person else "",
            *[
                f'<dm:device id="{name or unique("d1", ids)}">{part.xml}</dm:device>'
                for name, part in zip(device_ids, devices, strict=True)
            ],
            *[each.xml for each in others],
        ]
    )
    bound = [text for tag, attribute, text in _BOUND if tag in content or attribute in content]
    opening = f"{DECLARATION}<presence xmlns={quoted(PIDF)}{''.join(bound)} entity={quoted(entity)}"
    return (f"{opening}>{content}</presence>" if content else f"{opening}/>").encode()


_LAST = {"dm:note": 1, "dm:timestamp": 2}


def _person(name: str, properties: Sequence[Property]) -> str:
    content = "".join([each.xml for each in sorted(properties, key=lambda each: _LAST.get(each.name, 0))])
    return f"<dm:person id={quoted(name)}>{content}</dm:person>"


def _called(parts: Sequence[Tuple] | Sequence[Device], ids: dict[str, int]) -> list[str]:
    """The ids of those that have any, else ""."""
    keys = [ncname(part.key) for part in parts]
    return [unique(key, ids) if key else "" for key in keys]


def person_id(entity: str) -> str:
    """What the person of an entity is called: its user part."""
    scheme, colon, rest = entity.partition(":")
    return ncname((rest if colon else scheme).partition("@")[0].partition(":")[0]) or "person"


def written(document: Document, entity: str = "") -> bytes:
    """``document`` as it is, of ``entity`` if it is another one."""
    return put_together(
        entity or document.entity,
        document.tuples,
        notes=document.notes,
        person=document.person,
        devices=document.devices,
        others=document.others,
    )
