"""Device identifiers: the forms that clients use, and the number that they all name (ECMA-269, clause 10)."""

from __future__ import annotations

import re

_SWITCHING_FUNCTION = re.compile(r"N<?([^!&/%>;]*)")
_NUMBER = re.compile(r"\+?[0-9A-D*#]{1,64}")


def number_of(text: str) -> str:
    """The number that a device id names.

    ``2001``, ``tel:2001;…``, ``sip:2001@host`` and ``N<2001>x`` all name 2001.

    Visual separators of ``tel:`` are dropped.  Text of no known form is given back as it is.
    """
    text = text.strip()
    scheme, colon, rest = text.partition(":")
    match scheme.lower():
        case "tel" if colon:
            return re.sub(r"[-.() ]", "", rest.partition(";")[0])
        case "sip" | "sips" if colon:
            return rest.partition("@")[0].partition(";")[0]
    if text.startswith("N") and (found := _SWITCHING_FUNCTION.match(text)):
        return found[1]
    return text


def is_number(text: str) -> bool:
    """Whether ``text`` can be dialled: 1 to 64 of 0-9 * # A-D, perhaps after a plus."""
    return _NUMBER.fullmatch(text) is not None
