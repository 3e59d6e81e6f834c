"""Forks beside threads that log."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

import foldline
from tests.segment_walk import segments, walk

CHILD_DEADLINE_S = 10  # a child that hangs is killed by its alarm, and the test sees that

pytestmark = pytest.mark.filterwarnings(
    # Python 3.12 and later warn of exactly what is tested here.
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)


def in_child(run: foldline.Run, number: int) -> None:
    """Log from a forked child, and leave it without any cleaning up."""
    signal.alarm(CHILD_DEADLINE_S)
    code = 1
    try:
        for step in range(3):
            run.track(number, name="child", step=step)
        run["seen", str(number)] = True
        run.close()
        code = 0
    finally:
        os._exit(code)


@pytest.mark.parametrize("writer", ["mapped", "buffered"])
@pytest.mark.parametrize("forks", [30, pytest.param(200, marks=pytest.mark.long)])
def test_two_hundred_forks_while_threads_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str, forks: int
) -> None:
    """Each child writes a segment of its own; the parent's threads lose no point."""
    monkeypatch.setenv("FOLDLINE_WRITER", writer)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0002)  # more switches in the same time
    run = foldline.Run(store=tmp_path / "store")
    stop = threading.Event()
    counts = [0, 0]

    def log(thread: int) -> None:
        while not stop.is_set():
            run.track(thread, name="parent", step=counts[thread], context={"thread": str(thread)})
            # The slow path holds locks, which is when a fork is dangerous.
            run.track({"new": 1.0}, step=counts[thread], context={"thread": str(thread)}, epoch=0.5)
            counts[thread] += 1

    threads = [threading.Thread(target=log, args=(thread,)) for thread in range(2)]
    for thread in threads:
        thread.start()
    codes = []
    for number in range(forks):
        child = os.fork()
        if child == 0:
            in_child(run, number)
        codes.append(os.waitpid(child, 0)[1])
    stop.set()
    for thread in threads:
        thread.join()
    run.close()
    sys.setswitchinterval(interval)
    assert codes == [0] * forks

    found = [walk(path) for path in segments(tmp_path / "store")]
    assert len(found) == forks + 1
    assert all(segment.finished and not segment.damage for segment in found)
    children = [segment for segment in found if ("child", "{}") in segment.series()]
    values = sorted(segment.points[0].value for segment in children)
    assert values == list(range(forks))
    assert all([p.step for p in segment.points] == [0, 1, 2] for segment in children)
    (parent,) = (segment for segment in found if segment not in children)
    for number, count in enumerate(counts):
        context = f'{{"thread":"{number}"}}'
        steps = [point.step for point in parent.series()["parent", context]]
        assert steps == list(range(count))
    assert len(parent.of_type(6)) == sum(counts)


def test_a_child_that_logs_nothing_leaves_nothing(tmp_path: Path) -> None:
    """Data loader workers that never touch the run make no files."""
    with foldline.Run(store=tmp_path / "store") as run:
        run.track(1.0, name="loss")
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        run.track(2.0, name="loss")
    (path,) = segments(tmp_path / "store")
    assert [point.value for point in walk(path).points] == [1.0, 2.0]


def test_a_child_holds_no_lock_of_its_parent(tmp_path: Path) -> None:
    """The parent's marker is free once the parent is done, even if a child lives on."""
    import fcntl

    run = foldline.Run(store=tmp_path / "store")
    reader, writer = os.pipe()
    ready, says_ready = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.write(says_ready, b"!")
        os.read(reader, 1)  # until the parent closes its end
        os._exit(0)
    os.close(reader)
    os.read(ready, 1)
    run.close()
    (marker,) = (tmp_path / "store" / "active").iterdir()
    with marker.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    for end in (writer, ready, says_ready):
        os.close(end)
    os.waitpid(child, 0)


def test_grandchildren_write_too(tmp_path: Path) -> None:
    """A fork of a fork is no different."""
    run = foldline.Run(store=tmp_path / "store")
    run.track(0.0, name="depth")
    child = os.fork()
    if child == 0:
        run.track(1.0, name="depth")
        if os.fork() == 0:
            in_child(run, 2)
        os.wait()
        in_child(run, 1)
    os.waitpid(child, 0)
    run.close()
    found = [walk(path) for path in segments(tmp_path / "store")]
    assert sorted(len(segment.points) for segment in found) == [1, 3, 4]
