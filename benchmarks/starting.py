"""How soon a store of many runs answers.

The views of stores are written as the fold writes them: runs of fifty params and two metrics in two
contexts. A process of its own opens them and asks for the first page, first without the catalog's
snapshot and then with it; then a whole server is started. What is told is time of the processor,
with that of the clock beside it: other work on the machine does not count.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial
from itertools import islice
from pathlib import Path

import anyio
import msgspec

from foldline.layout import Layout
from foldline_ingest.lease import Lease
from foldline_ingest.replay import replay
from foldline_views import summaries
from foldline_views.database import connect
from foldline_views.generation import database_path, publish
from foldline_views.shelves import CATALOG
from foldline_views.viewstore import SqliteViewStore

from .queries import series_keys, states
from .report import Report, resident_mib, scratch
from .servers import foldline_server

__all__ = ["measure", "store_of"]

SIZES = (5_000, 100_000)  # runs
COMMIT_RUNS = 1_000  # of one revision

OPEN = """
import resource, sys, time
start = time.perf_counter()
import anyio
from pathlib import Path
from foldline_views.reader import Views
imported = time.perf_counter() - start
def mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
async def main():
    before, worked = mib(), time.process_time()
    views = await Views.open(Path(sys.argv[1]) / "views")
    page = await views.runs("", limit=100)
    took = time.perf_counter() - start - imported
    print(time.process_time() - worked, took, mib() - before, page.total, flush=True)
    while sys.argv[2] == "save" and not list(Path(sys.argv[1]).rglob("catalog.snapshot")):
        await anyio.sleep(0.1)
    await views.close()
anyio.run(main)
"""


def measure() -> Report:
    """Make the stores, and open them."""
    report = Report("starting", "From the start of a process to the first page of runs")
    for size in SIZES:
        with scratch("starting") as folder:
            store_of(folder / "store", size)
            for what in ("without a snapshot", "with one"):
                save = "save" if what == "without a snapshot" else ""
                worked, took, mib, total = _opened(folder / "store", save)
                assert total == size
                words = f"{size:,} runs, {what}"
                bound = 2.0 if what == "with one" else None
                note = f"{took:.2f} s on the clock"
                report.add(f"{words}: the first page", worked, "s", at_most=bound, note=note)
                report.add(f"{words}: memory", mib, "MiB")
            start = time.perf_counter()
            with foldline_server(folder / "store") as (process, client):
                client.ask("runs/search", {"limit": 100})
                note = f"{time.perf_counter() - start:.2f} s on the clock, imports and all"
                what = f"{size:,} runs: a server's first page"
                bound = 1.0 if size == SIZES[0] else 2.0
                report.add(what, _worked(process.pid), "s", at_most=bound, note=note)
                report.add(f"{size:,} runs: the server's memory", resident_mib(process.pid), "MiB")
    return report


def _opened(store: Path, save: str) -> tuple[float, float, float, int]:
    command = [sys.executable, "-c", OPEN, str(store), save]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    worked, took, mib, total = map(float, said)
    return worked, took, mib, int(total)


def _worked(pid: int) -> float:
    """Return the seconds of the processor that a process has had. Linux alone."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def store_of(root: Path, size: int) -> None:
    """Make a store whose catalog has so many runs, and whose log has none."""
    layout = Layout(root)
    layout.create()
    folder = CATALOG.folder(layout.views)
    path = database_path(folder, 1)
    with Lease(layout.views) as lease:
        epoch = lease.epoch
        anyio.run(_made, layout, path, epoch)
    db = connect(path, write=True)
    db.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (epoch,))
    db.execute("INSERT INTO tenure VALUES (?, 0)", (epoch,))
    encode = msgspec.msgpack.Encoder().encode
    keys = list(series_keys())
    figures = summaries.fresh(1)
    figures[summaries.COUNT] = 100
    figures[[summaries.FIRST, summaries.LAST, summaries.MIN, summaries.MAX]] = 0.5
    data = figures.tobytes()
    runs, revision = enumerate(states(size), 1), 0
    while part := list(islice(runs, COMMIT_RUNS)):
        revision += 1
        db.execute("BEGIN")
        ids = [number for number, _ in part]
        db.executemany("INSERT INTO run VALUES (?, ?)", [(n, f"{n:016x}") for n in ids])
        db.executemany(
            "INSERT INTO segment (id, run, writer, finished) VALUES (?, ?, 'w', 1)",
            [(n, n) for n in ids],
        )
        db.executemany(
            "INSERT INTO run_state VALUES (?, ?, ?)",
            [(n, revision, encode(state)) for n, state in part],
        )
        rows = [
            (first + at, run, name, context)
            for run in ids
            for first in [(run - 1) * len(keys) + 1]
            for at, (name, context) in enumerate(keys)
        ]
        db.executemany("INSERT INTO series (id, run, name, context) VALUES (?, ?, ?, ?)", rows)
        db.executemany(
            "INSERT INTO slot VALUES (?, ?, ?, ?)",
            [(s, s, run, (s - 1) % len(keys) + 1) for s, run, _, _ in rows],
        )
        db.executemany("INSERT INTO summary VALUES (?, ?)", [(s, data) for s, *_ in rows])
        db.executemany(
            "UPDATE meta SET value = ? WHERE key = ?",
            [(revision, "revision"), (revision * 32, "watermark")],
        )
        db.execute("UPDATE spread SET revision = ?", (revision,))
        db.execute("COMMIT")
    db.close()
    publish(folder, 1)


async def _made(layout: Layout, path: Path, epoch: int) -> None:
    store = await SqliteViewStore.open(path, CATALOG, epoch, partial(replay, layout))
    await store.close()
