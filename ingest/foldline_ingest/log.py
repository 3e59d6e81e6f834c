"""All segments of a store, followed as one log.

Finished segments are found by walking the folders once; the growing ones by their markers, so
that following 5,000 runs costs as much as following the few that are active. A segment of a dead
process is recognised by its marker's flock, which the kernel gives back however a process dies;
on another host, by a marker that is not touched any more.
"""

from __future__ import annotations

import fcntl
import logging
import math
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

import msgspec

from foldline import packs
from foldline.errors import CorruptRecord
from foldline.ids import is_id
from foldline.layout import SEGMENT_SUFFIX, Layout, Marker, SegmentName
from foldline.links import open_file

from .batch import Batch, Damage
from .reader import SegmentReader
from .stored import written_at
from .view import Progress

__all__ = ["BATCH_BYTES_MAX", "LOST_S", "Log", "Lost", "Polled"]

log = logging.getLogger(__name__)

# One commit's worth: half a million points, some 50 ms of folding, so that a reader of the views
# never waits long for a checkpoint, and memory stays far below 100 MiB.
BATCH_BYTES_MAX = 16 * 1024 * 1024
# Descriptors kept open between polls; with more segments, each read opens and closes its file. Each
# shelf follows the log by itself, and a process may have 1,024 in all.
OPEN_FILES_MAX = 100
# How long a segment is silent before its writer's lock is tried again, in seconds. P9 promises
# that a death on this host shows within 5 s.
SILENCE_S = 2.0
# How long the marker of a writer on another host, whose lock can't be seen from here, stays as it
# is before the writer is taken for lost, in seconds by our own clock. Writers touch their markers
# every 10 s, and P9 promises that a death on another host shows within a minute.
LOST_S = 60.0


class Lost(NamedTuple):
    """A writer that is gone, or was not heard of for too long."""

    segment: SegmentName
    last_seen: float  # unix time of its last sign of life
    silent: bool = False  # its host is another, and nobody here can see whether it lives


class Polled(NamedTuple):
    """What one look at the log brought."""

    batches: list[Batch]
    # That are logged and not in these batches, nor in earlier ones. Segments that nobody has looked
    # at yet are taken to be as long as the others.
    lag_bytes: int
    lost: list[Lost]
    found: list[SegmentName]  # that gave a sign of life, and may have been taken for lost

    @property
    def bytes(self) -> int:
        """How much of the log the batches cover."""
        return sum(batch.bytes for batch in self.batches)


class _Followed:
    """One segment that may still bring something."""

    def __init__(self, reader: SegmentReader) -> None:
        self.reader = reader
        # The lock is tried at once: a reader that folds once must see who died before it.
        self.changed_at = self.tried_at = -math.inf
        self.last_seen = 0.0  # the unix time of the last thing that was read
        self.dead = False
        self.elsewhere = False  # its writer is on another host
        self.beat = 0  # the time of its marker, in ns of whatever clock
        self.beat_at = -math.inf  # when that was seen to change
        self.missed: bool | None = None  # None: an earlier process may have missed it
        self.missed_at = math.inf
        self.finished = False
        self.looked = False
        self.goal = 0  # the bytes that the file had at the first look, written or only allocated

    @property
    def is_caught_up(self) -> bool:
        """Whether everything has been read that was there at the first look."""
        at_goal = self.reader.behind == 0 or self.reader.offset >= self.goal
        return self.finished or (self.looked and not self.dead and at_goal)


