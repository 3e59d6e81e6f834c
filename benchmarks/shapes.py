"""Stores of the shapes that figures are told of.

python -m benchmarks.shapes NAME STORE [--runs N]

Segments are written by the SDK's own codec, many runs a second and at times of their own: what a
store would hold after months. Every run has curves, settings and words of its own. A figure that is
about the SDK itself takes `foldline.Run` instead.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from foldline.cell import POINT, Header
from foldline.events import (
    ConsolePrinted,
    Event,
    FieldsSet,
    GitCaptured,
    MessageLogged,
    ParamsSet,
    SeriesDefined,
    TagsChanged,
    Value,
    ValuesTracked,
    WriterClosed,
    WriterOpened,
    encode,
)
from foldline.ids import run_id
from foldline.layout import Layout, SegmentName
from foldline.segment import Segment, open_file
from foldline_ingest.statement import mark

from .curves import METRICS, Floats, varied

__all__ = ["SHAPES", "Shape", "Writing", "fill", "printed"]

BEGAN = 1_767_225_600.0  # of the first run: 2026-01-01
RUN_EVERY_S = 420.0  # a busy team: 200 runs a day
STEP_S = 0.4
CELLS = 512  # appended at once: so little of a window stays empty
CELL = np.dtype(
    {
        "names": ["kind", "flags", "epoch", "series", "value", "step", "time"],
        "formats": ["u1", "u1", "<u2", "<u4", "<f8", "<i8", "<f8"],
    }
)
EVENT_LINES = 64  # what a companion reads at once
NETS = ("resnet-50", "vit-base-patch16", "bert-base-uncased", "convnext-tiny", "gpt2-medium")
TAGS = ("baseline", "paper", "broken", "gpu", "nightly")
ENDS = ("finished",) * 9 + ("failed",)


class Shape(msgspec.Struct, frozen=True):
    """How much of everything: of each run, but for `runs`."""

    runs: int
    metrics: int = 0  # of these ten names, or `layer.7.loss` beyond them
    steps: int = 0
    params: int = 20
    lines: int = 0
    texts: int = 0


SHAPES = {
    "small": Shape(2_000, metrics=3, steps=100),
    "team": Shape(5_000, metrics=10, steps=1_000, lines=100, texts=5),
    "crowd": Shape(100_000, metrics=2, steps=2, params=50),
    "talk": Shape(100, lines=100_000),
    "long": Shape(1, metrics=1, steps=1_000_000),
    "wide": Shape(1, metrics=100_000, steps=10),
}


class Writing:
    """One process's part in a run, written at once and as of its own time."""

    def __init__(self, layout: Layout, run: str, writer: str, at: float, opened: Event) -> None:
        """Begin the segment at `at`; the first event is `opened`. Raises OSError."""
        self.now = at
        path = layout.segment(SegmentName(run, writer))
        path.parent.mkdir(parents=True, exist_ok=True)
        salt = int.from_bytes(os.urandom(8), "little")
        self._segment = Segment(
            open_file(path, buffered=True),
            Header(run, writer, int(at * 1e9), salt),
            (opened.TYPE, encode(opened)),
            lock=threading.RLock(),
            clock=lambda: self.now,
        )

    def say(self, *events: Event) -> None:
        """Append events."""
        for event in events:
            self._segment.append_event(event.TYPE, encode(event))

    def points(self, first: int, values: Floats, *, begin: int = 0) -> None:
        """Append points of the series from number `first` on, a row each, as steps are made."""
        series, steps = values.shape
        cells = np.zeros((steps, series), CELL)
        cells["kind"] = POINT
        cells["series"] = first + np.arange(series)
        cells["value"] = values.T
        cells["step"] = begin + np.arange(steps)[:, None]
        cells["time"] = self.now + STEP_S * np.arange(1, steps + 1)[:, None]
        flat = cells.ravel()
        for at in range(0, len(flat), CELLS):
            self._segment.append(flat[at : at + CELLS].tobytes())
        self.now += STEP_S * steps

    def close(self, *events: Event) -> None:
        """Append the last events and seal the segment."""
        self.say(*events)
        self._segment.close()


def fill(store: Path, shape: Shape, *, first: int = 0, marked: bool = False) -> None:
    """Write the runs of a shape from number `first` on, in as many processes as there are cores.

    With `marked` a server that runs finds them, as it finds what a training leaves; without, they
    are found as it starts.
    """
    Layout(store).create()
    workers = min(len(os.sched_getaffinity(0)), shape.runs - first)
    parts = [range(first + part, shape.runs, workers) for part in range(workers)]
    varied(0, 1)  # so that the models are trained once, and not by each process
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for done in pool.imap_unordered(partial(_write, store, shape, marked), parts):
            del done


