"""Our schemas: what they accept and refuse, and whether the reference one, where it is at hand, agrees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from ctigw.csta import (
    application_session,
    associated,
    call_control,
    capability,
    events,
    logical,
    monitoring,
    snapshot,
    system,
)
from ctigw.csta.events import EventCause
from ctigw.csta.system import SystemStatusValue
from ctigw.csta.types import ED3, EDITIONS, LocalConnectionState, csta, error_code
from ctigw.csta.validation import validator
from ctigw.errors import Reason

SCHEMAS = Path(__file__).parents[2] / "csta_schemas"
REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "csta" / "oracle" / "csta-ed3.xsd"
Judge = Callable[[bytes], str | None]

CONNECTION = "<callID>1</callID><deviceID>2001</deviceID>"
DEVICE = "<deviceIdentifier>2001</deviceIdentifier>"
PARTIES = (
    f"<callingDevice>{DEVICE}</callingDevice><calledDevice>{DEVICE}</calledDevice>"
    "<lastRedirectionDevice><notRequired/></lastRedirectionDevice>"
)
CAUSE = "<localConnectionInfo>alerting</localConnectionInfo><cause>newCall</cause>"
REF = "<monitorCrossRefID>1</monitorCrossRefID>"
DELIVERED = f"{REF}<connection>{CONNECTION}</connection><alertingDevice>{DEVICE}</alertingDevice>"
CLEARED = (
    f"{REF}<droppedConnection>{CONNECTION}</droppedConnection><releasingDevice>{DEVICE}</releasingDevice>"
)

VALID = (
    "<MonitorStart><monitorObject><deviceObject>2001</deviceObject></monitorObject></MonitorStart>",
    (
        "<MonitorStart><monitorObject><deviceObject>2001</deviceObject></monitorObject>"
        "<monitorType>device</monitorType></MonitorStart>"
    ),
    f"<MonitorStartResponse>{REF}</MonitorStartResponse>",
    f"<MonitorStop>{REF}</MonitorStop>",
    "<MonitorStopResponse/>",
    (
        "<MakeCall><callingDevice>2001</callingDevice><calledDirectoryNumber>2002</calledDirectoryNumber>"
        "<autoOriginate>doNotPrompt</autoOriginate></MakeCall>"
    ),
    f"<MakeCallResponse><callingDevice>{CONNECTION}</callingDevice></MakeCallResponse>",
    f"<AnswerCall><callToBeAnswered>{CONNECTION}</callToBeAnswered></AnswerCall>",
    "<AnswerCall><callToBeAnswered><deviceID>2001</deviceID></callToBeAnswered></AnswerCall>",
    "<AnswerCallResponse/>",
    f"<ClearConnection><connectionToBeCleared>{CONNECTION}</connectionToBeCleared></ClearConnection>",
    "<ClearConnectionResponse/>",
    "<RequestSystemStatus/>",
    "<RequestSystemStatusResponse><systemStatus>normal</systemStatus></RequestSystemStatusResponse>",
    "<SystemStatus><systemStatus>enabled</systemStatus></SystemStatus>",
    "<SystemStatusResponse/>",
    "<GetCSTAFeatures/>",
    "<GetCSTAFeaturesResponse/>",
    (
        "<GetCSTAFeaturesResponse><supportedServices><callControlServList><makeCall>"
        "<autoOriginatePrompt>true</autoOriginatePrompt></makeCall></callControlServList></supportedServices>"
        "</GetCSTAFeaturesResponse>"
    ),
    f"<DeliveredEvent>{DELIVERED}{PARTIES}{CAUSE}</DeliveredEvent>",
    f"<ConnectionClearedEvent>{CLEARED}{CAUSE}</ConnectionClearedEvent>",
    "<CSTAErrorCode><operation>generic</operation></CSTAErrorCode>",
)
INVALID = {
    "no message": "<Rubbish/>",
    "a child missing": "<MakeCall><callingDevice>2001</callingDevice></MakeCall>",
    "the wrong order": "<MakeCall><calledDirectoryNumber>2</calledDirectoryNumber>"
    "<callingDevice>1</callingDevice></MakeCall>",
    "a connection the wrong way round": "<AnswerCall><callToBeAnswered><deviceID>2001</deviceID>"
    "<callID>1</callID></callToBeAnswered></AnswerCall>",
    "an unknown child": "<MonitorStopResponse><future/></MonitorStopResponse>",
    "no enumerated value": "<SystemStatus><systemStatus>fine</systemStatus></SystemStatus>",
    "no cause": f"<DeliveredEvent>{DELIVERED}{PARTIES}</DeliveredEvent>",
    "no last redirection device": f"<DeliveredEvent>{DELIVERED}<callingDevice>{DEVICE}</callingDevice>"
    f"<calledDevice>{DEVICE}</calledDevice>{CAUSE}</DeliveredEvent>",
    "held for hold": f"<ConnectionClearedEvent>{CLEARED}<localConnectionInfo>held</localConnectionInfo>"
    "<cause>normal</cause></ConnectionClearedEvent>",
    "an error without a category": "<CSTAErrorCode/>",
    "an error of two categories": "<CSTAErrorCode><operation>generic</operation><security>generic</security>"
    "</CSTAErrorCode>",
    "the category as it should be spelled": "<CSTAErrorCode><systemResourceAvailability>resourceBusy"
    "</systemResourceAvailability></CSTAErrorCode>",
    "an unknown error": "<CSTAErrorCode><operation>invalidDeviceIdentifier</operation></CSTAErrorCode>",
    "a flag that is no boolean": "<GetCSTAFeaturesResponse><supportedServices><callControlServList><makeCall>"
    "<autoOriginatePrompt>maybe</autoOriginatePrompt></makeCall></callControlServList></supportedServices>"
    "</GetCSTAFeaturesResponse>",
    "a service in the wrong list": "<GetCSTAFeaturesResponse><supportedServices><monitoringServList>"
    "<makeCall/></monitoringServList></supportedServices></GetCSTAFeaturesResponse>",
}


@pytest.fixture(scope="module", params=["ours", "reference"])
def judge(request: pytest.FixtureRequest) -> Judge:
    if request.param == "reference" and not REFERENCE.exists():
        pytest.skip("the reference schema is not at hand")
    return validator(REFERENCE if request.param == "reference" else None)


def in_ed3(xml: str) -> bytes:
    name, end, rest = xml.partition(">")
    empty = name.endswith("/")
    return f'{name.removesuffix("/")} xmlns="{ED3}"{"/" if empty else ""}{end}{rest}'.encode()


@pytest.mark.parametrize("xml", VALID, ids=lambda xml: xml[1:30])
def test_what_is_valid(judge: Judge, xml: str) -> None:
    assert judge(in_ed3(xml)) is None


@pytest.mark.parametrize("xml", INVALID.values(), ids=INVALID)
def test_what_is_not(judge: Judge, xml: str) -> None:
    assert judge(in_ed3(xml)) is not None


@pytest.mark.parametrize("reason", Reason)
def test_every_refusal_is_valid(judge: Judge, reason: Reason) -> None:
    assert judge(csta.encode(error_code(reason))) is None


@pytest.mark.parametrize("cause", EventCause)
def test_every_cause_is_valid(judge: Judge, cause: EventCause) -> None:
    event = f"<ConnectionClearedEvent>{CLEARED}<cause>{cause.value}</cause></ConnectionClearedEvent>"
    assert judge(in_ed3(event)) is None


@pytest.mark.parametrize("state", LocalConnectionState)
def test_every_connection_state_is_valid(judge: Judge, state: LocalConnectionState) -> None:
    info = f"<localConnectionInfo>{state.value}</localConnectionInfo><cause>normal</cause>"
    assert judge(in_ed3(f"<ConnectionClearedEvent>{CLEARED}{info}</ConnectionClearedEvent>")) is None


@pytest.mark.parametrize("status", SystemStatusValue)
def test_every_system_status_is_valid(judge: Judge, status: SystemStatusValue) -> None:
    assert judge(in_ed3(f"<SystemStatus><systemStatus>{status.value}</systemStatus></SystemStatus>")) is None


@pytest.mark.parametrize("namespace", ["", *sorted(EDITIONS)])
def test_other_editions_are_judged_as_the_third(judge: Judge, namespace: str) -> None:
    good, bad = (f'<{name} xmlns="{namespace}"/>' for name in ("GetCSTAFeatures", "MonitorStop"))
    assert judge(good.encode()) is None
    assert judge(bad.encode()) is not None


def test_a_foreign_namespace_is_not_valid(judge: Judge) -> None:
    assert judge(b'<GetCSTAFeatures xmlns="urn:example"/>') is not None


@pytest.mark.parametrize("file", sorted(SCHEMAS.glob("*.xsd")), ids=lambda file: file.name)
def test_each_file_stands_alone(file: Path) -> None:
    etree.XMLSchema(file=str(file))


def test_every_message_that_can_be_written_is_declared() -> None:
    groups = (application_session, associated, call_control, capability, events, logical)
    modules = (*groups, monitoring, snapshot, system)  # each registers its messages
    written = {name for name, cls in csta.messages.items() if cls.__module__ in {m.__name__ for m in modules}}
    declared = {
        element.get("name")
        for file in SCHEMAS.glob("*.xsd")
        for element in etree.parse(file).getroot()
        if element.tag == "{http://www.w3.org/2001/XMLSchema}element"
    }
    assert declared == written | {"CSTAErrorCode"}


MAKE_CALL = "<MakeCall><callingDevice>2001</callingDevice>{}</MakeCall>"
CALLED = "<calledDirectoryNumber>2002</calledDirectoryNumber>"
LOGIN = (
    "<StartApplicationSession><applicationInfo><applicationID>x</applicationID>{}</applicationInfo>"
    "<requestedProtocolVersions><protocolVersion>1</protocolVersion></requestedProtocolVersions>"
    "<requestedSessionDuration>{}</requestedSessionDuration></StartApplicationSession>"
)


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (
            MAKE_CALL.format(CALLED + "<autoOriginate>4711</autoOriginate>"),
            "SCHEMAV_CVC_ENUMERATION_VALID: Element '{ed3}autoOriginate'",
        ),
        (
            MAKE_CALL.format("<strange>4711</strange>" + CALLED),
            (
                "SCHEMAV_ELEMENT_CONTENT: Element '{ed3}strange': This element is not expected. "
                "Expected is ( {ed3}calledDirectoryNumber )."
            ),
        ),
        (
            MAKE_CALL.format(CALLED).replace("<MakeCall>", "<MakeCall pin='4711'>"),
            "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1: Element '{ed3}MakeCall', attribute 'pin'",
        ),
        (
            MAKE_CALL.format(CALLED).replace("</M", "4711</M"),
            "SCHEMAV_CVC_COMPLEX_TYPE_2_3: Element '{ed3}MakeCall'",
        ),
        (LOGIN.format("", "4711!"), "SCHEMAV_CVC_DATATYPE_VALID_1_2_1 in StartApplicationSession"),
        (LOGIN.format("<secret>4711</secret>", "60"), "SCHEMAV_ELEMENT_CONTENT in StartApplicationSession"),
    ],
)
def test_violations_are_told_without_their_values(xml: str, why: str) -> None:
    assert validator()(xml.encode()) == why.replace("{ed3}", f"{{{ED3}}}")
