"""Commands for a database of their own."""

from __future__ import annotations

import shlex
from pathlib import Path

from click.testing import CliRunner, Result

from ctigw.cli import main
from ctigw.store.database import Database, url_in


class Desk:
    """Somebody at the command line, with a database of their own."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def do(self, words: str, given: str | None = None) -> Result:
        # An empty CTIGW_CONFIG is none: whoever runs the tests may have one.
        environment = {"CTIGW_CONFIG": "", "CTIGW_DATA": str(self.data), "TZ": "UTC"}
        return CliRunner().invoke(main, shlex.split(words), input=given, env=environment)

    def said(self, words: str, given: str | None = None) -> str:
        result = self.do(words, given)
        assert (result.exit_code, result.stderr) == (0, "")
        return result.stdout

    def database(self) -> Database:
        return Database(url_in(self.data))
