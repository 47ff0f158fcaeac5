"""The files of the log: listed, selected, fetched in each of the ways that clients can take them."""

from __future__ import annotations

import base64
import struct
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ctigw.soap.envelope import Version
from ctigw.soap.http import HttpResponse
from ctigw.soap.serviceability import dime
from ctigw.soap.serviceability.logs import LARGEST
from ctigw.soap.serviceability.seen import LogFile
from tests.serviceability import DIME, LOGS, NOW, NS, FaultError, World, contract, envelope, payload, plain, q

PATH = "activelog/ctigw/ctigw.log"
XOP = "{http://www.w3.org/2004/08/xop/include}Include"


def world() -> World:
    return World(files={"ctigw.log": (b"now\n", NOW - 30.0), "ctigw.log.1": (b"then\n\xff", NOW - 7200.0)})


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def selected(world: World, **criteria: Any) -> list[dict[str, str]]:
    fields = {
        "FileSelectionCriteria": {"ServiceLogs": {"item": "ctigw"}, "JobType": "DownloadtoClient"} | criteria
    }
    told = plain(world.ask(LOGS, "selectLogFiles", q(fields)))
    node = told["ResultSet"]["SchemaFileSelectionResult"]["Node"]
    assert (node["name"], node["ServiceList"]["ServiceLogs"]["name"]) == ("cup1.example.com", "ctigw")
    files = node["ServiceList"]["ServiceLogs"]["SetOfFiles"]
    return listed(files and files["File"])


def names(world: World, **criteria: Any) -> list[str]:
    return [file["name"] for file in selected(world, **criteria)]


def get(
    world: World, name: str, path: str = DIME, version: Version = Version.SOAP_11, **headers: str
) -> HttpResponse:
    body = f'<a:GetOneFile xmlns:a="{NS}"><a:FileName>{name}</a:FileName></a:GetOneFile>'
    return world.http(path, envelope(body, version), **headers)


def test_the_log_is_listed_where_there_is_one() -> None:
    here = world()
    asked = q({"ListRequest": ""})
    told = plain(here.ask(LOGS, "listNodeServiceLogs", asked))["listNodeServiceLogsReturn"]
    assert told == {"name": "cup1.example.com", "ServiceLog": {"item": "ctigw"}, "SystemLog": ""}
    here.files = None
    told = plain(here.ask(LOGS, "listNodeServiceLogs", asked))["listNodeServiceLogsReturn"]
    assert told["ServiceLog"] == ""
    with pytest.raises(FaultError, match=r"\[log\] folder"):
        selected(here)
    with pytest.raises(FaultError, match=r"\[log\] folder"):
        payload(get(here, PATH), Version.SOAP_11)


def test_files_are_listed_as_they_are_now() -> None:
    here = world()
    here.offset = 3600
    old, new = selected(here)
    assert old["name"] == "ctigw.log.1"
    assert new == {
        "name": "ctigw.log",
        "absolutepath": PATH,
        "filesize": "4",
        "modifiedDate": "Tue Nov 14 23:12:50 2023",
    }
    assert here.files is not None
    here.files["ctigw.log"] = (b"now and more\n", NOW)
    assert selected(here)[1]["filesize"] == "13"
    del here.files["ctigw.log.1"]
    assert names(here) == ["ctigw.log"]


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        ({}, ["ctigw.log.1", "ctigw.log"]),
        ({"SearchStr": ".1"}, ["ctigw.log.1"]),
        ({"SearchStr": "nonsense"}, []),
        ({"RelText": "Minutes", "RelTime": 1}, ["ctigw.log"]),
        ({"RelText": "Hours", "RelTime": 1}, ["ctigw.log"]),
        ({"RelText": "Hours", "RelTime": 3}, ["ctigw.log.1", "ctigw.log"]),
        ({"RelText": "None", "RelTime": 0}, ["ctigw.log.1", "ctigw.log"]),
        # It is 22:13:20 in Greenwich.
        ({"FromDate": "11/14/23 10:12 PM"}, ["ctigw.log"]),
        ({"FromDate": "11/14/23 10:13 PM"}, []),
        ({"ToDate": "11/14/23 10:12 PM"}, ["ctigw.log.1", "ctigw.log"]),
        ({"ToDate": "11/14/23 09:00 PM"}, ["ctigw.log.1"]),
        ({"FromDate": "11/14/23 08:00 PM", "ToDate": "11/14/23 09:00 PM"}, ["ctigw.log.1"]),
        (
            {"FromDate": "11/14/23 05:12 PM", "TimeZone": "Client:(GMT-5:0)Eastern Standard Time"},
            ["ctigw.log"],
        ),
        ({"FromDate": "11/15/23 03:42 AM", "TimeZone": "Client: (GMT+5:30)Asia/Kolkata"}, ["ctigw.log"]),
        ({"FromDate": "11/15/23 03:43 AM", "TimeZone": "Client: (GMT+5:30)Asia/Kolkata"}, []),
    ],
)
def test_files_are_selected(criteria: dict[str, Any], found: list[str]) -> None:
    assert names(world(), **criteria) == found


