"""Many series of a run in one pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import foldline
from foldline.layout import Layout
from foldline_views import scan
from foldline_views.exact import read_points

POINT = st.tuples(st.sampled_from("abc"), st.integers(-3, 9), st.floats(), st.booleans())
DEED = st.one_of(POINT, st.integers(-1, 8))  # a point, or a rewind to a step


@settings(max_examples=60, deadline=None)
@given(writers=st.lists(st.lists(DEED, max_size=12), min_size=1, max_size=3))
def test_a_pass_over_all_is_a_pass_over_each(
    tmp_path_factory: pytest.TempPathFactory, writers: list[list[object]]
) -> None:
    """Read together or one by one, over any writers, points and rewinds: series are the same."""
    store = tmp_path_factory.mktemp("scan") / "store"
    context = {"subset": "val"}
    for deeds in writers:
        with foldline.Run("the-run", store=store, capture=False) as run:
            run.track(0.0, name="__system__/cpu", step=99)
            for deed in deeds:
                if isinstance(deed, tuple):
                    name, step, value, inside = deed
                    run.track(value, name=name, step=step, context=context if inside else None)
                else:
                    run.rewind(deed)  # type: ignore[arg-type]  # the other of the two
    whole = scan.Scan(Layout(store), "the-run")
    whole.points("a", {})
    for name in ("a", "b", "c", "none", "__system__/cpu"):
        for where in ({}, context):
            together = whole.points(name, where)
            alone = read_points(Layout(store), "the-run", name, where)
            for one, other in zip(together, alone, strict=True):
                assert np.array_equal(one, other, equal_nan=True)


def test_a_long_run_is_read_series_by_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More points than memory is given for are read all the same."""
    monkeypatch.setattr(scan, "POINTS_MAX", 10)
    with foldline.Run("long", store=tmp_path / "store") as run:
        for step in range(8):
            run.track({"a": 1.0, "b": 2.0}, step=step)
    values = [metric.values.values_list() for metric in run.metrics()]
    assert values == [[1.0] * 8, [2.0] * 8]
