"""What watchers see who may not see everything."""

from __future__ import annotations

import re

from ctigw.presence.composition import compose
from ctigw.presence.lexical import escaped
from ctigw.presence.parts import ACTIVITIES, Property, Tuple, put_together
from ctigw.presence.vocabulary import ACTIVITIES as RPID_NAMES

# Of what a name that is no RPID's may be made, to be an element of Cisco's.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")


def activity_xml(name: str) -> str:
    """The element for an activity: RPID's if RPID has the name, else Cisco's; text for what is no name."""
    wanted = name.strip().lower().replace("_", "-")
    if wanted in RPID_NAMES:
        return f"<r:{wanted}/>"
    return f"<ce:{wanted}/>" if _NAME.fullmatch(wanted) else f"<r:other>{escaped(name)}</r:other>"


def polite(entity: str, basic: str, reachability: str) -> bytes:
    """Whether somebody can be reached and one activity ("" for none), and nothing else."""
    status = f"<status><basic>{'open' if basic == 'open' else 'closed'}</basic></status>"
    person = []
    if reachability:
        person = [Property(ACTIVITIES, f"<{ACTIVITIES}>{activity_xml(reachability)}</{ACTIVITIES}>")]
    return put_together(entity, [Tuple("default", "", basic, "", "", "", status)], person=person)


def nothing(entity: str) -> bytes:
    """What a watcher sees who is pending, or blocked and shall not know: somebody who is not there."""
    return compose(entity, ()).xml
