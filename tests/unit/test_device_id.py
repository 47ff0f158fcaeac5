from __future__ import annotations

import pytest

from ctigw.csta.device_id import is_number, number_of


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2001", "2001"),
        (" 2001\n", "2001"),
        ("+49891234", "+49891234"),
        ("tel:2001", "2001"),
        ("TEL:+49-89-1234", "+49891234"),
        ("tel:+49(89)12.34;phone-context=x", "+49891234"),
        ("sip:2001@example.com", "2001"),
        ("sip:2001", "2001"),
        ("sip:2001;user=phone@example.com", "2001"),
        ("sips:2001@example.com:5061;transport=tls", "2001"),
        ("N<2001>", "2001"),
        ("N<2001>the front desk", "2001"),
        ("N2001", "2001"),
        ("N<2001&3>", "2001"),
        ("N<>", ""),
        ("2001:switch:192.0.2.1:0", "2001"),
        ("2001:switch:192.0.2.1:x", "2001:switch:192.0.2.1:x"),
        ("", ""),
        ("the front desk", "the front desk"),
        ("mailto:a@b", "mailto:a@b"),
    ],
)
def test_the_number_of_a_device_id(text: str, number: str) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize("text", ["1", "2001", "+49891234", "*21#", "ABCD", "9" * 64, "+" + "9" * 64])
def test_what_can_be_dialled(text: str) -> None:
    assert is_number(text)


@pytest.mark.parametrize("text", ["", "+", "2 001", "2001\n", "E", "front", "9" * 65, "+4+9", "²"])
def test_what_cannot_be_dialled(text: str) -> None:
    assert not is_number(text)
