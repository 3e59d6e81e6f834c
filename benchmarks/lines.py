"""How fast ten million lines are folded and opened.

One run prints ten million lines, as a training prints: steps with changing numbers, warnings,
tracebacks. Another has eight ranks that print at once, whose lines are merged by time. A page is
opened as a person jumps: at any line, at any time, at the end.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio

import foldline
from foldline.capture.lines import Count, Lines
from foldline.layout import Layout
from foldline_ingest.log import Log
from foldline_ingest.replay import replay
from foldline_views.contents import HitsRequest, LinesRequest
from foldline_views.database import connect
from foldline_views.generation import database_path
from foldline_views.linehits import hits_page
from foldline_views.linepages import lines_page
from foldline_views.shelves import LINES
from foldline_views.viewstore import SqliteViewStore

from .report import Report, resident_mib, scratch, timed

__all__ = ["measure"]

LONG_LINES = 10_000_000
RANKS, RANK_LINES = 8, 125_000
CHUNK_LINES = 64  # printed between two reads of a companion
PAGE_LINES = 200
ASKED = 300  # pages, for each kind of jump
NEEDLE = "quokka"


def measure() -> Report:
    """Print, fold, and open."""
    report = Report("lines", "Console lines: 10 M of one process, 1 M of eight ranks")
    with scratch("lines") as folder:
        chance = random.Random(7)
        raw = _print(folder, "long", chance, LONG_LINES)
        for rank in range(RANKS):
            _print(folder, "ranks", chance, RANK_LINES, rank)
        lines = LONG_LINES + RANKS * RANK_LINES
        floor_s = _read_all(folder)
        fold_s = anyio.run(_fold_all, folder)
        file = database_path(folder / "views", 1)
        report.add("lines folded", lines / fold_s / 1e6, "M lines/s")
        report.add("the same, only read", lines / floor_s / 1e6, "M lines/s")
        report.add("a line, as printed", raw / LONG_LINES, "bytes")
        log = sum(segment.stat().st_size for segment in (folder / "runs").rglob("*.fold"))
        report.add("a line in the log", log / lines, "bytes")
        report.add("a line in the views", file.stat().st_size / lines, "bytes")
        with closing(connect(file, write=False)) as db:
            _open(report, db, chance)
        report.add("memory of this process at its end", resident_mib(), "MiB")
    return report


def _open(report: Report, db: sqlite3.Connection, chance: random.Random) -> None:
    """Open pages as a person jumps."""
    page = partial(lines_page, db)

    def jump(run: str, lines: int) -> object:
        return page(run, LinesRequest(start=chance.randrange(lines), limit=PAGE_LINES))

    def to_time(run: str) -> object:
        return page(run, LinesRequest(at=began + chance.random() * spent, limit=PAGE_LINES))

    report.add_samples(
        "10 M lines, 200 from any line", timed(partial(jump, "long", LONG_LINES), ASKED),
        p99_at_most=10_000,
    )  # fmt: skip
    report.add_samples(
        "8 ranks merged, 200 from any line",
        timed(partial(jump, "ranks", RANKS * RANK_LINES), ASKED),
        p99_at_most=10_000,
    )
    before = time.process_time()
    for _ in range(ASKED):
        jump("ranks", RANKS * RANK_LINES)
    spent_ms = (time.process_time() - before) / ASKED * 1e3
    report.add("the same, of the processor, mean", spent_ms, "ms", note="whatever else runs")
    ends = [page("long", LinesRequest(start=at, limit=1)).lines[0].time for at in (0, -1)]
    began, spent = ends[0], ends[1] - ends[0]
    report.add_samples(
        "10 M lines, from any time", timed(partial(to_time, "long"), ASKED), p99_at_most=10_000
    )
    report.add_samples(
        "10 M lines, the last 200", timed(lambda: page("long", LinesRequest(start=-200)), ASKED),
        p99_at_most=10_000,
    )  # fmt: skip
    started = time.perf_counter()
    cursor, looked, found = None, 0, 0
    while True:
        hits = hits_page(db, "long", HitsRequest(NEEDLE, cursor=cursor))
        looked, found, cursor = looked + hits.looked, found + len(hits.lines), hits.cursor
        if cursor is None:
            break
    took = time.perf_counter() - started
    report.add("looked through for a text", looked / took / 1e6, "M lines/s", note=f"{found} found")


def _print(folder: Path, run: str, chance: random.Random, count: int, rank: int = 0) -> int:
    """Log what a process prints, as its companion would; return how many bytes that is."""
    raw = 0
    with foldline.Run(id=run, store=folder, capture=False) as logged:
        said = Lines("stdout", Count())
        chunk: list[str] = []
        for number, line in enumerate(_lines(chance, count, rank)):
            chunk.append(line)
            if len(chunk) == CHUNK_LINES or number == count - 1:
                data = "".join(chunk).encode()
                raw += len(data)
                chunk.clear()
                for event in said.feed(data, float(number)):
                    logged._writer.event(event)
    return raw


def _lines(chance: random.Random, count: int, rank: int) -> Iterator[str]:
    for number in range(count):
        a, b = chance.random(), chance.randrange(1000)
        match number % 20:
            case 17:
                yield f"\x1b[33mWARNING\x1b[0m worker {b % 16} is slow ({a:.2f} s)\n"
            case 18:
                yield f'  File "/srv/net/train.py", line {b}, in forward\n'
            case 19:
                yield f"validation accuracy {a:.4f}\n"
            case 14 | 15 | 16:
                yield f"12:{b % 60:02}:{b % 59:02} INFO trainer.py:212 gradient norm {a:.3f}\n"
            case _:
                needle = NEEDLE if number % 1_000_000 == 7 else ""
                yield f"[{rank}] epoch {number // 1000} step {number} loss {a:.4f} {b}/s{needle}\n"


def _read_all(folder: Path) -> float:
    started = time.perf_counter()
    log = Log(Layout(folder), {}, events_only=True)
    log.discover()
    while log.poll().batches:
        pass
    log.close()
    return time.perf_counter() - started


async def _fold_all(folder: Path) -> float:
    """Read and commit in turn, without overlap: so it is one core's work."""
    again = partial(replay, Layout(folder))
    store = await SqliteViewStore.open(database_path(folder / "views", 1), LINES, 1, again)
    started = time.perf_counter()
    log = Log(Layout(folder), {}, events_only=True)
    log.discover()
    while batches := log.poll().batches:
        await store.apply(batches)
    took = time.perf_counter() - started
    log.close()
    await store.close()
    return took
