"""Call associated services (ECMA-269, call associated features)."""

from __future__ import annotations

import re

from ctigw.csta.associated import DigitMode, GenerateDigits, GenerateDigitsResponse
from ctigw.errors import Reason, Refused
from ctigw.services.dispatcher import Handler
from ctigw.services.naming import Naming
from ctigw.services.session import Session
from ctigw.switch.switch import CONNECTED, Switch

_DIGITS = re.compile(r"[0-9A-D*#]{1,64}")


def associated(switch: Switch) -> dict[type, Handler]:
    """The handlers of the services that the switch's driver has the commands for."""
    naming = Naming(switch)

    async def generate_digits(
        session: Session, request: GenerateDigits, _namespace: str
    ) -> GenerateDigitsResponse:
        digits = request.characters_to_send.upper()
        if not _DIGITS.fullmatch(digits):
            raise Refused(Reason.INVALID_PARAMETER_VALUE)
        if request.digit_mode is DigitMode.ROTARY_PULSE:
            raise Refused(Reason.DIGIT_MODE_NOT_SUPPORTED)
        written = request.connection_to_send_digits
        connection = naming.connection(session, written, CONNECTED, Reason.NO_ACTIVE_CALL)
        await switch.generate_digits(connection, digits)
        return GenerateDigitsResponse()

    return {GenerateDigits: generate_digits} if "generate_digits" in switch.offered else {}
