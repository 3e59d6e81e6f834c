"""What a training script holds: one run.

A run is made of its parts: settings, tracking, reports. Here it begins and ends.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from . import origin, process
from .artifacts import Artifacts
from .beginning import begin
from .capture import Capture
from .capture import begin as begin_capture
from .errors import FoldlineError, ValueRejected
from .events import WriterClosed, WriterOpened
from .notices import Notices, shown
from .rows import Rows
from .steps import Steps
from .version import VERSION
from .writer import Writer

__all__ = ["Run"]


class Run(Rows, Artifacts):
    """One run of an experiment, and this process's part in it.

    `run_hash` or `id` joins a run that exists, or names a new one; so does FOLDLINE_RUN, which
    lets many processes write one run. Without any of them a new run begins. `store` is a folder,
    or the address of a server that the run is shipped to: FOLDLINE_STORE, else `./.foldline`.

    No call raises into a training, and none waits for the disk. What can't be kept is counted and
    warned about once. FOLDLINE_MODE=strict makes it an error, FOLDLINE_MODE=disabled makes every
    call do nothing.
    """

    def __init__(
        self,
        run_hash: str | None = None,
        *,
        repo: Any = None,
        read_only: bool = False,
        experiment: str | None = None,
        force_resume: bool = False,
        system_tracking_interval: float | None = 10,
        log_system_params: bool | None = None,
        capture_terminal_logs: bool | None = None,
        id: str | None = None,
        name: str | None = None,
        params: Mapping[str, Any] | None = None,
        tags: Iterable[str] | None = None,
        description: str | None = None,
        notes: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        store: str | os.PathLike[str] | None = None,
        resume: str | bool | None = None,
        fork_from: str | tuple[str, float] | None = None,
        capture: Any = None,
        mode: str | None = None,
    ) -> None:
        """Begin a run, or join one, and capture what `capture` says; docs/runs.md has it all.

        `resume` is "allow", "must" or "never" for a run that is named, or "auto" for the one that
        this command left unfinished. `fork_from` is a run and a step to go on from. `repo` is
        Aim's word for `store`; no run is ever locked, so `force_resume` has nothing to force.

        Raises errors.FoldlineError in strict mode alone: where the store or the run is not so.
        """
        del force_resume
        mode = mode or os.environ.get("FOLDLINE_MODE", "")
        notices = Notices(strict=mode == "strict")
        begun = begin(
            notices,
            run_hash if id is None else id,
            repo if store is None else store,
            resume,
            fork_from,
            read_only=read_only is True,
        )
        self.id = begun.run
        writer = Writer(
            begun.layout, begun.run, opened=_opening, notices=notices, buffered=_buffered()
        )
        super().__init__(notices, writer, disabled=mode == "disabled" or read_only is True)
        self._steps, self._read_only = begun.steps, read_only is True
        self._thread = threading.get_ident()
        self._failure: WriterClosed | None = None
        self._captured: Capture | None = None
        if not self._disabled:
            process.watch(self)
            self._writer.open()
            if begun.fork is not None:
                self._emit(begun.fork)
            _note(self)
            self._captured = begin_capture(
                writer,
                notices,
                capture=capture,
                system_tracking_interval=system_tracking_interval,
                log_system_params=log_system_params,
                capture_terminal_logs=capture_terminal_logs,
            )
        words = {"experiment": experiment, "name": name, "description": description}
        words |= {"notes": notes, "group": group, "job_type": job_type}
        self._describe(words, params, tags)

    @property
    def hash(self) -> str:
        """The run's id, by the name that Aim gives it."""
        return self.id

    def flush(self, *, durable: bool = False) -> bool:
        """Hand over what was logged: to the system, or with `durable` to the disk, and wait.

        Returns whether all of it is there; after a durable flush it survives a loss of power.
        """
        if self._disabled:
            return True
        kept = self._settle()
        return self._writer.flush(durable=durable) and kept

    def finish(
        self,
        status: str | int | None = "finished",
        *,
        exit_code: int | None = None,
        quiet: bool | None = None,
    ) -> None:
        """End this process's part in the run, as "finished" or "failed", or by an exit code.

        `quiet` is W&B's; nothing is printed anyway.
        """
        del quiet
        said: object = status if exit_code is None else exit_code
        if said is None or isinstance(said, int):
            self._end(process.closed_by_code(said))
            return
        if isinstance(said, str) and said in ("finished", "failed"):
            self._end(WriterClosed(said))
            return
        wrong = ValueRejected(
            f"finish({shown(status)}) is no way to end: the run counts as failed",
            hint='"finished" or "failed"',
        )
        self._notices.give("status", wrong)
        self._end(WriterClosed("failed", type(wrong).__name__, wrong.message))

    def close(self) -> None:
        """End this process's part in the run; the same as `finish()`."""
        self._end(WriterClosed("finished"))

    finalize = close  # as Aim's documents still call it

    def __enter__(self) -> Self:
        """Return the run, which the end of the `with` block ends."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the run: failed if an exception ends the block, which then goes on its way."""
        self._end(process.closed_by(error))

    def __del__(self) -> None:
        """End a run that nobody holds any more, as a notebook's cell that is run again leaves."""
        if hasattr(self, "_writer"):
            # In strict mode a disk may still refuse; there is nobody to raise it to.
            with suppress(FoldlineError):
                self._end()

    def _end(self, closed: WriterClosed | None = None) -> None:
        """End the run in the way that is known best, unless it was ended before."""
        if self._disabled or self._writer.closed:
            return
        # Without the lock: both wait for others, who may want to log.
        self._settle()
        if self._captured is not None:
            self._captured.settle()
        with self._lock:
            if not self._writer.closed:
                self._tell_lost()
            said = closed or self._failure or process.closed_by_now()
            self._writer.close(said)
        if self._captured is not None:
            # Last: whoever prints until then is heard.
            self._captured.end(at_exit=said.at_exit)

    def _note_failure(self, thread: int, error: BaseException) -> None:
        """Remember that `error` ended the thread which began this run."""
        if thread == self._thread:
            self._failure = process.closed_by(error)

    def _after_fork(self) -> None:
        """Go on in a forked child with a segment of its own, opened by its first call."""
        self._lock = threading.RLock()  # may be held by a thread that is not in this process
        self._book.forget()
        self._rejected = 0
        self._failure = None
        if self._captured is not None:
            self._captured.after_fork()
        self._forget()
        self._writer.after_fork()

    def __reduce__(self) -> tuple[Any, ...]:
        """Join the same run where this object is unpickled: a spawned worker, another node."""
        return (_join, (self.id, str(self._writer.layout.root)))

    def _repr_html_(self) -> str:
        """Return a card for notebooks: a link to the run where it is served, and its curves."""
        from .notebook import Card

        return Card(self).html()

    def _ipython_display_(self) -> None:
        """Show the card in a notebook's cell, and keep it up to date while the run goes on."""
        from .notebook import show

        show(self)

    def __repr__(self) -> str:
        """Show the run's id and store."""
        return f"foldline.Run(id={self.id!r}, store={str(self._writer.layout.root)!r})"


def _join(run: str, store: str) -> Run:
    joined = Run(run, store=store, capture=False)  # whoever it was pickled by captures for it
    joined._steps = Steps()  # and each such process counts for itself
    return joined


def _note(run: Run) -> None:
    """Have a notebook, if this is one, know which of its cells made the run."""
    if "IPython" in sys.modules:
        from .notebook import note  # no training elsewhere pays for it

        note(run)


def _opening() -> WriterOpened:
    process.end_with_child()
    return origin.opened(VERSION)


def _buffered() -> bool | None:
    """Return which writer FOLDLINE_WRITER asks for; None leaves it to the file system."""
    if not hasattr(os, "posix_fallocate") and os.name == "nt":
        return True
    return {"mapped": False, "buffered": True}.get(os.environ.get("FOLDLINE_WRITER", ""))
