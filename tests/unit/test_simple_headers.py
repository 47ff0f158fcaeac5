"""What header fields of SIP requests ask for."""

from __future__ import annotations

import pytest

from ctigw.simple.headers import Expiries
from ctigw.sip.errors import Rejected
from ctigw.sip.message import Request

EXPIRIES = Expiries(60, 600, 300)


def asking(expires: str | None) -> Request:
    headers = {} if expires is None else {"Expires": [expires]}
    return Request("PUBLISH", "sip:alice@example.com", headers)


def test_what_is_granted_lies_within_the_bounds() -> None:
    asked = (None, "0", "60", "600", "601", str(2**40))
    assert [EXPIRIES.granted(asking(text)) for text in asked] == [300, 0, 60, 600, 600, 600]


@pytest.mark.parametrize(("asked", "status"), [("1", 423), ("59", 423), ("-1", 400), ("x", 400), ("٣", 400)])
def test_what_is_too_short_or_no_number_is_refused(asked: str, status: int) -> None:
    with pytest.raises(Rejected) as refused:
        EXPIRIES.granted(asking(asked))
    assert refused.value.status == status
    assert refused.value.headers == ((("Min-Expires", "60"),) if status == 423 else ())
