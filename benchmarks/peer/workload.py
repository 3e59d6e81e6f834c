"""What all peers are told, timed call by call."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXPERIMENT", "LONG", "NAMES", "Begun", "Peer", "Workload", "run"]

EXPERIMENT = "peers"
NAMES = ("loss", "accuracy", "val_loss")
LONG = "long"  # the series of many points
BATCH = 1_000  # points of a call, where a peer's fastest way takes many
WARM_CALLS = 100  # not counted: the first ones open files and make tables
PACE_S = 0.1  # between two points that are watched


class Workload(NamedTuple):
    """Curves of many runs, as runs × names × steps, and the settings of each."""

    values: NDArray[np.float64]
    params: list[dict[str, Any]]

    def save(self, folder: Path) -> None:
        """Write it where `load` finds it."""
        np.save(folder / "values.npy", self.values)
        (folder / "params.json").write_text(json.dumps(self.params))

    @staticmethod
    def load(folder: Path) -> Workload:
        """Read what `save` wrote."""
        params = json.loads((folder / "params.json").read_text())
        return Workload(np.load(folder / "values.npy"), params)


class Begun(NamedTuple):
    """A run that is open: what its server calls it, and what tracks a step and a value."""

    identity: str
    track: Callable[[int, float], object]


class Peer(Protocol):
    """What every peer can be told."""

    def __init__(self, store: Path) -> None:
        """Use, or make, a store in this folder."""

    def fill(self, workload: Workload) -> None:
        """Write all runs, the fastest way that the peer has."""

    def begin(self, name: str) -> Begun:
        """Begin a run called `name`."""

    def end(self) -> None:
        """End the run that was begun."""

    def long(self, values: NDArray[np.float64]) -> None:
        """Write one run of one series called LONG, the fastest way that the peer has."""


def run(make: Callable[[Path], Peer]) -> int:
    """Do what the command line says, and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("fill", "track", "long", "pace"))
    parser.add_argument("store", type=Path)
    parser.add_argument("--workload", type=Path)
    parser.add_argument("--points", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    options.store.mkdir(parents=True, exist_ok=True)
    peer = make(options.store)
    if options.what == "fill":
        figures = _fill(peer, Workload.load(options.workload))
    elif options.what == "long":
        figures = _long(peer, np.load(options.workload)[: options.points])
    elif options.what == "track":
        figures = _track(peer, options.points, options.seconds)
    else:
        _pace(peer, options.points)
        return 0
    print(json.dumps(figures), flush=True)
    return 0


def _fill(peer: Peer, workload: Workload) -> dict[str, float]:
    start = time.perf_counter()
    peer.fill(workload)
    return {"seconds": time.perf_counter() - start, "points": workload.values.size}


def _long(peer: Peer, values: NDArray[np.float64]) -> dict[str, float]:
    start = time.perf_counter()
    peer.long(values)
    return {"seconds": time.perf_counter() - start, "points": len(values)}


def _track(peer: Peer, points: int, seconds: float) -> dict[str, float]:
    """Time single calls, in nanoseconds, until there are enough or the time is up."""
    track, clock, took = peer.begin("track").track, time.perf_counter_ns, []
    until = clock() + int(seconds * 1e9)
    for step in range(points + WARM_CALLS):
        before = clock()
        track(step, 0.5)
        after = clock()
        took.append(after - before)
        if after > until:
            break
    peer.end()
    p50, p99 = np.percentile(took[WARM_CALLS:], (50, 99)) / 1000
    return {"p50_us": float(p50), "p99_us": float(p99), "calls": len(took) - WARM_CALLS}


def _pace(peer: Peer, points: int) -> None:
    """Print the run's name, then track at a steady pace, and print when each call returned."""
    begun = peer.begin("pace")
    print(begun.identity, flush=True)
    for step in range(points):
        begun.track(step, float(step))
        print(step, time.time(), flush=True)
        time.sleep(PACE_S)
    sys.stdin.readline()  # the run goes on until whoever watches has seen all
    peer.end()
