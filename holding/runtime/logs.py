"""What a process writes about itself while it runs: one event a line, on standard error.

Here: the shape of a line for people and for machines, and that no secret gets into one. Not here:
what happened to a record (holding/audit/events.py), which is kept in the database.
"""

import logging
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, Processor

HIDDEN = "(hidden)"
SHORTEST_SECRET = 6
"""A shorter one would blot out words that have nothing to do with it."""
_TELLTALE = ("password", "secret", "token", "authorization", "cookie", "credential", "api_key")
_known: set[str] = set()


def conceal(secret: str) -> None:
    """From now on this text is hidden wherever a line of this process would show it."""
    if len(secret) >= SHORTEST_SECRET:
        _known.add(secret)


def logger(name: str) -> BoundLogger:
    """A log whose events are a sentence and named values; `begin` says where they go."""
    found: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        wrapper_class=BoundLogger,
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            _hide,
            ProcessorFormatter.wrap_for_formatter,
        ],
    )
    return found


def begin(*, for_machines: bool, stream: TextIO | None = None) -> None:
    """Warnings and errors of this process, those of libraries too, go to `stream` (standard error):
    one line each for people, or one JSON object each.
    """
    stream = stream or sys.stderr
    renderer: Processor = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        pad_event_to=0,
        pad_level=False,
        exception_formatter=structlog.dev.plain_traceback,
    )
    if for_machines:
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.WARNING)  # a library may have given its own log another one
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[structlog.processors.format_exc_info, _hide],
            processors=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                ProcessorFormatter.remove_processors_meta,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def _hide(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Values under a telling name, and the secrets that this process has read."""
    return {
        name: HIDDEN if any(word in name.lower() for word in _TELLTALE) else _without(value)
        for name, value in event.items()
    }


def _without(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _hide(None, "", dict(value))
    if isinstance(value, (list, tuple)):
        return [_without(each) for each in value]
    text = value if isinstance(value, str) else str(value)
    if not any(secret in text for secret in _known):
        return value
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
