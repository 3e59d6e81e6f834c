"""What the server logs of itself.

Goes to standard error, where a service manager or a shell takes it. Texts are cut, and secrets
masked, as an error may quote what somebody sent.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from foldline.secrets import mask_text

__all__ = ["JsonLines", "Lines", "open_logbook", "requests_log"]

MESSAGE_CHARS_MAX = 2000  # of one message: more is a body that somebody sent
TRACE_CHARS_MAX = 16_000  # of the frames of an error, some hundred: its end says most
LINES_MAX = 10_000  # that wait to be taken: some MB; a second of requests at the fastest
FLUSH_S = 0.5  # at the end: whoever has not taken the last lines by then does without

requests_log = logging.getLogger("foldline.requests")


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


class Lines(logging.Handler):
    """Writes lines by a thread of its own; without room for more they are counted and left out.

    A pipe that nobody reads is full after 64 KiB, and whoever writes to it waits for ever: no
    answer, and no fold, waits with it.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._waiting: queue.Queue[str | threading.Event] = queue.Queue(LINES_MAX)
        self._dropped = 0
        threading.Thread(target=self._write, name="logbook", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Let a record be written."""
        try:
            self._waiting.put_nowait(self.format(record))
        except queue.Full:
            self._dropped += 1

    def flush(self) -> None:
        """Wait until all is written, but not long."""
        done = threading.Event()
        try:
            self._waiting.put(done, timeout=FLUSH_S)
        except queue.Full:
            return
        done.wait(FLUSH_S)

    def _write(self) -> None:
        while True:
            line = self._waiting.get()
            if isinstance(line, threading.Event):
                line.set()
                continue
            self._stream.write(f"{line}\n")
            self._stream.flush()
            if self._dropped and self._waiting.empty():
                dropped, self._dropped = self._dropped, 0
                told = {"name": __name__, "levelname": "WARNING", "args": (dropped,)}
                self.emit(logging.makeLogRecord({"msg": "%d lines were not logged", **told}))


def open_logbook(form: str, *, requests: bool = False) -> None:
    """Let what is logged go to standard error, as "text" or "json"; `requests`: each one too."""
    handler = Lines(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter("%(message)s"))
    root = logging.getLogger()
    for other in list(root.handlers):
        if isinstance(other, Lines):
            root.removeHandler(other)
    root.addHandler(handler)
    requests_log.setLevel(logging.INFO if requests else logging.WARNING)
    logging.getLogger("aiohttp.server").addFilter(_is_ours)


def _is_ours(record: logging.LogRecord) -> bool:
    """Leave out what is no HTTP: a stranger's mistake, told with frames, would fill a disk."""
    # Only a server says it, and has it loaded; the fold process starts faster without.
    from aiohttp.http_exceptions import HttpProcessingError

    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
