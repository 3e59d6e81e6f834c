"""Tests of what queries match."""

from __future__ import annotations

import math
from typing import Any

import pytest

from foldline_views.column import Path
from foldline_views.columns import Columns
from foldline_views.query import parse
from tests.views.oracle import Oracle, Row, RowTable

START = 1_767_225_600.0  # 2026-01-01T00:00:00Z
DAY = 86_400.0
NOW = START + 10 * DAY


def summary(last: float, *, first: float = 1.0, nonfinite: int = 0) -> dict[str, Any]:
    low, high = sorted((first, last))
    return {
        "first": first, "last": last, "min": low, "max": high, "mean": (low + high) / 2,
        "count": 10, "nonfinite": nonfinite, "last_step": 9, "first_step": 0,
        "min_step": 9, "max_step": 0,
    }  # fmt: skip


def run(number: int, series: dict[tuple[str, str], dict[str, Any]], **cells: Any) -> Row:
    params: dict[Path, Any] = {
        ("params", *key.split("__")): cell for key, cell in cells.items() if key[0] != "_"
    }
    fields: dict[Path, Any] = {(key[1:],): cell for key, cell in cells.items() if key[0] == "_"}
    own: dict[Path, Any] = {("id",): f"r{number}", ("created_at",): START + number * DAY}
    own[("tags",)] = []
    return Row({**own, **fields, **params}, series)


VAL, TRAIN = '{"subset": "val"}', '{"subset": "train"}'

RUNS = [
    run(
        0,
        {("loss", TRAIN): summary(0.5), ("loss", VAL): summary(0.05), ("acc", "{}"): summary(0.9)},
        hparams__lr=0.1, hparams__opt="ADAM", hparams__layers=[2, 64], hparams__none=None,
        hparams__batch=32, dataset__version="v1", seed=2**53 + 1, amp=True, hparams__weird_key=1,
        _name="resnet-a", _experiment="mnist", _tags=["sweep", "t1"], _status="finished",
        _duration=7200.0,
    ),
    run(
        1, {("loss", TRAIN): summary(math.nan, nonfinite=3), ("loss", VAL): summary(0.7)},
        hparams__lr=0.001, hparams__opt="sgd", hparams__layers=[], hparams__batch=64,
        dataset__version=3, seed=2**53, amp=False, _name="Bert", _experiment="mnist",
        _status="running", _duration=60.0,
    ),
    run(
        2, {("acc", VAL): summary(0.2)}, hparams__lr=math.nan, hparams__opt="", amp=True,
        hparams__batch=0, _name="resnet-b", _experiment="cifar", _tags=["base"],
        _status="failed", _duration=0.0,
    ),
    run(3, {}, hparams__lr=1, seed=7, hparams__layers=["a", 2, 2.0], _name="gpt", _status="lost"),
    run(
        4, {("loss", VAL): summary(0.01)}, hparams__lr=0.1, hparams__opt="ADAM", _name="old",
        _archived=True, _tags=["sweep"], _status="finished", _duration=9000.0,
    ),
    run(5, {("loss", "{}"): summary(0.3)}, hparams__lr="auto", _name=None, _status="killed"),
]  # fmt: skip

