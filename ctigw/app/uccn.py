"""The change notifier: the documents of `uccn` for the subscribers of `simple.uccn_package`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import structlog

from ctigw.config.uccn import Uccn
from ctigw.directory.journal import Change
from ctigw.simple.accounts import Accounts
from ctigw.simple.packages import Package
from ctigw.simple.uccn_package import Bounds, Notices, UccnPackage
from ctigw.uccn.documents import Format, document

log = structlog.get_logger(__name__)


def notices_of(settings: Uccn, counters: Counter[str]) -> Notices:
    """Who is to be told, as bounded as ``settings`` say."""
    return Notices(Bounds(notices=settings.queue, octets=settings.queue_bytes), counters)


def uccn_packages(settings: Uccn, notices: Notices, accounts: Accounts) -> dict[str, Package]:
    """The event package under each of its names, as requests are searched for it."""
    names = dict.fromkeys(name.lower() for name in (settings.event, *settings.aliases))
    return {name: UccnPackage(name, notices, accounts, content_type=settings.content_type) for name in names}


def telling(settings: Uccn, notices: Notices, accounts: Accounts) -> Callable[[Sequence[Change]], None]:
    """Tells changes to those who subscribe; of a change that nobody hears of no document is made."""

    def device(user: str) -> str:
        person = accounts.get(user)
        return next(iter(person.lines), "") if person is not None else ""

    how = Format(namespace=settings.namespace, device=device)

    def tell(change: Change) -> None:
        try:
            told = document(change, how)
        except Exception:  # a bug: it must not cost anybody the other changes
            log.exception("a change cannot be told", kind=change.kind.value, number=change.number)
            return
        if told is not None:
            notices.tell(change.user, told)

    def changed(changes: Sequence[Change]) -> None:
        for change in changes:
            if notices.hears(change.user):
                tell(change)

    return changed
