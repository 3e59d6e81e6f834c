"""Tests of queries that were written for Aim."""

from __future__ import annotations

from typing import Any

import pytest

from foldline_views.query import parse
from tests.views.oracle import Row, RowTable

DAY = 86_400.0
CHRISTMAS_EVE = 1_640_304_000.0  # 2021-12-24T00:00:00Z
GROUNDHOG = 1_643_760_000.0  # 2022-02-02T00:00:00Z
TRAIN, TEST = '{"subset": "train"}', '{"subset": "test"}'


def figures(last: float) -> dict[str, Any]:
    return {
        "first": 0.0, "last": last, "min": 0.0, "max": last, "mean": last / 2, "count": 10,
        "nonfinite": 0, "first_step": 0.0, "last_step": 9.0,
    }  # fmt: skip


def guide() -> list[Row]:
    """Return the three runs of the guide of Aim's query language."""
    held = [(0.001, 32, 10.0, None), (0.0007, 64, 20.0, 0.2), (0.005, 16, 30.0, 0.3)]
    rows = []
    for number, (lr, batch, loss, accuracy) in enumerate(held, start=1):
        series = {("loss", TRAIN): figures(loss), ("loss", TEST): figures(loss)}
        if accuracy is not None:
            series["accuracy", "{}"] = figures(accuracy)
        cells: dict[tuple[str, ...], Any] = {
            ("id",): f"run_{number}", ("params", "learning_rate"): lr,
            ("params", "batch_size"): batch, ("duration",): 4.0 * number,
            ("created_at",): CHRISTMAS_EVE + (number - 1) * 30 * DAY,
            ("ended_at",): GROUNDHOG + (number - 2) * DAY,
        }  # fmt: skip
        rows.append(Row(cells, series))
    return rows


GUIDE: dict[str, list[int]] = {
    "run.learning_rate > 0.0001 and run.batch_size > 32": [2],
    "run.learning_rate in [0.0001, 0.005]": [3],
    "run.metrics['accuracy'].last > 0.25": [3],
    "run.metrics['loss', {'subset': 'train'}].last < 25": [1, 2],
    "run.metrics['accuracy', {'subset': 'train'}].last < 25": [],
    "run.duration < 10": [1, 2],
    'run.created_at.strftime("%d/%m/%Y") == "24/12/2021"': [1],
    "run.finalized_at > datetime(2022, 2, 2)": [3],
    "run.created_at.month == 2 and run.created_at.year == 2022": [3],
    "SELECT run IF run.learning_rate >= 0.001": [1, 3],
    "select run, metric\nif run.batch_size == 64": [2],
}


@pytest.mark.parametrize("text", GUIDE)
def test_the_examples_of_the_guide(text: str) -> None:
    """The guide's questions get the guide's answers."""
    found = parse(text).mask(RowTable(guide()))
    assert [row + 1 for row in found.nonzero()[0].tolist()] == GUIDE[text]


def wild() -> list[Row]:
    """Return runs with params of all sorts: nested, dashed, lists, None, texts."""
    one = {
        ("params", "hparams", "lr"): 0.1, ("params", "hparams", "opt"): "ADAM",
        ("params", "hparams", "layers"): [2, 64], ("params", "hparams", "weird-key"): 1,
        ("params", "hparams", "deep", "er"): 3, ("params", "hparams", "none"): None,
        ("name",): "base", ("tags",): ["t1", "t2"], ("created_at",): CHRISTMAS_EVE,
        ("git", "branch"): "main", ("archived",): False,
    }  # fmt: skip
    two = {
        ("params", "hparams", "lr"): 0.001, ("params", "hparams", "opt"): "sgd",
        ("params", "hparams", "layers"): [], ("name",): "other", ("created_at",): GROUNDHOG,
    }  # fmt: skip
    return [Row(dict(cells)) for cells in (one, two, {**one, ("archived",): True})]


