"""The names of the settings that clients are told, by the EPAS interface (SOAP) and in UCCN's notices.

SOAP tells 79 names, always all and in one order.  UCCN tells some of them together, as an object of the
product's: see `OBJECTS`.  What is only UCCN's (`ELSEWHERE`) can be set here as well.

The attributes of a directory server have names of their own in UCCN.  Which one is which is nowhere written:
here those are one that the printed examples map to the same attribute, or that say the same.
"""

from __future__ import annotations

from typing import NamedTuple

_PLACE = ("Address", "Port", "Protocol")


def _hosts(service: str, *servers: str) -> tuple[str, ...]:
    return tuple(f"{service}.{server}.{part}" for server in servers for part in _PLACE)


_VOICE_MAIL = (*_hosts("VoiceMail", "Primary", "Backup1", "Backup2"), "VoiceMail.PilotNumber")
_MEETING_PLACE = _hosts("MeetingPlace", "Primary", "Backup1", "Backup2")
_CALL_CONTROL = _hosts("CallControl", "Primary", "Backup1", "Backup2")
_LDAP_HOSTS = _hosts("Directory", "Primary", "Backup1", "Backup2")
_PRESENCE = (*_hosts("Presence", "Primary", "Backup"), "Presence.Domain")
_TFTP = ("TFTP.Primary", "TFTP.Backup1", "TFTP.Backup2")
_SEARCHES = tuple(
    f"Directory.Search{what}{number}" for number in (1, 2, 3) for what in ("Context", "Recursive")
)
PASSWORD = "Directory.Password"  # noqa: S105 - a name
_LDAP_LOGIN = ("Directory.DN", PASSWORD, "Directory.AnonymousBind", "Directory.ConfigurationName", *_SEARCHES)
_LDAP = (*_LDAP_LOGIN, *_LDAP_HOSTS)
INSTANT_MESSAGES = "IM.enable"
EXCHANGE = "Presence.ExchangeEnabled"
BOOLEANS = frozenset(
    {
        "Directory.AnonymousBind",
        *(name for name in _SEARCHES if "Recursive" in name),
        INSTANT_MESSAGES,
        EXCHANGE,
    }
)

# The attributes: SOAP's name, the default, which is as printed, and UCCN's name where there is one.
# "orgainzationName" is so: clients look for it.
_ATTRIBUTES: tuple[tuple[str, str, str | None], ...] = (
    ("userid", "uid", "UserID"),
    ("givenName", "givenname", "FirstName"),
    ("surName", "sn", "LastName"),
    ("middleName", "middleinitial", "MiddleName"),
    ("displayName", "cn", "DisplayName"),
    ("nickName", "", "nickname"),
    ("jpegPhoto", "", "Photo"),
    ("internalSnailMailAddress", "postofficebox", None),
    ("site", "site", None),
    ("building", "building", None),
    ("floor", "floor", None),
    ("physicalLocation", "", None),
    ("orgPersonNumber", "employeenumber", "UID"),
    ("orgPersonType", "employeetype", None),
    ("title", "title", "Title"),
    ("orgainzationName", "", None),
    ("organizationUnitName", "", None),
    ("departmentNumber", "departmentnumber", None),
    ("managerID", "manageruid", None),
    ("preferredLanguage", "", None),
    ("status", "status", None),
)
# UCCN's, in its order, with the defaults of those that SOAP has not: as printed, usual names of LDAP.
_UCCN_ATTRIBUTES: tuple[tuple[str, str], ...] = (
    *((name, "") for name in ("UID", "FirstName", "LastName", "MiddleName", "nickname", "UserID", "Photo")),
    *((name, "") for name in ("Title", "DisplayName", "NamePrefix", "NameSuffix", "Gender")),
    ("BusinessEMail", "mail"),
    ("IM", "uid"),
    ("BusinessPhoneNumber", "telephoneNumber"),
    ("BusinessVoiceMail", "voicemail"),
    ("BusinessMobilePhone", "mobile"),
    ("BusinessPager", "pager"),
    ("BusinessFax", "facsimileTelephoneNumber"),
    *((name, "") for name in ("BusinessOtherPhone", "HomeEMail", "HomeMobilePhone", "HomeFax")),
    ("URL", "labeledURI"),
)
_MAP = "Directory.Map."
# SOAP's name of each of UCCN's names that SOAP has as well.
SOAP_NAMES = {f"{_MAP}{uccn}": f"{_MAP}{soap}" for soap, _default, uccn in _ATTRIBUTES if uccn}
_ONLY_UCCN = {f"{_MAP}{x}": default for x, default in _UCCN_ATTRIBUTES if f"{_MAP}{x}" not in SOAP_NAMES}
_SOAP_MAP = {f"{_MAP}{soap}": default for soap, default, _uccn in _ATTRIBUTES}

# What SOAP tells, in its order, and the rest.
SYSTEM: tuple[str, ...] = (
    *_SOAP_MAP,
    "Security",
    *_VOICE_MAIL,
    *_MEETING_PLACE,
    *_CALL_CONTROL,
    *_LDAP,
    *_PRESENCE,
    *_TFTP,
)
ELSEWHERE: tuple[str, ...] = (INSTANT_MESSAGES, EXCHANGE, *_ONLY_UCCN)
# What has another default than an empty text.  Messages are sent unless the site says otherwise.
DEFAULTS: dict[str, str] = {
    **_SOAP_MAP,
    **_ONLY_UCCN,
    **dict.fromkeys(BOOLEANS, "FALSE"),
    INSTANT_MESSAGES: "TRUE",
}


class Told(NamedTuple):
    """What UCCN tells as ``object`` when one of ``of`` changes: ``names``, in this order and in its words."""

    object: str
    of: frozenset[str]
    names: tuple[str, ...]


def _told(object_: str, names: tuple[str, ...], of: tuple[str, ...] | None = None) -> Told:
    return Told(object_, frozenset(names if of is None else of), names)


# Of the site, in the order in which changes are told.
OBJECTS: tuple[Told, ...] = (
    _told("UcSystemCfg", ("Security", *_TFTP)),
    _told(
        "UcAttributeMap",
        tuple(f"{_MAP}{name}" for name, _default in _UCCN_ATTRIBUTES),
        (*_SOAP_MAP, *_ONLY_UCCN),
    ),
    _told("UcCtiGatewayHost", _CALL_CONTROL),
    _told("UcLdapHost", _LDAP),
    _told("UcMeetingPlaceHost", _MEETING_PLACE),
    _told("UcProxyProfile", _PRESENCE),
    _told("UcUnityHost", _VOICE_MAIL, _VOICE_MAIL[:-1]),
    _told("VoiceMessagingPilot", _VOICE_MAIL, _VOICE_MAIL[-1:]),
    _told("CUPSystemCfg", (INSTANT_MESSAGES,)),
    _told("PEBackendGateway", (EXCHANGE,)),
)
# Of a user: what the product has profiles for.  Which hosts they have is told as the user's; what else there
# is of a directory server as that of its profile, since the other notice has no room for it.
OF_A_USER: tuple[Told, ...] = (
    *(
        _told("EndUser", names)
        for names in (_VOICE_MAIL, _MEETING_PLACE, _CALL_CONTROL, _LDAP_HOSTS, _PRESENCE)
    ),
    _told("UcLdapProfile", _LDAP, _LDAP_LOGIN),
)
