"""What is said of requests that cannot be served: AXL's numbers, below 5000 the database's."""

from __future__ import annotations

from ctigw.soap.envelope import Code

GENERIC, UNKNOWN_REQUEST, INVALID_VALUE, UNAVAILABLE = 5000, 5002, 5003, 5004
UNEXPECTED, NO_SUCH_ITEM = 5005, 5007
# Informix's: there is one of that name already.
DUPLICATE = -239


class AxlError(Exception):
    """The text and ``code`` are for the client; ``whose``: whether asking otherwise would help."""

    def __init__(self, code: int, text: str, whose: Code = Code.SENDER) -> None:
        super().__init__(text)
        self.code, self.whose = code, whose


def no_such(what: str) -> AxlError:
    """Of what a client names and we do not have; clients compare the text."""
    return AxlError(NO_SUCH_ITEM, f"Item not valid: The specified {what} was not found")
