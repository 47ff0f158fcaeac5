"""The engine: collect, compose, keep private, filter.

What is known of a presentity comes from several sources, each with a provisioned priority: publications,
and what others contribute (phones, long-term status, foreign servers).  It is composed once when it has
changed and somebody watches, and rendered once for each distinct view; a watcher is told only when what it
sees is another document than the one it was given last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import structlog

from ctigw.means import Means
from ctigw.presence import views
from ctigw.presence.composition import Component, Composed, Won, compose
from ctigw.presence.errors import TooManyError
from ctigw.presence.filters import Filter
from ctigw.presence.publications import Keep, Publication, Publications, forgetful
from ctigw.presence.sources import Provisioned, Sources, status_of
from ctigw.rules import Rule, Visibility, applying, reachability
from ctigw.values import named

State = Literal["active", "pending", "terminated"]
# Of what a watcher can see by each visibility.
STATES: Mapping[Visibility, State] = {
    Visibility.ALL: "active",
    Visibility.REACHABILITY_ONLY: "active",
    Visibility.POLITE_BLOCK: "active",
    Visibility.CONFIRM: "pending",
    Visibility.BLOCK: "terminated",
}
# Views of a presentity that are kept to be seen by others: by rules there are as many as there are rules,
# but a watcher may have as many filters as subscriptions.
VIEWS = 64
log = structlog.get_logger(__name__)
# What people see of themselves.
OWN = Rule("")


@named
class Settings:
    """``without_rule``: what everybody sees of a presentity that has no rule for all others."""

    source: Provisioned
    without_rule: Visibility = Visibility.CONFIRM
    publications_per_presentity: int = 20
    watchers_per_presentity: int = 10_000
    watchings_per_watcher: int = 5_000


class Watching:
    """One watcher's view of one presentity.

    ``tell`` is called when `document` gives another one; ``accept``: the media types that the watcher takes.
    """

    __slots__ = (
        *("accept", "event", "filter", "id", "presentity", "reason"),
        *("rule", "state", "tell", "told", "watcher"),
    )

    def __init__(
        self,
        id_: str,
        presentity: str,
        watcher: str,
        tell: Callable[[], None],
        what: Filter | None,
        accept: tuple[str, ...],
    ) -> None:
        self.id, self.presentity, self.watcher, self.tell = id_, presentity, watcher, tell
        self.filter, self.accept = what, accept
        self.rule = OWN
        self.state: State = "active"
        self.reason = ""
        # The last thing that happened to it, in the words of RFC 3858.
        self.event = "subscribe"
        # The hash of what `document` gave last.
        self.told: int | None = None

    def decide(self, rule: Rule) -> bool:
        """``rule`` holds from now on; whether that makes a difference to the state."""
        before, self.rule, self.state = self.state, rule, STATES[rule.visibility]
        self.reason = "rejected" if self.state == "terminated" else ""
        return self.state != before


class _Presentity:
    __slots__ = ("components", "composed", "contributions", "name", "observers", "views", "watchings")

    def __init__(self, name: str) -> None:
        self.name = name
        self.contributions: dict[str, Component] = {}
        self.watchings: dict[str, Watching] = {}
        self.observers: dict[object, Callable[[Watching], None]] = {}
        self.forget()

    def forget(self) -> None:
        """What was made of the components is out of date."""
        self.components: list[Component] | None = None
        self.composed: Composed | None = None
        self.views: dict[object, bytes] = {}


class Presence:
    """All presentities.  ``rules`` gives a presentity's.

    ``first`` is told of whoever begins to watch a presentity that nobody watched, ``last`` the presentity
    when the last one leaves.
    """

    def __init__(
        self,
        settings: Settings,
        means: Means,
        *,
        rules: Callable[[str], Sequence[Rule]],
        keep: Keep = forgetful,
    ) -> None:
        self._settings, self._rules = settings, rules
        self._now, self._token = means.now, means.token
        self._otherwise = Rule("", settings.without_rule)
        self._sources = Sources(settings.source)
        self.publications = Publications(
            means, keep, self._changed, per_presentity=settings.publications_per_presentity
        )
        self._presentities: dict[str, _Presentity] = {}
        # In order: what is told must not depend on chance.
        self._dirty: dict[str, None] = {}
        self._watched: Counter[str] = Counter()
        self.first: Callable[[Watching], None] = lambda _watching: None
        self.last: Callable[[str], None] = lambda _presentity: None

    # What is known

    def contribute(self, presentity: str, key: str, body: bytes | None, way: str, agent: str = "") -> None:
        """The state of ``presentity`` that the contributor ``key`` knows is ``body`` now; None: it knows
        nothing.

        ``way`` names the kind of source, whose priority it has unless the document says otherwise.
        """
        here = self._of(presentity)
        if body is None:
            here.contributions.pop(key, None)
        else:
            here.contributions[key] = self._sources.component(way, body, self._now(), agent=agent, etag=key)
        self._changed(presentity)

    def _changed(self, presentity: str) -> None:
        here = self._presentities.get(presentity)
        if here is not None:  # otherwise nobody has looked at it
            here.forget()
            self._dirty[presentity] = None

    def _of(self, presentity: str) -> _Presentity:
        here = self._presentities.get(presentity)
        if here is None:
            here = self._presentities[presentity] = _Presentity(presentity)
        return here

    def _components(self, here: _Presentity) -> list[Component]:
        if here.components is None:
            here.components = self._collected(here)
        return here.components

    def _collected(self, here: _Presentity) -> list[Component]:
        published = map(self._published, self.publications.of(here.name))
        return [*here.contributions.values(), *published]

    def _published(self, publication: Publication) -> Component:
        if publication.component is None:
            publication.component = self._sources.component(
                "publication",
                publication.body,
                publication.published,
                agent=publication.agent,
                etag=publication.etag,
                expires=publication.expires,
            )
        return publication.component

    def _composed(self, here: _Presentity) -> Composed:
        if here.composed is None:
            here.composed = compose(entity(here.name), self._components(here))
        return here.composed

    # Who watches

    def watch(
        self,
        presentity: str,
        watcher: str,
        tell: Callable[[], None],
        what: Filter | None = None,
        accept: tuple[str, ...] = (),
    ) -> Watching:
        """``watcher`` watches ``presentity``, as far as its rules allow; see `Watching.state`.

        Who is not allowed to is not remembered.  Raises `TooManyError`.
        """
        here = self._of(presentity)
        watching = Watching(self._token(), presentity, watcher, tell, what, accept)
        watching.decide(self._rule(presentity, watcher))
        if watching.state == "terminated":
            self._forget_if_empty(here)
            return watching
        settings = self._settings
        if (
            len(here.watchings) >= settings.watchers_per_presentity
            or self._watched[watcher] >= settings.watchings_per_watcher
        ):
            self._forget_if_empty(here)
            raise TooManyError("too many subscriptions")
        here.watchings[watching.id] = watching
        self._watched[watcher] += 1
        if len(here.watchings) == 1:
            self.first(watching)
        self._observed(here, watching)
        return watching

    def leave(self, watching: Watching, event: str = "timeout") -> None:
        """It watches no longer; a second time does nothing."""
        here = self._presentities.get(watching.presentity)
        if here is None or here.watchings.pop(watching.id, None) is None:
            return
        self._watched[watching.watcher] -= 1
        if not self._watched[watching.watcher]:
            del self._watched[watching.watcher]
        if watching.state != "terminated":  # else they know it already
            watching.state, watching.event = "terminated", event
            self._observed(here, watching)
        if not here.watchings:
            self.last(watching.presentity)
        self._forget_if_empty(here)

    def reviewed(self, presentity: str) -> None:
        """The rules of ``presentity`` may have changed: they hold for whoever watches now, too."""
        here = self._presentities.get(presentity)
        if here is None:
            return
        for watching in tuple(here.watchings.values()):
            if watching.decide(self._rule(presentity, watching.watcher)):
                watching.event = {"active": "approved", "terminated": "rejected"}.get(
                    watching.state, "subscribe"
                )
                self._observed(here, watching)
                watching.tell()
        self._changed(presentity)

    def gone(self, presentity: str) -> None:
        """There is no such presentity any more: nothing is known of it, and nobody can watch it."""
        self.publications.forget(presentity)
        here = self._presentities.get(presentity)
        if here is None:
            return
        here.contributions.clear()
        for watching in tuple(here.watchings.values()):
            watching.state, watching.reason, watching.event = "terminated", "noresource", "noresource"
            self._observed(here, watching)
            watching.tell()
        self._changed(presentity)

    def document(self, watching: Watching) -> bytes:
        """What ``watching`` shows now; it is told of other documents than this one from now on."""
        seen = self._seen(self._of(watching.presentity), watching)
        watching.told = hash(seen)
        return seen

    def settle(self) -> None:
        """Compose what has changed, and tell whoever sees something else now."""
        while self._dirty:
            dirty, self._dirty = self._dirty, {}
            for presentity in dirty:
                here = self._presentities.get(presentity)
                if here is not None:
                    self._settle(here)

    def _settle(self, here: _Presentity) -> None:
        for watching in tuple(here.watchings.values()):
            if watching.state == "terminated":  # which it was told already
                continue
            try:
                if hash(self._seen(here, watching)) != watching.told:
                    watching.tell()
            except Exception:  # a bug, such as in one watcher's filter, which must not cost the others
                log.exception("not told", presentity=here.name)
        self._forget_if_empty(here)

    def visibility(self, presentity: str, watcher: str, source: str = "") -> Visibility:
        """How much ``watcher`` may see of ``presentity``, or of what one ``source`` tells of it."""
        rule = self._rule(presentity, watcher)
        if source in rule.excluded_sources and STATES[rule.visibility] == "active":
            return Visibility.POLITE_BLOCK
        return rule.visibility

    def _rule(self, presentity: str, watcher: str) -> Rule:
        if watcher == presentity:
            return OWN
        return applying(self._rules(presentity), watcher) or self._otherwise

    def _seen(self, here: _Presentity, watching: Watching) -> bytes:
        rule = watching.rule
        told_by = (rule.visibility, rule.excluded_sources, rule.reachability_source, rule.whens)
        key = (told_by, watching.filter)
        seen = here.views.get(key)
        if seen is None:
            seen = self._view(here, rule)
            if watching.filter is not None:
                seen = watching.filter.apply(seen)
            if watching.filter is None or len(here.views) < VIEWS:
                here.views[key] = seen
        return seen

    def _view(self, here: _Presentity, rule: Rule) -> bytes:
        if rule.visibility is Visibility.ALL:
            return self._without(here, rule).xml
        if rule.visibility is Visibility.REACHABILITY_ONLY:
            status = reachability(rule, self._statuses(here)) or ""
            return views.polite(entity(here.name), self._without(here, rule).basic, status)
        return views.nothing(entity(here.name))

    def _without(self, here: _Presentity, rule: Rule) -> Composed:
        """What all sources tell but those that ``rule`` excludes."""
        if not rule.excluded_sources:
            return self._composed(here)
        return compose(entity(here.name), self._components(here), frozenset(rule.excluded_sources))

    def _statuses(self, here: _Presentity) -> dict[str, str]:
        """What each source says in one word; of several of one name the one that wins."""
        components = sorted(self._components(here), key=lambda part: (part.priority, part.since))
        return {component.source: status_of(component) for component in components}

    # Who is watched by whom

    def watchings(self, presentity: str) -> list[Watching]:
        """Who watches ``presentity``."""
        here = self._presentities.get(presentity)
        return list(here.watchings.values()) if here else []

    def observe(self, presentity: str, observer: Callable[[Watching], None]) -> Callable[[], None]:
        """Tell ``observer`` of each watcher of ``presentity`` that comes, goes or is decided on, until the
        result is called."""
        here, key = self._of(presentity), object()
        here.observers[key] = observer

        def end() -> None:  # which does not refer to the observer, who has this
            here.observers.pop(key, None)
            self._forget_if_empty(here)

        return end

    def _observed(self, here: _Presentity, watching: Watching) -> None:
        for observer in tuple(here.observers.values()):
            observer(watching)

    # Upkeep

    def figures(self) -> dict[str, int]:
        """How many there are of everything."""
        return {
            "publications": len(self.publications),
            "presentities": len(self._presentities),
            "watchings": self._watched.total(),
        }

    def explain(self, presentity: str) -> list[dict[str, Any]]:
        """Every component of the presentity's state, the highest first: its source, what it says, what of
        it won.

        Ages and what is left are in seconds.
        """
        # Collected anew: a refresh changes entity-tag and expiry, but nothing of what others see.
        collected = self._collected(self._presentities.get(presentity) or _Presentity(presentity))
        won = compose(entity(presentity), collected, explained=True).explanation
        components = sorted(collected, key=lambda part: (-part.priority, -part.since))
        return [self._explained(component, won) for component in components]

    def _explained(self, component: Component, won: Sequence[Won]) -> dict[str, Any]:
        document, now = component.document, self._now()
        return {
            "source": component.source,
            "priority": component.priority,
            "etag": component.etag,
            "age": round(now - component.since),
            "expires": None if component.expires is None else round(component.expires - now),
            "basic": document.basic,
            "activities": list(document.activities),
            "tuples": [part.key for part in document.tuples],
            "won": [
                each.what for each in won if (each.source, each.etag) == (component.source, component.etag)
            ],
        }

    def restore(self, publications: Iterable[Publication]) -> None:
        """Take back what was stored."""
        self.publications.restore(publications)

    def _forget_if_empty(self, here: _Presentity) -> None:
        if here.contributions or here.watchings or here.observers:
            return
        if self._presentities.get(here.name) is here:
            del self._presentities[here.name]


def entity(presentity: str) -> str:
    """How documents name a presentity."""
    return f"sip:{presentity}"
