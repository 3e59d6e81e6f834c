"""Arithmetic over series, and what is refused."""

from __future__ import annotations

import math
import re
from pathlib import Path

import anyio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import foldline
from foldline.errors import QueryError
from foldline.layout import Layout
from foldline_views.expressions import Operand, parse_expression
from foldline_views.folding import catch_up
from foldline_views.styles import Aggregate
from tests.views.test_frames import ask

WRONG = [
    ("", (0, 0), "no expression"),
    ("1 + 2", (0, 5), "names no series"),
    ("loss +", (6, 6), "can't be read"),
    ("logg(loss)", (0, 4), "no function"),
    ("loss.last", (0, 9), "no dots"),
    ("log", (0, 3), "is a function"),
    ("log(a, b)", (0, 9), "takes 1 argument"),
    ("min(a)", (0, 6), "takes 2 arguments"),
    ("ema(a)", (0, 6), "ema() takes"),
    ("ema(a, 1)", (0, 9), "ema() takes"),
    ("ema(a, b)", (0, 9), "ema() takes"),
    ('baseline(a, "r")("x")', (0, 16), "no function"),
    ("baseline()", (0, 10), "baseline() takes"),
    ('a / b - baseline("r")', (8, 21), "not clear"),
    ('baseline(baseline(a, "r"), "s")', (0, 31), "no baseline"),
    ("a if b else c", (0, 13), "can't be used"),
    ("a < b", (0, 5), "can't be used"),
    ("a and b", (0, 7), "can't be used"),
    ("'loss'", (0, 6), "can't be used"),
    ("True * a", (0, 4), "can't be used"),
    ("a @ b", (0, 5), "can't be used"),
    ("~a", (0, 2), "can't be used"),
    ("[x for x in a]", (0, 14), "can't be used"),
    ("metric[1]", (7, 8), "a name and a context"),
    ("metric[name]", (7, 11), "a name and a context"),
    ('loss["val"]', (5, 10), "a name and a context"),
    ("log(x=a)", (4, 7), "no names"),
    ("__import__('os')", (0, 10), "no function"),
    ("a.b(c)", (0, 3), "no function"),
    ("a + " + "9" * 400, (4, 404), "too large"),
    ("(" * 40 + "a" + ")" * 40 + " + " + "-" * 40 + "a", None, "nested"),
    (" + ".join(["a"] * 500), None, "nested"),
    ("a" * 5000, (4096, 5000), "characters"),
]


@pytest.mark.parametrize(("text", "at", "message"), WRONG, ids=[text[:20] for text, _, _ in WRONG])
def test_what_is_no_expression_is_refused(
    text: str, at: tuple[int, int] | None, message: str
) -> None:
    """The error says what is wrong, where, and what to write."""
    with pytest.raises(QueryError) as error:
        parse_expression(text)
    assert message in error.value.message and (error.value.hint or "takes" in message)
    assert at is None or error.value.at == at


def test_series_are_named_in_several_ways() -> None:
    """By a bare name, or by any name and context as in the query language."""
    text = (
        'loss + metric["val/loss"] - metric["loss", {"b": 1, "a": "x"}] * loss[{"subset": "val"}]'
    )
    assert list(parse_expression(text).operands) == [
        Operand("loss", None),
        Operand("val/loss", None),
        Operand("loss", '{"a":"x","b":1}'),
        Operand("loss", '{"subset":"val"}'),
    ]
    shown = parse_expression('loss - baseline("the-run")')
    assert list(shown.operands) == [Operand("loss", None), Operand("loss", None, "the-run")]


LEAVES = st.one_of(st.sampled_from(["a", "b"]), st.floats(-50, 50).map(lambda v: f"({v!r})"))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda t: f"-{t}"),
        inner.map(lambda t: f"abs({t})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(
            lambda t: f"{t[0]}({t[1]}, {t[2]})"
        ),
    ),
    max_leaves=12,
)