def test_moments_without_a_zone_are_local() -> None:
    here = world()
    here.offset = -5 * 3600
    assert names(here, FromDate="11/14/23 05:12 PM") == ["ctigw.log"]


@pytest.mark.parametrize(
    "criteria",
    [
        {"ServiceLogs": {"item": "Cisco Tomcat"}},
        {"SystemLogs": {"item": "messages"}},
        {"JobType": "PushtoSFTPServer"},
        {"JobType": "Burn"},
        {"RelText": "Years"},
        {"RelText": "Hours", "RelTime": -1},
        {"RelText": "Hours", "RelTime": 10**9},
        {"FromDate": "yesterday"},
        {"ToDate": "14/11/23 10:12 PM"},
    ],
)
def test_criteria_that_mean_nothing_are_refused(criteria: dict[str, Any]) -> None:
    with pytest.raises(FaultError):
        selected(world(), **criteria)


def test_criteria_there_must_be() -> None:
    with pytest.raises(FaultError, match="FileSelectionCriteria"):
        world().ask(LOGS, "selectLogFiles")


@pytest.mark.parametrize(
    ("offset", "zone"),
    [(0, "+0:0"), (3600, "+1:0"), (-18_000, "-5:0"), (19_800, "+5:30"), (-12_600, "-3:30")],
)
def test_the_zone_is_told_in_the_form_that_is_understood(offset: int, zone: str) -> None:
    here = world()
    here.offset = offset
    told = plain(here.ask(LOGS, "getTimeZone", q({"LocalHost": "?"})))["TimeZone"]
    assert told == f"Client:(GMT{zone})Somewhere"
    here.offset = 0
    moment = NOW - 30 + offset
    assert names(here, FromDate=_written(moment), TimeZone=told) == ["ctigw.log"]
    assert names(here, FromDate=_written(moment + 60), TimeZone=told) == []


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%m/%d/%y %I:%M %p")


def test_some_clients_send_what_is_asked_for_by_itself() -> None:
    here = world()
    bare = here.http(LOGS, envelope(f'<a:LocalHost xmlns:a="{NS}">?</a:LocalHost>'))
    told = payload(bare, Version.SOAP_11)
    assert (told.tag, told.text) == (f"{{{NS}}}TimeZone", "Client:(GMT+0:0)Somewhere")
    bare = here.http(LOGS, envelope(f'<a:FileName xmlns:a="{NS}">{PATH}</a:FileName>'), accept="text/xml")
    assert payload(bare, Version.SOAP_11).text == base64.b64encode(b"now\n").decode()


class Record(NamedTuple):
    """Of DIME: its flags (version, first, last, more to come), type, id and content."""

    flags: tuple[int, bool, bool, bool]
    kind: int
    type: str
    id: str
    data: bytes


def records(message: bytes) -> list[Record]:
    """What a DIME message has in it, by section 3 of the draft."""
    found = []
    while message:
        first, second, options, id_, type_, length = struct.unpack(">BBHHHI", message[:12])
        assert second & 0x0F == 0
        message = message[12:]
        parts = []
        for size in (options, id_, type_, length):
            padded = (size + 3) // 4 * 4
            parts.append(message[:size])
            assert message[size:padded] == bytes(padded - size)
            message = message[padded:]
        flags = (first >> 3, bool(first & 4), bool(first & 2), bool(first & 1))
        found.append(Record(flags, second >> 4, parts[2].decode(), parts[1].decode(), parts[3]))
    return found


@pytest.mark.parametrize("path", [DIME, LOGS])
@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize(
    "headers", [{}, {"accept": "application/soap+xml, application/dime, multipart/related, text/*"}]
)
def test_a_file_is_attached_by_dime(path: str, version: Version, headers: dict[str, str]) -> None:
    here = world()
    answer = get(here, PATH, path, version, **headers)
    assert (answer.status, answer.content_type) == (200, "application/dime")
    soap, file = records(answer.body)
    assert soap[:4] == ((1, True, False, False), 2, version.value, "")
    assert (file.flags, file.kind, file.type) == ((1, False, True, False), 1, "application/octet-stream")
    told = payload(HttpResponse(body=soap.data), version)
    assert (told.tag, told.get("href")) == (f"{{{NS}}}GetOneFileReturn", file.id)
    assert file.data == b"now\n"


def parts(answer: HttpResponse) -> list[Message]:
    """The parts of a multipart body."""
    message = message_from_bytes(f"Content-Type: {answer.content_type}\r\n\r\n".encode() + answer.body)
    assert not message.defects
    found = message.get_payload()
    assert isinstance(found, list)
    return [part for part in found if isinstance(part, Message)]


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("accept", ["*/*", "multipart/related, text/xml", "text/xml, multipart/*"])
def test_a_file_is_attached_by_mtom(version: Version, accept: str) -> None:
    here = world()
    answer = get(here, "activelog/ctigw/ctigw.log.1", version=version, accept=accept)
    assert answer.status == 200
    soap, file = parts(answer)
    data = soap.get_payload(decode=True)
    assert isinstance(data, bytes)
    (included,) = payload(HttpResponse(body=data), version)
    assert (included.tag, included.get("href")) == (XOP, f"cid:{file['Content-ID'].strip('<>')}")
    assert answer.body.count(b"\r\n\r\nthen\n\xff\r\n--") == 1