def printed(number: int, count: int) -> Iterator[str]:
    """Yield lines that a training could have printed: the same for the same number."""
    chance = random.Random(number)
    draw = chance.random
    for step in range(count):
        kind, share = draw(), draw()
        if kind < 0.7:
            yield (
                f"[10:{step % 60:02d}] epoch {step // 50} step {step} loss={2 * share:.5f} "
                f"lr=0.000{int(99 * kind)} {int(900 + 600 * kind)} img/s"
            )
        elif kind < 0.85:
            yield f"INFO worker {step % 8}: loaded shard-{int(5e3 * share):05d}.tar from train"
        elif kind < 0.95:
            yield f"{step % 100}%|{'#' * (step % 25)}| {step % 100}/100 [00:12<00:17, {share:.2f}]"
        elif kind < 0.99:
            yield f"WARNING gradient norm {100 * share:.3f} clipped to 1.0"
        else:
            yield f"checkpoint needle{number} {step} written"


def _write(store: Path, shape: Shape, marked: bool, numbers: range) -> int:
    layout = Layout(store)
    for number in numbers:
        name = _run(layout, shape, number)
        if marked:
            mark(layout, name)
    return len(numbers)


def _run(layout: Layout, shape: Shape, number: int) -> SegmentName:
    chance = random.Random(number)
    run, writer = run_id(f"run {number}"), run_id(f"writer {number}")
    at = BEGAN + RUN_EVERY_S * number
    host = f"node-{number % 24:02d}.cluster"
    metrics = min(shape.metrics, len(METRICS))
    curves = varied(number, shape.steps or 1, metrics)
    writing = Writing(layout, run, writer, at, WriterOpened(host, 1000 + number))
    writing.say(*_words(shape, number, chance, curves.settings))
    for first in range(0, shape.metrics, len(METRICS)):
        rows = min(len(METRICS), shape.metrics - first)
        layer = f"layer.{first // len(METRICS)}." if first else ""
        for place, name in enumerate(METRICS[:rows], 1):
            writing.say(SeriesDefined(first + place, layer + name))
        if first:
            curves = varied(number + first, shape.steps, rows)
        writing.points(first + 1, curves.values)
    for step in range(shape.texts):
        writing.say(*_texts(step, writing.now, chance))
    if shape.lines:
        _print(layout, run, run_id(f"companion {number}"), at, host, writer, shape.lines, number)
    status = chance.choice(ENDS)
    error = "CUDA out of memory. Tried to allocate 2.50 GiB" if status == "failed" else ""
    writing.close(WriterClosed(status, "RuntimeError" if error else "", error))
    return SegmentName(run, writer)


def _words(
    shape: Shape, number: int, chance: random.Random, settings: Mapping[str, Any]
) -> Iterator[Event]:
    net = chance.choice(NETS)
    yield FieldsSet(
        {
            "name": f"{net}-{number:06d}",
            "experiment": f"experiment {number % 40}",
            "notes": f"A longer warm-up, as in {number // 7}." if number % 7 == 0 else "",
        }
    )
    draws: tuple[Callable[[], object], ...] = (
        chance.random,
        lambda: chance.randrange(10),
        lambda: f"value-{chance.randrange(50)}",
        lambda: chance.random() < 0.5,
    )
    params: dict[str, Any] = {**settings, "model": net, "batch_size": 2 ** chance.randrange(4, 10)}
    for place in range(shape.params - len(params)):
        params[f"p{place:02d}"] = draws[place % len(draws)]()
    yield ParamsSet(["hparams"], params)
    yield TagsChanged(chance.sample(TAGS, number % 3))
    commit = f"{random.Random(number // 50).getrandbits(160):040x}"
    yield GitCaptured(commit, "main", subject="Make the loader wait less", author="ann")


def _texts(step: int, now: float, chance: random.Random) -> Iterator[Event]:
    yield MessageLogged(20, f"validated in {chance.random():.3f} s", logger="trainer", time=now)
    text = f"step {step}: " + " ".join(chance.choice(NETS) for _ in range(12))
    value = Value("text/markdown", len(text), inline=text.encode())
    yield ValuesTracked("text", "generated", step, now, [value])


def _print(
    layout: Layout, run: str, companion: str, at: float, host: str, beside: str,
    lines: int, number: int,
) -> None:  # fmt: skip
    opened = WriterOpened(host, 2000 + number, role="companion", beside=beside)
    writing = Writing(layout, run, companion, at, opened)
    waiting: list[str] = []
    for place, line in enumerate(printed(number, lines), 1):
        waiting.append(line)
        if len(waiting) == EVENT_LINES or place == lines:
            writing.say(ConsolePrinted("stdout", place - len(waiting), "\n".join(waiting)))
            writing.now += STEP_S
            waiting.clear()
    writing.close(WriterClosed("finished"))


def main() -> int:
    """Make a store by hand, to look at."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shapes")
    parser.add_argument("name", choices=SHAPES)
    parser.add_argument("store", type=Path)
    parser.add_argument("--runs", type=int, help="another number of runs")
    options = parser.parse_args()
    shape = SHAPES[options.name]
    if options.runs is not None:
        shape = msgspec.structs.replace(shape, runs=options.runs)
    fill(options.store, shape)
    return 0


if __name__ == "__main__":
    sys.exit(main())
