"""Tests of queries over the runs and series of a catalog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline.events import (
    AlertRaised,
    GitCaptured,
    MetricDefined,
    RunForked,
    WriterClosed,
)
from foldline_views import summaries
from foldline_views.catalog import Catalog, RunTable, SeriesTable
from foldline_views.changes import Changes, NewSeries
from foldline_views.patches import Patch
from foldline_views.query import Subject, order, parse, sort_key
from foldline_views.runs import RunState, encode_state
from foldline_views.writers import WriterState
from tests.views.oracle import Row, RowTable
from tests.views.test_query_properties import comparisons

NEW_YEAR = 1_767_225_600.0
STAMP = (NEW_YEAR, "w", 1)
VAL, TRAIN = '{"subset":"val"}', '{"subset":"train"}'

# Run, name, context, and then first, last, min, max and how many are not finite.
SERIES = [
    (1, "loss", VAL, (1.0, 0.2, 0.1, 1.0, 0)),
    (1, "loss", "{}", (2.0, 0.4, 0.3, 2.0, 0)),
    (2, "loss", VAL, (1.0, 0.9, 0.5, 1.0, 2)),
    (2, "accuracy", VAL, (0.1, 0.7, 0.1, 0.8, 0)),
    (4, "loss", TRAIN, (1.0, 0.3, 0.3, 1.0, 0)),
    (4, "__system__/gpu0_percent", "{}", (50.0, 97.0, 10.0, 99.0, 0)),
]


def state(params: dict[str, Any], **more: Any) -> RunState:
    writer = WriterState(opened_at=NEW_YEAR, host="node7")
    writer.closed = (more.pop("closed", WriterClosed("finished")), NEW_YEAR + 60)
    return RunState(
        seen_at=NEW_YEAR, params=[Patch(STAMP, [], params)], writers={"w": writer}, **more
    )


def fields(**words: Any) -> dict[str, Any]:
    return {name: (word, STAMP) for name, word in words.items()}


def catalog(
    states: Sequence[RunState], series: Sequence[tuple[int, str, str, tuple[float, ...]]] = ()
) -> Catalog:
    figures = summaries.fresh(len(series))
    for place, (_, _, _, (first, last, low, high, odd)) in enumerate(series):
        figures[summaries.COUNT, place] = 10 + odd
        figures[summaries.NONFINITE, place] = odd
        figures[summaries.NONFINITE_STEP, place] = 4
        figures[summaries.FIRST, place], figures[summaries.LAST, place] = first, last
        figures[summaries.MIN, place], figures[summaries.MAX, place] = low, high
        figures[summaries.MIN_STEP, place], figures[summaries.MAX_STEP, place] = 7, 3
        figures[summaries.SUM, place] = 10 * (low + high) / 2
    found = Catalog()
    found.take(
        Changes(
            revision=1,
            watermark=1,
            new_runs=[f"r{number}" for number in range(1, len(states) + 1)],
            run_states=list(enumerate(map(encode_state, states), start=1)),
            new_series=NewSeries.of((run, name, context) for run, name, context, _ in series),
            slots=np.empty((2, 0), np.int64),
            slots_known=0,
            series=np.arange(1, len(series) + 1),
            summaries=figures,
        )
    )
    return found


def whole() -> Catalog:
    git = GitCaptured("4f1c", branch="main", dirty=True)
    goals = {name: (MetricDefined(name, goal=goal), STAMP) for name, goal in
             [("loss", "minimize"), ("acc*", "maximize")]}  # fmt: skip
    states = [
        state({"lr": 0.1, "odd": 1, "deep": {"er": {"est": 3}}}, git=(git, STAMP)),
        state(
            {"lr": 0.01, "odd": "text"}, forked=(RunForked("r1", 500.0), STAMP), metrics=goals,
            artifacts=["net", "plot"], fields=fields(name="second", project="p"),
        ),
        state(
            {"lr": "auto", "project": {"x": 1}}, forked=(RunForked("elsewhere"), STAMP),
            closed=WriterClosed("failed", "ValueError", "bad batch"),
            alerts=[(AlertRaised("t", "x", 30), STAMP)], alerts_total=1,
        ),
        state(
            {"deep": {}, "weird-key": 1}, forked=(RunForked("r2", 7.0), STAMP),
            tags={"sweep": (True, STAMP)},
        ),
    ]  # fmt: skip
    return catalog(states, SERIES)


CASES: dict[str, list[int]] = {
    # lineage, git, artifacts, errors, alerts, machine
    'run.parent == "r1"': [2],
    'run.parent.id == "elsewhere"': [3],
    "run.parent.lr > 0.05": [2],
    "run.parent.lr != run.lr": [2],
    "run.parent.parent.lr == 0.1": [4],
    "run.parent.step > 100": [2],
    "run.parent.created_at.year == 2026": [2, 4],
    'run.parent.name == "second"': [4],
    "run.parent is None": [1],
    "run.parent.lr is None": [1, 3],
    'run.git.branch == "main" and run.git.dirty': [1],
    'run.__system_params.git_info.commit.hash == "4f1c"': [1],
    '"net" in run.artifacts': [2],
    'run.error.type == "ValueError" and "batch" in run.error.message': [3],
    "run.alerts == 0": [1, 2, 4],
    'run.host == "node7" and run.status == "failed"': [3],
    '"sweep" in run.tags': [4],
    # a field of some runs is a param of others
    'run.project == "p"': [2],
    "run.project.x == 1": [3],
    # branches
    '"deep" in run.params': [1, 4],
    '"er" in run.deep': [1],
    '"er" not in run.deep': [4],
    '"est" in run.deep.er': [1],
    "run.deep is None": [2, 3],
    "run.deep.er == {'est': 3}": [1],
    "len(run.deep) == 0": [4],
    'run.params.get("weird-key", 0) == 1': [4],
    # types that differ between runs
    "run.odd == 1": [1],
    'run.odd == "text"': [2],
    "run.odd < 2": [1],
    'run.odd < "z"': [2],
    "isinstance(run.odd, str) or isinstance(run.odd, int)": [1, 2],
    # series
    'run.metrics["loss"].last < 0.25': [1],
    'run.metrics["loss"].last > 0.35': [1, 2],
    '0.25 < run.metrics["loss"].last < 0.35': [4],
    'run.metrics["loss", {}].last == 0.4': [1],
    'run.metrics["loss"].last is None': [3],
    '"accuracy" in run.metrics': [2],
    '"loss" not in run.metrics': [3],
    'run.metrics["loss"].has_nan': [2],
    'run.metrics["loss"].nonfinite == 2 and run.metrics["loss"].first_nonfinite_step == 4': [2],
    'run.metrics["loss"].count == 10': [1, 4],
    'run.metrics["loss"].mean == 0.75': [2],
    'run.metrics["loss", {"subset": "val"}].best == 0.5': [2],
    'run.metrics["accuracy"].best == 0.8 and run.metrics["accuracy"].best_step == 3': [2],
    'run.metrics["loss"].min_step == 7': [1, 2, 4],
    'run.metrics["loss"].last < run.metrics["accuracy"].last': [],
    'run.metrics["loss"].first > run.metrics["accuracy"].last': [2],
    'run.metrics["__system__/gpu0_percent"].max > 90': [4],
    'any(run.metrics["loss"].last < limit for limit in (0.1, 0.25))': [1],
    'run.metrics["none"].last < 1 or run.metrics["none"].last >= 1': [],
    # the full text
    'search("oom")': [1, 3],
    'not search("oom") and run.lr == 0.01': [2],
}


@pytest.mark.parametrize("text", CASES)
def test_a_query_matches_these_runs(text: str) -> None:
    """What a catalog holds can be asked: lineage, code, results, series and their figures."""
    query = parse(text)
    mask = query.mask(RunTable(whole()), search={"oom": ["r1", "r3", "gone"]}.__getitem__)
    assert [row + 1 for row in mask.nonzero()[0].tolist()] == CASES[text]
    assert query.searches == (("oom",) if "search" in text else ())


@pytest.mark.parametrize("text", CASES)
def test_a_series_has_what_its_run_has(text: str) -> None:
    """Asked of series, a question about runs holds for all series of the runs that match."""
    table = SeriesTable(whole())
    mask = parse(text, "metric").mask(table, search={"oom": ["r1", "r3"]}.__getitem__)
    assert mask.tolist() == [run in CASES[text] for run, *_ in SERIES]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('metric.name == "loss" and metric.context.subset == "val"', [0, 2]),
        ('metric.name.startswith("__system__")', [5]),
        ("metric.best == 0.5 or metric.best == 0.8", [2, 3]),
        ("metric.has_nan", [2]),
        ('metric.last > run.metrics["loss", {"subset": "val"}].last', [1]),
        ("metric.context.get('subset') is None and run.lr > 0", [1]),
        ('"subset" in metric.context', [0, 2, 3, 4]),
    ],
)
def test_a_query_matches_these_series(text: str, rows: list[int]) -> None:
    """`metric` is the series itself."""
    assert parse(text, "metric").mask(SeriesTable(whole())).nonzero()[0].tolist() == rows


@pytest.mark.parametrize(
    ("text", "subject", "near"),
    [
        ("run.git.brnch == 'x'", "run", "run.git.branch"),
        ("run.error.typ == 'x'", "run", "run.error.type"),
        ("run.parent.lrr > 1", "run", "run.parent.lr"),
        ("run.params.deep.er.es > 1", "run", "run.params.deep.er.est"),
        ("run.nme == 'x'", "run", "run.name"),
        ("metric.context.subst == 'val'", "metric", "metric.context.subset"),
    ],
)
def test_a_path_that_no_run_has_is_told_with_the_nearest(
    text: str, subject: Subject, near: str
) -> None:
    """An empty answer comes with the name that was perhaps meant."""
    query = parse(text, subject)
    table = RunTable(whole()) if subject == "run" else SeriesTable(whole())
    assert not query.mask(table).any()
    (warning,) = query.warnings
    assert warning == f"no {subject} has {text.split(' ', maxsplit=1)[0]}; did you mean {near}?"


def test_a_goal_that_nobody_set_is_told() -> None:
    """Without a goal there is no best value, and the warning says how to set one."""
    query = parse('run.metrics["loss"].best < 1')
    assert not query.mask(RunTable(catalog([state({})], SERIES[:1]))).any()
    assert "define_metric(" in query.warnings[0]


def test_runs_without_any_series_can_be_asked_about_them() -> None:
    """Nothing was tracked yet: the metric is missing in every run."""
    table = RunTable(catalog([state({})]))
    query = parse('run.metrics["loss"].last is None and not run.metrics["loss"].has_nan')
    assert query.mask(table).tolist() == [True]
    assert query.warnings == ('no run has the metric "loss"',)
    assert order(table, [(sort_key('run.metrics["loss"].last'), True)]).tolist() == [0]


@pytest.mark.parametrize(
    ("key", "runs"),
    [
        ('run.metrics["loss"].last', [1, 0, 3, 2]),
        ('run.metrics["loss"].first - run.metrics["loss"].last', [0, 3, 1, 2]),
        ("run.parent.lr", [1, 3, 0, 2]),
        ("len(run.artifacts)", [1, 0, 2, 3]),
        ("run.alerts", [2, 0, 1, 3]),
        ('not search("oom")', [0, 2, 1, 3]),
    ],
)
def test_runs_are_sorted_by_whatever_can_be_asked(key: str, runs: list[int]) -> None:
    """Descending, ties as they stood, missing last."""
    search = {"oom": ["r2", "r4"]}.__getitem__
    assert order(RunTable(whole()), [(sort_key(key), True)], search=search).tolist() == runs


def test_runs_are_sorted_by_how_well_they_are_found() -> None:
    """The best run is the first; what is not found comes last, whichever the direction."""
    keys = [(sort_key('search("oom")'), False)]
    search = {"oom": ["r3", "elsewhere", "r1"]}.__getitem__
    assert order(RunTable(whole()), keys, search=search).tolist() == [2, 0, 1, 3]
    assert order(RunTable(whole()), [(keys[0][0], True)], search=search).tolist() == [0, 2, 1, 3]


figures = st.tuples(*[st.sampled_from([0.0, 0.5, 1.0, 2.0])] * 4, st.integers(0, 1))
pairs = st.tuples(st.integers(1, 4), st.sampled_from(["a", "b"]), st.sampled_from(["{}", VAL]))


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(pairs, figures, max_size=8),
    st.sampled_from(["last", "min", "max", "has_nan", "nonfinite"]),
    comparisons,
    st.sampled_from(['run.metrics["b"].last', "0.5", 'run.metrics["a"].first']),
)
def test_a_catalog_answers_as_rows_do(
    held: dict[tuple[int, str, str], tuple[float, ...]], field: str, op: str, other: str
) -> None:
    """Arrays of series give what looking up each run's series gives."""
    series = [(*key, values) for key, values in held.items()]
    names = ("first", "last", "min", "max", "nonfinite")
    rows = [
        Row({}, {
            (name, context): {"count": 10, **dict(zip(names, values, strict=True))}
            for (of, name, context), values in held.items() if of == run
        })
        for run in range(1, 5)
    ]  # fmt: skip
    text = f'run.metrics["a"].{field} {op} {other}'
    found = parse(text).mask(RunTable(catalog([state({})] * 4, series)))
    assert found.tolist() == parse(text).mask(RowTable(rows)).tolist()
