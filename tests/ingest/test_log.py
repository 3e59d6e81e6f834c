"""All segments of a store as one log."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import accumulate
from pathlib import Path

import msgspec
import pytest

import foldline
from foldline import spool
from foldline.events import Event, ValuesTracked, WriterFound, WriterLost, WriterOpened, decode
from foldline.layout import Layout, Marker, SegmentName
from foldline_ingest import log as log_module
from foldline_ingest.log import LOST_S, SILENCE_S, Log, Lost
from foldline_ingest.obituary import bury, find
from foldline_ingest.reader import SegmentReader
from foldline_ingest.view import Progress
from tests.patience import wait_for
from tests.segment_build import SegmentBuild


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "store")
    layout.create()
    return layout


def write(
    layout: Layout, build: SegmentBuild, name: SegmentName, data: bytes | None = None
) -> Path:
    path = layout.segment(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(build.close() if data is None else data)
    return path


def small(name: SegmentName, points: int = 3) -> SegmentBuild:
    build = SegmentBuild(*name)
    build.define(1, "loss")
    for step in range(points):
        build.point(1, step, float(step))
    return build


@contextmanager
def marked(layout: Layout, name: SegmentName, host: str | None = None) -> Iterator[None]:
    """Hold a marker as a living writer does."""
    marker = layout.marker(name)
    marker.write_bytes(msgspec.json.encode(Marker(host or socket.gethostname(), os.getpid())))
    file = os.open(marker, os.O_RDWR)
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(file)


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_a_walk_finds_every_segment(layout: Layout) -> None:
    """Finished segments, which have no marker any more, are found by walking the folders."""
    names = [SegmentName(f"run{run}", f"w{writer}") for run in range(3) for writer in range(2)]
    for name in names:
        write(layout, small(name), name)
    log = Log(layout, {})
    with closing(log):
        log.discover()
        polled = log.poll()
    assert sorted(batch.segment for batch in polled.batches) == names
    assert all(batch.finished and len(batch.points) == 3 for batch in polled.batches)
    assert polled.lag_bytes == 0 and polled.lost == []


def test_a_marker_leads_to_a_new_segment(layout: Layout) -> None:
    """A run that begins later is found through its marker, without a walk."""
    with closing(Log(layout, {})) as log:
        log.discover()
        assert log.poll().batches == []
        with foldline.Run(id="later", store=layout.root) as run:
            run.track(1.0, name="a", step=1)
            found = wait_for(lambda: log.poll().batches, "the new run")
            assert [batch.segment.run for batch in found] == ["later"]


def test_a_marker_may_come_before_its_segment(layout: Layout) -> None:
    """A writer makes its marker first: the segment is found when it comes."""
    name = SegmentName("run1", "w1")
    with closing(Log(layout, {})) as log, marked(layout, name):
        assert log.poll().batches == []
        write(layout, small(name), name)
        (batch,) = wait_for(lambda: log.poll().batches, "the segment")
        assert batch.segment == name


def test_what_was_folded_is_not_read_again(layout: Layout) -> None:
    """A log begins where progress says: behind finished segments, and inside the others."""
    done, half = SegmentName("run1", "w1"), SegmentName("run1", "w2")
    write(layout, small(done), done)
    build = small(half)
    part = len(build.data)
    build.point(1, 99, 9.0)
    write(layout, build, half)
    progress = {done: Progress(1, finished=True), half: Progress(part, finished=False)}
    with closing(Log(layout, progress)) as log:
        log.discover()
        (batch,) = log.poll().batches
    assert batch.segment == half and batch.points.step.tolist() == [99]


def test_retiring_removes_the_marker(layout: Layout) -> None:
    """Once a finished segment is folded its marker goes, and it is not followed any more."""
    name = SegmentName("run1", "w1")
    write(layout, small(name), name)
    layout.marker(name).write_bytes(msgspec.json.encode(Marker("elsewhere", 1)))
    with closing(Log(layout, {})) as log:
        (batch,) = log.poll().batches
        assert batch.finished and layout.marker(name).exists()
        assert log.poll().batches == [], "it is not read twice while it waits to be committed"
        log.retire(name)
        assert log.poll().batches == []
        assert not layout.marker(name).exists()
        log.discover()
        assert log.poll().batches == []


def test_a_marker_without_words_is_removed_too(layout: Layout) -> None:
    """Retiring on the way out counts as well."""
    name = SegmentName("run1", "w1")
    write(layout, small(name), name)
    layout.marker(name).touch()
    log = Log(layout, {})
    log.discover()
    log.poll()
    log.retire(name)
    log.close()
    assert not layout.marker(name).exists()


def test_a_dead_writer_is_found_by_its_lock(layout: Layout) -> None:
    """A marker that nobody holds tells of a death at once, and when it was last heard of."""
    name = SegmentName("run1", "w1")
    build = small(name)
    write(layout, build, name, build.killed(4096))
    with marked(layout, name):
        pass
    with closing(Log(layout, {})) as log:
        log.discover()
        first = log.poll()
        assert [len(batch.points) for batch in first.batches] == [3] and first.lost == []
        second = log.poll()
        assert second.lost == [Lost(name, build.time)]
        assert [batch.finished for batch in second.batches] == [True]
        assert log.poll().lost == []


def test_a_silent_writer_is_asked_again_after_a_while(layout: Layout) -> None:
    """A living writer's lock is tried each SILENCE_S; when it dies it is seen the next time."""
    clock, name = Clock(), SegmentName("run1", "w1")
    build = small(name)
    write(layout, build, name, build.killed())
    with closing(Log(layout, {}, clock=clock)) as log:
        with marked(layout, name):
            log.discover()
            assert len(log.poll().batches) == 1
            for _ in range(5):
                clock.now += SILENCE_S
                assert log.poll() == ([], 0, [], [])
        clock.now += SILENCE_S / 2
        assert log.poll().lost == []
        clock.now += SILENCE_S / 2
        assert [lost.segment for lost in log.poll().lost] == [name]


