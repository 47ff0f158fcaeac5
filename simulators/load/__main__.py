"""``python -m simulators.load``: measure, print a table, write JSON."""

from __future__ import annotations

import os
import platform
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import msgspec

from simulators.load import machine, messages, report
from simulators.load.bench import REFERENCE, Bench, calibrate, wanted
from simulators.load.judging import Measured
from simulators.load.processes import CLIENTS, SERVERS
from simulators.load.scenarios import SCENARIOS, Scenario

# Connections of both sides of the most crowded scenario, and some.
DESCRIPTORS = 24_000
# How the rows begin of what did not run.
BROKEN = "it broke: "


@click.command()
@click.option("--quick", is_flag=True, help="The reduced form: under a minute, with wide bounds.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Where the figures are written.")
@click.option("--only", multiple=True, metavar="NAME", help="A scenario; may be given several times.")
@click.option("--pairs", type=click.IntRange(1, 99), help="Rounds of gateway and floor.")
@click.option("--seconds", type=click.FloatRange(0.05, 60), help="How long each run takes.")
@click.option(
    "--against",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Another checkout, with its .venv: both gateways are measured by turns.",
)
@click.option("--list", "listing", is_flag=True, help="Name the scenarios.")
def main(
    quick: bool,
    file: Path | None,
    only: tuple[str, ...],
    pairs: int | None,
    seconds: float | None,
    against: Path | None,
    listing: bool,
) -> None:
    """Measure what the gateway costs, against floors."""
    unknown = set(only) - {scenario.name for scenario in SCENARIOS}
    if unknown:
        raise click.BadParameter(f"no scenario is called {', '.join(sorted(unknown))}", param_hint="--only")
    chosen = [s for s in SCENARIOS if s.name in only or (not only and (s.quick or not quick))]
    if listing:
        for scenario in SCENARIOS:
            click.echo(f"{scenario.name:20}{'; '.join(row.name for row in scenario.rows)}")
        return
    # An end by signal ends the servers, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    began = time.monotonic()
    os.sched_setaffinity(0, CLIENTS)
    with tempfile.TemporaryDirectory(prefix="ctigw-load-") as folder:
        bench = Bench(
            folder=Path(folder),
            pairs=pairs or (3 if quick else 7),
            seconds=seconds or (0.3 if quick else 1.0),
            warm_up=0.15 if quick else 0.5,
            quick=quick,
            against=against.resolve() if against else None,
        )
        facts = _facts(bench, SERVERS == CLIENTS)
        for name, value in facts.items():
            click.echo(f"{name}: {value}")
        click.echo("\n" + report.head())
        rows = [row for scenario in chosen for row in _measured(bench, scenario)]
    click.echo(f"\n{time.monotonic() - began:.0f} s")
    if all(row["void"].startswith(BROKEN) for row in rows):
        click.echo("nothing could be measured")
        sys.exit(1)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.format(msgspec.json.encode({"facts": facts, "rows": rows})))


def _facts(bench: Bench, one_core: bool) -> dict[str, Any]:
    """What the figures hang on."""
    sizes, calibration = messages.sizes(), calibrate()
    cycle = [sizes[name] for name in ("MakeCall", "AnswerCall", "ClearConnection")]
    return {
        "form": "reduced: shorter and fewer runs, so the intervals are wide" if bench.quick else "full",
        "runs": f"{bench.pairs} rounds of {bench.seconds:g} s on each side, by turns",
        "machine": machine.model(Path("/proc/cpuinfo").read_text(encoding="utf-8")),
        "python": platform.python_version(),
        "cores": "servers and clients share one: all figures suffer"
        if one_core
        else "servers on one, clients on another",
        "open files": machine.descriptors(DESCRIPTORS),
        "requests": ", ".join(f"{name} {size} B" for name, size in sizes.items())
        + f"; {sum(cycle) / len(cycle):.0f} B in a cycle on average",
        "calibration": f"{len(messages.sample())} B are parsed and validated in {calibration:.2f} µs "
        f"({REFERENCE} on the machine of the marks), so F1x must do {wanted(calibration):,.0f} a CPU second",
    }


def _measured(bench: Bench, scenario: Scenario) -> list[Any]:
    """The rows of a scenario, printed; one that breaks is void, and does not keep the others from running."""
    began = time.monotonic()
    try:
        found = scenario.measure(bench)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told in its row
        why = f"{BROKEN}{type(error).__name__}: {error}"
        found = {row.name: Measured(void=why) for row in scenario.rows}
    for row in scenario.rows:
        for line in report.lines(row, found[row.name]):
            click.echo(line)
    sys.stdout.flush()
    seconds = round(time.monotonic() - began, 1)
    return [
        {"scenario": scenario.name, "seconds": seconds, **report.as_data(row, found[row.name])}
        for row in scenario.rows
    ]


if __name__ == "__main__":
    main()
