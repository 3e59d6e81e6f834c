"""What earlier writers of a run came to.

A process that joins a run again counts steps on from there. It is read from the run's segments,
since a training that starts must not wait for folding.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Collection, Iterator
from typing import Any

import msgspec
import numpy as np

from foldline.errors import FoldlineError
from foldline.events import (
    SeriesDefined,
    StepsRewound,
    ValuesTracked,
    WriterClosed,
    WriterOpened,
)
from foldline.layout import Layout, Marker, SegmentName
from foldline.links import open_file
from foldline.series import sequence_label
from foldline_ingest.batch import Batch, facts

from .logged import read_facts, read_segments

__all__ = ["largest_steps", "unfinished_run"]

SILENCE_S = 30.0  # a marker is touched every 10 s by whoever writes on another machine
RUNS_MAX = 100  # the newest ones are looked through for one to resume; each is a file or more

Rewinds = list[tuple[float, float]]  # (time, step)


def largest_steps(
    layout: Layout,
    run: str,
    writers: Collection[str],
    *,
    host: str,
    rank: int | None,
    living: bool,
    s_max: float,
) -> list[tuple[str, dict[str, Any], float]]:
    """Return the largest step of each series (name, context) that those of `writers` tracked.

    Those count that are gone, or with `living` all; and of those with a rank the ones that had
    `rank`, if there is one. Steps that a rewind hides do not count. Raises FoldlineError after
    `s_max` seconds.
    """
    deadline = time.monotonic() + s_max
    opened: dict[str, WriterOpened] = {}
    rewinds: Rewinds = []
    for fact in read_facts(layout, run, WriterOpened, StepsRewound):
        if isinstance(fact.event, WriterOpened):
            opened[fact.writer] = fact.event
        elif isinstance(fact.event, StepsRewound):
            rewinds.append((fact.time, fact.event.step))
    wanted = {
        writer
        for writer in writers
        if (one := opened.get(writer)) is not None and not one.role
        if None in (rank, one.rank) or rank == one.rank
        if living or _came_before(layout, SegmentName(run, writer), one, host, rank)
    }
    found: list[tuple[str, dict[str, Any], float]] = []
    for segment in read_segments(layout, run):
        found += _largest(segment, wanted, rewinds, deadline)
    return found


def unfinished_run(layout: Layout, mine: WriterOpened) -> str:
    """Return the newest run that the command of `mine` left unfinished on this machine, or ""."""
    logs = sorted(layout.runs.glob("*/log"), key=lambda path: path.stat().st_mtime, reverse=True)
    for log in logs[:RUNS_MAX]:
        run = log.parent.name
        told = read_facts(layout, run, WriterOpened, WriterClosed)
        trained = {
            fact.writer: fact.event
            for fact in told
            if isinstance(fact.event, WriterOpened) and not fact.event.role
        }
        same = [
            writer
            for writer, opened in trained.items()
            if (opened.host, opened.rank, opened.command) == (mine.host, mine.rank, mine.command)
        ]
        if not same:
            continue
        finished = {
            fact.writer
            for fact in told
            if isinstance(fact.event, WriterClosed) and fact.event.status == "finished"
        }
        last = same[-1]
        if last in finished or not _is_gone(layout, SegmentName(run, last), mine.host):
            return ""  # the newest of its kind is done, or is at it
        return run
    return ""


def _came_before(
    layout: Layout, name: SegmentName, opened: WriterOpened, host: str, rank: int | None
) -> bool:
    # One rank is one process at a time, wherever it is started again.
    elsewhere = opened.host != host and rank is not None and rank == opened.rank
    return elsewhere or _is_gone(layout, name, host)


def _is_gone(layout: Layout, name: SegmentName, host: str) -> bool:
    """Say whether a writer is gone: its lock is free, or it is silent on another machine."""
    try:
        file = open_file(layout.marker(name))
    except OSError:
        return True  # its segment is folded to its end
    try:
        marker = msgspec.json.decode(os.read(file, 4096), type=Marker)
        if marker.host != host:
            # The file system's clock dates both: no machine's own clock is asked.
            newest = max(entry.stat().st_mtime for entry in os.scandir(layout.active))
            return newest - os.fstat(file).st_mtime > SILENCE_S
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return True
    finally:
        os.close(file)
    return True


def _largest(
    segment: Iterator[Batch], wanted: set[str], rewinds: Rewinds, deadline: float
) -> list[tuple[str, dict[str, Any], float]]:
    names: dict[int, tuple[str, dict[str, Any]]] = {}
    sequences: list[tuple[str, dict[str, Any], float]] = []
    top = np.full(1, -np.inf)
    for batch in segment:
        if batch.segment.writer not in wanted:
            return []
        if time.monotonic() > deadline:
            raise FoldlineError("it holds more points than can be read while a training waits")
        for fact in facts(batch):
            event = fact.event
            if isinstance(event, SeriesDefined):
                names[event.series] = (event.name, event.context)
            elif isinstance(event, ValuesTracked):
                hidden = any(event.time < when and event.step > last for when, last in rewinds)
                if not hidden:
                    label = sequence_label(event.kind, event.name)
                    sequences.append((label, event.context, float(event.step)))
        points = batch.points
        for when, last in rewinds:
            points = points.where((points.time >= when) | (points.step <= last))
        if len(points) and (room := int(points.series.max()) + 1) > len(top):
            top = np.concatenate([top, np.full(room - len(top), -np.inf)])
        np.maximum.at(top, points.series, points.step)
    return sequences + [
        (*name, float(top[number]))
        for number, name in names.items()
        if number < len(top) and np.isfinite(top[number])
    ]
