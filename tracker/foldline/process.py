"""The open runs of this process, and how the process ends.

Runs that a script leaves open are ended with the process: finished, or failed if an exception
that nobody caught, or `sys.exit` with a code, ends it. What only the system sees, a signal or a
lost machine, is for the server to find out.
"""

from __future__ import annotations

import atexit
import builtins
import os
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol
from weakref import WeakSet

from .errors import FoldlineError
from .events import WriterClosed
from .secrets import mask_text
from .unicode import encodable
from .writer import KEEPER

__all__ = ["closed_by", "closed_by_code", "closed_by_now", "end_with_child", "watch"]

TRACEBACK_CHARS_MAX = 65_536  # the end is kept: it names the error
MESSAGE_CHARS_MAX = 4_096  # of an error: the traceback has all of it


class _Ending(Protocol):
    """What a run offers to this module."""

    def _note_failure(self, thread: int, error: BaseException) -> None: ...
    def _after_fork(self) -> None: ...
    def _end(self, closed: WriterClosed | None = None) -> None: ...


_runs: WeakSet[_Ending] = WeakSet()
_watching = False
_ending = False  # whether the interpreter is: nobody tells it the code of a SystemExit of one's own
_leaving: list[object] = []  # the code of the exit that is under way


class _Exit(SystemExit):
    """The exception of an exit that was asked for: it knows whether it ended the process.

    `atexit` is not told the code, and the exception is gone by then. One that nobody caught goes
    when the last frame has been left; one that was caught goes while others go on.
    """

    def __del__(self) -> None:
        """Note the code if nothing is left that could catch it."""
        if sys._getframe().f_back is None and threading.current_thread() is threading.main_thread():
            _leaving[:] = [self.code]

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to other processes as the exception that it stands for."""
        return (SystemExit, self.args)


_Exit.__name__ = _Exit.__qualname__ = "SystemExit"  # it is nobody's business


def watch(run: _Ending) -> None:
    """End `run` with the process, if it is not ended before."""
    global _watching  # noqa: PLW0603  # one set of hooks for a process, put there by its first run
    if not _watching:
        _watching = True
        atexit.register(_end_all)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_after_fork)
        threading.excepthook = _thread_hook(threading.excepthook)
        _watch_children()
        _watch_exits()
    _runs.add(run)


def end_with_child() -> None:
    """In a child of multiprocessing, which ends without `atexit`, end its runs all the same."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        _finalize(None)


def _watch_children() -> None:
    """See to the children that get a run before they count as children: it was pickled."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.register_after_fork(_end_all, _finalize)


def _watch_exits() -> None:
    """See each exit with a code."""
    sys.exit = _exit_hook(sys.exit)  # type: ignore[assignment]  # it returns as little
    # `exit` and `quit` of the module site, which scripts use too, raise SystemExit themselves.
    quitter: Any = type(getattr(builtins, "exit", None))
    if quitter.__name__ == "Quitter":
        leave = quitter.__call__

        def leave_noted(self: object, code: object = None) -> object:
            try:
                return leave(self, code)
            except SystemExit as error:
                raise _Exit(*error.args) from None

        quitter.__call__ = leave_noted


def _finalize(_: object) -> None:
    from multiprocessing.util import Finalize

    Finalize(None, _end_all, exitpriority=-100)  # late: finalizers of the user may still log


def closed_by(error: BaseException | None) -> WriterClosed:
    """Return how a process ends that `error` ends."""
    if error is None or isinstance(error, GeneratorExit):
        return WriterClosed("finished")
    if isinstance(error, SystemExit):
        return closed_by_code(error.code)
    lines = traceback.format_exception(error)
    kind = type(error)
    module = "" if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}."
    return WriterClosed(
        "failed",
        f"{module}{kind.__qualname__}",
        _clean(_message(error)[:MESSAGE_CHARS_MAX]),
        _clean("".join(lines)[-TRACEBACK_CHARS_MAX:]),
    )


def closed_by_code(code: object) -> WriterClosed:
    """Return how a process ends that calls `sys.exit(code)`."""
    if code is None or code == 0:
        return WriterClosed("finished")
    message = f"exit code {code}" if isinstance(code, int) else str(code)
    return WriterClosed("failed", "SystemExit", _clean(message[:MESSAGE_CHARS_MAX]))


def closed_by_now() -> WriterClosed:
    """Return how a run ends of which nobody says more: as the process does, if that is ending."""
    if _leaving:
        return closed_by_code(_leaving[-1])
    return WriterClosed("finished", at_exit=_ending)


def _message(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted from the keyboard"
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # the user's exception class
        return ""


def _clean(text: str) -> str:
    # A traceback quotes the line that failed, and with it what the line had in it.
    return mask_text(encodable(text))


def _unhandled() -> BaseException | None:
    """Return the exception that is ending the process, if one is.

    The interpreter leaves it in `sys` before it calls any hook, so a hook of somebody else's
    can't hide it. In a session with a prompt it is merely the last one that was shown.
    """
    if hasattr(sys, "ps1") or sys.flags.interactive:
        return None
    error = sys.exc_info()[1] or getattr(sys, "last_value", None)
    return error if isinstance(error, BaseException) else None


def _end_all() -> None:
    global _ending  # noqa: PLW0603  # a process ends once
    _ending = True
    error = _unhandled()
    closed = closed_by(error) if error is not None else None
    for run in tuple(_runs):
        # In strict mode a disk may still refuse; the other runs are to be ended all the same.
        with suppress(FoldlineError):
            run._end(closed)


def _after_fork() -> None:
    KEEPER.after_fork()
    for run in tuple(_runs):
        run._after_fork()


def _thread_hook(previous: Callable[..., object]) -> Callable[..., object]:
    def hook(args: threading.ExceptHookArgs) -> object:
        """Note an exception that ended a thread, for the runs which that thread began."""
        if args.thread is not None and args.exc_value is not None:
            for run in tuple(_runs):
                run._note_failure(args.thread.ident or 0, args.exc_value)
        return previous(args)

    return hook


def _exit_hook(previous: Callable[..., object]) -> Callable[..., object]:
    def exit_noted(code: object = None, /) -> object:
        """Exit the interpreter by raising SystemExit(code), as an exception that is watched."""
        try:
            return previous(code)
        except SystemExit as error:
            raise _Exit(*error.args) from None

    return exit_noted
