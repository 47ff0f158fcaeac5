"""Why a request of serviceability is not done."""

from __future__ import annotations

from ctigw.soap.envelope import Code


class Fault(Exception):  # noqa: N818 - SOAP's word
    """``text`` goes to the client; whose fault it is says ``code``."""

    def __init__(self, text: str, code: Code = Code.SENDER) -> None:
        super().__init__(text)
        self.text, self.code = text, code