def elsewhere(layout: Layout, name: SegmentName) -> Path:
    """Put a marker of a writer on another host, whose clock is in another century."""
    marker = layout.marker(name)
    marker.write_bytes(msgspec.json.encode(Marker("another host", 1)))
    os.utime(marker, (1e9, 1e9))
    return marker


def test_a_writer_on_another_host_is_lost_by_its_silence(layout: Layout) -> None:
    """A lock can't be seen there: a marker that is touched lives, whatever its time, else not."""
    clock, name = Clock(), SegmentName("run1", "w1")
    build = small(name)
    write(layout, build, name, build.killed())
    marker = elsewhere(layout, name)
    with closing(Log(layout, {}, clock=clock)) as log:
        log.discover()
        assert len(log.poll().batches) == 1
        for beat in range(20):
            clock.now += 10
            os.utime(marker, (1e9 - beat, 1e9 - beat))  # it need not even go forward
            assert log.poll().lost == []
        for _ in range(int(LOST_S / 10) - 1):
            clock.now += 10
            assert log.poll().lost == []
        clock.now += 10
        assert log.poll().lost == [Lost(name, build.time, silent=True)]
        for _ in range(5):
            clock.now += LOST_S
            assert log.poll() == ([], 0, [], []), "said once"


def test_a_lost_writer_is_found_and_lost_again(layout: Layout) -> None:
    """A sign of life, a touched marker or new points, is told; and the next silence again."""
    clock, name = Clock(), SegmentName("run1", "w1")
    build = small(name)
    path = write(layout, build, name, build.killed())
    marker = elsewhere(layout, name)
    with closing(Log(layout, {}, clock=clock)) as log:
        log.discover()
        log.poll()
        for sign in ("marker", "points", "marker"):
            clock.now += LOST_S
            assert [lost.silent for lost in log.poll().lost] == [True]
            clock.now += SILENCE_S
            if sign == "marker":
                os.utime(marker)
            else:
                build.point(1, 9, 1.0)
                path.write_bytes(build.killed())
            polls = [log.poll()]
            clock.now += SILENCE_S
            polls.append(log.poll())
            assert [name for polled in polls for name in polled.found] == [name]
            assert [lost for polled in polls for lost in polled.lost] == []


def test_one_that_looks_anew_tells_of_a_sign_of_life(layout: Layout) -> None:
    """Who did not see the silence can't know whether it was told: a first beat is always told."""
    clock, name = Clock(), SegmentName("run1", "w1")
    build = small(name)
    write(layout, build, name, build.killed())
    marker = elsewhere(layout, name)
    with closing(Log(layout, {}, clock=clock)) as log:
        log.discover()
        assert log.poll().found == []
        founds = []
        for _ in range(3):
            clock.now += 10
            os.utime(marker, (clock.now, clock.now))
            founds.append(log.poll().found)
        assert founds == [[name], [], []]