CASES: dict[str, list[int]] = {
    "": [0, 1, 2, 3, 5],
    "  # only a comment": [0, 1, 2, 3, 5],
    # fields and params
    "run.hparams.lr > 0.05": [0, 3],
    'run["hparams", "lr"] > 0.05': [0, 3],
    'run["hparams"]["lr"] > 0.05': [0, 3],
    'run.hparams["lr"] > 0.05': [0, 3],
    "run.params.hparams.lr > 0.05": [0, 3],
    'run.hparams["weird_key"] == 1': [0],
    "run.id == 'r2' or run.hash == 'r3'": [2, 3],
    'run.experiment == "mnist"': [0, 1],
    "run.active": [1],
    "run.amp": [0, 2],
    "run.amp == 1": [0, 2],
    "run.hparams.opt": [0, 1],
    "run.seed == 9007199254740993": [0],
    "run.seed != 9007199254740993": [1, 3],
    # missing
    "run.seed > 0": [0, 1, 3],
    "not run.seed > 0": [2, 5],
    "run.seed != 7": [0, 1],
    "run.seed is None": [2, 5],
    "run.seed is not None and run.seed == 7": [3],
    "run.hparams.none is None": [0, 1, 2, 3, 5],
    "run.hparams.none == None": [0, 1, 2, 3, 5],
    "run.hparams.lr == None": [],
    "run.hparams.lr != run.hparams.lr": [2],
    "run.nothing > 3 or run.nothing <= 3 or run.nothing == 3 or run.nothing != 3": [],
    "run.seed in (None, 7)": [2, 3, 5],
    "run.seed not in (7,)": [0, 1],
    # archived
    "run.archived": [4],
    "not run.archived": [0, 1, 2, 3, 5],
    "run.archived or run.seed == 7": [3, 4],
    "run.archived is None": [0, 1, 2, 3, 5],
    # chains, in, arithmetic
    "0.0001 < run.hparams.lr < 0.5": [0, 1],
    "run.hparams.lr in [1, 0.001]": [1, 3],
    "'AD' in run.hparams.opt": [0],
    "2 in run.hparams.layers": [0, 3],
    "'sweep' in run.tags": [0],
    "'sweep' not in run.tags": [1, 2, 3, 5],
    "len(run.tags) == 2": [0],
    "run.hparams.batch * 2 + 1 == 65": [0],
    "run.hparams.batch % 64 == 0": [1, 2],
    "64 / run.hparams.batch == 2": [0],
    "64 / run.hparams.batch is None": [2, 3, 5],
    "-run.hparams.batch < -40": [1],
    "run.hparams.layers == [2, 64]": [0],
    "run.hparams.layers[0] == 2": [0],
    "run.hparams.layers[-1] == 2": [3],
    "run.hparams.layers[-2] == 2": [0, 3],
    "run.hparams.layers[2] == 64": [],
    "(run.seed or 3) == 3": [2, 5],
    "(1 if run.amp else 2) == 2": [1, 3, 5],
    "run.hparams.get('batch', 5) == 5": [3, 5],
    "'batch' in run.hparams": [0, 1, 2],
    # texts
    "run.name.startswith('resnet')": [0, 2],
    "run.name.startswith(('gpt', 'Bert'))": [1, 3],
    "run.hparams.opt.startswith('AD')": [0],
    "run.hparams.opt.lower() == 'adam'": [0],
    "run.name.upper().strip('R').endswith('A')": [0],
    "'-' + run.name == '-gpt'": [3],
    "str(run.hparams.batch) == '64'": [1],
    "str(run.hparams.lr) == '1'": [3],
    "run.dataset.version == 'v1'": [0],
    "run.dataset.version == 3": [1],
    "run.name < 'a'": [1],
    # functions
    "round(run.hparams.lr, 1) == 0.1": [0],
    "abs(run.hparams.batch - 40) < 10": [0],
    "min(run.hparams.batch, 50) == 50": [1],
    "max(run.hparams.layers) == 64": [0],
    "sum(run.hparams.layers) == 66": [0],
    "math.log10(run.hparams.lr) == -1": [0],
    "math.isnan(run.hparams.lr)": [2],
    "any(x > 10 for x in run.hparams.layers)": [0],
    "all(t.startswith('t') for t in run.tags if t != 'sweep')": [0, 1, 3, 5],
    "len([x for x in run.hparams.layers if x == 2]) == 2": [3],
    "any(x == run.seed for x in [7, 8])": [3],
    # dates
    "run.created_at > datetime(2026, 1, 4)": [5],
    "run.created_at >= '2026-01-04'": [3, 5],
    "'2026-01-02' <= run.created_at < '2026-01-04T00:00:00+00:00'": [1, 2],
    "run.created_at < datetime.now() - timedelta(days=8)": [0, 1],
    "run.created_at.day == 3": [2],
    "run.created_at.strftime('%d/%m/%Y') == '01/01/2026'": [0],
    "run.creation_time == 1767225600": [0],
    "run.duration > timedelta(hours=1)": [0],
    "run.duration > 3600": [0],
    # metrics
    'run.metrics["loss", {"subset": "val"}].last < 0.1': [0],
    'run.metrics["loss"].last < 0.4': [0, 5],
    'run.metrics["loss", {}].last < 0.4': [5],
    'not run.metrics["loss"].last < 0.4': [1, 2, 3],
    'run.metrics["loss"].has_nan': [1],
    'run.metrics["loss"].last is None': [2, 3],
    'run.metrics["acc"].max_step == 0': [0, 2],
    'run.metrics["loss"].last > 0.4 and run.metrics["acc"].last > 0.5': [0],
    'run.metrics["loss"].last < run.metrics["loss"].mean': [0, 1, 5],
    '0.4 < run.metrics["loss"].last < 0.6': [0],
    # types that don't fit
    "run.name < 3": [],
    "run.name != 3": [0, 1, 2, 3],
    "run.hparams.lr < 'b'": [5],
    "3 in run.name": [],
    "3 not in run.name": [],
}


