"""EPAS on a database in memory; every answer that it gives is held against its contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ctigw.rules import Visibility
from ctigw.soap.envelope import read
from ctigw.soap.epas.logins import Logins
from ctigw.soap.epas.operations import EPAS, Settings
from ctigw.soap.epas.service import CONTRACT
from ctigw.soap.epas.service import Epas as Service
from ctigw.soap.http import HttpRequest, HttpResponse
from ctigw.xml.parsing import name_of
from tests.soap import PASSWORD, SOAP_12, Bench, envelope, inside, post, served


class Epas(Bench):
    """``withdrawn``: the tuples that were to be forgotten, and whose."""

    def __init__(self, folder: Path, *, faults_ok: bool = False, **settings: Any) -> None:
        super().__init__(folder)
        self.withdrawn: list[tuple[str, str]] = []
        given = Settings(
            **{
                "system": {"Presence.Domain": "cisco.com"},
                "without_rule": Visibility.ALL,
                "foreign": frozenset({"elsewhere.com"}),
                **settings,
            }
        )
        self.service = Service(
            run=self.run,
            logins=Logins(self.sessions, self.who, self.run, self._withdraw, self.changed),
            sessions=self.sessions,
            settings=given,
            now=self.clock.seconds,
            changed=self.changed,
            faults_ok=faults_ok,
        )

    async def _withdraw(self, user: str, tuple_id: str) -> None:
        self.withdrawn.append((user, tuple_id))

    def serve(self, request: HttpRequest) -> HttpResponse:
        response = served(self.service.serve, request)
        if request.method == "POST":
            body = read(response.body).body
            assert body is not None
            assert name_of(body)[0] == "Fault" or CONTRACT.fits(body), response.body
        return response

    def ask(self, body: str, key: str = "", *, version: str = SOAP_12, peer: str = "192.0.2.1") -> Any:
        """The element in the body of the answer."""
        return inside(self.serve(post(envelope(body, EPAS, key=key, version=version), peer=peer)))

    def log_in(self, name: str, password: str = PASSWORD, **attributes: str) -> str:
        """The key of a session."""
        said = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
        body = f"<login{said}><username>{name}</username><password>{password}</password></login>"
        (key,) = self.ask(body).iter(f"{{{EPAS}}}session-key")
        return str(key.text)
