"""Clients that remember what sessions tell them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ctigw.csta.frame import FrameReader, event_frames
from ctigw.csta.types import csta


class Remembering:
    """``on_event``, ``on_ask`` and ``on_tell`` get each message, and the namespace that it is told in."""

    def __init__(
        self,
        on_event: Callable[[Any, str], object] = lambda _message, _namespace: None,
        on_ask: Callable[[Any, str], object] = lambda _message, _namespace: None,
        on_tell: Callable[[Any, str], object] = lambda _message, _namespace: None,
    ) -> None:
        self._on_event, self._on_ask, self._on_tell = on_event, on_ask, on_tell

    def judge(self, body: bytes) -> None:
        """Whether it is valid is seen to where all messages are (tests/conftest.py)."""

    def send_event(self, start: bytes, cross_ref_ids: Sequence[bytes], tail: bytes) -> None:
        for read in FrameReader().feed(event_frames(start, cross_ref_ids, tail)):
            assert read.invoke_id == 9999
            self.judge(read.body)
            document = csta.decode(read.body)
            self._on_event(document.message, document.namespace)

    def ask(self, message: object, namespace: str) -> None:
        self._on_ask(message, namespace)

    def tell(self, message: object, namespace: str) -> None:
        self._on_tell(message, namespace)
