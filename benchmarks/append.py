"""What `track` costs the caller."""

from __future__ import annotations

import os
import statistics
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import foldline

from .report import Report, Sample, scratch

__all__ = ["measure"]

CALLS = 200_000  # of each kind; a p99.99 is then the 20th worst
BULK_CALLS = 500_000
BULK_ROUNDS = 5

Track = Callable[[float, str, int], None]


class Floor:
    """A method with the same signature that does nothing: no tracker can be faster."""

    def track(
        self,
        value: float,
        name: str | None = None,
        step: int | None = None,
        epoch: int | None = None,
        *,
        context: dict[str, str] | None = None,
    ) -> None:
        """Do nothing."""


def measure() -> Report:
    """Time single calls and bulk, quiet and beside a busy thread, for both writers."""
    report = Report("append", "Cost of one track() to the caller")
    floor = Floor().track
    with scratch("append") as folder:
        report.add("the clock, not counted below", _clock_ns(), "ns")
        empty = report.add_samples("an empty method", _samples(floor))
        report.add("an empty method, bulk", _bulk(floor), "ns")
        mapped = _quiet(report, folder, "mapped")
        report.add("mapped ÷ an empty method, p50", mapped.p50 / empty.p50, "times")
        _quiet(report, folder, "buffered")
        with _busy_thread():
            report.add_samples("an empty method beside a busy thread", _samples(floor))
            for kind in ("mapped", "buffered"):
                with _run(folder, kind) as run:
                    report.add_samples(
                        f"{kind}, beside a busy thread",
                        _samples(run.track),
                        p99_at_most=5.0,
                        note="the busy thread takes the interpreter for 5 ms at a time",
                    )
    return report


def _quiet(report: Report, folder: Path, kind: str) -> Sample:
    with _run(folder, kind) as run:
        track = run.track
        sample = report.add_samples(
            f"{kind}, a float and a step", _samples(track), p50_at_most=0.5, p99_at_most=2.0
        )
        report.add(f"{kind}, a float and a step, bulk", _bulk(track), "ns")
        if kind == "buffered":
            return sample
        context = {"subset": "train"}
        single = np.float32(0.5)
        calls: dict[str, Track] = {
            "no step": lambda value, name, _: track(value, name),
            "a context": lambda value, name, step: track(value, name, step, context=context),
            "an epoch": lambda value, name, step: track(value, name, step, 3),
            "a numpy float32": lambda _, name, step: track(single, name, step),
            "a dict of three": lambda value, _, step: track(
                {"a": value, "b": value, "c": value}, step=step
            ),
        }
        for what, call in calls.items():
            report.add_samples(f"mapped, {what} (with a lambda)", _samples(call, CALLS // 4))
        return sample


def _samples(track: Track, calls: int = CALLS) -> array[int]:
    """Return the nanoseconds of each of many calls, less what the clock costs."""
    clock = time.perf_counter_ns
    cost = _clock_ns()
    for step in range(1_000):
        track(0.5, "loss", step)
    # Not a list: 200,000 new numbers are new memory, whose page faults would count as ours.
    samples = array("q", bytes(8 * calls))
    for step in range(calls):
        start = clock()
        track(0.5, "loss", step)
        samples[step] = clock() - start - cost
    return samples


def _bulk(track: Track) -> float:
    """Return the nanoseconds of a call in a loop, the loop included: the median of rounds."""
    rounds = []
    for _ in range(BULK_ROUNDS):
        start = time.perf_counter_ns()
        for step in range(BULK_CALLS):
            track(0.5, "loss", step)
        rounds.append((time.perf_counter_ns() - start) / BULK_CALLS)
    return statistics.median(rounds)


def _clock_ns() -> int:
    clock = time.perf_counter_ns
    return int(statistics.median([-clock() + clock() for _ in range(10_000)]))


@contextmanager
def _run(folder: Path, kind: str) -> Iterator[foldline.Run]:
    os.environ["FOLDLINE_WRITER"] = kind
    with foldline.Run(store=folder / kind) as run:
        yield run


@contextmanager
def _busy_thread() -> Iterator[None]:
    """Keep the interpreter busy from another thread, as a data loader in Python does."""
    stop = False

    def spin() -> None:
        while not stop:
            sum(range(100))

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        yield
    finally:
        stop = True
        thread.join()
