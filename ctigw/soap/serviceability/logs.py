"""LogCollectionPort and DimeGetFileService: which files the gateway's log has, and one of them.

A file is known by a path that is none of this machine's: what a client asks for is compared with the list of
those that there are, and never opened as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from lxml import etree

from ctigw.soap.envelope import Code, Version, answered, write
from ctigw.soap.http import HttpResponse
from ctigw.soap.serviceability import dime
from ctigw.soap.serviceability.asking import child, choice, content, number, text, texts
from ctigw.soap.serviceability.faults import Fault
from ctigw.soap.serviceability.seen import Given, LogFile
from ctigw.soap.serviceability.service import STYLE, Call, Operation, Service
from ctigw.soap.serviceability.telling import NAMESPACE, Fields
from ctigw.xml.parsing import Element

# The one log that there is, and what stands before its files' names.
LOG, FOLDER = "ctigw", "activelog/ctigw"
# Answered in one piece, from memory.
LARGEST = 64 * 1024 * 1024
NO_FILES = "the gateway writes no files of its log: [log] folder is not set in its configuration"
JOBS = frozenset(("DownloadtoClient", "PushtoSFTPServer"))
# Seconds in the units of RelText.
UNITS = {
    "None": 0,
    "Minutes": 60,
    "Hours": 3600,
    "Day": 86_400,
    "Week": 7 * 86_400,
    "Month": 30 * 86_400,
}
# "10/04/22 11:00 AM", as the product writes moments in requests.
MOMENT = "%m/%d/%y %I:%M %p"
_ZONE = re.compile(r"\(GMT([+-])(\d{1,2}):(\d{1,2})\)")
_XOP = "http://www.w3.org/2004/08/xop/include"


class Logs:
    """The operations."""

    def __init__(self, given: Given) -> None:
        self._given = given

    def operations(self) -> Mapping[str, Operation]:
        """By their names; some clients send what is asked for as the body's first element."""
        return {
            "listNodeServiceLogs": self._list,
            "selectLogFiles": self._select,
            "getTimeZone": self._zone,
            "LocalHost": self._zone,
            **self.getting(),
        }

    def getting(self) -> Mapping[str, Operation]:
        """Those of DimeGetFileService."""
        return {"GetOneFile": self._get, "FileName": self._get}

    async def _list(self, _call: Call) -> Fields:
        there = self._given.logs() is not None
        return [
            (
                "listNodeServiceLogsReturn",
                [
                    ("name", self._given.node),
                    ("ServiceLog", [("item", LOG)] if there else []),
                    ("SystemLog", []),
                ],
            )
        ]

    async def _select(self, call: Call) -> Fields:
        criteria = child(call.body, "FileSelectionCriteria")
        if criteria is None:
            raise Fault("there is no FileSelectionCriteria")
        if choice(criteria, "JobType", among=JOBS, default="DownloadtoClient") != "DownloadtoClient":
            raise Fault("files are not pushed to other servers; DownloadtoClient lists them for GetOneFile")
        logs = [*texts(criteria, "ServiceLogs"), *texts(criteria, "SystemLogs")]
        if any(name != LOG for name in logs):
            raise Fault("there is no such log; listNodeServiceLogs names those that there are")
        since, until = self._between(criteria)
        wanted = text(criteria, "SearchStr")
        files = [
            ("File", self._file(file))
            for file in self._files()
            if since <= file.modified <= until and wanted in file.name
        ]
        found: Fields = [("ServiceLogs", [("name", LOG), ("SetOfFiles", files)])]
        node: Fields = [("name", self._given.node), ("ServiceList", found)]
        return [("ResultSet", [("SchemaFileSelectionResult", [("Node", node)])])]

    def _between(self, criteria: Element) -> tuple[float, float]:
        """From when to when files are wanted, in seconds since 1970.  Raises `Fault`."""
        unit = choice(criteria, "RelText", among=frozenset(UNITS), default="None")
        back = number(criteria, "RelTime", most=10_000, default=0) * UNITS[unit]
        now = self._given.means.now()
        if back:
            return now - back, now
        zone = _offset(text(criteria, "TimeZone"), self._given.offset())
        since = _moment(criteria, "FromDate", zone)
        until = _moment(criteria, "ToDate", zone)
        # The product's moments are minutes: the last one is meant to its end.
        return (0.0 if since is None else since), (float("inf") if until is None else until + 60)

    def _files(self) -> list[LogFile]:
        """Raises `Fault`: the gateway writes none."""
        files = self._given.logs()
        if files is None:
            raise Fault(NO_FILES, Code.RECEIVER)
        return sorted(files, key=lambda file: (file.modified, file.name))

    def _file(self, file: LogFile) -> Fields:
        return [
            ("name", file.name),
            ("absolutepath", path_of(file)),
            ("filesize", str(file.size)),
            ("modifiedDate", self._given.shown(file.modified)),
        ]

    async def _zone(self, call: Call) -> Fields | HttpResponse:
        minutes = self._given.offset() // 60
        hours, rest = divmod(abs(minutes), 60)
        said = f"Client:(GMT{'-' if minutes < 0 else '+'}{hours}:{rest}){self._given.zone()}"
        if call.name == "LocalHost":
            bare = etree.Element(f"{{{NAMESPACE}}}TimeZone", nsmap={"ns1": NAMESPACE})
            bare.text = said
            return answered(call.version, bare, STYLE)
        return [("TimeZone", said)]

    async def _get(self, call: Call) -> HttpResponse:
        asked = content(call.body) if call.name == "FileName" else text(call.body, "FileName")
        file = next((each for each in self._files() if path_of(each) == asked), None)
        if file is None:  # clients wait for a file as long as they are told this
            raise Fault(f"FileName {asked[:200]!r} do not exist")
        if file.size > LARGEST:
            raise Fault(f"the file has more than {LARGEST} bytes", Code.RECEIVER)
        try:
            data = await self._given.read_log(file.name)
        except OSError as error:
            raise Fault(f"the file cannot be read: {error.strerror}", Code.RECEIVER) from None
        return _attached(
            call.version, dime.way(call.http.headers.get("accept")), self._given.means.token(), data
        )


