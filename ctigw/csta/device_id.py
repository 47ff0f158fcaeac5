"""Device identifiers: the forms that clients use, and the number that they all name (ECMA-269, clause 10)."""

from __future__ import annotations

import re
from collections.abc import Callable

_SWITCHING_FUNCTION = re.compile(r"N<?([^!&/%>;]*)")
# What Avaya's clients send: extension:switch:address:instance.
_VENDOR = re.compile(r"(\+?[0-9*#]+):[^:]*:[^:]*:[0-9]+")
_NUMBER = re.compile(r"\+?[0-9A-D*#]{1,64}")


def number_of(text: str) -> str:
    """The number that a device id names.

    ``2001``, ``tel:2001;…``, ``sip:2001@host``, ``N<2001>x`` and ``2001:switch:192.0.2.1:0`` all name 2001.

    Visual separators of ``tel:`` are dropped.  Text of no known form is given back as it is.
    """
    text = text.strip()
    if text.isdecimal():  # the most frequent form
        return text
    scheme, colon, rest = text.partition(":")
    match scheme.lower():
        case "tel" if colon:
            return re.sub(r"[-.() ]", "", rest.partition(";")[0])
        case "sip" | "sips" if colon:
            return rest.partition("@")[0].partition(";")[0]
    if text.startswith("N") and (found := _SWITCHING_FUNCTION.match(text)):
        return found[1]
    if found := _VENDOR.fullmatch(text):
        return found[1]
    return text


def is_number(text: str) -> bool:
    """Whether ``text`` can be dialled: 1 to 64 of 0-9 * # A-D, perhaps after a plus."""
    return _NUMBER.fullmatch(text) is not None


def as_dialled(number: str) -> str:
    """The plainest form of a device id: the digits."""
    return number


FORMS: dict[str, str] = {
    "digits": "{number}",
    "tel": "tel:{number}",
    "sip": "sip:{number}@{domain}",
    "switching-function": "N<{number}>",
}


def shown_as(form: str, domain: str) -> Callable[[str], str]:
    """A function that writes numbers in one of the `FORMS`."""
    if form == "digits":
        return as_dialled
    template = FORMS[form]
    return lambda number: template.format(number=number, domain=domain)
