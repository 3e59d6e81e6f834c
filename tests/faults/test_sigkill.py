"""What SIGKILL costs: nothing that `track` returned from."""

from __future__ import annotations

import mmap
import os
import random
import signal
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import foldline
from tests.patience import wait_for

# The ledger is written after each call returns, into memory that outlives the process: what it
# says was acknowledged, at least. Eight bytes are copied at once; `pack_into` would put zeros
# first, and a kill can come between.
WRITER = """
import mmap, struct, sys
import foldline

file = open(sys.argv[1], "r+b")
ledger = mmap.mmap(file.fileno(), 8)
number = struct.Struct("<Q").pack
run = foldline.Run(id=sys.argv[2], experiment="kills")
track = run.track
step = 0
while True:
    track(step * 0.5, name="full speed", step=step)
    step += 1
    ledger[:] = number(step)
"""

# Acknowledged points before the kill: around every border that a segment has. A block holds 2,048
# cells, the first window as many, later ones up to 32,768.
KILLED_AFTER = [
    1, 2, 100, 2_000, 2_030, 2_044, 2_048, 2_052, 4_090, 4_100,
    8_190, 8_200, 16_384, 30_000, 32_760, 65_500, 98_304, 131_072, 200_000, 400_000,
]  # fmt: skip
NUMBER = struct.Struct("<Q")


@pytest.mark.timeout(300)
def test_twenty_kills_at_full_speed_lose_nothing(tmp_path: Path) -> None:
    """Every point that `track` returned from before a SIGKILL is read back, in order and exact."""
    check(
        {
            f"kill-{number}": kill_after(points, f"kill-{number}", tmp_path)
            for number, points in enumerate(KILLED_AFTER)
        },
        tmp_path,
    )


@pytest.mark.long
@pytest.mark.timeout(900)
def test_kills_at_any_moment_lose_nothing(tmp_path: Path) -> None:
    """The same for a hundred kills, after any number of points."""
    chance = random.Random(7)
    counts = [int(2 ** chance.uniform(0, 19)) for _ in range(100)]
    check(
        {
            f"kill-{number}": kill_after(points, f"kill-{number}", tmp_path)
            for number, points in enumerate(counts)
        },
        tmp_path,
    )


def check(acknowledged: dict[str, int], folder: Path) -> None:
    """Assert that the store has of each run what was acknowledged, and no more than one beyond."""
    with foldline.open(folder / "store") as store:
        found = {series.run: series for series in store.series('metric.name == "full speed"')}
    assert set(found) == set(acknowledged)
    for run, series in found.items():
        least = acknowledged[run]
        # One more may be there: the call had returned, and the ledger was not written yet.
        assert series.count in {least, least + 1}
        assert np.array_equal(series.steps, np.arange(series.count))
        assert np.array_equal(series.values, np.arange(series.count) * 0.5)


def kill_after(points: int, run: str, folder: Path) -> int:
    """Kill a writer once it has acknowledged `points`; return how many it had in the end."""
    ledger = folder / f"{run}.ledger"
    ledger.write_bytes(bytes(NUMBER.size))
    environment = {**os.environ, "FOLDLINE_STORE": str(folder / "store")}
    command = [sys.executable, "-c", WRITER, str(ledger), run]
    with subprocess.Popen(command, env=environment) as writer, ledger.open("rb") as file:
        memory = mmap.mmap(file.fileno(), NUMBER.size, access=mmap.ACCESS_READ)

        def count() -> int:
            assert writer.poll() is None, "the writer ended by itself"
            return int(NUMBER.unpack_from(memory)[0])

        wait_for(lambda: count() >= points, f"{points} points of {run}", deadline_s=60)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        return int(NUMBER.unpack_from(memory)[0])