def test_a_file_is_written_into_the_answer_for_all_others() -> None:
    answer = get(world(), PATH, accept="text/xml")
    told = payload(answer, Version.SOAP_11)
    assert contract("dime_get_file").validate(told)
    assert told.text == base64.b64encode(b"now\n").decode()


def test_a_file_is_what_it_is_now() -> None:
    here = world()
    assert here.files is not None
    here.files["ctigw.log"] = (b"changed", NOW)
    assert records(get(here, PATH).body)[1].data == b"changed"
    del here.files["ctigw.log"]
    with pytest.raises(FaultError, match="do not exist"):
        payload(get(here, PATH), Version.SOAP_11)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "ctigw.log",
        "../ctigw.log",
        "activelog/ctigw/../../etc/passwd",
        "activelog/ctigw/../ctigw/ctigw.log",
        "activelog/ctigw//ctigw.log",
        "activelog/ctigw/ctigw.log/",
        "activelog/ctigw/./ctigw.log",
        "activelog\\ctigw\\ctigw.log",
        "ACTIVELOG/ctigw/ctigw.log",
        "activelog/ctigw/ctigw.lo*",
        "activelog/ctigw/%63tigw.log",
        "file:///activelog/ctigw/ctigw.log",
        "activelog/ctigw/ctigw.log.2",
        "activelog/ctigw/" + "a/" * 500,
        "x" * 5000,
    ],
)
def test_what_is_not_listed_is_not_there(name: str) -> None:
    here = world()
    read: list[str] = []

    async def no(name: str) -> bytes:
        read.append(name)
        return b""

    here.given.read_log = no  # type: ignore[misc] # a value, but for this test
    with pytest.raises(FaultError):
        payload(get(here, name), Version.SOAP_11)
    assert read == []


def test_a_file_that_cannot_be_read_is_our_fault() -> None:
    here = world()
    here.unreadable = "Input/output error"
    with pytest.raises(FaultError, match="Input/output error") as fault:
        payload(get(here, PATH), Version.SOAP_11)
    assert fault.value.code == "soapenv:Server"


def test_a_file_that_is_too_large_is_not_read() -> None:
    here = world()
    here.given.logs = lambda: [LogFile("ctigw.log", LARGEST + 1, NOW)]  # type: ignore[misc] # as above
    with pytest.raises(FaultError, match="more than"):
        payload(get(here, PATH), Version.SOAP_11)


def test_a_client_of_2003_reads_the_list_of_its_contract() -> None:
    beside = (
        '<multiRef id="id0"><ServiceLogs><item>ctigw</item></ServiceLogs><SystemLogs xsi:nil="true"/>'
        '<JobType href="#id2"/><SearchStr/><Frequency href="#id1"/><ToDate xsi:nil="true"/>'
        '<RelText href="#id3"/><RelTime>5</RelTime></multiRef><multiRef id="id1">OnDemand</multiRef>'
        '<multiRef id="id2">DownloadtoClient</multiRef><multiRef id="id3">Minutes</multiRef>'
    )
    told = plain(world().old(LOGS, "SelectLogFiles", '<FileSelectionCriteria href="#id0"/>', beside))
    logs = told["ResultSet"]["SchemaFileSelectionResult"]["Node"]["ServiceList"]["ServiceLogs"]
    assert logs["SetOfFiles"]["item"]["absolutepath"] == PATH
    asked = f'<FileName xsi:type="xsd:string">{PATH}</FileName>'
    answer = world().http(
        DIME, envelope(f'<n:GetOneFile xmlns:n="DimeGetFileService">{asked}</n:GetOneFile>')
    )
    assert records(answer.body)[1].data == b"now\n"


@given(st.binary(max_size=2000), st.binary(max_size=50), st.text("abc-:", min_size=1, max_size=9))
def test_whatever_is_attached_comes_out_as_it_was(data: bytes, envelope_: bytes, identifier: str) -> None:
    first, second = records(dime.dime(Version.SOAP_11, envelope_, identifier, data).data)
    assert (first.data, second.data, second.id) == (envelope_, data, identifier)
    body = dime.multipart(Version.SOAP_11, b"<a/>", f"{identifier}random", data)
    written = body.data
    boundary = f"--MIMEBoundary_{identifier}random".encode()
    pieces = written.split(boundary)
    assert pieces[0] == b""
    assert pieces[-1] == b"--\r\n"
    assert pieces[2].partition(b"\r\n\r\n")[2] == data + b"\r\n"
    assert etree.fromstring(pieces[1].partition(b"\r\n\r\n")[2]).tag == "a"
