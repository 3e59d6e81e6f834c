"""Curves along any x, exact where few."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import foldline
from foldline.errors import QueryError
from foldline.layout import Layout
from foldline_views import charts
from foldline_views.folding import catch_up
from foldline_views.styles import OtherSeries, Smooth
from tests.views.test_frames import ask, expected, log_of, only, wave

LONG = 6000


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A run whose loss has an epoch and a count of tokens beside it, and one without those."""
    store = tmp_path_factory.mktemp("charts") / "store"
    with foldline.Run(id="r", store=store) as run:
        run.define_metric("val/*", step_metric="tokens")
        for step in range(LONG):
            run.track(float(step % 97), name="loss", step=step, epoch=step // 100)
            run.track(step * 512.0, name="tokens", step=step)
            if step % 50 == 0:
                run.track(step / 2, name="val/loss", step=step, context={"subset": "a"})
            if step < 40:
                run.track(1.0 / (step + 1), name="lr", step=step)
                run.track(float(step), name="short", step=step)
    with foldline.Run(id="s", store=store) as run:
        run.track(1.0, name="loss", step=0)
    found = Layout(store)
    assert anyio.run(catch_up, found)
    return found


def of(name: str) -> str:
    return f'run.id == "r" and metric.name == "{name}"'


def test_few_points_are_exact(layout: Layout) -> None:
    """An answer says of each curve whether it is the points themselves."""
    assert ask(layout, query=of("short")).head["exact"] == [True]
    assert ask(layout, query=of("loss")).head["exact"] == [False]
    both = ask(layout, query='run.id == "r" and metric.name in ("lr", "loss")')
    assert sorted(both.head["exact"]) == [False, True]


@pytest.mark.parametrize("x", ["step", "time", "relative"])
def test_a_zoom_ends_in_the_points_themselves(layout: Layout, x: Any) -> None:
    """A range of a long series that holds few enough points has all of them, and neighbours."""
    span = (3000.0, 3100.0)
    if x != "step":
        whole = ask(layout, query=of("loss"), x=x, points=1024).curves[0]
        span = (whole.x[512], whole.x[520])
    message = ask(layout, query=of("loss"), x=x, range=span)
    (curve,) = message.curves
    assert message.head["exact"] == [True]
    if x == "step":
        assert curve.x == [float(step) for step in range(2999, 3102)]
        assert curve.columns["last"] == [step % 97 for step in range(2999, 3102)]
    else:
        inside = [at for at in curve.x if span[0] <= at <= span[1]]
        assert len(inside) == len(curve.x) - 2
        values = curve.columns["last"]
        assert all((b - a) % 97 == 1 for a, b in pairwise(values))


def test_a_narrow_range_is_as_fine_as_asked_for(layout: Layout) -> None:
    """Where what is stored is coarser than the width asked for, points are put into buckets."""
    message = ask(layout, query=of("loss"), range=(1000.0, 3000.0), points=512)
    (curve,) = message.curves
    assert message.head["exact"] == [False] and 256 < len(curve.x) <= 512
    rows = [(float(step), float(step % 97)) for step in range(996, 3004)]
    inner = dict(expected(rows, 2))
    for at, x in enumerate(curve.x[2:-2], 2):
        assert curve.columns["max"][at] == inner[x]["max"]


def test_an_overview_shows_all_points_that_may_be_shown(tmp_path: Path) -> None:
    """A series of more points than its overview, and no more than asked for, is sent whole."""
    rows = wave(300)
    message = ask(log_of(tmp_path, rows), points=400)
    assert message.head["exact"] == [True]
    assert message.curves[0].x == [step for step, _ in rows]


def test_x_may_be_the_epoch(layout: Layout) -> None:
    """Along epochs there is one point each, over all of the epoch's values."""
    message = ask(layout, query=of("loss"), x="epoch", points=256)
    (curve,) = message.curves
    assert curve.x == [float(epoch) for epoch in range(LONG // 100)]
    assert curve.columns["last"] == [(epoch * 100 + 99) % 97 for epoch in range(LONG // 100)]
    assert curve.columns["max"][0] == 96.0
    assert ask(layout, query='run.id == "s"', x="epoch").curves[0].x == []


def test_x_may_be_another_series(layout: Layout) -> None:
    """Series of one run are joined step by step, and steps without both are left out."""
    tokens = OtherSeries("tokens")
    message = ask(layout, query=of("val/loss"), x=tokens)
    (curve,) = message.curves
    assert message.head["x"] == {"metric": "tokens", "context": None}
    x, last = np.array(curve.x), np.array(curve.columns["last"])
    assert np.all(np.diff(x) > 0) and len(x) == LONG // 50
    # Both in buckets: x and value are each of a last step within one bucket of tokens.
    assert np.all(np.abs(x / 512 / 2 - last) <= 8)
    zoomed = ask(layout, query=of("val/loss"), x=tokens, range=(512e3, 768e3))
    (curve,) = zoomed.curves
    assert zoomed.head["exact"] == [True]
    inside = [(x, y) for x, y in zip(curve.x, curve.columns["last"], strict=True)
              if 512e3 <= x <= 768e3]  # fmt: skip
    assert inside == [(step * 512.0, step / 2) for step in range(1000, 1501, 50)]


def test_another_series_that_falls(layout: Layout) -> None:
    """Points are in the order of x, whatever way it went, as fine as x is."""
    (curve,) = ask(layout, query=of("short"), x=OtherSeries("lr")).curves
    assert curve.x == [1.0 / (step + 1) for step in reversed(range(40))]
    assert curve.columns["last"] == [float(step) for step in reversed(range(40))]


def test_a_run_without_the_other_series(layout: Layout) -> None:
    """Its curve is empty, and the answer says why."""
    message = ask(layout, query='metric.name == "loss"', x=OtherSeries("tokens"))
    assert sorted(len(curve.x) > 0 for curve in message.curves) == [False, True]
    assert message.head["warnings"] == ['1 curves are empty: their runs have no metric "tokens"']


def test_the_script_may_define_the_x(layout: Layout) -> None:
    """Along "auto" each series has the x that its script defined, or steps."""
    message = ask(layout, query='run.id == "r" and metric.name in ("val/loss", "loss")', x="auto")
    axes = dict(zip((curve.x[1] for curve in message.curves), message.head["axes"], strict=True))
    assert sorted(axes.values()) == ["step", "tokens"]
    plain = ask(layout, query=of("loss"), x="auto")
    assert plain.head["axes"] == ["step"] and plain.curves == ask(layout, query=of("loss")).curves


@pytest.mark.parametrize("x", ["step", "time", "relative", "epoch", OtherSeries("tokens")])
def test_smoothing_comes_beside_the_values(layout: Layout, x: Any) -> None:
    """The smoothed value is one column more; the others stay as they are."""
    plain = ask(layout, query=of("loss"), x=x).curves[0]
    message = ask(layout, query=of("loss"), x=x, smooth=Smooth(weight=0.99))
    (curve,) = message.curves
    assert message.head["columns"][-1] == "smooth"
    assert curve.x == plain.x or x in {"step", "time", "relative"}
    smooth = np.array(curve.columns["smooth"])
    assert np.all((smooth >= 0) & (smooth <= 96))
    # Along time a pause of the machine is a distance that smoothing forgets over.
    assert x in ("time", "relative") or np.ptp(smooth[20:]) < 60


@given(low=st.integers(0, LONG - 300), half=st.sampled_from([20.0, 300.0, 3000.0]))
@settings(max_examples=25, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_a_zoom_is_smoothed_as_the_whole(layout: Layout, low: int, half: float) -> None:
    """From levels or from exact points, a smoothed value is off by less than a bucket is high."""
    message = ask(layout, query=of("loss"), range=(float(low), low + 200.0),
                  smooth=Smooth(width=half))  # fmt: skip
    (curve,) = message.curves
    assert message.head["exact"] == [True]
    top = bottom = 0.0
    want = {}
    for step in range(LONG):
        top, bottom = top * 0.5 ** (1 / half) + step % 97, bottom * 0.5 ** (1 / half) + 1
        want[float(step)] = top / bottom
    extent = 7  # steps of a bucket of the level
    allowed = 96 * (1 - 0.5 ** (extent / half)) + 1e-3
    off = [abs(y - want[x]) for x, y in zip(curve.x, curve.columns["smooth"], strict=True)]
    assert max(off) <= allowed


def test_a_series_is_sent_once(layout: Layout) -> None:
    """An id that is asked for twice is one curve."""
    message = ask(layout, query=None, ids=[1, 1, 2, 1])
    assert [curve.series for curve in message.curves] == [1, 2]


def test_one_point_of_steps_on_both_sides_of_zero(tmp_path: Path) -> None:
    """Steps below and above zero share no bucket, so two are the fewest that there can be."""
    layout = log_of(tmp_path, [(float(step), 1.0) for step in range(-5, 5)])
    assert only(layout, points=1).x == [-8.0, 0.0]


def test_what_is_true_stays_true_when_steps_are_odd(tmp_path: Path) -> None:
    """Repeated, fractional and far steps are shown where they are."""
    rows = [(0.5, 1.0), (0.5, 2.0), (0.5000001, 3.0), (1e12, math.inf)]
    message = ask(log_of(tmp_path, rows), points=100)
    (curve,) = message.curves
    assert curve.columns["last"][-1] == math.inf and curve.x[-1] == 1e12
    assert message.head["exact"] == [True]
    assert curve.x[:2] == [0.5, 0.5000001] and curve.columns["last"][:2] == [2.0, 3.0]


def test_wrong_words_are_errors(layout: Layout) -> None:
    """A query, a group and an expression that can't be read are refused."""
    for words in ({"expressions": ("loss +",)}, {"query": "metric.name ==", "inherit": True}):
        with pytest.raises(QueryError):
            ask(layout, **words)


@pytest.mark.parametrize("points", [1, 2, 7, 48, 100, 255, 256, 700, 1024])
def test_what_is_stored_ready_is_what_is_worked_out(
    crowd: Layout, points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many points are asked for, curves from overviews are those from levels and log."""
    columns = ("last", "min", "max", "mean")
    ready = ask(crowd, points=points, columns=columns)
    monkeypatch.setattr(charts, "_is_stored", lambda *_, **__: False)
    worked_out = ask(crowd, points=points, columns=columns)
    assert ready.head["exact"] == worked_out.head["exact"]
    for one, other in zip(ready.curves, worked_out.curves, strict=True):
        assert one.series == other.series and len(one.x) == len(other.x) <= max(points, 2)
        for name in ("last", "min", "max"):
            np.testing.assert_array_equal(one.columns[name], other.columns[name])
        np.testing.assert_allclose(one.columns["mean"], other.columns["mean"], rtol=1e-5, atol=1e-6)
        # One bucket alone may stay where it was drawn, within the one that it would be put into.
        assert all(low <= x for low, x in zip(other.x, one.x, strict=True))
        assert all(x < high for x, high in zip(one.x, other.x[1:], strict=False))


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """Thirty series of all lengths: of even and odd steps, with gaps, and without numbers."""
    chance = np.random.default_rng(5)
    store = tmp_path_factory.mktemp("crowd") / "store"
    with foldline.Run(id="r", store=store, capture=False) as run:
        for number in range(30):
            count = int(2 ** chance.uniform(0, 11.5))
            steps = np.arange(count) * 2.0 ** chance.integers(-3, 9) - chance.integers(0, 900)
            if number % 3 == 1:
                steps = np.cumsum(chance.exponential(3.0, count))
            elif number % 3 == 2:
                steps[count // 2 :] += 1e6
            values = chance.normal(size=count)
            values[chance.random(count) < 0.1 * (number % 4)] = chance.choice([np.nan, np.inf])
            for step, value in zip(steps.tolist(), values.tolist(), strict=True):
                run.track(value, name=f"m{number}", step=step)
    found = Layout(store)
    assert anyio.run(catch_up, found)
    return found
