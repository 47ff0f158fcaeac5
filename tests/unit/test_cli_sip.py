"""What the commands that speak SIP make of what goes wrong."""

from __future__ import annotations

import click
import pytest

from ctigw.cli import sip_connection
from ctigw.net.sip_client import SipRefused
from ctigw.sip.events import Outcome


def test_where_nobody_can_be_asked_there_is_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_connection, "has_terminal", lambda: False)
    assert sip_connection._password() == ""


def test_who_breaks_off_the_question_has_said_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken_off() -> str:
        raise click.Abort

    monkeypatch.setattr(sip_connection, "has_terminal", lambda: True)
    monkeypatch.setattr(sip_connection, "password_from_terminal", broken_off)
    assert sip_connection._password() == ""


def test_why_a_server_cannot_be_reached_is_told_once_it_is_known() -> None:
    nothing = Outcome(503, None)
    assert str(SipRefused(nothing)) == "the server cannot be reached"
    assert str(SipRefused(nothing, "no way.")) == "the server cannot be reached: no way"
