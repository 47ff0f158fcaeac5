"""What a watcher wants to see of a document, and what not (RFC 4660 and 4661).

A filter includes and excludes elements and attributes.  What is left is what it includes, or all if it
includes nothing, but for what it excludes; and whatever a document must have to be valid.  Decisions of ours:

* What holds an included element comes with it, but not what else is in there.  An attribute comes with its
  element and what is in it.
* A namespace means all elements in it, not what they hold of other namespaces.
* Filters are looked for by resource: one for its URI, one for its domain, one for all.
* When to notify (``trigger``) is not supported: a watcher who asks for it is told, rather than woken by
  what it did not ask for.  Elements that are no filter's are ignored.
"""

from __future__ import annotations

from collections.abc import Callable

from ctigw.presence.documents import MAX_DEPTH as MAX_DOCUMENT_DEPTH
from ctigw.presence.documents import document_of, written
from ctigw.presence.paths import Path, PathError, path
from ctigw.presence.vocabulary import NAMESPACES, parted
from ctigw.values import value
from ctigw.xml.errors import NotXmlError
from ctigw.xml.parsing import Element, local, parse

CONTENT_TYPE = "application/simple-filter+xml"
MAX_BYTES = 16 * 1024
MAX_DEPTH = 8
MAX_FILTERS = 32
MAX_SELECTIONS = 16
# Attributes that elements are nothing without.
_MANDATORY = frozenset(("id", "entity"))
# Elements likewise, by those that need them: they come with what is included.
_NEEDED = {"device": "deviceID"}


class FilterError(ValueError):
    """This is no filter, or one that is not supported; the text says why."""


@value
class Selection:
    """What is included or excluded: what a path leads to, or a namespace."""

    path: Path | None
    namespace: str

    def elements(self, root: Element) -> list[Element]:
        """The elements, without what they hold."""
        if self.path is not None:
            return self.path.elements(root)
        return [each for each in root.iter() if parted(str(each.tag))[0] == self.namespace]


@value
class Filter:
    """``uri``, ``domain``: the resources that it is for; "" for all."""

    uri: str
    domain: str
    include: tuple[Selection, ...]
    exclude: tuple[Selection, ...]

    def apply(self, document: bytes) -> bytes:
        """What is left of a document of ours: valid, as it was."""
        root = parse(document, MAX_DOCUMENT_DEPTH + 1)
        if self.include:
            _keep(root, _included(root, self.include))
        for selection in self.exclude:
            if selection.path is not None and selection.path.attribute is not None:
                _drop_attributes(root, selection.path)
            else:
                _drop(root, selection)
        return written(document_of(root))


@value
class Filters:
    """The filters of one subscription."""

    filters: tuple[Filter, ...] = ()

    def of(self, resource: str) -> Filter | None:
        """The filter for a resource, the most special; None where there is none."""
        domain = resource.rpartition("@")[2].partition(";")[0].lower()
        ranks: tuple[Callable[[Filter], bool], ...] = (
            lambda each: bool(each.uri) and each.uri == resource,
            lambda each: bool(each.domain) and each.domain == domain,
            lambda each: not each.uri and not each.domain,
        )
        return next((each for fits in ranks for each in self.filters if fits(each)), None)

    def apply(self, document: bytes, resource: str = "") -> bytes:
        """What is left of the document of a resource."""
        found = self.of(resource)
        return document if found is None else found.apply(document)


def read(body: bytes) -> Filters:
    """The filters in a document.  Raises `FilterError`."""
    if len(body) > MAX_BYTES:
        raise FilterError(f"longer than {MAX_BYTES} bytes")
    try:
        root = parse(body, MAX_DEPTH)
    except NotXmlError as error:
        raise FilterError(error.why) from None
    if local(root) != "filter-set":
        raise FilterError("the root is not filter-set")
    if str(root.get("package", "presence")) != "presence":
        raise FilterError("not for presence")
    prefixes = {
        str(each.get("prefix", "")): str(each.get("urn", ""))
        for bindings in root
        if local(bindings) == "ns-bindings"
        for each in bindings
    }
    # What is to be removed was never kept: every subscription has its filters from one request.
    wanted = [
        each
        for each in root
        if local(each) == "filter" and each.get("remove") != "true" and each.get("enabled") != "false"
    ]
    if len(wanted) > MAX_FILTERS:
        raise FilterError(f"more than {MAX_FILTERS} filters")
    return Filters(tuple(_filter(each, prefixes) for each in wanted))


def _filter(element: Element, prefixes: dict[str, str]) -> Filter:
    found: dict[str, list[Selection]] = {"include": [], "exclude": []}
    for child in element:
        if local(child) == "trigger":
            raise FilterError("triggers are not supported")
        for each in child if local(child) == "what" else ():
            if local(each) in found:
                found[local(each)].append(_selection(each, prefixes))
    if sum(map(len, found.values())) > MAX_SELECTIONS:
        raise FilterError(f"more than {MAX_SELECTIONS} selections")
    return Filter(
        str(element.get("uri", "")).strip(),
        str(element.get("domain", "")).strip().lower(),
        tuple(found["include"]),
        tuple(found["exclude"]),
    )


def _selection(element: Element, prefixes: dict[str, str]) -> Selection:
    text, kind = (element.text or "").strip(), element.get("type", "xpath")
    if kind == "namespace":
        return Selection(None, NAMESPACES.get(text, text))
    if kind != "xpath":
        raise FilterError("neither a path nor a namespace")
    try:
        return Selection(path(text, prefixes), "")
    except PathError as error:
        raise FilterError(str(error)) from None


def _included(root: Element, selections: tuple[Selection, ...]) -> set[Element]:
    kept = {root}
    for selection in selections:
        for each in selection.elements(root):
            if selection.path is not None:
                if not _has(each, selection.path):
                    continue
                kept.update(each.iter())
            kept.add(each)
            kept.update(each.iterancestors())
    needed = [child for each in kept for child in each if local(child) == _NEEDED.get(local(each))]
    return kept.union(needed)


def _has(element: Element, wanted: Path) -> bool:
    name = wanted.attribute
    return name is None or any(name.fits(str(tag)) for tag in element.keys())  # noqa: SIM118 - no mapping


def _keep(element: Element, kept: set[Element]) -> None:
    for child in list(element):
        if child in kept:
            _keep(child, kept)
        else:
            element.remove(child)


def _drop(root: Element, selection: Selection) -> None:
    for each in selection.elements(root):
        parent = each.getparent()
        if parent is not None:
            parent.remove(each)
        else:  # the root must stay: nothing of it is left
            for child in list(root) if selection.path is not None else ():
                root.remove(child)


def _drop_attributes(root: Element, wanted: Path) -> None:
    name = wanted.attribute
    for each in wanted.elements(root):
        for tag in list(each.attrib):
            if name is not None and name.fits(str(tag)) and str(tag) not in _MANDATORY:
                del each.attrib[tag]
