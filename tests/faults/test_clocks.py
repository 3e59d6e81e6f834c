"""Clocks that jump, and file systems without locks."""

from __future__ import annotations

import shutil
from pathlib import Path

import anyio

import foldline
from foldline.layout import Layout
from foldline_ingest.verify import verify
from foldline_views.folding import rebuild
from tests.canonical import dump_of
from tests.faults.scenes import POINTS
from tests.faults.shim import Acting, Fault, Outcome


def played(scene: str, store: Path) -> Outcome:
    with Acting() as acting:
        return acting.play(scene, store, Fault(0))


def test_a_clock_that_jumps_orders_nothing_anew(tmp_path: Path) -> None:
    """Set back, far ahead and home again: points and settings stand as they were logged."""
    store = tmp_path / "store"
    outcome = played("skew", store)
    assert (outcome.status, outcome.error) == (0, "")
    assert outcome.said == {"dropped": 0} and verify(Layout(store)).damage == []
    with foldline.open(store) as opened:
        (series,) = opened.series()
        assert series.steps.tolist() == list(range(POINTS))
        run = opened.run("run1")
        assert (run.params["at"], run.status) == (POINTS - 1, "finished")
    live = dump_of(store)
    anyio.run(rebuild, Layout(store))
    assert dump_of(store) == live


def test_a_file_system_without_locks_takes_a_log(tmp_path: Path) -> None:
    """A training needs no lock; who wants to fold there is told what to do."""
    store = tmp_path / "store"
    outcome = played("unlocked", store)
    assert outcome.error.startswith("StoreUnwritable") and "hint:" in outcome.error
    shutil.rmtree(store / "views")
    with foldline.open(store) as opened:
        assert [one.count for one in opened.series()] == [POINTS]