class Log:
    """The segments of a store that have something to read, or may have it soon.

    One thread polls; `retire` and `hear` may be called from another. `progress` says what has been
    folded already; pass an empty one to replay everything. `others` follow the same store for other
    shelves: what one of them finds all hear of, since who folds a segment to its end removes the
    marker that it is found by.
    """

    def __init__(
        self,
        layout: Layout,
        progress: Mapping[SegmentName, Progress],
        *,
        events_only: bool = False,
        others: Collection[Log] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.layout = layout
        self._events_only = events_only
        self._others = others
        self._heard: deque[SegmentName] = deque()
        self._clock = clock
        self._known = {name for name, done in progress.items() if done.finished}
        self._progress = progress
        self._followed: dict[SegmentName, _Followed] = {}
        self._markers_seen = -1
        self._turn = 0
        self._retired: list[SegmentName] = []
        self._host = socket.gethostname()
        self._looked = self._looked_bytes = 0  # segments, and what there was to read of them

    def discover(self) -> None:
        """Find every segment by walking the folders of all runs, and those in packs."""
        for run in _names(self.layout.runs):
            for file in _names(self.layout.runs / run / "log"):
                if file.endswith(SEGMENT_SUFFIX):
                    self.follow(SegmentName(run, file.removesuffix(SEGMENT_SUFFIX)))
        for error in packs.unreadable(self.layout):
            # No segment can be named that is damaged, and its run must not be missed in silence.
            log.warning("%s; the runs in it are in no answer", error)
        for name in sorted(packs.packed_names(self.layout)):
            self.follow(name)

    def poll(self) -> Polled:
        """Return what is new, at most about BATCH_BYTES_MAX of it."""
        self._forget_retired()
        self._look_for_markers()
        while self._heard:
            self.follow(self._heard.popleft())
        polled = Polled([], 0, [], [])
        budget = BATCH_BYTES_MAX
        names = list(self._followed)
        for index in range(len(names)):
            name = names[(self._turn + index) % len(names)]
            followed = self._followed[name]
            if followed.finished:
                continue
            batch = self._read(name, followed, polled)
            if batch is not None:
                followed.finished = batch.finished
                polled.batches.append(batch)
                budget -= batch.bytes
            if budget <= 0:
                self._turn += index + 1
                break
        return polled._replace(lag_bytes=self._lag_bytes())

    def _lag_bytes(self) -> int:
        followed = self._followed.values()
        behind = sum(one.reader.behind for one in followed)
        unlooked = sum(not (one.looked or one.finished) for one in followed)
        return behind + unlooked * max(1, self._looked_bytes // max(1, self._looked))

    def is_caught_up(self) -> bool:
        """Say whether each segment was read as far as it was there at its first look, at least.

        A writer that logs faster than it is read is never read to its end.
        """
        return all(followed.is_caught_up for followed in self._followed.values())

    def retire(self, name: SegmentName) -> None:
        """Forget a segment that is folded to its end, at the next poll, and its marker with it."""
        self._retired.append(name)

    def hear(self, name: SegmentName) -> None:
        """Follow a segment that somebody else has found, from the next poll on."""
        self._heard.append(name)

    def close(self) -> None:
        """Close every file."""
        self._forget_retired()
        for followed in self._followed.values():
            followed.reader.close()

    def _forget_retired(self) -> None:
        while self._retired:
            name = self._retired.pop()
            self._known.add(name)
            self._followed.pop(name).reader.close()
            self.layout.marker(name).unlink(missing_ok=True)

    def _look_for_markers(self) -> None:
        try:
            changed = self.layout.active.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if changed == self._markers_seen:
            return
        # A folder's time has a granularity of some milliseconds, so the folder is listed again
        # until its time is clearly in the past.
        settled = time.time_ns() - changed > 1_000_000_000
        for marker in _names(self.layout.active):
            run, _, writer = marker.partition(".")
            if self.layout.segment(SegmentName(run, writer)).exists():
                self.follow(SegmentName(run, writer))
            else:
                settled = False  # a writer makes its marker first
        if settled:
            self._markers_seen = changed

    def follow(self, name: SegmentName) -> None:
        """Read this segment from now on, from where it was folded up to.

        What is not named as a writer names its file is somebody's file, and none of ours.
        """
        if name in self._followed or name in self._known or not all(map(is_id, name)):
            return
        done = self._progress.get(name)
        reader = SegmentReader(
            name,
            self.layout.segment(name),
            done.offset if done else 0,
            events_only=self._events_only,
        )
        self._followed[name] = _Followed(reader)
        for other in list(self._others):
            if other is not self:
                other.hear(name)

    def _read(self, name: SegmentName, followed: _Followed, polled: Polled) -> Batch | None:
        now = self._clock()
        reader = followed.reader
        dead = self._is_dead(name, followed, now, polled)
        first = not followed.looked
        try:
            if first:
                followed.looked, followed.goal = True, reader.size()
            batch = reader.read(final=dead)
        except CorruptRecord as error:
            # A header may be half copied for a moment; its writer's end settles it.
            return self._abandon(reader, error) if dead else None
        except FileNotFoundError:
            # Somebody deleted the run's files, or they are links to elsewhere: nothing will come.
            followed.finished = True
            return None
        finally:
            if len(self._followed) > OPEN_FILES_MAX:
                reader.close()
        if first:
            self._looked += 1
            self._looked_bytes += batch.bytes + reader.behind
        if batch.bytes or batch.damage:
            followed.changed_at = now
            followed.last_seen = max(followed.last_seen, _last_time(batch))
            return batch
        if dead:
            polled.lost.append(Lost(name, self._last_seen(name, followed)))
            return batch._replace(finished=True)
        return None

    def _abandon(self, reader: SegmentReader, error: CorruptRecord) -> Batch:
        """Report a file that is no segment at all, once, and read it no more."""
        empty = reader.nothing()
        name = f"{reader.segment.run}/{reader.segment.writer}"
        damage = Damage(name, error.offset, error.length, error.reason)
        return empty._replace(damage=[damage], finished=True)

    def _last_seen(self, name: SegmentName, followed: _Followed) -> float:
        return followed.last_seen or written_at(self.layout, name)

    def _is_dead(self, name: SegmentName, followed: _Followed, now: float, polled: Polled) -> bool:
        """Say whether the writer of a silent segment is gone; it never comes back."""
        heard_at = -math.inf if followed.elsewhere else followed.changed_at
        if not followed.dead and now - max(heard_at, followed.tried_at) >= SILENCE_S:
            followed.tried_at = now
            followed.dead = self._is_unlocked(name, followed, polled)
        return followed.dead

    def _is_unlocked(self, name: SegmentName, followed: _Followed, polled: Polled) -> bool:
        try:
            file = open_file(self.layout.marker(name))
        except FileNotFoundError:
            return True
        try:
            marker = msgspec.json.decode(os.read(file, 4096), type=Marker)
            if marker.host != self._host:
                self._listen(name, followed, os.fstat(file).st_mtime_ns, polled)
                return False  # its lock can't be seen from here
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False  # it is held; or this file system has no locks, and nobody can tell
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return True
        finally:
            os.close(file)
        return True

    def _listen(self, name: SegmentName, followed: _Followed, beat: int, polled: Polled) -> None:
        """Judge a writer on another host by whether its marker's time moves, not by its clock."""
        now = followed.tried_at
        lives = followed.changed_at > followed.missed_at
        if beat != followed.beat:
            lives = lives or followed.elsewhere  # not at the first look: it may be long ago
            followed.beat, followed.beat_at = beat, now
        followed.elsewhere = True
        if lives and followed.missed is not False:
            polled.found.append(name)
            followed.missed, followed.missed_at = False, math.inf
        quiet_s = now - max(followed.beat_at, followed.changed_at)
        if quiet_s >= LOST_S and followed.missed is not True:
            last_seen = max(self._last_seen(name, followed), beat / 1e9)
            polled.lost.append(Lost(name, last_seen, silent=True))
            followed.missed, followed.missed_at = True, now


def _last_time(batch: Batch) -> float:
    points = float(batch.points.time.max()) if len(batch.points) else 0.0
    return max([points, *(head.time for head in batch.events)])


def _names(folder: os.PathLike[str]) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return
    yield from names
