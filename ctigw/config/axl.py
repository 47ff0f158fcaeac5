"""The section ``[axl]``: what programs are told of this host, and what their questions may take."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from ctigw.config.values import Positive, Seconds


class Axl(Struct, frozen=True, forbid_unknown_fields=True):
    """AXL, where `web.listeners` serve it."""

    # What this host is called in answers; empty: what the system calls it.
    node: Annotated[str, Meta(max_length=255)] = ""
    description: Annotated[str, Meta(max_length=50)] = "ctigw"
    # Of a question in SQL: scripts read tables in some hundredths of a second.
    query_seconds: Seconds = 5.0
    # Rows of its answer; beyond them it is refused, and the script has to ask for the FIRST so many.
    query_rows: Positive = 10_000
    # Rows of each table that it reads, which are copied for it: 100,000 take some two seconds.
    table_rows: Positive = 100_000
    # What it may take beside its tables: sorting 10,000 users takes some 10 MB.
    query_memory: Annotated[int, Meta(ge=1024 * 1024)] = 128 * 1024 * 1024
