"""What is logged, and how: structlog on standard error and in files, with what Twisted has to say in it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import structlog
from twisted.internet.error import ReactorNotRunning
from twisted.logger import ILogObserver, LogLevel, formatEvent, globalLogBeginner
from zope.interface import implementer

from ctigw.config import Log

# Twisted's chatter ("Starting factory …") is of its own workings: only its warnings matter here.
_TELLING = {LogLevel.warn: "warning", LogLevel.error: "error", LogLevel.critical: "critical"}


def configure(settings: Log) -> Callable[[], None]:
    """Log as ``settings`` say, from now on; what it gives closes the files.

    Raises `OSError`: they cannot be written.
    """
    also, close = [], _nothing
    if settings.folder:
        from ctigw.net.log_files import LogFiles

        files = LogFiles(Path(settings.folder), file_bytes=settings.file_bytes, files=settings.files)
        also, close = [_Also(files.say, settings.format)], files.close
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *also,
            *_rendering(settings.format, colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    return close


def _nothing() -> None:
    """There are no files."""


def _rendering(form: str, *, colors: bool) -> list[Any]:
    """What makes a line of an entry.

    Tracebacks go as plain text: the richer kinds show local variables, and so secrets.
    """
    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    return [_printable, structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]


def _printable(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """``event`` without what terminals take for orders: clients' paths and names come into the log, too.

    Texts with blanks or ends of lines are quoted by the renderer, which does the same.
    """
    return {name: _shown(said) if isinstance(said, str) else said for name, said in event.items()}


def _shown(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign in "\n\t" else repr(sign)[1:-1] for sign in text)


class _Also:
    """Has each entry said elsewhere, too, in a line of its own: those on a terminal may have colours."""

    def __init__(self, say: Callable[[str], None], form: str) -> None:
        self._say, self._rendering = say, _rendering(form, colors=False)

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line: Any = dict(event)
        for step in self._rendering:
            line = step(logger, method, line)
        self._say(line)
        return event


def take_over_twisted() -> None:
    """Have what Twisted logs, errors of forgotten Deferreds above all, join the rest.  Once a process."""
    globalLogBeginner.beginLoggingTo([_Observer()], redirectStandardIO=False)


@implementer(ILogObserver)
class _Observer:
    def __call__(self, event: dict[str, Any]) -> None:
        level = _TELLING.get(event["log_level"])
        if level is None:
            return
        failure = event.get("log_failure")
        if failure and failure.check(ReactorNotRunning):
            return  # a second signal to stop, in the same moment as the first
        more = {"exc_info": failure.value} if failure else {}
        getattr(structlog.get_logger("twisted"), level)(formatEvent(event), **more)
