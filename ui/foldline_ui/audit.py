"""What people and tokens did, in order.

Each event is a line of JSON at the end of `audit.jsonl` in the store, for its owner alone. A file
that is full becomes `audit.1.jsonl`, and so on; the oldest goes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from foldline.errors import FoldlineError
from foldline.layout import Layout
from foldline_views import register

__all__ = ["Audit", "AuditEvent", "events", "write_down"]

AUDIT_BYTES_MAX = 8 << 20  # of a file: some 40,000 events
AUDIT_FILES_MAX = 5  # that are kept: a store that a team works on fills one in months
ASKED_BYTES_MAX = 2000  # of what was asked, as JSON: a note of a run may have megabytes
REFUSED_MAX = 20  # in a minute that are told one by one: whoever tries tokens fills no disk
MINUTE_S = 60.0
SECRET = frozenset({"token", "code", "webhook"})  # fields whose values are never written down


class AuditEvent(msgspec.Struct, omit_defaults=True):
    """One thing that somebody did."""

    time: float  # unix seconds
    what: str  # signed_in, signed_out, refused, token_made, quota_set and such, or a route's name
    who: str = ""  # the name of a token, "owner" or "local"
    token: str = ""  # its id
    address: str = ""  # from which it was asked, "" for the command line
    of: dict[str, str] = {}  # to what: names and ids
    asked: Any = None  # what was to be done
    more: int = 0  # refused ones since the last that was told


class Audit:
    """Writes down what is done; for any number of threads and processes."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._lock = threading.Lock()
        self._minute = 0.0
        self._refused = 0

    def note(self, event: AuditEvent) -> None:
        """Write an event down. Raises StoreUnwritable."""
        if event.asked is not None:
            event.asked = _bounded(event.asked)
        line = msgspec.json.encode(event) + b"\n"
        with self._lock, register.alone(self._layout, "audit"):
            path = self._layout.audit
            with suppress(FileNotFoundError):
                if path.stat().st_size + len(line) > AUDIT_BYTES_MAX:
                    _rotate(path)
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, line)
            finally:
                os.close(file)

    def refused(self, event: AuditEvent) -> None:
        """Write down that somebody was not let in; of very many in a minute, how many."""
        with self._lock:
            if time.monotonic() - self._minute > MINUTE_S:
                self._minute = time.monotonic()
                event.more, self._refused = max(0, self._refused - REFUSED_MAX), 0
            self._refused += 1
            if self._refused > REFUSED_MAX:
                return
        self.note(event)


def events(layout: Layout) -> Iterator[AuditEvent]:
    """Yield all events that are kept, the oldest first; a line that was cut short is left out."""
    decoder = msgspec.json.Decoder(AuditEvent)
    for number in range(AUDIT_FILES_MAX - 1, -1, -1):
        try:
            lines = _numbered(layout.audit, number).read_bytes().splitlines()
        except FileNotFoundError:
            continue
        for line in lines:
            with suppress(msgspec.MsgspecError):
                yield decoder.decode(line)


def _rotate(path: Path) -> None:
    for number in range(AUDIT_FILES_MAX - 1, 0, -1):
        with suppress(FileNotFoundError):
            _numbered(path, number - 1).replace(_numbered(path, number))


def _numbered(path: Path, number: int) -> Path:
    return path.with_suffix(f".{number}.jsonl") if number else path


def _bounded(asked: Any) -> Any:
    """Return what was asked without secrets, or only its beginning if it is long."""
    told = msgspec.to_builtins(asked)
    if isinstance(told, dict):
        told = {name: value for name, value in told.items() if name not in SECRET}
    text = msgspec.json.encode(told)
    if len(text) <= ASKED_BYTES_MAX:
        return told
    return text[:ASKED_BYTES_MAX].decode(errors="replace") + "…"


def write_down(layout: Layout, event: AuditEvent) -> None:
    """Write one event down for a command; that it can't be done ends no command."""
    with suppress(FoldlineError):
        Audit(layout).note(event)