# What is in Aim's documents, what its users write, and what it answers with nothing in silence.
WILD: dict[str, list[int]] = {
    "run.hparams.lr == 0.1": [0],
    'run["hparams", "lr"] == 0.1': [0],
    'run["hparams"]["lr"] == 0.1': [0],
    "run.hparams.lr in [0.1, 0.2]": [0],
    "run.hparams['weird-key'] == 1": [0],
    "run.hparams.deep.er == 3": [0],
    'run["hparams", "deep", "er"] == 3': [0],
    "'AD' in run.hparams.opt": [0],
    "2 in run.hparams.layers": [0],
    "len(run.hparams.layers) == 2": [0],
    "sum(run.hparams.layers) == 66": [0],
    "any([layer > 32 for layer in run.hparams.layers])": [0],
    "max(run.hparams.layers) == 64 and min(run.hparams.layers) == 2": [0],
    "sorted(run.hparams.layers)[-1] == 64": [0],
    "set(run.tags) == {'t2', 't1'}": [0],
    "0.01 < run.hparams.lr < 1": [0],
    "'t1' in run.tags": [0],
    "run.name.startswith('b')": [0],
    "math.log10(run.hparams.lr) == -1": [0],
    "str(run.hparams.lr) == '0.1'": [0],
    "run.__system_params.git_info.branch == 'main'": [0],
    "run.created_at < datetime(2022, 1, 1)": [0],
    "run.created_at < datetime.now() - timedelta(days=7)": [0],
    "run.archived": [2],
    "isinstance(run.hparams.lr, float)": [0, 1],
    # wrong in silence there
    "run.hparams.opt.startswith('AD')": [0],
    "run.hparams.opt.lower() in ('adam', 'adamw')": [0],
    "run.hparams.none is None": [0, 1],
    "run.hparams.none == None": [0, 1],
    "run.hparams.deep.er is None": [1],
    "round(run.hparams.lr, 1) == 0.1": [0],
    "abs(run.hparams.lr - 0.1) < 1e-9": [0],
    "run.created_at > '2022-01-01'": [1],
    "run.hparams.lr == 0.1  # the best so far": [0],
}


@pytest.mark.parametrize("text", WILD)
def test_what_people_write(text: str) -> None:
    """What Aim answers is answered alike, and what it gets wrong in silence is right."""
    query = parse(text)
    found = query.mask(RowTable(wild()), now=GROUNDHOG + DAY)
    assert found.nonzero()[0].tolist() == WILD[text]
    assert query.warnings == () or "hparams.none" in text  # which no run has, as None is missing


def searched(kind: str) -> RowTable:
    table = RowTable([])
    for row, (name, ema) in enumerate([("generated", 0), ("generated", 1), ("real", 0)]):
        table.set((kind, "name"), row, name)
        table.set((kind, "context"), row, {"ema": ema})
        table.set((kind, "context", "ema"), row, ema)
        table.set((kind, "last_step"), row, 10.0 * row)
        table.set(("params", "learning_rate"), row, 0.001)
    return table


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('images.name == "generated" and run.learning_rate >= 0.001', [0, 1]),
        ('images.name == "generated" and images.context.ema == 0', [0]),
        ("images.context.get('ema') == 1 or images.last_step > 15", [1, 2]),
    ],
)
def test_sequences_are_searched_like_metrics(text: str, rows: list[int]) -> None:
    """Where images are searched, `images` is a sequence of them."""
    assert parse(text, "images").mask(searched("images")).nonzero()[0].tolist() == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('metric.name == "loss"', [0, 1]),
        ('metric.name == "loss" and metric.context.subset == "train"', [0]),
        ('metric.name == "loss" and run.learning_rate >= 0.001', [0, 1]),
        ('metric.name == "loss" and metric.last >= 15', [1]),
        ("metric.last_step == 9 and metric.first_step == 0", [0, 1, 2]),
        ('(metric.name == "loss" and metric.context.subset == "train") or metric.context == {}',
         [0, 2]),
    ],
)  # fmt: skip
def test_metrics_are_searched(text: str, rows: list[int]) -> None:
    """The guide's questions about metrics."""
    table = RowTable([])
    held = [("loss", "train", 10.0), ("loss", "test", 20.0), ("accuracy", None, 0.2)]
    for row, (name, subset, last) in enumerate(held):
        table.set(("metric", "name"), row, name)
        table.set(("metric", "context"), row, {"subset": subset} if subset else {})
        table.set(("metric", "context", "subset"), row, subset)
        table.set(("metric", "last"), row, last)
        table.set(("metric", "first_step"), row, 0.0)
        table.set(("metric", "last_step"), row, 9.0)
        table.set(("params", "learning_rate"), row, 0.001)
    assert parse(text, "metric").mask(table).nonzero()[0].tolist() == rows