# What the oracle leaves out: aliases, conveniences and comments.
BEYOND_THE_ORACLE = ("#", "get(", "hash", "creation_time", "[x for")


@pytest.mark.parametrize("text", CASES)
def test_a_query_matches_these_runs(text: str) -> None:
    """Each example matches the runs written beside it, and the row-by-row reading agrees."""
    assert parse(text).mask(RowTable(RUNS), now=NOW).nonzero()[0].tolist() == CASES[text]
    if not any(odd in text for odd in BEYOND_THE_ORACLE):
        assert Oracle(RUNS, NOW).matches(text or "True") == CASES[text]


def test_an_empty_table_matches_nothing_and_warns_of_nothing() -> None:
    """A store without runs is no reason to doubt the user's names."""
    query = parse('run.lr > 1 and run.metrics["loss"].last < 1')
    assert query.mask(RowTable([])).tolist() == []
    assert query.warnings == ()


def test_an_unknown_param_is_an_empty_answer_with_the_nearest_name() -> None:
    """Nobody has the path: nothing matches, and a warning names the path that was meant."""
    query = parse("run.hparams.lrr > 1")
    assert not query.mask(RowTable(RUNS)).any()
    assert query.warnings == ("no run has run.hparams.lrr; did you mean run.hparams.lr?",)
    query = parse("run.nmae == 'x'")
    query.mask(RowTable(RUNS))
    assert query.warnings == ("no run has run.nmae; did you mean run.name?",)
    query = parse("run.metrics['los'].last < 1")
    query.mask(RowTable(RUNS))
    assert query.warnings == ('no run has the metric "los"; did you mean "loss"?',)


def test_types_that_do_not_fit_are_told() -> None:
    """A text is never less than a number, and who asks hears so; the warning goes with its mask."""
    query = parse("run.name < 3")
    query.mask(RowTable(RUNS))
    assert query.warnings == ("run.name < 3: where the types differ, this is never true",)
    query.mask(RowTable([]))
    assert not query.warnings


def test_params_under_the_key_params_are_found() -> None:
    """`run.params.lr` is the param lr, or lr under a key that is named params."""
    table = RowTable([Row({("params", "params", "lr"): 0.5})])
    assert parse("run.params.lr == 0.5").mask(table).tolist() == [True]


class SeriesTable(RowTable):
    """Rows are series here; the metric's own columns lie beside their run's."""


def series_table() -> Columns:
    table = SeriesTable([])
    names = [("loss", {"subset": "val"}), ("loss", {"subset": "train"}), ("acc", {})]
    for row, (name, context) in enumerate(names):
        table.set(("metric", "name"), row, name)
        table.set(("metric", "context"), row, context)
        for key, value in context.items():
            table.set(("metric", "context", key), row, value)
        table.set(("metric", "last"), row, row / 10)
        table.set(("metric", "nonfinite"), row, row)
        table.set(("params", "hparams", "lr"), row, 0.1)
    return table


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('metric.name == "loss"', [0, 1]),
        ('metric.name == "loss" and metric.context.subset == "val"', [0]),
        ('metric.context == {"subset": "train"}', [1]),
        ("metric.context == {}", [2]),
        ("metric.context.get('subset') == 'val'", [0]),
        ('metric.context["subset"] is None', [2]),
        ("metric.last > 0.05 and run.hparams.lr == 0.1", [1, 2]),
        ("metric.has_nan", [1, 2]),
        ("metric.run.hparams.lr == 0.1", [0, 1, 2]),
        (
            '((metric.name == "loss" and metric.context.subset == "val") or metric.name == "acc")',
            [0, 2],
        ),
    ],
)
def test_a_query_over_series(text: str, rows: list[int]) -> None:
    """`metric` is the series, and `run` the run that it belongs to."""
    table = series_table()
    assert isinstance(table, SeriesTable)
    assert parse(text, "metric").mask(table).nonzero()[0].tolist() == rows
