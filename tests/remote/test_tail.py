"""Which bytes of a growing segment are final."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import foldline
from foldline.cell import POINT, POINT_INT, Header
from foldline.events import MessageLogged, WriterOpened, encode
from foldline.segment import Segment, open_file
from foldline.shipper.tail import Tail
from tests.patience import wait_for

OPENED = WriterOpened("lab1", 7)


def begin(path: Path, *, buffered: bool) -> Segment:
    """Begin a segment of a fixed salt."""
    file = open_file(path, buffered=buffered)
    header = Header("run1", "writer1", 1, 0x0123_4567_89AB_CDEF)
    lock = threading.RLock()
    return Segment(file, header, (OPENED.TYPE, encode(OPENED)), lock=lock)


def point(step: int) -> bytes:
    return POINT_INT.pack(POINT, 0, 0, 1, 0.5, step, 1_700_000_000.0 + step)


def read_of(path: Path) -> Tail:
    def read(length: int, offset: int) -> bytes:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    return Tail(read, str(path))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_what_is_final_never_changes(
    tmp_path_factory: pytest.TempPathFactory, seed: int, buffered: bool
) -> None:
    """Whenever one looks, what lies before the end is what the finished file has there."""
    chance = random.Random(seed)
    path = tmp_path_factory.mktemp("log") / "writer1.fold"
    segment, tail = begin(path, buffered=buffered), read_of(path)
    seen: list[bytes] = []
    digests = set()
    for _ in range(chance.randint(1, 12)):
        for step in range(chance.choice([0, 1, 30, 3000])):
            segment.append(point(step))
        if chance.random() < 0.5:
            digest = f"{chance.getrandbits(256):064x}"
            digests.add(digest)
            text = digest + "x" * chance.choice([0, 100, 70_000, 3_000_000])
            event = MessageLogged(20, text)
            segment.append_event(event.TYPE, encode(event))
        if chance.random() < 0.5:
            segment.tend()
        tail.advance()
        seen.append(path.read_bytes()[: tail.end])
        assert len(seen[-1]) == tail.end
    segment.close()
    tail.advance()
    whole = path.read_bytes()
    assert all(whole.startswith(part) for part in seen)
    assert tail.finished and tail.end == len(whole)
    assert digests <= tail.digests


def test_all_is_final_once_it_is_written(tmp_path: Path) -> None:
    """In a segment at rest only what is being sealed waits: not a single point."""
    path = tmp_path / "writer1.fold"
    segment, tail = begin(path, buffered=False), read_of(path)
    for step in range(100_000):
        segment.append(point(step))
        if step % 9_973 == 0:
            segment.tend()
            tail.advance()
            assert tail.end == segment.position
    segment.close()


def test_a_half_written_point_waits(tmp_path: Path) -> None:
    """A cell whose time is not there yet, or an event of a wrong checksum, is not final."""
    path = tmp_path / "writer1.fold"
    segment, tail = begin(path, buffered=False), read_of(path)
    segment.append(point(1))
    end = segment.position
    segment.append(point(2)[:24] + bytes(8))
    tail.advance()
    assert tail.end == end
    segment.abandon()


def test_threads_that_write_meanwhile_do_no_harm(tmp_path: Path) -> None:
    """While threads log as fast as they can, what was final is what the file has at last."""
    with foldline.Run(id="run1", store=tmp_path, capture=False) as run:
        (path,) = (tmp_path / "runs/run1/log").iterdir()
        tail, seen = read_of(path), b""

        def log(name: str) -> None:
            for step in range(20_000):
                run.track(0.5, name=name, step=step)
                if step % 500 == 0:
                    run.log_info(f"{name} {step}")

        threads = [threading.Thread(target=log, args=(f"m{n}",)) for n in range(3)]
        for thread in threads:
            thread.start()

        def look() -> bool:
            nonlocal seen
            tail.advance()
            with path.open("rb") as file:
                file.seek(len(seen))
                seen += file.read(tail.end - len(seen))
            return not any(thread.is_alive() for thread in threads)

        wait_for(look, "the threads to end")
    tail.advance()
    whole = path.read_bytes()
    assert tail.finished and tail.end == len(whole) and whole.startswith(seen)
    assert seen
