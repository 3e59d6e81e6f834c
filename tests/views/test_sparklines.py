"""The small curves of one run."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

import foldline
from foldline.layout import Layout
from foldline_views.sparklines import BUCKETS_MAX, LINES_MAX, Sparklines


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def begin(store: Path, **more: Any) -> tuple[foldline.Run, Sparklines]:
    run = foldline.Run(store=store, **more)
    return run, Sparklines(Layout(store), run.id)


def places(svg: str) -> list[tuple[str, float, float]]:
    """Return the strokes of a curve: pen, x and y."""
    return [(pen, float(x), float(y)) for pen, x, y in re.findall(r"([ML])([\d.]+) ([\d.]+)", svg)]


def test_a_line_grows_with_its_series(store: Path) -> None:
    """Each look shows what was logged up to then, and what was there before."""
    run, lines = begin(store)
    assert lines.read() == []
    run.track(1.0, "loss", context={"subset": "val"})
    [first] = lines.read()
    assert (first.name, first.context, first.last) == ("loss", {"subset": "val"}, 1.0)
    run.track(0.25, "loss", context={"subset": "val"})
    [second] = lines.read()
    assert second.last == 0.25
    assert len(places(second.svg)) > len(places(first.svg)) > 0
    assert lines.read() == [second]
    run.finish()


def test_a_long_series_keeps_its_spike_and_few_strokes(store: Path) -> None:
    """A hundred thousand points are as many strokes as a line has columns, the extremes kept."""
    run, lines = begin(store)
    for step in range(100_000):
        run.track(100.0 if step == 54_321 else math.sin(step), "loss")
    run.finish()
    lines.read()
    while (found := lines.read()) != lines.read():
        pass
    drawn = places(found[0].svg)
    assert len(drawn) <= 2 * BUCKETS_MAX
    assert min(y for _, _, y in drawn) == 2.0  # the spike is at the top
    assert sorted(x for _, x, _ in drawn) == [x for _, x, _ in drawn]


def test_what_is_no_number_is_a_gap(store: Path) -> None:
    """NaN ends a stroke, and the next number begins another; all NaN draws nothing."""
    run, lines = begin(store)
    for value in (1.0, math.nan, 2.0, math.inf, 3.0):
        run.track(value, "loss")
        run.track(math.nan, "broken")
    run.finish()
    loss, broken = lines.read()
    assert [pen for pen, _, _ in places(loss.svg)].count("M") == 3
    assert broken.svg.endswith("></svg>") and math.isnan(broken.last)


@pytest.mark.parametrize("values", [(5.0, 5.0), (-1.7e308, 1.7e308), (0.0, 5e-324)])
def test_extreme_ranges_are_drawn(store: Path, values: tuple[float, float]) -> None:
    """A flat line, the largest floats and the smallest are drawn inside of the picture."""
    run, lines = begin(store)
    for value in values:
        run.track(value, "loss")
    run.finish()
    [line] = lines.read()
    assert all(0 <= x <= 160 and 0 <= y <= 28 for _, x, y in places(line.svg))


def test_the_first_few_series_of_all_writers_are_shown(store: Path) -> None:
    """Two processes' points of one series are one line; the rest is counted, the machine's not."""
    run, lines = begin(store, id="shared")
    other = foldline.Run("shared", store=store)
    run.track(0.0, "loss", step=0)
    other.track(1.0, "loss", step=1)
    run.track(50.0, "__system__/cpu_percent")
    for number in range(LINES_MAX + 3):
        run.track(1.0, f"metric {number}")
    run.finish()
    other.finish()
    found = lines.read()
    assert len(found) == LINES_MAX
    assert found[0].name == "loss" and len({x for _, x, _ in places(found[0].svg)}) == 2
    assert lines.more == 4
