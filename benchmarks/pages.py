"""Our pages beside Aim's, of the same runs.

The runs are those of `peers`. Each page is opened cold, in a profile of its own, and ready when
what was asked for is drawn: rows of the table, a line for each series. Chromium renders in
software.
"""

from __future__ import annotations

import base64
import json
import statistics
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from typing import NamedTuple
from urllib.parse import quote, urlencode

from tests.browser.chromium import Chromium
from tests.browser.page import Page

from .browser import DRAWN, ROWS, WHEN
from .interviews import INTERVIEWS
from .peers import HOME, RUNS, installed, kept, workload, written
from .report import Report, scratch
from .servers import Client, free_port, server, settle, wait_until

__all__ = ["measure"]

OPENED = 5  # times that each page is opened; the median counts
START_S = 300.0  # until a server answers
SIZE_PX = (1440, 900)
LEAST = 0.25  # of a param between 0 and 1: a quarter of the runs have less

QUERY = f'metric.name == "loss" and run.hparams.p01 < {LEAST}'


class _Pages(NamedTuple):
    """Where a tracker's pages are, and by what one sees that they are ready."""

    runs: str
    rows: str
    metrics: str
    lines: str


def measure() -> Report:
    """Open each page of both, one tracker after the other."""
    report = Report("pages", f"Pages of {RUNS:,} runs beside Aim's, Chromium, opened cold")
    with scratch("pages") as folder, closing(Chromium()) as chromium:
        told = workload()
        told.save(folder)
        series = sum(params["p01"] < LEAST for params in told.params)
        pages = {"foldline": _ours(series), "aim": _aims(series)}
        ready: dict[str, dict[str, list[float]]] = {}
        for key, page in pages.items():
            interview = INTERVIEWS[key]
            if trouble := installed(key, interview):
                report.add(f"{interview.NAME}: not installed", 0, "", note=trouble)
                continue
            store = kept(key, interview, folder) / "many"
            written(key, "fill", store, workload=folder)
            port = free_port()
            command = interview.command(HOME / key / "bin", store, port)
            with server(command, port, folder / "said") as (_, client):
                asks = partial(_answers, interview.runs, client)
                wait_until(asks, f"starting {interview.NAME}", START_S)
                if key == "foldline":
                    settle(client, runs=RUNS)
                ready[interview.NAME] = {
                    "table of runs": _opened(chromium, port, page.runs, page.rows),
                    f"{series} series drawn": _opened(chromium, port, page.metrics, page.lines),
                }
    for what, ours in ready["Foldline"].items():
        for name, found in ready.items():
            ratio = statistics.median(ours) / statistics.median(found[what])
            note = "" if name == "Foldline" else f"ours ÷ theirs {ratio:.2g}"
            report.add(f"{what}: {name}", statistics.median(found[what]), "ms", note=note)
    return report


def _ours(series: int) -> _Pages:
    return _Pages("runs", ROWS, f"metrics?{urlencode({'q': QUERY})}", DRAWN.format(series))


def _aims(series: int) -> _Pages:
    """Aim keeps the state of a page in its address: JSON, escaped, in base 64."""
    chosen = {"options": [], "query": "", "advancedMode": True, "advancedQuery": QUERY}
    escaped = quote(json.dumps(chosen, separators=(",", ":")), safe="~()*!.'-_;/?:@&=+$,#")
    state = base64.urlsafe_b64encode(escaped.encode()).decode().rstrip("=")
    return _Pages(
        "runs",
        """document.querySelectorAll('.Table__cell[class*=" index-"]').length > 10""",
        f"metrics?select=O-{state}",
        f"document.querySelectorAll('path.Line').length >= {series}",
    )


def _answers(ask: Callable[[Client], int], client: Client) -> bool:
    with suppress(OSError, RuntimeError):
        ask(client)
        return True
    return False


def _opened(chromium: Chromium, port: int, path: str, condition: str) -> list[float]:
    """Return when a page was ready, each time anew."""
    times = []
    for _ in range(OPENED):
        with closing(Page(chromium)) as page:
            page.resize(*SIZE_PX)
            page.goto(f"http://127.0.0.1:{port}/{path}")
            times.append(float(page.evaluate(WHEN.format(condition=condition))))
    return times
