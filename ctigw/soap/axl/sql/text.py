"""The text of a question, before anybody asks it."""

from __future__ import annotations

import re

from ctigw.soap.axl.sql.errors import SYNTAX, SqlError

# Scripts' questions have some hundred characters.
LONGEST = 8_000
ONLY_SELECT = "only SELECT is served"
# As SQLite reads them.  Where this is in doubt it finds more words than SQLite does, never fewer.
_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\]   # texts and quoted names
      | --[^\n]* | /\*.*?(?:\*/|\Z)                                     # remarks
      | (?P<word>\w+) | . """,
    re.VERBOSE | re.DOTALL,
)
# Informix has its LIMIT and OFFSET at the beginning.
_FIRST = re.compile(
    r"select\s+(?:skip\s+(?P<skip>\d{1,9})\s+)?(?:(?:first|limit)\s+(?P<first>\d{1,9})\s+)?", re.IGNORECASE
)


def prepared(sql: str) -> str:
    """``sql`` as SQLite understands it.  Raises `SqlError`."""
    sql = sql.strip().removesuffix(";").rstrip()
    if not sql:
        raise SqlError(SYNTAX, "there is no question")
    if len(sql) > LONGEST:
        raise SqlError(SYNTAX, f"a question has {LONGEST} characters at most")
    words = [found["word"].upper() for found in _TOKEN.finditer(sql) if found["word"]]
    if words[:1] != ["SELECT"]:
        raise SqlError(SYNTAX, ONLY_SELECT)
    # Each table of a WITH is compiled as often as it is used, and so are those that it uses: a short text
    # can mean a million tables, which nothing could interrupt.  Informix of that time had none.
    if "WITH" in words:
        raise SqlError(SYNTAX, "there is no WITH")
    found = _FIRST.match(sql)
    if found is None or not (found["skip"] or found["first"]):
        return sql
    # On a line of its own: the last one may end in a remark.
    return f"SELECT {sql[found.end() :]}\nLIMIT {found['first'] or -1} OFFSET {found['skip'] or 0}"
