"""`ctigw check --live`: the questions to a gateway that runs, and what came of them, for people."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from ctigw.checks.csta import Login
from ctigw.checks.database import beside
from ctigw.checks.places import configured
from ctigw.checks.running import run_all
from ctigw.checks.table import Known, checks
from ctigw.cli.columns import columns, one_line
from ctigw.cli.running import REFUSED, ask_password, on_reactor
from ctigw.config import Config, Log
from ctigw.findings import Finding, Outcome
from ctigw.net import logs

WORDS = {Outcome.PASSED: "ok", Outcome.FAILED: "FAILED", Outcome.SKIPPED: "skipped"}


def ask(config: Config, data: Path, name: str) -> None:
    """Run the checks of ``config`` and print what they find; it ends the command when one fails."""
    logs.configure(Log(level="error"))
    logs.take_over_twisted()
    password = os.environ.get("CTIGW_PASSWORD") or (ask_password("set CTIGW_PASSWORD") if name else "")
    found: list[Finding] = []

    async def work(reactor: Any) -> None:
        known = Known(
            config=config,
            data=data,
            places=configured(config),
            look=beside(config, data, reactor),
            login=Login(name, password),
        )
        found.extend(await run_all(checks(known, reactor), reactor))
        for line in told(found):
            click.echo(line)
        if any(finding.outcome is Outcome.FAILED for finding in found):
            raise SystemExit(REFUSED)

    on_reactor(work)


def told(findings: list[Finding]) -> list[str]:
    """A line for each of ``findings``, and below those that are not as they should be, what to do."""
    rows = columns(
        (WORDS[each.outcome], each.category.value, each.name, one_line(each.found)) for each in findings
    )
    lines = []
    for row, finding in zip(rows, findings, strict=True):
        lines.append(row)
        if finding.remedy:
            lines.append(f"         -> {one_line(finding.remedy)}")
    failed = sum(finding.outcome is Outcome.FAILED for finding in findings)
    lines.append(f"{failed} of {len(findings)} checks failed" if failed else "all is well")
    return lines
