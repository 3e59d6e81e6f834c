"""What the server logs of itself: lines for people, or JSON.

Goes to standard error, where a service manager or a shell takes it. Texts are cut, and secrets
masked, as an error may quote what somebody sent.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec

from foldline.secrets import mask_text

from .tally import requests_log

__all__ = ["JsonLines", "open_logbook"]

MESSAGE_CHARS_MAX = 2000  # of one message: more is a body that somebody sent
TRACE_CHARS_MAX = 16_000  # of the frames of an error, some hundred: its end says most


class JsonLines(logging.Formatter):
    """Makes one line of JSON of each record: time, level, event, message, and what belongs to it.

    `event` is `request` for an answered request, which has method, route, status and ms in place
    of a message; `error` for what was raised, with its frames; else `message`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", "error" if record.exc_info else "message"),
        }
        told: dict[str, Any] | None = getattr(record, "told", None)
        if told is not None:
            line |= told
        else:
            line["logger"] = record.name
            line["message"] = mask_text(record.getMessage())[:MESSAGE_CHARS_MAX]
        if record.exc_info:
            line["trace"] = mask_text(self.formatException(record.exc_info))[-TRACE_CHARS_MAX:]
        return msgspec.json.encode(line).decode()


def open_logbook(form: str, *, requests: bool = False) -> None:
    """Let what is logged go to standard error, as "text" or "json"; `requests`: each one too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter("%(message)s"))
    root = logging.getLogger()
    for other in list(root.handlers):
        if isinstance(other, logging.StreamHandler) and other.stream is sys.stderr:
            root.removeHandler(other)
    root.addHandler(handler)
    requests_log.setLevel(logging.INFO if requests else logging.WARNING)
