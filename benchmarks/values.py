"""What an image costs the caller, and its keeping."""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

import foldline
from foldline import Distribution, Image, Text

from .report import Report, scratch

__all__ = ["measure"]

CALLS = 200  # of each kind: a p99 is then the second worst
SIDE, CHANNELS = 592, 3  # an image of one MiB
SAMPLES = 250_000  # of a distribution: the weights of a layer, in 1 MB
PAUSE_S = 0.05  # between calls, as a training has; the thread keeps images meanwhile


def measure() -> Report:
    """Time calls with an image of 1 MB, apart and back to back, and until all are kept."""
    report = Report("values", "Cost of values that are no numbers")
    os.environ["FOLDLINE_CAPTURE"] = "none"
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (SIDE, SIDE, CHANNELS), dtype=np.uint8)
    smooth = np.broadcast_to(np.linspace(0, 255, SIDE)[:, None, None], noise.shape)
    smooth = smooth.astype(np.uint8)
    weights = rng.normal(size=SAMPLES).astype(np.float32)
    with scratch("values") as folder:
        report.add_samples("a copy of 1 MB in memory, the floor", _copies(noise))
        report.add_samples("a copy of 1 MB into a new file", _files(folder, noise))
        with foldline.Run(store=folder / "apart") as run:
            report.add_samples(
                "an image of 1 MB",
                _samples(run, lambda: Image(smooth), PAUSE_S),
                p50_at_most=2_000,
                p99_at_most=2_000,
            )
            report.add_samples(
                "an image of 1 MB, the caller's CPU time",
                _samples(run, lambda: Image(smooth), PAUSE_S, clock=time.thread_time_ns),
                note="what is left where other programs take no turn",
            )
            report.add_samples(
                "a distribution of 250,000 floats", _samples(run, lambda: Distribution(weights))
            )
            report.add_samples("a text of 100 characters", _samples(run, lambda: Text("x" * 100)))
        for what, picture in (("smooth", smooth), ("noise", noise)):
            with foldline.Run(store=folder / what) as run:
                report.add_samples(
                    f"images of 1 MB back to back, {what}",
                    _samples(run, partial(Image, picture)),
                    note="beside the thread that encodes, and after 256 MB instead of it",
                )
                start = time.perf_counter()
                run.flush()
                waited = time.perf_counter() - start
            report.add(f"{CALLS} of them kept after, {what}", waited, "s")
    return report


def _samples(
    run: foldline.Run,
    make: Callable[[], object],
    pause_s: float = 0.0,
    *,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> array[int]:
    run.track(make(), name="warm")
    run.flush()  # the first one imports Pillow, in the background
    samples = array("q", bytes(8 * CALLS))
    for step in range(CALLS):
        start = clock()
        run.track(make(), name="value", step=step)
        samples[step] = clock() - start
        if pause_s:
            time.sleep(pause_s)
    return samples


def _copies(picture: npt.NDArray[np.uint8]) -> array[int]:
    clock = time.perf_counter_ns
    samples = array("q")
    for _ in range(CALLS):
        start = clock()
        picture.copy()
        samples.append(clock() - start)
    return samples


def _files(folder: Path, picture: npt.NDArray[np.uint8]) -> array[int]:
    clock = time.perf_counter_ns
    samples = array("q")
    for number in range(CALLS):
        start = clock()
        (folder / f"copy{number}").write_bytes(picture.data)
        samples.append(clock() - start)
    return samples
