"""Figures come back, and curves are what scikit-learn says."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

import foldline
from foldline.errors import FoldlineWarning, ValueRejected
from foldline.values import Figure, confusion_matrix, pr_curve, roc_curve
from tests.values.store import revived

RNG = np.random.default_rng(5)


def test_plotly_figures_come_back(tmp_path: Path) -> None:
    """As JSON, from plotly's object or a dict with arrays; plotly makes them again."""
    import plotly.graph_objects as go

    drawn = go.Figure(go.Scatter(x=[1, 2], y=[3, 4]), {"title": {"text": "a chart"}})
    plain = {"data": [{"type": "bar", "y": np.arange(3)}], "layout": {}}
    with foldline.Run(store=tmp_path) as run:
        run.track([Figure(drawn), Figure(plain, caption="bars")], name="charts")
    first, second = revived(tmp_path, "charts")
    assert first.to_plotly_figure() == drawn
    assert second.to_json()["data"][0]["y"] == [0, 1, 2] and second.caption == "bars"
    with pytest.raises(ValueRejected, match="no picture"):
        first.to_pil_image()


def test_matplotlib_figures_come_back_as_pictures(tmp_path: Path) -> None:
    """As a picture in any case, and as plotly's JSON where plotly can convert it."""
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(2, 1), dpi=50)
    drawing.subplots().plot([1.0, 2.0], [3.0, 4.0])
    with foldline.Run(store=tmp_path) as run:
        run.track(Figure(drawing, interactive=False), name="picture")
        run.track(Figure(drawing), name="both")
    (picture,) = revived(tmp_path, "picture")
    assert picture.media_type == "image/png" and picture.to_pil_image().size == (100, 50)
    with pytest.raises(ValueRejected, match="a picture only"):
        picture.to_plotly_figure()
    (both,) = revived(tmp_path, "both")
    assert both.to_pil_image().size == (100, 50)
    if both.media_type != "image/png":  # plotly's converter does not know every matplotlib
        assert both.to_json()["data"]


@pytest.mark.parametrize("bad", [None, 3, {}, {"data": 3}, "text", {"data": [object()]}])
def test_what_is_no_figure_is_refused(tmp_path: Path, bad: Any) -> None:
    """With a warning that names the call."""
    with (
        pytest.warns(FoldlineWarning, match=r"track\('bad'\)"),
        foldline.Run(store=tmp_path) as run,
    ):
        run.track(Figure(bad), name="bad")


scores = st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=2, max_size=40).filter(
    lambda pairs: 0 < sum(truth for truth, _ in pairs) < len(pairs)
)


@given(scores)
def test_areas_are_those_of_scikit_learn(pairs: list[tuple[bool, int]]) -> None:
    """Average precision and the area below ROC, with ties and all."""
    truth, scored = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs]) / 9
    (line,) = pr_curve(truth, scored).to_json()["data"]
    assert math.isclose(
        line["meta"]["average precision"], metrics.average_precision_score(truth, scored)
    )
    precision, recall, _ = metrics.precision_recall_curve(truth, scored)
    ours = set(zip(np.round(line["x"], 9), np.round(line["y"], 9), strict=True))
    reached = [n for n, at in enumerate(recall) if at < 1 or (at == 1 and n and recall[n - 1] > at)]
    theirs = zip(np.round(recall[reached], 9), np.round(precision[reached], 9), strict=True)
    assert set(theirs) - {(0.0, 1.0)} <= ours
    (line,) = roc_curve(truth, scored).to_json()["data"]
    assert math.isclose(line["meta"]["area"], metrics.roc_auc_score(truth, scored), abs_tol=1e-12)
    x, y, _ = metrics.roc_curve(truth, scored, drop_intermediate=False)
    assert np.allclose(line["x"], x) and np.allclose(line["y"], y)


def test_curves_of_several_classes_are_one_against_the_rest() -> None:
    """A column of scores for each class; labels name the lines."""
    truth = np.arange(300) % 3
    table = RNG.random((300, 3)) + np.eye(3)[truth] / 2
    lines = roc_curve(truth, table, labels=["cat", "dog", "eel"]).to_json()["data"]
    for number, line in enumerate(lines):
        area = metrics.roc_auc_score(truth == number, table[:, number])
        assert math.isclose(line["meta"]["area"], area)
        assert line["name"].startswith(["cat", "dog", "eel"][number])


def test_a_long_curve_is_drawn_with_few_points_and_its_whole_area() -> None:
    """A million samples are a thousand points; the area is of all of them."""
    truth = RNG.integers(0, 2, 200_000)
    scored = RNG.random(200_000) + truth / 3
    (line,) = pr_curve(truth, scored).to_json()["data"]
    assert len(line["x"]) <= 1_000
    assert math.isclose(
        line["meta"]["average precision"], metrics.average_precision_score(truth, scored)
    )


@pytest.mark.parametrize(
    ("labels", "classes"), [(None, [0, 1, 2]), (["a", "b", "c"], [0, 1, 2]), ([2, 0], [2, 0])]
)
def test_confusion_is_that_of_scikit_learn(labels: Any, classes: list[int]) -> None:
    """Rows are true, columns predicted; labels name the classes or choose them."""
    truth, guess = RNG.integers(0, 3, 99), RNG.integers(0, 3, 99)
    (heat,) = confusion_matrix(truth, guess, labels).to_json()["data"]
    assert heat["z"] == metrics.confusion_matrix(truth, guess, labels=classes).tolist()
    assert heat["x"] == [str(label) for label in labels or classes]


def test_classes_may_be_texts() -> None:
    """In the order of the alphabet."""
    (heat,) = confusion_matrix(["b", "a", "b"], ["b", "b", "b"]).to_json()["data"]
    assert heat["x"] == ["a", "b"] and heat["z"] == [[0, 1], [0, 2]]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda: pr_curve([1, 1], [0.1, 0.2]), "only one class"),
        (lambda: roc_curve([0, 1], [0.1, math.nan]), "NaN"),
        (lambda: roc_curve([0, 1, 2], [0.1, 0.2, 0.3]), "other classes"),
        (lambda: pr_curve([0, 1], [0.1]), "do not fit"),
        (lambda: confusion_matrix([0, 1], [0]), "no pairs"),
        (lambda: confusion_matrix(range(300), range(300)), "too many"),
    ],
)
def test_curves_of_nothing_are_refused_when_they_are_tracked(
    tmp_path: Path, bad: Any, words: str
) -> None:
    """Making one raises nothing; tracking it warns."""
    with pytest.warns(FoldlineWarning, match=words), foldline.Run(store=tmp_path) as run:
        run.track(bad(), name="bad")
