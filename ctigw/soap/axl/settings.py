"""The operations on what users may use, on applications, and on the settings that clients are told.

Those settings are the parameters of one service, `SERVICE`, by the names that the EPAS interface has for them
("CallControl.Primary.Address"); there is one host, and what it has is the site's.
"""

from __future__ import annotations

from msgspec.structs import replace
from sqlalchemy.orm import Session

from ctigw.directory import applications, licensing, system
from ctigw.directory.vocabulary import BOOLEANS, PASSWORD
from ctigw.soap.axl.errors import INVALID_VALUE, AxlError, no_such
from ctigw.soap.axl.messages import Part, Return, Sent
from ctigw.soap.axl.site import Site, guid
from ctigw.soap.axl.users import user
from ctigw.store.tables import Application

SERVICE = "Cisco UP Client Profile"
# What the product calls the settings that no host has for itself.
EVERYWHERE = "EnterpriseWideData"
_FEATURES = {"ups": "enableUPS", "base": "enableUPC"}


def get_license_capabilities(session: Session, site: Site, sent: Sent) -> Return:
    """getLicenseCapabilities"""
    row = user(session, site, sent)
    features = licensing.features_in(row)
    flags = [Part(name, "true" if getattr(features, field) else "false") for field, name in _FEATURES.items()]
    return [Part("licenseCapabilities", [Part("userid", site.userid(row.name)), *flags])]


def update_license_capabilities(session: Session, site: Site, sent: Sent) -> Return:
    """updateLicenseCapabilities: what the request does not mention stays as it is."""
    row = user(session, site, sent)
    wanted = {field: sent.flag(name) for field, name in _FEATURES.items() if sent.has(name)}
    licensing.set_features(session, row.name, replace(licensing.features_in(row), **wanted))
    return "true"


def update_app_user(session: Session, site: Site, sent: Sent) -> Return:
    """updateAppUser: a new password."""
    name = application(session, site, sent)
    if session.get(Application, name) is None:
        raise no_such("Application User")
    applications.set_password(session, name, sent.raw("password"))
    return "true"


def application(_session: Session, _site: Site, sent: Sent) -> str:
    """The name of the application that the request names, as it is kept."""
    return sent.text("userid").lower()


def get_process_node(_session: Session, site: Site, sent: Sent) -> Return:
    """getProcessNode"""
    if sent.has("uuid") == sent.has("name"):
        raise AxlError(INVALID_VALUE, "either name or uuid is needed")
    if sent.text("name").lower() != site.node.lower() and not _is(sent.text("uuid"), "node", site.node):
        raise no_such("Process Node")
    return [_node(site)]


def list_all_process_nodes(_session: Session, site: Site, _sent: Sent) -> Return:
    """listAllProcessNodes"""
    return [_node(site)]


def get_service_parameter(session: Session, site: Site, sent: Sent) -> Return:
    """getServiceParameter; one that is a password has no value here."""
    name, node = _parameter(site, sent), sent.text("processNodeName") or site.node
    told = dict(system.system_config(session, None, site.defaults))
    value = "" if name == PASSWORD else told[name] if name in told else system.setting(session, name)
    return [
        Part(
            "serviceParameter",
            [
                *(Part("processNodeName", node), Part("name", name), Part("service", SERVICE)),
                *(Part("value", value), Part("valueType", "Boolean" if name in BOOLEANS else "String")),
                Part("primaryData", "false"),
            ],
            {"uuid": guid("parameter", name)},
        )
    ]


def update_service_parameter(session: Session, site: Site, sent: Sent) -> Return:
    """updateServiceParameter: a new value, or, if that is nil, the one that there was before any."""
    said = next((name for name in ("newValue", "value") if sent.has(name)), None)
    if said is None:
        raise AxlError(INVALID_VALUE, "newValue is needed")
    system.set_system(session, {_parameter(site, sent): None if sent.is_nil(said) else sent.text(said)})
    return "true"


def _parameter(site: Site, sent: Sent) -> str:
    """The name of the setting that the request names, in one of two ways."""
    if sent.has("uuid"):
        found = [name for name in sorted(system.NAMES) if _is(sent.text("uuid"), "parameter", name)]
    else:
        here = sent.text("processNodeName").lower() in (site.node.lower(), EVERYWHERE.lower())
        here = here or _is(sent.text("processNodeId"), "node", site.node)
        found = [sent.text("name")] if here and sent.text("service") == SERVICE else []
    if not found or found[0] not in system.NAMES:
        raise no_such("Service Parameter")
    return found[0]


def _is(said: str, kind: str, name: str) -> bool:
    return said.upper() == guid(kind, name)


def _node(site: Site) -> Part:
    return Part(
        "processNode",
        [Part("name", site.node), Part("description", site.description)],
        {"uuid": guid("node", site.node)},
    )
