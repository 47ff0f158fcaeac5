"""What is wrong with a question: Informix's numbers, which clients compare, and words of our own."""

from __future__ import annotations

SYNTAX, NO_TABLE, NO_COLUMN, NO_FUNCTION, AMBIGUOUS = -201, -206, -217, -674, -324
# AXL's number for what has none in Informix.
GENERIC = 5000


class SqlError(ValueError):
    """``code`` and the text are for the client."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
