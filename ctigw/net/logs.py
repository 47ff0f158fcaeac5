"""What is logged, and how: structlog on standard error, with what Twisted has to say among it."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from twisted.internet.error import ReactorNotRunning
from twisted.logger import ILogObserver, LogLevel, formatEvent, globalLogBeginner
from zope.interface import implementer

from ctigw.config import Log

# Twisted's chatter ("Starting factory …") is of its own workings: only its warnings matter here.
_TELLING = {LogLevel.warn: "warning", LogLevel.error: "error", LogLevel.critical: "critical"}


def configure(settings: Log) -> None:
    """Log as ``settings`` say, from now on."""
    # Tracebacks go as plain text: the richer kinds show local variables, and so secrets.
    renderers: dict[str, list[Any]] = {
        "json": [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        "console": [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ],
    }
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers[settings.format],
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


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
