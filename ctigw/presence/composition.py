"""What is known of somebody, put together of what several sources tell.

Each source has a priority that is provisioned; all that it tells is a `Component`.  Decisions of ours:

* A component comes before another if a user's override is in it (a tuple of an id in `OVERRIDES`), then by
  priority, then if it is newer.
* All tuples and devices are told.  Of those of one id the newest is: a client that was killed, comes back
  and publishes anew takes the place of what it left behind.
* There is one person.  Each of its properties comes whole from the first component that has it: so there is
  one answer to the question what somebody does.  So do the notes on the document and what is unknown in it.
* Activities are told by who says anything.  Of equals, who says more than that somebody is there or not
  (`vocabulary.SAY_LITTLE`) comes first, newer or not: a phone that sees no call does not undo "vacation".
* Open or closed is what the first component says that says either.
* If there is no tuple, one says closed: nobody is reachable at nothing.  Who is not known at all is closed
  and unavailable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from ctigw.presence.documents import (
    ACTIVITIES,
    Device,
    Document,
    Property,
    Tuple,
    put_together,
)
from ctigw.presence.lexical import quoted, uri
from ctigw.presence.parts import person_id
from ctigw.presence.vocabulary import SAY_LITTLE
from ctigw.values import named, value

# Tuples by which clients say that the user has set the state by hand.
OVERRIDES = frozenset(("pws-override", "pws-persistent", "cupc-override"))

_DEFAULT = Tuple("default", "", "closed", "", "", "", "<status><basic>closed</basic></status>")
_Part = TypeVar("_Part", Tuple, Device)
_UNAVAILABLE = Property(ACTIVITIES, f"<{ACTIVITIES}><ce:unavailable/></{ACTIVITIES}>", ("unavailable",))


class Component:
    """What one source tells of somebody.

    ``priority``: the greater comes first; ``since``, ``expires``: seconds of one clock, None for never.
    """

    __slots__ = ("document", "etag", "expires", "priority", "since", "source")

    def __init__(
        self,
        source: str,
        priority: float,
        since: float,
        document: Document,
        *,
        etag: str = "",
        expires: float | None = None,
    ) -> None:
        self.source, self.priority, self.since = source, priority, since
        self.document, self.etag, self.expires = document, etag, expires

    def renewed(self, etag: str, expires: float | None) -> Component:
        """The same for another time, under another entity-tag."""
        return Component(self.source, self.priority, self.since, self.document, etag=etag, expires=expires)


@value
class Won:
    """``what`` is told by ``source``, and would be by ``others`` if it were not.

    ``etag``: of the component, since several may be of one source.
    """

    what: str
    source: str
    others: tuple[str, ...]
    etag: str = ""


@named
class Composed:
    """What is told of ``entity``.

    ``basic``: "open" or "closed"; ``explanation``: who decided what, where that was asked for.
    """

    entity: str
    xml: bytes
    basic: str
    explanation: tuple[Won, ...] = ()


class _Told:
    """A component that tells something, and where it stands."""

    __slots__ = ("component", "document", "order")

    def __init__(self, component: Component, document: Document) -> None:
        self.component, self.document = component, document
        overrides = any(each.key in OVERRIDES for each in document.tuples)
        # Ties that time does not break are broken by something, so that arrival never decides.
        self.order = (
            not overrides, -component.priority, -component.since, component.source, component.etag
        )  # fmt: skip


def compose(
    entity: str,
    components: Iterable[Component],
    excluded: frozenset[str] = frozenset(),
    *,
    explained: bool = False,
) -> Composed:
    """What all ``components`` tell of ``entity``, but for those of the sources ``excluded``.

    A source is excluded by the name it is provisioned under, or by what its tuples say it is.
    ``explained``: with an explanation, which costs a sixth of it all, and is rarely asked for.
    """
    told = _those_that_tell(components, excluded)
    if not told:
        return _nobody(entity)
    composing = _Composing(explained=explained)
    tuples = composing.tuples(told)
    person = composing.person(told)
    devices = composing.devices(told)
    notes = composing.notes(told)
    others = composing.properties([(each, each.document.others) for each in told])
    if not tuples:
        tuples = [_DEFAULT]
    return Composed(
        entity=entity,
        xml=put_together(entity, tuples, notes=notes, person=person, devices=devices, others=others),
        basic=_basic(told, tuples),
        explanation=tuple(composing.won),
    )


# The document of one of whom nobody tells anything, to be given the entity and the id of the person: most
# contacts in most lists, in the morning.
_OF_NOBODY = (
    put_together("sip:x", [_DEFAULT], person=[_UNAVAILABLE])
    .decode()
    .replace('"sip:x"', "%s")
    .replace('"x"', '"%s"')
)


def _nobody(entity: str) -> Composed:
    name = person_id(uri(entity))
    if name == _DEFAULT.key:  # two ids must not be one
        xml = put_together(entity, [_DEFAULT], person=[_UNAVAILABLE])
    else:
        xml = (_OF_NOBODY % (quoted(uri(entity)), name)).encode()
    return Composed(entity=entity, xml=xml, basic="closed")


def _those_that_tell(components: Iterable[Component], excluded: frozenset[str]) -> list[_Told]:
    """In the order in which they come."""
    told = []
    for component in components:
        if component.source in excluded:
            continue
        document = _without(component.document, excluded) if excluded else component.document
        if not document.empty:
            told.append(_Told(component, document))
    told.sort(key=lambda each: each.order)
    return told


def _without(document: Document, excluded: frozenset[str]) -> Document:
    """Nothing, where all tuples are of sources excluded: the rest is theirs too."""
    left = tuple(each for each in document.tuples if each.source not in excluded)
    if len(left) == len(document.tuples):
        return document
    if not left:
        return Document(document.entity)
    return Document(document.entity, left, document.person, document.devices, document.notes, document.others)


def _basic(told: Sequence[_Told], shown: Sequence[Tuple]) -> str:
    """What the first says, in tuples that are ``shown``, that says anything of it: who has signed off is not
    there because of an idle phone.
    """
    chosen = set(map(id, shown))
    for each in told:
        tuples = [part for part in each.document.tuples if id(part) in chosen]
        by_hand = {part.basic for part in tuples if part.key in OVERRIDES} - {""}
        said = by_hand or {part.basic for part in tuples} - {""}
        if said:
            return "open" if "open" in said else "closed"
    return "closed"


class _Composing:
    """Chooses, and remembers who won what if that is to be ``explained``."""

    __slots__ = ("_explained", "won")

    def __init__(self, *, explained: bool) -> None:
        self._explained = explained
        self.won: list[Won] = []

    def tuples(self, told: Sequence[_Told]) -> list[Tuple]:
        return self._newest("tuple", [(each, part) for each in told for part in each.document.tuples])

    def devices(self, told: Sequence[_Told]) -> list[Device]:
        return self._newest("device", [(each, part) for each in told for part in each.document.devices])

    def notes(self, told: Sequence[_Told]) -> str:
        telling = [each for each in told if each.document.notes]
        if not telling:
            return ""
        self._win("note", telling)
        return telling[0].document.notes

    def person(self, told: Sequence[_Told]) -> list[Property]:
        return self.properties([(each, each.document.person) for each in told])

    def properties(self, told: Sequence[tuple[_Told, Sequence[Property]]]) -> list[Property]:
        """Each from the first that has it."""
        found: dict[str, list[tuple[_Told, Property]]] = {}
        for each, properties in told:
            for one in properties:
                found.setdefault(one.name, []).append((each, one))
        if ACTIVITIES in found:
            found[ACTIVITIES].sort(key=_says_less)
        for name, telling in found.items():
            self._win(name, [each for each, _ in telling])
        return [telling[0][1] for telling in found.values()]

    def _newest(self, kind: str, parts: list[tuple[_Told, _Part]]) -> list[_Part]:
        """The parts in their order, of those of one id the newest; who has no id is like no other."""
        telling: dict[str, dict[_Told, None]] = {}
        for each, part in parts:
            if part.key:
                telling.setdefault(part.key, {})[each] = None
        newest: dict[str, _Told] = {}
        for key, all_of_them in telling.items():
            first, *rest = sorted(all_of_them, key=lambda each: -each.component.since)
            newest[key] = first
            self._win(f"{kind} {key}", [first, *rest])
        return [part for each, part in parts if not part.key or newest[part.key] is each]

    def _win(self, what: str, telling: Sequence[_Told]) -> None:
        if not self._explained:
            return
        first, *others = [each.component for each in telling]
        self.won.append(Won(what, first.source, tuple(each.source for each in others), first.etag))


def _says_less(told: tuple[_Told, Property]) -> tuple[bool, bool, float, bool]:
    each, activities = told
    overridden, weight = each.order[:2]
    return not activities.says, overridden, weight, SAY_LITTLE.issuperset(activities.says)
