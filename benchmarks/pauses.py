"""The longest pauses of a training, whatever befalls disk and network.

A loop of 1 kHz tracks a point each time, and every call is timed. The floor is the same loop with
a call that packs a cell into memory and does no more: what the machine itself makes a loop wait.
A disk is slowed down, which needs a C compiler, and one is filled, which needs root.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np

from tests.faults.shim import environment
from tests.faults.volumes import can_mount, fill, memory
from tests.remote.chaos import Chaos

from .report import Report, scratch
from .servers import foldline_server, free_port

__all__ = ["measure"]

SECONDS = 20  # of each loop: at 1 kHz, so p99.99 is the second or third longest
BOUND_US = 5_000.0  # p99.99 of a call
DISK_BYTES = 4 << 20
SLOW_MS = 200  # that each call takes which changes a file

LOOP = """
import ctypes, json, mmap, os, struct, sys, time, warnings
import foldline
warnings.simplefilter("ignore")
kind, store, steps, slow = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
clock = time.perf_counter_ns
if kind == "floor":
    memory = mmap.mmap(-1, 1 << 20)
    cell = struct.Struct("<BBHIdqd")
    def call(step):
        cell.pack_into(memory, step % 32768 * 32, 1, 0, 0, 1, 0.5, step, time.time())
else:
    run = foldline.Run(store=store)
    call = lambda step: run.track(0.5, name="loss", step=step)
if slow:
    shim = ctypes.CDLL(os.environ["FAULTS_SHIM"])
    shim.fault_arm(os.fsencode(store), 0, slow, 6)
took = []
at = clock()
for step in range(steps):
    began = clock()
    call(step)
    ended = clock()
    took.append(ended - began)
    at += 1_000_000
    if at > ended:
        time.sleep((at - ended) / 1e9)
print(json.dumps([took, kind != "floor" and run.dropped]), flush=True)
"""


def measure() -> Report:
    """Run the loop under each fault."""
    report = Report("pauses", "Pauses of a training of 1 kHz")
    with scratch("pauses") as folder:
        for number, (what, fault) in enumerate(FAULTS.items()):
            if fault is _full and not can_mount():
                continue
            place = folder / str(number)
            place.mkdir()
            with fault(place) as (store, slow_ms):
                _loop(report, what, store, slow_ms, place)
    return report


def _loop(report: Report, what: str, store: str, slow_ms: int, place: Path) -> None:
    kind = "floor" if not store else "track"
    command = [sys.executable, "-c", LOOP, kind, store, str(SECONDS * 1000), str(slow_ms)]
    there: Mapping[str, str] = environment() if slow_ms else os.environ
    done = subprocess.run(
        command,
        env={**there, "FOLDLINE_HOLD": str(place / "hold")},
        capture_output=True,
        text=True,
        check=True,
    )
    took, dropped = json.loads(done.stdout)
    pauses = np.array(took) / 1000
    note = f"{dropped:,} points dropped and counted" if dropped else ""
    bound = BOUND_US if store else None
    report.add(f"{what}, p99", float(np.percentile(pauses, 99)), "µs")
    report.add(f"{what}, p99.99", float(np.percentile(pauses, 99.99)), "µs", at_most=bound)
    report.add(f"{what}, longest", float(pauses.max()), "µs", note=note)


Faulted = Iterator[tuple[str, int]]  # the store, and by how much its disk is slowed down


@contextmanager
def _floor(place: Path) -> Faulted:
    del place
    yield "", 0


@contextmanager
def _here(place: Path) -> Faulted:
    yield str(place / "store"), 0


@contextmanager
def _gone(place: Path) -> Faulted:
    del place
    yield f"http://127.0.0.1:{free_port()}", 0


@contextmanager
def _half_open(place: Path) -> Faulted:
    del place
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}", 0


@contextmanager
def _chaos(place: Path) -> Faulted:
    with foldline_server(place / "there") as (_, client), Chaos(client.port, 1) as way:
        yield way.url, 0


@contextmanager
def _full(place: Path) -> Faulted:
    with memory(place / "disk", DISK_BYTES) as disk:
        fill(disk, leave=300_000)
        yield str(disk / "store"), 0


@contextmanager
def _slow(place: Path) -> Faulted:
    yield str(place / "store"), SLOW_MS


FAULTS: dict[str, Callable[[Path], AbstractContextManager[tuple[str, int]]]] = {
    "a cell into memory": _floor,
    "a store here": _here,
    "a server that is gone": _gone,
    "a server that takes connections and says nothing": _half_open,
    "a way on which two of five requests fail": _chaos,
    "a disk that fills up": _full,
    f"a disk on which each call takes {SLOW_MS} ms": _slow,
}
