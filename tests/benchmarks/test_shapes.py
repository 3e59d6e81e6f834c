"""Benchmark stores are what a training would have left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import foldline
from benchmarks.curves import stock, varied
from benchmarks.shapes import Shape, fill
from foldline.layout import Layout
from foldline_ingest.verify import verify


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    fill(folder, Shape(3, metrics=12, steps=700, params=30, lines=100, texts=2))
    return folder


def test_a_shape_is_a_whole_log(store: Path) -> None:
    """Every segment is sealed to its end, and holds what the shape says."""
    found = verify(Layout(store))
    assert not found.damage
    assert found.points == 3 * 12 * 700
    assert found.segments == 6  # three of trainings, three of their companions


def test_a_shape_reads_as_runs(store: Path) -> None:
    """The views have the runs, their settings, their series and what they printed."""
    with foldline.open(store) as opened:
        runs = opened.runs()
        assert len(runs) == 3
        assert {run.params["hparams"]["model"] for run in runs}
        assert all(len(run.params["hparams"]) == 30 for run in runs)
        assert {series.count for series in opened.series()} == {700}
        assert len(opened.series()) == 36


def test_a_store_grows_by_the_runs_that_it_does_not_have(tmp_path: Path) -> None:
    """Filling on from a number adds the runs from there on, and leaves the others alone."""
    fill(tmp_path, Shape(2))
    before = {run.name for run in Layout(tmp_path).runs.iterdir()}
    fill(tmp_path, Shape(5), first=2)
    after = {run.name for run in Layout(tmp_path).runs.iterdir()}
    assert before < after and len(after) == 5


def test_no_two_runs_are_alike() -> None:
    """Runs of one model differ in every point, and one run is the same each time it is made."""
    assert np.array_equal(varied(7, 50).values, varied(7, 50).values)
    models = len(stock())
    many = [varied(seed, 50).values[0] for seed in range(2 * models)]
    assert len({row.tobytes() for row in many}) == len(many)
    assert all(np.isfinite(row).all() and (row >= 0).all() for row in many)