def test_a_killed_process_is_lost(layout: Layout, tmp_path: Path) -> None:
    """SIGKILL of a real writer shows: all that it tracked, then that it is gone."""
    script = (
        "import foldline, sys, time\n"
        f"run = foldline.Run(id='killed', store={str(layout.root)!r})\n"
        "for step in range(1000): run.track(step, name='a', step=step)\n"
        "print('ready', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
        clock = Clock()
        with closing(Log(layout, {}, clock=clock)) as log:
            (batch,) = wait_for(lambda: log.poll().batches, "the points")
            assert len(batch.points) == 1000
            clock.now += SILENCE_S
            assert log.poll().lost == []
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            clock.now += SILENCE_S
            ((name, last_seen, _),) = log.poll().lost
            assert name.run == "killed" and abs(last_seen - time.time()) < 60


def test_what_is_no_segment_is_reported_once(layout: Layout) -> None:
    """A stray file is damage, and keeps nothing else from being folded."""
    good, bad = SegmentName("run1", "good"), SegmentName("run1", "bad")
    write(layout, small(good), good)
    write(layout, small(good), bad, b"no segment at all" * 10)
    with closing(Log(layout, {})) as log:
        log.discover()
        found = {batch.segment: batch for batch in log.poll().batches}
        assert len(found[good].points) == 3
        (damage,) = found[bad].damage
        assert (damage.segment, damage.offset) == ("run1/bad", 0) and found[bad].finished
        log.retire(bad)
        assert log.poll().batches == []


def test_a_header_in_the_making_is_no_damage(layout: Layout) -> None:
    """As long as its writer lives, a header that is wrong may be one that is half copied."""
    name = SegmentName("run1", "w1")
    data = small(name).close()
    path = write(layout, small(name), name, data[:40] + bytes(24) + data[64:])
    with closing(Log(layout, {})) as log, marked(layout, name):
        log.discover()
        assert log.poll().batches == []
        path.write_bytes(data)
        (batch,) = log.poll().batches
        assert len(batch.points) == 3 and batch.damage == []


@pytest.mark.parametrize("odd", ["a copy (1).fold", ".hidden.fold", "UPPER.fold", "note.txt"])
def test_files_that_no_writer_named_are_left_alone(layout: Layout, odd: str) -> None:
    """What somebody put beside the segments is neither read nor called damaged."""
    name = SegmentName("run1", "w1")
    path = write(layout, small(name), name)
    (path.parent / odd).write_bytes(path.read_bytes())
    (layout.runs / "Some Folder" / "log").mkdir(parents=True)
    (layout.runs / "file").touch()
    (layout.active / "..").stat()
    (layout.active / "odd").touch()
    os.close(os.open(os.fsencode(path.parent) + b"/\xff.fold", os.O_CREAT | os.O_WRONLY))
    with closing(Log(layout, {})) as log:
        log.discover()
        assert [batch.segment for batch in log.poll().batches] == [name]


def test_a_deleted_run_stops_nothing(layout: Layout) -> None:
    """Files that are deleted under the reader are given up; the others go on."""
    gone, stays = SegmentName("gone", "w1"), SegmentName("stays", "w1")
    for name in (gone, stays):
        write(layout, small(name), name)
    with closing(Log(layout, {})) as log:
        log.discover()
        layout.segment(gone).unlink()
        assert [batch.segment for batch in log.poll().batches] == [stays]
        assert log.poll().batches == []


def test_few_descriptors_for_many_segments(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """With more segments than may stay open, each is open only while it is read."""
    monkeypatch.setattr(log_module, "OPEN_FILES_MAX", 4)
    before = open_files()
    for number in range(30):
        name = SegmentName(f"run{number}", "w")
        build = small(name)
        write(layout, build, name, build.killed())
        layout.marker(name).write_bytes(msgspec.json.encode(Marker("another host", 1)))
    with closing(Log(layout, {})) as log:
        log.discover()
        assert len(log.poll().batches) == 30
        assert open_files() <= before + 4
    assert open_files() == before


def test_a_poll_is_bounded_and_fair(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one commit's worth is read in several polls, and every segment has its turn.

    The lag counts those that had no turn yet, so that nobody takes what was read for all.
    """
    monkeypatch.setattr(log_module, "BATCH_BYTES_MAX", 2000)
    names = [SegmentName(f"run{number}", "w") for number in range(6)]
    for name in names:
        write(layout, small(name, 40), name)
    with closing(Log(layout, {})) as log:
        log.discover()
        polls, lags = [], []
        while (polled := log.poll()).batches:
            polls.append([batch.segment for batch in polled.batches])
            lags.append(polled.lag_bytes)
    size = layout.segment(names[0]).stat().st_size
    assert lags == [(6 - read) * size for read in accumulate(map(len, polls))]
    assert [name for poll in polls for name in poll] == names
    assert max(map(len, polls)) <= 2


def said_of(layout: Layout, *segments: SegmentName) -> list[Event | None]:
    """Return the event of each of these segments, which are whole and sealed."""
    events = []
    for name in segments:
        with closing(SegmentReader(name, layout.segment(name))) as reader:
            batch = reader.read()
        assert batch.finished and batch.damage == []
        (head,) = batch.events
        events.append(decode(head.type, head.payload))
    return events


def test_an_obituary_is_written_once_and_whole(layout: Layout) -> None:
    """What is said of a dead writer is one sealed segment, however often it is said."""
    name = SegmentName("run1", "w1")
    write(layout, small(name), name)
    said = bury(layout, Lost(name, 5.0))
    assert bury(layout, Lost(name, 7.0)) == said
    files = sorted(layout.segment(name).parent.iterdir())
    assert len(files) == 2 and all(file.suffix == ".fold" for file in files)
    assert said_of(layout, *said) == [WriterLost("w1", 5.0)]


def test_lost_found_and_lost_again(layout: Layout) -> None:
    """Each turn is said once, in segments of their own, and each is later than the one before."""
    name = SegmentName("run1", "w1")
    write(layout, small(name), name)
    assert find(layout, name) == []
    said = []
    for last_seen in (5.0, 9.0):
        lost = bury(layout, Lost(name, last_seen, silent=True))
        assert bury(layout, Lost(name, 99.0, silent=True)) == lost
        found = find(layout, name)
        assert find(layout, name) == []
        said += [*lost, *found]
    assert len(set(said)) == 4
    reason = f"no sign of life for {LOST_S:.0f} s"
    first, found_once, again, _ = said_of(layout, *said)
    assert found_once == WriterFound("w1")
    assert first == WriterLost("w1", 5.0, reason, silent=True)
    assert again == WriterLost("w1", 9.0, reason, silent=True)
    times = []
    for segment in said:
        with closing(SegmentReader(segment, layout.segment(segment))) as reader:
            times += [head.time for head in reader.read().events]
    assert times == sorted(set(times))


def test_values_left_by_a_dead_writer_are_kept(layout: Layout) -> None:
    """What waits in the spool is in the log before the death is, and the spool is empty."""
    name = SegmentName("run1", "w1")
    write(layout, small(name), name)
    layout.spool.mkdir(exist_ok=True)
    raws = [foldline.Text("hi").raw()]
    call = spool.call_of(ValuesTracked("text", "said", 3, 7.0, []), raws)
    spool.write(layout.spool / "run1.w1.1", call, raws)
    kept, _ = bury(layout, Lost(name, 5.0))
    assert spool.waiting(layout) == set()
    with closing(SegmentReader(kept, layout.segment(kept))) as reader:
        batch = reader.read()
    assert batch.finished
    opened, tracked, _ = (decode(head.type, head.payload) for head in batch.events)
    assert isinstance(opened, WriterOpened) and opened.role == "server" and opened.beside == "w1"
    assert isinstance(tracked, ValuesTracked) and tracked.values[0].inline == b"hi"


def test_half_an_obituary_is_none(layout: Layout) -> None:
    """A crash while it was written leaves a draft, which nobody reads and the next one replaces."""
    name = SegmentName("run1", "w1")
    path = write(layout, small(name), name)
    said = bury(layout, Lost(name, 5.0))
    file = layout.segment(said[0])
    file.rename(file.with_suffix(".draft"))
    with closing(Log(layout, {})) as log:
        log.discover()
        assert [batch.segment for batch in log.poll().batches] == [name]
    assert bury(layout, Lost(name, 5.0)) == said
    assert sorted(f.suffix for f in path.parent.iterdir()) == [".fold", ".fold"]
