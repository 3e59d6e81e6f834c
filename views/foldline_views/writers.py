"""What became of the processes that wrote to a run.

A process says itself how it ended, or others say it: the companion beside it, which sees a signal
or an exit code, and whoever finds its lock free or its marker silent. Each of these is kept by
itself, so that the outcome does not depend on who was heard first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from foldline.events import (
    MachineCaptured,
    PointsDropped,
    WriterClosed,
    WriterFound,
    WriterLost,
    WriterOpened,
)
from foldline_ingest.batch import Fact, Stamp

__all__ = ["Outcome", "WriterState", "fold_writer", "outcome", "status", "trainers"]


class WriterState(msgspec.Struct):
    """One process that wrote to the run."""

    opened_at: float | None = None
    host: str = ""
    pid: int = 0
    rank: int | None = None
    command: list[str] = []
    role: str = ""  # "" trains; companion, server
    beside: str = ""  # the writer that a companion stands beside
    machine: MachineCaptured | None = None  # without its attributes, which may be many
    closed: tuple[WriterClosed, float] | None = None  # its own word, and when it was said
    # What others saw: the first who knew a signal or an exit code, and the last who did not.
    ended: tuple[WriterLost, Stamp] | None = None
    missed: tuple[WriterLost, Stamp] | None = None
    found: Stamp | None = None  # when it was last seen to write, though it had been missed
    dropped: int = 0  # points that could not be kept


class Outcome(NamedTuple):
    """How a process stands, and what is known of its end."""

    status: str  # running, finished, failed, killed, lost
    closed_at: float | None = None  # unix seconds
    signal: str = ""
    exit_code: int | None = None
    reason: str = ""


def fold_writer(writers: dict[str, WriterState], fact: Fact) -> None:
    """Fold what a fact says about a process: the one that logged it, or the one that it names."""
    event = fact.event
    about = event.writer if isinstance(event, WriterLost | WriterFound) else fact.writer
    known = (WriterOpened, WriterClosed, WriterLost, WriterFound, PointsDropped, MachineCaptured)
    if not isinstance(event, known):
        return
    writer = writers.setdefault(about, WriterState())
    match event:
        case WriterOpened():
            writer.opened_at = fact.time
            writer.host, writer.pid, writer.rank = event.host, event.pid, event.rank
            writer.command, writer.role, writer.beside = event.command, event.role, event.beside
        case WriterClosed():
            writer.closed = (event, fact.time)
        case WriterLost():
            if event.signal or event.exit_code is not None:
                if writer.ended is None or fact.stamp < tuple(writer.ended[1]):
                    writer.ended = (event, fact.stamp)
            elif writer.missed is None or fact.stamp > tuple(writer.missed[1]):
                writer.missed = (event, fact.stamp)
        case WriterFound():
            if writer.found is None or fact.stamp > tuple(writer.found):
                writer.found = fact.stamp
        case PointsDropped():
            writer.dropped += event.count
        case MachineCaptured():
            writer.machine = msgspec.structs.replace(event, attributes={})


def outcome(writer: WriterState) -> Outcome:
    """Return how a process stands.

    What it said itself is worth more than what was seen of it, and a signal or an exit code more
    than that it was missed. A process that was found again was not gone. Only a process that
    finished as its interpreter ended may have failed after all: nobody told it the exit code.
    """
    if writer.closed is not None:
        closed, time = writer.closed
        lost = writer.ended[0] if writer.ended is not None and closed.at_exit else None
        if closed.status != "finished" or lost is None or not lost.exit_code:
            return Outcome(closed.status, time)
    if writer.ended is not None:
        lost, _ = writer.ended
        status = "killed" if lost.signal else "failed" if lost.exit_code else "finished"
    elif writer.missed is not None and tuple(writer.missed[1]) > tuple(writer.found or ()):
        lost, _ = writer.missed
        status = "lost" if lost.silent else "killed"
    else:
        return Outcome("running")
    return Outcome(status, lost.last_seen, lost.signal, lost.exit_code, lost.reason)


def trainers(writers: Iterable[WriterState]) -> list[WriterState]:
    """Return the processes that make a run what it is, the first to open first.

    Companions and servers do not, unless damage has left nobody else.
    """
    opened = [writer for writer in writers if writer.opened_at is not None]
    trained = [writer for writer in opened if not writer.role] or opened
    return sorted(trained, key=lambda writer: writer.opened_at or 0)


def status(writers: Iterable[WriterState]) -> str:
    """Return running, finished, failed, killed or lost.

    A run is running while any of its processes is. Then those that were there when the last one
    opened decide: failed if any failed, else what became of the first of them to open.
    """
    trained = trainers(writers)
    outcomes = [outcome(writer) for writer in trained]
    if not trained or any(end.status == "running" for end in outcomes):
        return "running"
    last_opened = trained[-1].opened_at or 0
    together = [end.status for end in outcomes if (end.closed_at or last_opened) >= last_opened]
    if not together:  # clocks that differ
        together = [end.status for end in outcomes]
    return "failed" if "failed" in together else together[0]