def _divide(a: float, b: float) -> float:
    with np.errstate(all="ignore"):
        return float(np.float64(a) / np.float64(b))


class _Number(float):
    """A float that divides by zero as numpy does."""

    def __truediv__(self, other: float) -> _Number:
        return _Number(_divide(self, other))

    def __rtruediv__(self, other: float) -> _Number:
        return _Number(_divide(other, self))

    def __add__(self, other: float) -> _Number:
        return _Number(float(self) + float(other))

    __radd__ = __add__

    def __sub__(self, other: float) -> _Number:
        return _Number(float(self) - float(other))

    def __rsub__(self, other: float) -> _Number:
        return _Number(float(other) - float(self))

    def __mul__(self, other: float) -> _Number:
        return _Number(float(self) * float(other))

    __rmul__ = __mul__

    def __neg__(self) -> _Number:
        return _Number(-float(self))

    def __abs__(self) -> _Number:
        return _Number(abs(float(self)))


def _pick(a: float, b: float, *, least: bool) -> _Number:
    if math.isnan(a) or math.isnan(b):
        return _Number(math.nan)
    return _Number(min(a, b) if least else max(a, b))


@given(TREES, st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_whole_arrays_are_what_python_gives_one_by_one(
    text: str, rows: list[tuple[float, float]]
) -> None:
    """An expression of arrays is the expression of each of their values."""
    text = f"{text} + 0 * a + 0 * b"
    expression = parse_expression(text)
    a, b = np.array(rows).T
    operands = {operand: {"a": a, "b": b}[operand.name] for operand in expression.operands}
    found = expression.values(operands, lambda values, _: values)
    numbers = {
        "min": lambda x, y: _pick(x, y, least=True),
        "max": lambda x, y: _pick(x, y, least=False),
        "abs": abs,
    }
    want = []
    for x, y in rows:
        names = {"a": _Number(x), "b": _Number(y), "N": _Number, **numbers}
        want.append(float(eval(_wrapped(text), {"__builtins__": {}}, names)))  # noqa: S307  # ours
    np.testing.assert_array_equal(found, want)


def _wrapped(text: str) -> str:
    """Return the text with its literals made to divide as numpy does."""
    return re.sub(r"(?<![\w.])(\d+(?:\.\d+)?(?:e[+-]?\d+)?)", r"N(\1)", text)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Two runs: losses of 600 steps, a validation every tenth, and a long one of 5,000 steps."""
    for run, scale in (("r1", 1.0), ("r2", 3.0)):
        with foldline.Run(id=run, store=tmp_path / "store") as one:
            for step in range(600):
                one.track(scale * (step + 1), name="a", step=step)
                one.track(2.0, name="b", step=step, context={"subset": "train"})
                if step % 10 == 0:
                    one.track(5.0 + step, name="val/loss", step=step)
            if run == "r1":
                for step in range(5000):
                    one.track(float(step), name="long", step=step)
                    one.track(step * 2.0 + 1.0, name="other", step=step)
    found = Layout(tmp_path / "store")
    assert anyio.run(catch_up, found)
    return found


def test_a_curve_for_each_run(layout: Layout) -> None:
    """An expression is worked out for each run that has its series, and says whose it is."""
    message = ask(layout, expressions=("a / b", 'a / metric["val/loss"]'), points=1024)
    told = message.head["curves"]
    assert sorted((one["expression"], one["run"]) for one in told) == [
        (0, "r1"), (0, "r2"), (1, "r1"), (1, "r2"),
    ]  # fmt: skip
    for one, curve in zip(told, message.curves, strict=True):
        scale = {"r1": 1.0, "r2": 3.0}[one["run"]]
        steps = range(0, 600, 10) if one["expression"] else range(600)
        assert curve.x == list(steps)
        below = [5.0 + step if one["expression"] else 2.0 for step in steps]
        want = [scale * (step + 1) / low for step, low in zip(steps, below, strict=True)]
        np.testing.assert_allclose(curve.columns["last"], want, rtol=1e-6)
    assert message.head["exact"] == [True] * 4


def test_a_baseline_is_another_run(layout: Layout) -> None:
    """What is taken away may be the same series of a run that is named; it must be there."""
    message = ask(layout, query='run.id == "r2"', expressions=('a - baseline("r1")',), points=1024)
    (curve,) = message.curves
    np.testing.assert_allclose(curve.columns["last"], [2.0 * (step + 1) for step in range(600)])
    with pytest.raises(QueryError) as error:
        ask(layout, expressions=('a - baseline("r9")',))
    assert 'no run "r9"' in error.value.message


def test_a_long_expression_is_worked_out_on_a_shared_grid(layout: Layout) -> None:
    """Where series are in buckets, the last value of each bucket is exact all the same."""
    message = ask(layout, expressions=("other - 2 * long",), points=100)
    (curve,) = message.curves
    assert len(curve.x) <= 100 and message.head["exact"] == [False]
    for name in ("last", "min", "max", "mean"):
        np.testing.assert_allclose(curve.columns[name], 1.0)
    zoomed = ask(layout, expressions=("other - 2 * long",), points=100, range=(2000.0, 2050.0))
    assert zoomed.head["exact"] == [True]
    assert zoomed.curves[0].x == [float(step) for step in range(1999, 2052)]


def test_what_no_run_has_is_a_warning(layout: Layout) -> None:
    """A name that nothing is called is an empty answer, which names the nearest one."""
    message = ask(layout, expressions=("val / a",))
    assert message.curves == []
    (warning,) = message.head["warnings"]
    assert warning == 'no run has the metric "val"; did you mean metric["val/loss"]?'
    message = ask(layout, expressions=("a / long",))
    assert [one["run"] for one in message.head["curves"]] == ["r1"]


def test_a_moving_average_in_an_expression(layout: Layout) -> None:
    """ema() weighs from point to point, and looks back beyond the range that is shown."""
    whole = ask(layout, query='run.id == "r1"', expressions=("a - ema(a, 0.9)",), points=1024)
    part = ask(layout, query='run.id == "r1"', expressions=("a - ema(a, 0.9)",), points=1024,
               range=(300.0, 400.0))  # fmt: skip
    top = bottom = 0.0
    want = []
    for step in range(600):
        top, bottom = top * 0.9 + step + 1, bottom * 0.9 + 1
        want.append(step + 1 - top / bottom)
    np.testing.assert_allclose(whole.curves[0].columns["last"], want, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(part.curves[0].columns["last"], want[299:402], rtol=1e-5)


def test_expressions_are_grouped_as_series_are(layout: Layout) -> None:
    """The curves of an expression over runs become one line with a band."""
    message = ask(layout, expressions=("a / b", "b"), aggregate=Aggregate(), points=1024)
    assert message.head["groups"] == [
        {"by": [], "members": 2, "expression": 0}, {"by": [], "members": 2, "expression": 1},
    ]  # fmt: skip
    first = message.curves[0]
    np.testing.assert_allclose(first.columns["line"], [step + 1.0 for step in range(600)])
    np.testing.assert_allclose(first.columns["high"], [1.5 * (step + 1) for step in range(600)])


def test_an_expression_along_epochs(tmp_path: Path) -> None:
    """Along epochs too it is the expression that is drawn, not the series in it."""
    with foldline.Run(id="r", store=tmp_path / "store") as run:
        for step in range(100):
            run.track(float(step), name="a", step=step, epoch=step / 4)
    layout = Layout(tmp_path / "store")
    anyio.run(catch_up, layout)
    (curve,) = ask(layout, expressions=("-a",), x="epoch").curves
    assert curve.x == [step / 4 for step in range(100)]
    assert curve.columns["last"] == [-float(step) for step in range(100)]
