"""Call control services (ECMA-269, call control; names and order of ECMA-323 ed3)."""

from __future__ import annotations

import enum

from ctigw.csta.types import ConnectionID, message


class AutoOriginate(enum.Enum):
    """Whether the calling phone asks its user to lift the handset before the call is placed."""

    PROMPT = "prompt"
    DO_NOT_PROMPT = "doNotPrompt"


@message
class MakeCall:
    """Place a call from ``calling_device`` to ``called_directory_number``."""

    calling_device: str
    called_directory_number: str
    auto_originate: AutoOriginate | None = None


@message
class MakeCallResponse:
    """``calling_device`` is the calling device's connection in the new call."""

    calling_device: ConnectionID


@message
class AnswerCall:
    """Answer an alerting connection."""

    call_to_be_answered: ConnectionID


@message
class AnswerCallResponse:
    pass


@message
class ClearConnection:
    """Take a device out of a call.  A ``reason`` is accepted and ignored: clients put free text there."""

    connection_to_be_cleared: ConnectionID


@message
class ClearConnectionResponse:
    pass
