"""What the SDK says when it can't keep something.

Nothing is raised into a training: a notice is a warning, once for each subject, and a line in the
log if the script has set up logging. In strict mode it is an exception.
"""

from __future__ import annotations

import sys
import warnings
from contextlib import suppress
from typing import Any

from .errors import FoldlineError, FoldlineWarning

__all__ = ["Notices", "shown"]

SHOWN_CHARS_MAX = 80  # of somebody's value, in a message
SUBJECTS_MAX = 50  # distinct warnings of one run; a loop over many bad names must not flood


class Notices:
    """The warnings of one run."""

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self._said: set[str] = set()

    def give(self, subject: str, error: FoldlineError) -> None:
        """Warn of `error`, unless something was said about `subject`; raise it in strict mode."""
        if self.strict:
            raise error
        if subject in self._said or len(self._said) >= SUBJECTS_MAX:
            return
        self._said.add(subject)
        text = f"foldline: {error}"
        try:
            warnings.warn(text, FoldlineWarning, stacklevel=_callers_level())
        except Exception:  # noqa: BLE001  # warnings as errors, or a hook of the script that fails
            # Not in the middle of a training. A windowed Python has no stderr, and a closed one
            # has nobody to tell.
            with suppress(Exception):
                sys.stderr.write(f"{text}\n")
        logging = sys.modules.get("logging")
        if logging is not None and logging.getLogger("foldline").hasHandlers():
            logging.getLogger("foldline").warning("%s", error)

    def forget(self, subject: str) -> None:
        """Warn again when something new happens to `subject`."""
        self._said.discard(subject)


def shown(value: Any, limit: int = SHOWN_CHARS_MAX) -> str:
    """Return a value as it would be typed, cut to `limit` characters; never raises."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # the user's repr
        return f"<{type(value).__qualname__}>"
    return text if len(text) <= limit else f"{text[:limit]}..."


def _callers_level() -> int:
    """Return the stack level, as seen by `give`, of the first frame outside this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__package__")):
        level, frame = level + 1, frame.f_back
    return level


def _is_ours(package: Any) -> bool:
    return isinstance(package, str) and package.partition(".")[0] == __package__
