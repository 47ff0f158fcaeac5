"""AXL on a database in memory; every answer that it gives is held against its contract."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Concatenate, ParamSpec, TypeVar

from lxml import etree
from sqlalchemy.orm import Session

from ctigw.config.axl import Axl as Settings
from ctigw.directory import applications, contacts, groups, lines
from ctigw.directory.contacts import Wanted
from ctigw.directory.credentials import Principal
from ctigw.directory.details import Details, set_details
from ctigw.soap.axl import Given, Site, routes
from ctigw.soap.axl.service import CONTRACT
from ctigw.soap.axl.versions import NAMESPACE
from ctigw.soap.envelope import read
from ctigw.soap.http import HttpRequest, HttpResponse, Routes
from ctigw.xml.parsing import local, name_of
from tests.soap import SOAP_11, Bench, served

P = ParamSpec("P")
T = TypeVar("T")
ADMIN, SECRET = "ccmadministrator", "cisco_cisco"
SITE = Site(domain="example.com", node="cups1", description="the gateway", defaults={"TFTP.Primary": "tftp"})
FILE = "soap.sqlite"
ENVELOPES = ("text/xml", "application/soap+xml")
ACTION = "CUCM:DB ver=6.0"


async def at_once(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What is meant for a thread, in this one."""
    return function(*args, **kwargs)


@cache
def _database() -> bytes:
    """The file of the database that every bench begins with: passwords take time, and so do tables."""
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.people("tttt@example.com", "erin@example.com")
        run = bench.database.run_now
        known = Details("Tom", "Tulip", "555-2001", "Sales", "erin", "English United States")
        run(set_details, "tttt@example.com", known)
        run(set_details, "erin@example.com", Details("Erin", "Tulip"))
        run(lines.add, "2001", "tttt@example.com")
        run(lines.add, "2002")
        run(groups.add, "tttt@example.com", [groups.Wanted("work")])
        run(contacts.add, "tttt@example.com", [Wanted("work", "erin", nickname="E")])
        run(applications.add, ADMIN, SECRET)
        run(applications.grant, ADMIN, "administer")
        bench.close()
        return (Path(folder) / FILE).read_bytes()


class Axl(Bench):
    """``tttt`` at example.com has the line 2001 and knows erin; 2002 is nobody's; an application
    administers.
    """

    def __init__(self, folder: Path, *, site: Site = SITE, **settings: Any) -> None:
        (folder / FILE).write_bytes(_database())
        super().__init__(folder)
        # How often a password was looked at.
        self.passwords = 0
        # How many more transactions there are before the database is away; less than 0: it stays.
        self.runs = -1
        self.given = Given(
            run=self.run,
            who=self.who,
            changed=self.changed,
            in_thread=at_once,
            settings=Settings(**settings),
        )
        self.routes = Routes(routes(self.given, self.sessions, site))

    async def run(
        self, function: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        self.away = self.away or self.runs == 0
        self.runs -= 1
        return await super().run(function, *args, **kwargs)

    async def who(self, peer: str, name: str, password: str) -> Principal | None:
        self.passwords += 1
        return await super().who(peer, name, password)

    def serve(self, request: HttpRequest) -> HttpResponse:
        response = served(self.routes.serve, request)
        if (
            response.content_type.startswith(("text/xml", "application/soap+xml"))
            and request.method == "POST"
        ):
            body = read(response.body).body
            assert body is not None
            if name_of(body)[0] != "Fault":
                body.tag = f"{{{NAMESPACE}}}{local(body)}"
                assert CONTRACT.fits(body), (CONTRACT.complaint(), response.body)
        return response

    def ask(self, body: str, **how: Any) -> Any:
        """The element in the body of the answer to `request` with ``body``."""
        response = self.serve(request(body, **how))
        return etree.fromstring(response.body).find("{*}Body")[0]  # type: ignore[index] # there is one

    def returned(self, body: str, **how: Any) -> Any:
        """What is in <return> of the answer, which is none of a fault."""
        answer = self.ask(body, **how)
        assert local(answer) != "Fault", etree.tostring(answer)
        return answer.find("return")

    def refused(self, body: str, **how: Any) -> tuple[int, str]:
        """AXL's number, and the words, of a fault."""
        answer = self.ask(body, **how)
        error = answer.find(".//{http://www.cisco.com/AXL/1.0}Error")
        assert error is not None, etree.tostring(answer)
        code, message, named = error
        assert (local(code), local(message), named.tag) == ("code", "message", "request")
        return int(code.text), message.text

    def rows(self, sql: str) -> list[dict[str, str]]:
        """What comes of a question."""
        return [{column.tag: column.text or "" for column in row} for row in self.query(sql)]

    def query(self, sql: str) -> Any:
        return self.returned(f"<axl:executeSQLQuery><sql>{_escaped(sql)}</sql></axl:executeSQLQuery>")

    def query_refused(self, sql: str) -> tuple[int, str]:
        return self.refused(f"<axl:executeSQLQuery><sql>{_escaped(sql)}</sql></axl:executeSQLQuery>")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def authorization(name: str = ADMIN, password: str = SECRET) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def request(
    body: str, *, namespace: str = NAMESPACE, version: str = SOAP_11, action: str = ACTION, **headers: str
) -> HttpRequest:
    """A request by the administrator; ``headers`` in the place of, or beside, those of its own."""
    written = (
        f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{version}" xmlns:axl="{namespace}">'
        f"<SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )
    said = {"soapaction": action, "authorization": authorization(), **headers}
    return HttpRequest(
        method="POST",
        path="/axl/",
        headers={name.replace("_", "-"): value for name, value in said.items() if value},
        body=written.encode(),
        peer="192.0.2.1",
        base="https://cups1:8443",
    )
