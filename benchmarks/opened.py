"""What a server costs, and how soon it answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from .report import resident_mib
from .servers import foldline_server, held_mib, settle, wait_until

__all__ = ["FOLD_S", "Opened", "folded", "opened", "percentiles_ms"]

FOLD_S = 1_800.0  # for the largest stores, on a machine that others use too
PAGE = {"limit": 100}  # what the page of runs asks for first
ASKED = 100


class Opened(msgspec.Struct, frozen=True):
    """Figures of a store whose views are up to date."""

    start_s: float  # from the start of the process to its first page
    page_ms: float  # the first page of 100 runs, median
    page_p99_ms: float
    server_mib: float  # resident memory of the process that answers
    both_mib: float  # of it and the one that folds, pages that they share counted once
    log_mb: float
    views_mb: float


def folded(store: Path, runs: int) -> float:
    """Serve a store until all of its runs are folded, and return how many seconds that took."""
    start = time.perf_counter()
    with foldline_server(store) as (_, client):
        settle(client, FOLD_S, runs=runs)
    return time.perf_counter() - start


def opened(store: Path, runs: int) -> Opened:
    """Start a server on a store that is folded, and ask for its first page."""
    start = time.perf_counter()
    with foldline_server(store) as (process, client):
        wait_until(lambda: client.ask("runs/search", PAGE)["total"] == runs, "the first page")
        took = time.perf_counter() - start
        settle(client)
        p50, p99 = percentiles_ms(lambda: client.ask("runs/search", PAGE), ASKED)
        return Opened(
            took,
            p50,
            p99,
            resident_mib(process.pid),
            held_mib(process.pid),
            _disk_mb(store, ("runs", "packs", "blobs")),
            _disk_mb(store, ("views",)),
        )


def percentiles_ms(ask: Callable[[], object], times: int) -> tuple[float, float]:
    """Return the median and the 99th percentile of how long an answer takes."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        ask()
        took.append((time.perf_counter() - start) * 1e3)
    p50, p99 = np.percentile(took, (50, 99))
    return float(p50), float(p99)


def _disk_mb(store: Path, folders: tuple[str, ...]) -> float:
    """Return what the files take of the disk, whole blocks."""
    files = (file for folder in folders for file in (store / folder).rglob("*"))
    return sum(file.lstat().st_blocks * 512 for file in files) / 1e6
