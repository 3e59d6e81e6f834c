"""Threads, signals and the background thread, on one segment."""

from __future__ import annotations

import _thread
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import foldline
from foldline import keeper, segment, writer
from tests.patience import wait_for
from tests.segment_walk import Walk, segments, walk

THREADS = 4
STEPS = 20_000  # of each: together they fill all sizes of windows


@pytest.fixture(autouse=True)
def _switch_often() -> Iterator[None]:
    """Let threads take turns a hundred times as often as usual."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.00005)
    yield
    sys.setswitchinterval(interval)


def logged(store: Path) -> Walk:
    (path,) = segments(store)
    found = walk(path)
    assert found.finished and not found.damage
    covered = sum(length for _, length in found.sealed)
    assert covered + 32 * len(found.sealed) == found.end  # every byte is under a seal
    return found


@pytest.mark.parametrize("kind", ["mapped", "buffered"])
def test_threads_lose_nothing_at_any_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Points without a lock, events among them and windows that change: all is kept, in order."""
    monkeypatch.setenv("FOLDLINE_WRITER", kind)
    with foldline.Run(store=tmp_path / "store") as run:

        def log(number: int) -> None:
            for step in range(STEPS):
                run.track(float(number), "points", step, context={"thread": str(number)})
                if step % 50 == 0:
                    run["thread", str(number)] = "x" * (step % 3_000)
                if step % 1_000 == 0:
                    run.track(1.0, f"new {number} {step}")

        threads = [threading.Thread(target=log, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = logged(tmp_path / "store")
    for number in range(THREADS):
        steps = [p.step for p in found.series()["points", f'{{"thread":"{number}"}}']]
        assert steps == list(range(STEPS))
        settings = [e["value"] for e in found.of_type(3) if e["path"][1] == str(number)]
        assert settings == ["x" * (step % 3_000) for step in range(0, STEPS, 50)]
    assert [event.seq for event in found.events] == list(range(len(found.events)))
    assert len(found.series()) == THREADS + THREADS * STEPS // 1_000


def test_threads_never_count_a_step_twice(tmp_path: Path) -> None:
    """Steps that the run counts are 0, 1, 2, ... however many threads track one series."""
    with foldline.Run(store=tmp_path / "store") as run:

        def log() -> None:
            for _ in range(STEPS):
                run.track(1.0, "shared")

        threads = [threading.Thread(target=log) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    steps = [point.step for point in logged(tmp_path / "store").points]
    assert sorted(steps) == list(range(THREADS * STEPS))


def end_amid(run: foldline.Run, threads: list[threading.Thread], kept: list[int]) -> None:
    for thread in threads:
        thread.start()
    wait_for(lambda: min(kept) > 100, "all threads to log")
    run.close()
    for thread in threads:
        thread.join()


def test_a_run_that_ends_while_threads_log(tmp_path: Path) -> None:
    """A point is either in the file or counted as late; none is torn and none vanishes."""
    for round_ in range(20):
        store = tmp_path / str(round_)
        run = foldline.Run(store=store)
        kept = [0] * THREADS

        def log(number: int, run: foldline.Run = run, kept: list[int] = kept) -> None:
            while not run.dropped:
                run.track(1.0, f"thread {number}", kept[number])
                kept[number] += 1

        threads = [threading.Thread(target=log, args=(number,)) for number in range(THREADS)]
        with pytest.warns(foldline.errors.FoldlineWarning, match="is finished"):
            end_amid(run, threads, kept)
        found = logged(store)
        assert len(found.points) + run.dropped == sum(kept)
        for (name, _), points in found.series().items():
            assert [p.step for p in points] == list(range(len(points))), name


def test_a_signal_handler_may_log(tmp_path: Path) -> None:
    """A handler that interrupts the slow path anywhere logs without a deadlock or a loss."""
    run = foldline.Run(store=tmp_path / "store")
    handled = 0

    def handle(*_: object) -> None:
        nonlocal handled
        number, handled = handled, handled + 1  # a handler may interrupt this one as well
        run.track(1.0, "signal")
        run["signal"] = number
        run.track(1.0, f"signal {number}", epoch=0.5)

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0005)
    step = 0
    try:
        while handled < 300:
            run.track(1.0, "main", step, context={"n": step % 7})
            run["main", str(step % 10)] = step
            step += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    run.close()
    found = logged(tmp_path / "store")
    names = {e["series"]: e["name"] for e in found.of_type(5)}
    main = [p.step for p in found.points if names[p.series] == "main"]
    assert main == list(range(step))
    alarms = [p.step for p in found.points if names[p.series] == "signal"]
    assert sorted(alarms) == list(range(handled))
    settings = [e["value"] for e in found.of_type(3) if e["path"] == ["signal"]]
    assert sorted(settings) == list(range(handled))
    assert len(found.of_type(6)) == handled


def test_without_a_background_thread_all_still_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no thread can be started, the caller prepares and seals, and closing does the rest."""

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    monkeypatch.setattr(writer, "KEEPER", keeper.Keeper())
    with foldline.Run(store=tmp_path / "store") as run:
        for step in range(300_000):
            run.track(0.5, "loss", step)
        held = writer_segment(run)
        assert len(held._full) <= segment.FULL_WINDOWS_MAX + 1
    assert len(logged(tmp_path / "store").points) == 300_000


def writer_segment(run: foldline.Run) -> segment.Segment:
    found = run._writer.segment
    assert found is not None
    return found


def test_the_background_thread_seals_and_prepares(tmp_path: Path) -> None:
    """Full windows get their seals while the run goes on, and the next window is there before."""
    with foldline.Run(store=tmp_path / "store") as run:
        held = writer_segment(run)
        wait_for(lambda: held._next is not None, "the second window")
        for step in range(5_000):
            run.track(0.5, "loss", step)
        (path,) = segments(tmp_path / "store")
        wait_for(lambda: walk(path).sealed, "a seal")
        assert walk(path).sealed[0] == (0, 65_504)


def test_a_run_gives_a_sign_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The marker of an idle run is touched again and again, for machines that see no lock."""
    monkeypatch.setattr(keeper, "HEARTBEAT_S", 0.02)
    monkeypatch.setattr(writer, "KEEPER", keeper.Keeper())
    with foldline.Run(store=tmp_path / "store") as run:
        run.track(0.5, "loss")
        (marker,) = (tmp_path / "store" / "active").iterdir()
        for _ in range(2):
            os.utime(marker, (1.0, 1.0))
            wait_for(lambda: marker.stat().st_mtime > 1.0, "a touch")


def test_a_buffered_run_reaches_the_file_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any flush, what was tracked is in the file a moment later."""
    monkeypatch.setenv("FOLDLINE_WRITER", "buffered")
    with foldline.Run(store=tmp_path / "store") as run:
        run.track(0.5, "loss")
        (path,) = segments(tmp_path / "store")
        wait_for(lambda: path.stat().st_size >= 64 and walk(path).points, "the point")


def test_nothing_is_left_open(tmp_path: Path) -> None:
    """A hundred finished runs leave no file descriptor behind."""
    gc.collect()
    before = open_files()
    for _ in range(100):
        with foldline.Run(store=tmp_path / "store") as run:
            run.track(0.5, "loss")
    wait_for(lambda: open_files() <= before, "descriptors to close")


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
