"""What a script says by Python's `logging`, logged as messages.

Not by a handler: one on the root logger would make `logging.basicConfig` do nothing, and silence
the warnings of a script without any. Each record is noted on its way to whatever handlers there
are, after levels and filters have let it pass.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import origin
from .events import Event, MessageLogged
from .secrets import mask_text
from .unicode import encodable

if TYPE_CHECKING:
    import logging

__all__ = ["Messages"]

MESSAGE_CHARS_MAX = 65_536  # of one record and its traceback; more is a file, not a message
OWN = "foldline"  # what we say ourselves is on the terminal, and would come round again

_listeners: list[Messages] = []  # a record goes to the run that began first
_unhook: Callable[[], None] | None = None


class Messages:
    """Notes the records of this process for one run, until it is ended."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._rank = origin.rank()
        _listeners.append(self)
        if _unhook is None:
            _hook()

    def end(self) -> None:
        """Note no more; `logging` is then as it was."""
        global _unhook  # noqa: PLW0603  # one hook for a process, however many runs
        if self in _listeners:
            _listeners.remove(self)
        if not _listeners and _unhook is not None:
            _unhook()
            _unhook = None

    def note(self, record: logging.LogRecord) -> None:
        """Log a record."""
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001  # arguments that do not fit; a handler will complain
            text = str(record.msg)
        if record.exc_info and record.exc_info[1] is not None:
            text += "\n" + "".join(traceback.format_exception(record.exc_info[1])).rstrip()
        self._emit(
            MessageLogged(
                record.levelno,
                encodable(mask_text(text[:MESSAGE_CHARS_MAX])),
                encodable(record.name),
                place=encodable(f"{_short(record.pathname)}:{record.lineno}"),
                time=record.created,
                rank=self._rank,
            )
        )


def _hook() -> None:
    global _unhook  # noqa: PLW0603  # see Messages.end
    import logging

    original = logging.Logger.callHandlers

    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        """Pass a record to all relevant handlers, and note it for the run."""
        if _listeners and record.name.partition(".")[0] != OWN:
            try:
                _listeners[0].note(record)
            except Exception:  # noqa: BLE001, S110  # whatever is in a record, training goes on
                pass
        original(self, record)

    def unhook() -> None:
        if logging.Logger.callHandlers is call_handlers:
            logging.Logger.callHandlers = original  # type: ignore[method-assign]  # as it was

    logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign]  # see above
    _unhook = unhook


def _short(path: str) -> str:
    """Return a file's path as one would type it in this folder."""
    here = os.getcwd() + os.sep  # noqa: PTH109  # a text, for each record
    return path.removeprefix(here)
