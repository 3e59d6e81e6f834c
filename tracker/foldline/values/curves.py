"""How well a classifier does, as figures.

The curves are computed by numpy as the textbooks define them, and drawn as plotly's JSON, for
which plotly is not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import ValueRejected
from .arrays import Array, array_of
from .figure import Figure

__all__ = ["confusion_matrix", "pr_curve", "roc_curve"]

CURVE_POINTS_MAX = 1_000  # of one curve: more than a screen has columns; areas use all of them
CLASSES_MAX = 200  # of a figure: more can be neither told apart nor read

Curve = Callable[[Array, Array], tuple[Array, Array, float]]


def pr_curve(y_true: Any, scores: Any, labels: Sequence[str] | None = None) -> Figure:
    """Return precision over recall, and the average precision of each class.

    `y_true` has a class for each sample: 0 or 1, or with several columns of `scores`, their
    number. `scores` is higher for what is more likely; a column for each class, or one of the
    class 1. `labels` names the classes.
    """
    return Figure._made(
        lambda: _curves(y_true, scores, labels, _precision_recall, "average precision",
                        ("recall", "precision"))
    )  # fmt: skip


def roc_curve(y_true: Any, scores: Any, labels: Sequence[str] | None = None) -> Figure:
    """Return the rate of true positives over that of false ones, and the area below it.

    The arguments are those of `pr_curve`.
    """
    return Figure._made(
        lambda: _curves(y_true, scores, labels, _operating, "area",
                        ("false positive rate", "true positive rate"))
    )  # fmt: skip


def confusion_matrix(y_true: Any, y_pred: Any, labels: Sequence[Any] | None = None) -> Figure:
    """Return how often each class (a row) was taken for each (a column).

    `y_true` and `y_pred` have a class for each sample, as a number or a text. `labels` chooses the
    classes and their order; where classes are whole numbers from 0, it may name them instead.
    """
    return Figure._made(lambda: _confusion(y_true, y_pred, labels))


def _curves(
    y_true: Any,
    scores: Any,
    labels: Sequence[str] | None,
    curve: Curve,
    area: str,
    axes: tuple[str, str],
) -> dict[str, Any]:
    truth, table = array_of(y_true).reshape(-1), array_of(scores).astype(np.float64)
    if table.ndim == 2 and table.shape[1] == 1:
        table = table[:, 0]
    if table.ndim not in (1, 2) or len(table) != len(truth):
        raise ValueRejected(
            f"scores of shape {table.shape} do not fit {len(truth)} classes",
            hint="a score for each sample, or a column of them for each class",
        )
    if not np.isfinite(table).all():
        raise ValueRejected("scores have NaN or infinities", hint="leave those samples out")
    if table.ndim == 1:
        classes, columns = [1], [table]
    else:
        classes, columns = list(range(table.shape[1])), list(table.T)
    if len(classes) > CLASSES_MAX or not np.isin(truth, classes + [0, 1] * (table.ndim == 1)).all():
        raise ValueRejected(
            f"y_true has other classes than 0..{max(len(classes), 2) - 1}, or more than "
            f"{CLASSES_MAX}",
            hint="number the classes from 0",
        )
    lines = []
    for number, column in zip(classes, columns, strict=True):
        x, y, found = curve(truth == number, column)
        shown = _thinned(len(x))
        name = str(labels[number]) if labels is not None and number < len(labels) else str(number)
        lines.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{name}: {found:.4g}",
                "x": x[shown].tolist(),
                "y": y[shown].tolist(),
                "meta": {area: found},
            }
        )
    return {"data": lines, "layout": _layout(axes, area)}


def _thresholds(truth: Array, scores: Array) -> tuple[Array, Array]:
    """Return how many of each kind score at least as much, for each score from the top down."""
    if truth.all() or not truth.any():
        raise ValueRejected(
            "y_true has only one class, or none of a column's",
            hint="track the figure when both classes were seen",
        )
    order = np.argsort(-scores, kind="stable")
    ranked, truth = scores[order], truth[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    positives = np.cumsum(truth)[last]
    return positives, 1 + last - positives


def _precision_recall(truth: Array, scores: Array) -> tuple[Array, Array, float]:
    positives, negatives = _thresholds(truth, scores)
    precision, recall = positives / (positives + negatives), positives / positives[-1]
    average = float(np.sum(np.diff(recall, prepend=0.0) * precision))
    return np.append(0.0, recall), np.append(1.0, precision), average


def _operating(truth: Array, scores: Array) -> tuple[Array, Array, float]:
    positives, negatives = _thresholds(truth, scores)
    x = np.append(0.0, negatives / negatives[-1])
    y = np.append(0.0, positives / positives[-1])
    return x, y, float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))


def _thinned(count: int) -> Array:
    """Return which points of a curve are drawn: evenly, with both ends."""
    return np.unique(np.linspace(0, count - 1, min(count, CURVE_POINTS_MAX)).round().astype(int))


def _confusion(y_true: Any, y_pred: Any, labels: Sequence[Any] | None) -> dict[str, Any]:
    truth, guess = np.asarray(y_true).reshape(-1), np.asarray(y_pred).reshape(-1)
    if len(truth) != len(guess) or not len(truth):
        raise ValueRejected(
            f"{len(truth)} true classes and {len(guess)} predicted ones are no pairs",
            hint="a class for each sample in both; for scores: scores.argmax(axis=1)",
        )
    classes = np.unique(np.concatenate([truth, guess]))
    names = [str(name) for name in classes.tolist()]
    if labels is not None:
        chosen = np.asarray(list(labels))
        if classes.dtype.kind in "iu" and chosen.dtype.kind not in "iu":
            classes, names = np.arange(len(chosen)), [str(name) for name in labels]
        else:
            classes, names = chosen, [str(name) for name in labels]
    if len(classes) > CLASSES_MAX:
        raise ValueRejected(f"{len(classes)} classes are too many to draw: at most {CLASSES_MAX}")
    place = {value: at for at, value in enumerate(classes.tolist())}
    counts = np.zeros((len(classes), len(classes)), np.int64)
    rows = [place.get(value, -1) for value in truth.tolist()]
    columns = [place.get(value, -1) for value in guess.tolist()]
    known = (np.array(rows) >= 0) & (np.array(columns) >= 0)
    np.add.at(counts, (np.array(rows)[known], np.array(columns)[known]), 1)
    layout = _layout(("predicted", "true"), "")
    layout["yaxis"]["autorange"] = "reversed"
    layout["xaxis"]["type"] = layout["yaxis"]["type"] = "category"
    heat = {"type": "heatmap", "x": names, "y": names, "z": counts.tolist(),
            "texttemplate": "%{z}", "colorscale": "Blues"}  # fmt: skip
    return {"data": [heat], "layout": layout}


def _layout(axes: tuple[str, str], title: str) -> dict[str, Any]:
    return {
        "xaxis": {"title": {"text": axes[0]}},
        "yaxis": {"title": {"text": axes[1]}},
        **({"legend": {"title": {"text": title}}} if title else {}),
    }