def path_of(file: LogFile) -> str:
    """What clients know a file by."""
    return f"{FOLDER}/{file.name}"


def _offset(zone: str, local: int) -> int:
    """Seconds east of Greenwich that a TimeZone says, such as "Client:(GMT-5:0)Eastern Standard Time"."""
    found = _ZONE.search(zone)
    if found is None:
        return local
    seconds = int(found[2]) * 3600 + int(found[3]) * 60
    return -seconds if found[1] == "-" else seconds


def _moment(criteria: Element, name: str, offset: int) -> float | None:
    """Raises `Fault`: it is no moment."""
    said = text(criteria, name)
    if not said:
        return None
    try:
        return datetime.strptime(said, MOMENT).replace(tzinfo=UTC).timestamp() - offset
    except ValueError:
        raise Fault(f"{name} has the form MM/DD/YY hh:mm AM") from None


def _attached(version: Version, way: dime.Way, token: str, data: bytes) -> HttpResponse:
    """The answer with a file, in the way that the client takes."""
    told = etree.Element(f"{{{NAMESPACE}}}GetOneFileReturn", nsmap={"ns1": NAMESPACE})
    if way is dime.Way.INLINE:
        told.text = dime.inline(data)
        return answered(version, told, STYLE)
    if way is dime.Way.DIME:
        identifier = f"uuid:{token}"
        told.set("href", identifier)
        body = dime.dime(version, write(version, told, STYLE), identifier, data)
    else:
        identifier = f"{token}@ctigw"
        included = etree.SubElement(told, f"{{{_XOP}}}Include", nsmap={"xop": _XOP})
        included.set("href", f"cid:{identifier}")
        body = dime.multipart(version, write(version, told, STYLE), identifier, data)
    return HttpResponse(body=body.data, content_type=body.content_type)


def services(given: Given) -> tuple[Service, Service]:
    """LogCollectionPort and DimeGetFileService."""
    logs = Logs(given)
    return (
        Service(given.who, "log_collection.wsdl", logs.operations()),
        Service(given.who, "dime_get_file.wsdl", logs.getting()),
    )
