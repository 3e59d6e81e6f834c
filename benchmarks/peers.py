"""Foldline and its peers, told and asked the same.

Each peer has a virtual environment below PEERS_HOME, and is written to by a process of its own; its
server is asked over HTTP what its page asks. What took a peer minutes to write on a quiet machine
is kept there and used again, as nothing of ours changes it. Time is told as it was, and as ours
divided by theirs.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from .curves import varied
from .interviews import INTERVIEWS, Interview, Unasked
from .peer.workload import NAMES, PACE_S, Workload
from .report import ROOT, Report, scratch
from .servers import Client, free_port, held_mib, server, settle, wait_until

__all__ = ["HOME", "RUNS", "installed", "kept", "measure", "workload", "written"]

HOME = Path(os.environ.get("PEERS_HOME") or Path(tempfile.gettempdir()) / "foldline-peers")
RUNS, STEPS = 2_000, 100
SERIES = RUNS * len(NAMES)
LONG = 1_000_000
TRACKED, TRACK_S = 100_000, 10.0  # calls that are timed, or as many as there is time for
QUIET_LOAD = 1.0 + (os.cpu_count() or 1)  # beyond it a store is written again the next time
WATCHED = 50  # points that are waited for
WATCH_POLL_S = 0.005
WATCH_MAX_S = 60.0
LOADED_S = 300.0  # until a server has all
ASKED, ASKED_S = 9, 8.0  # answers that are timed, or as many as there is time for
MODELS = ("resnet", "vit", "mlp", "lstm")

Figures = dict[str, tuple[float, str, str]]  # what: the value, its unit, a note


def measure() -> Report:
    """Write, serve, ask, one peer after another."""
    report = Report("peers", f"Beside the peers: {RUNS:,} runs of {len(NAMES)} series of {STEPS}")
    with scratch("peers") as folder:
        workload().save(folder)
        np.save(folder / "long.npy", varied(7, LONG, 1).values[0])
        told: dict[str, Figures] = {}
        for key, interview in INTERVIEWS.items():
            print(f"{interview.NAME} …", file=sys.stderr, flush=True)
            trouble = installed(key, interview)
            if trouble:
                report.add(f"{interview.NAME}: not installed", 0, "", note=trouble)
                continue
            told[interview.NAME] = _peer(key, interview, folder)
    ours = told["Foldline"]
    for what in ours:
        for name, figures in told.items():
            if what in figures:
                value, unit, note = figures[what]
                ratio = f"ours ÷ theirs {ours[what][0] / value:.2g}" if name != "Foldline" else ""
                report.add(
                    f"{what}: {name}", value, unit, note="; ".join(filter(None, (ratio, note)))
                )
    return report


def workload() -> Workload:
    """Return what every peer is told."""
    values, params = [], []
    for number in range(RUNS):
        chance, curves = random.Random(number), varied(number, STEPS, len(NAMES))
        values.append(curves.values)
        fill: dict[str, Any] = {
            f"p{place:02d}": chance.random() if place % 2 else f"value-{chance.randrange(50)}"
            for place in range(14)
        }
        params.append({**curves.settings, "model": MODELS[number % len(MODELS)], **fill})
    return Workload(np.array(values), params)


def installed(key: str, interview: Interview) -> str:
    """Install a peer, if it is not; return why that could not be, or nothing."""
    if not interview.PACKAGES:
        return ""
    home = HOME / key
    done = home / ".installed"
    if done.exists() and done.read_text() == str(interview.PACKAGES):
        return ""
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    command = [str(home / "bin" / "python"), "-m", "pip", "install", "-q", *interview.PACKAGES]
    tried = subprocess.run([*command, "numpy"], capture_output=True, text=True, check=False)
    if tried.returncode:
        return tried.stderr.strip().rpartition("\n")[2][:200]
    done.write_text(str(interview.PACKAGES))
    return ""


def _peer(key: str, interview: Interview, folder: Path) -> Figures:
    """Return all figures of a peer."""
    figures: Figures = {}
    track = _told(key, "track", folder / f"{key}-track", points=TRACKED, seconds=TRACK_S)
    note = f"{track['calls']:,} calls"
    figures["track(), p50"] = (track["p50_us"], "µs", note)
    figures["track(), p99"] = (track["p99_us"], "µs", note)
    stores = kept(key, interview, folder)
    many, long = stores / "many", stores / "long"
    fill = written(key, "fill", many, workload=folder)
    one = written(key, "long", long, workload=folder / "long.npy", points=LONG)
    figures[f"write {SERIES * STEPS:,} points"] = (fill["seconds"], "s", fill["note"])
    figures[f"write a series of {LONG:,}"] = (one["seconds"], "s", one["note"])
    figures |= _ask_many(key, interview, many, folder)
    figures |= _ask_long(key, interview, long, folder)
    # With all that the server made of it.
    figures["the runs on disk"] = (_disk_mb(many), "MB", "")
    figures["that series on disk"] = (_disk_mb(long), "MB", "")
    with suppress(TimeoutError):
        figures |= _watch(key, interview, folder / f"{key}-watched")
    return figures


def kept(key: str, interview: Interview, folder: Path) -> Path:
    """Return where the stores of a peer are: ours are made anew each time."""
    return HOME / "stores" / f"{key}-{RUNS}-{STEPS}-{LONG}" if interview.PACKAGES else folder / key


def _python(key: str) -> str:
    return str(HOME / key / "bin" / "python") if INTERVIEWS[key].PACKAGES else sys.executable


def _words(key: str, what: str, store: Path, **options: object) -> list[str]:
    told = [f"--{name}={value}" for name, value in options.items()]
    return [_python(key), "-m", f"benchmarks.peer.{key}", what, str(store), *told]


def _told(key: str, what: str, store: Path, **options: object) -> dict[str, Any]:
    """Have a peer written to by a process of its own, and return what that says."""
    command = _words(key, what, store, **options)
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.strip().rpartition("\n")[2]))


def written(key: str, what: str, store: Path, **options: object) -> dict[str, Any]:
    """Have a store written, or take the one that was written before, if nothing disturbed that."""
    said = store.with_suffix(".json")
    if said.exists():
        figures = dict(json.loads(said.read_text()))
        if figures["load"] <= QUIET_LOAD:
            return figures
    shutil.rmtree(store, ignore_errors=True)
    before = os.getloadavg()[0]
    figures = _told(key, what, store, **options)
    figures["load"] = max(before, os.getloadavg()[0])
    figures["note"] = f"written {datetime.now(UTC):%F} at a load of {figures['load']:.1f}"
    said.write_text(json.dumps(figures))
    return figures


def _ask_many(key: str, interview: Interview, store: Path, folder: Path) -> Figures:
    if key == "foldline":
        _folded(interview, store, folder)
    figures: Figures = {}
    port, start = free_port(), time.perf_counter()
    with server(interview.command(HOME / key / "bin", store, port), port, folder / "said") as up:
        pid, client = up

        def loaded() -> bool:
            return interview.runs(client) in {-1, RUNS}

        wait_until(loaded, f"starting {interview.NAME}", LOADED_S)
        figures["start to the first page"] = (time.perf_counter() - start, "s", "")
        if key == "tensorboard":  # its first answers are of what it has read so far
            wait_until(lambda: interview.curves(client, SERIES)[0] == SERIES, "loading", LOADED_S)
        figures["memory then"] = (held_mib(pid), "MiB", "shared pages counted once")
        figures["first page of runs"] = _timed(lambda: interview.runs(client))
        with suppress(Unasked):
            figures["filter"] = _timed(lambda: interview.filtered(client), "runs")
        figures[f"all {SERIES:,} series"] = _timed_curves(interview, client)
        figures["memory after"] = (held_mib(pid), "MiB", "")
    return figures


def _folded(interview: Interview, store: Path, folder: Path) -> None:
    port = free_port()
    with server(interview.command(Path(), store, port), port, folder / "said") as (_, client):
        wait_until(lambda: interview.runs(client) >= 0, "starting")
        settle(client, LOADED_S, runs=RUNS)


def _ask_long(key: str, interview: Interview, store: Path, folder: Path) -> Figures:
    port = free_port()
    with server(interview.command(HOME / key / "bin", store, port), port, folder / "said") as up:
        _, client = up
        wait_until(lambda: interview.runs(client) != 0, f"starting {interview.NAME}", LOADED_S)
        if key == "foldline":
            settle(client)
        wait_until(lambda: interview.long(client) > 0, "loading", LOADED_S)
        return {"that series drawn": _timed(lambda: interview.long(client), "points")}


def _watch(key: str, interview: Interview, store: Path) -> Figures:
    """Track at a steady pace, ask all the time, and compare the clocks: one machine, one clock."""
    port = free_port()
    _told(key, "track", store, points=1)  # so that there is a store to serve
    with server(interview.command(HOME / key / "bin", store, port), port, store / "said") as up:
        _, client = up
        wait_until(lambda: interview.runs(client) != 0, f"starting {interview.NAME}", LOADED_S)
        with subprocess.Popen(
            _words(key, "pace", store, points=WATCHED),
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as writer:  # fmt: skip
            assert writer.stdout is not None and writer.stdin is not None
            run = writer.stdout.readline().strip()
            seen = _seen(lambda: interview.last_step(client, run))
            writer.stdin.close()
            tracked = dict(map(str.split, writer.stdout.read().splitlines()))
    late = sorted(
        (at - float(tracked[str(step)])) * 1e3 for step, at in seen.items() if step >= WATCHED // 5
    )
    note = f"one point each {PACE_S:g} s, asked all the time"
    p50, p90 = late[len(late) // 2], late[len(late) * 9 // 10]
    return {"track() to an answer, p50": (p50, "ms", note), "the same, p90": (p90, "ms", "")}


def _seen(last_step: Callable[[], int]) -> dict[int, float]:
    """Return when each step was first seen."""
    seen: dict[int, float] = {}
    end = time.monotonic() + WATCH_MAX_S
    while len(seen) < WATCHED and time.monotonic() < end:
        with suppress(OSError, RuntimeError, LookupError):  # the run is not there yet
            last = last_step()
            now = time.time()
            for step in range(len(seen), last + 1):
                seen[step] = now
        time.sleep(WATCH_POLL_S)
    return seen


def _timed(ask: Callable[[], int], words: str = "") -> tuple[float, str, str]:
    took: list[float] = []
    found, end = ask(), time.perf_counter() + ASKED_S  # the first one may fill caches
    while len(took) < ASKED and (not took or time.perf_counter() < end):
        start = time.perf_counter()
        found = ask()
        took.append((time.perf_counter() - start) * 1e3)
    return statistics.median(took), "ms", f"{found:,} {words}" if words else ""


def _timed_curves(interview: Interview, client: Client) -> tuple[float, str, str]:
    took: list[float] = []
    end = time.perf_counter() + ASKED_S
    while len(took) < ASKED and (not took or time.perf_counter() < end):
        start = time.perf_counter()
        came, times = interview.curves(client, SERIES)
        took.append((time.perf_counter() - start) * times)
    note = f"reckoned from {came:,}" if times > 1 else f"{came:,} came"
    return statistics.median(took) * 1e3, "ms", note


def _disk_mb(folder: Path) -> float:
    return sum(file.lstat().st_blocks * 512 for file in folder.rglob("*")) / 1e6
