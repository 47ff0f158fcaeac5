"""What a command imports: a start is mostly that, and the modules tell its time better than a clock does."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from ctigw.cli import MODULES, main
from ctigw.store.database import Database, url_in
from tests.processes import ENVIRONMENT, HERE, LISTENER

# Runs a gateway, which says what it has imported once it listens, and ends.
RUN = """
import sys
from twisted.internet import reactor
from ctigw.cli import main

def tell():
    print(*sys.modules)
    reactor.stop()

reactor.callLater(0, tell)
main(["run", "--config", sys.argv[1], "--data", sys.argv[2]])
"""
COMMAND = """
import sys
from ctigw.cli import main
main([*sys.argv[1:], "--help"], standalone_mode=False)
print(*sys.modules)
"""
OTHERS = {f"ctigw.cli.{module}" for module in MODULES}
CLIENTS = {"ctigw.cli.connection", "ctigw.cli.show", "ctigw.net.csta_client"}
DATABASE = {"sqlalchemy", "alembic", "ctigw.store.database"}


def imported(code: str, *arguments: str) -> set[str]:
    """The modules of a process that has run ``code``, which prints them in its last line."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=HERE,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return set(done.stdout.splitlines()[-1].split())


# What a gateway has for SIP, and for the web, by one module of each.
SIP_HALF = {"ctigw.app.sip", "ctigw.simple", "ctigw.presence", "ctigw.uccn"}
WEB_HALF = {"ctigw.app.web", "ctigw.soap", "ctigw.soap.contract", "ctigw.checks", "twisted.web.http"}
SIP = '[sip]\ndomains = ["example.com"]\n[[sip.listeners]]\nport = 0\nauthentication = "none"\n'
WEB = '[[web.listeners]]\nport = 0\nserves = ["epas"]\n'


def run(folder: Path, more: str = "") -> set[str]:
    file = folder / "ctigw.toml"
    file.write_text(LISTENER + more)
    return imported(RUN, str(file), str(folder))


def test_a_start_imports_what_it_needs(tmp_path: Path) -> None:
    database = Database(url_in(tmp_path))
    database.open()
    database.close()
    found = run(tmp_path)
    assert {"ctigw.app", "ctigw.net.csta_server", "simulators.driver", "sqlalchemy"} <= found
    # Migrations and passwords come later, if at all; rich and psycopg may be installed for others.
    unneeded = {"alembic", "argon2", "psycopg", "rich", "pytest", "ctigw.testing", "ctigw.directory.demo"}
    assert found & (unneeded | CLIENTS | (OTHERS - {"ctigw.cli.serve"})) == set()


@pytest.mark.parametrize(
    ("more", "there"), [("", set[str]()), (SIP, SIP_HALF), (SIP + WEB, SIP_HALF | WEB_HALF)]
)
def test_what_is_not_configured_is_not_imported(tmp_path: Path, more: str, there: set[str]) -> None:
    assert run(tmp_path, more) & (SIP_HALF | WEB_HALF) == there


def test_the_first_start_migrates(tmp_path: Path) -> None:
    assert "alembic" in run(tmp_path)


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        ("answer", DATABASE | {"ctigw.app", "ctigw.cli.admin"}),
        ("monitor", DATABASE | {"ctigw.app", "ctigw.cli.admin", "ctigw.cli.phone"}),
        ("audit", DATABASE | CLIENTS),
        ("check", DATABASE | CLIENTS),
    ],
)
def test_a_command_imports_what_it_needs(command: str, unneeded: set[str]) -> None:
    assert imported(COMMAND, command) & unneeded == set()


@pytest.mark.parametrize("module", MODULES)
def test_each_command_is_found_in_its_module(module: str) -> None:
    commands: tuple[click.Command, ...] = import_module(f"ctigw.cli.{module}").COMMANDS
    assert tuple(command.name for command in commands) == MODULES[module]
    context = click.Context(main)
    assert tuple(main.get_command(context, name) for name in MODULES[module]) == commands


def test_all_commands_are_listed() -> None:
    listed = main.list_commands(click.Context(main))
    assert listed == sorted(["sim", *(name for names in MODULES.values() for name in names)])


def test_nobody_is_called_so() -> None:
    assert main.get_command(click.Context(main), "nonsense") is None
