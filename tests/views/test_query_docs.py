"""Tests that the language's page tells the truth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

import pytest

from foldline_views.column import Path
from foldline_views.query import parse
from foldline_views.words import FUNCTIONS, METHODS, METRIC_FIELDS, RUN_BRANCHES, RUN_FIELDS
from tests.views.oracle import Row, RowTable

PAGE = (FilePath(__file__).parents[2] / "docs" / "query.md").read_text(encoding="utf-8")
DAY = 86_400.0
NEW_YEAR = 1_767_225_600.0  # 2026-01-01T00:00:00Z
NOW = NEW_YEAR + 2.5 * DAY

VAL, TRAIN = '{"subset": "val"}', '{"subset": "train"}'


def row(name: str, day: int, series: dict[tuple[str, str], dict[str, Any]], **cells: Any) -> Row:
    own: dict[Path, Any] = {("id",): name, ("created_at",): NEW_YEAR + day * DAY}
    for key, cell in cells.items():
        own[(key[1:],) if key[0] == "_" else ("params", "hparams", key)] = cell
    return Row(own, series)


def runs() -> list[Row]:
    a = row(
        "a", 0, {
            ("loss", VAL): {"last": 0.05, "min": 0.04, "max": 0.9, "nonfinite": 0, "count": 9},
            ("loss", TRAIN): {"last": 0.2, "count": 9},
            ("__system__/gpu0_percent", "{}"): {"last": 97.0, "count": 9},
        },
        lr=0.1, opt="ADAM", layers=[64, 64], _experiment="mnist", _tags=["sweep"],
        _status="finished", _duration=7200.0, _artifacts=["net"], _user="ann", _host="node7",
        _alerts=0, _goals={"loss": "minimize"},
    )  # fmt: skip
    a.cells.update({("git", "branch"): "main", ("git", "dirty"): True})
    a.cells["summary", "best", "acc"] = 0.9
    a.cells[("params", "seed")] = 7
    b = row(
        "b", 1, {("loss", VAL): {"last": 0.7, "nonfinite": 2, "count": 9}},
        lr=0.001, opt="sgd", _experiment="mnist", _status="running", _duration=60.0,
        _parent="a", _forked_step=500.0, _group="g1", _alerts=1,
    )  # fmt: skip
    b.cells[("params", "hparams", "weird-key")] = 1
    c = row("c", 2, {}, lr="auto", _experiment="cifar", _tags=["base"], _status="failed")
    c.cells.update({("error", "type"): "ValueError", ("error", "message"): "bad batch"})
    return [a, b, c, row("d", 3, {}, lr=0.1, _archived=True)]


def series() -> RowTable:
    table = RowTable([])
    for number, (subset, last) in enumerate([("val", 0.05), ("train", 0.2), ("val", 0.7)]):
        table.set(("metric", "name"), number, "loss")
        table.set(("metric", "context"), number, {"subset": subset})
        table.set(("metric", "context", "subset"), number, subset)
        table.set(("metric", "last"), number, last)
        table.set(("params", "hparams", "opt"), number, "sgd" if number == 2 else "ADAM")
    return table


def examples() -> Iterator[tuple[str, str, list[str]]]:
    """Yield the section, the example and the matches of every rule on the page."""
    for section in PAGE.split("\n## ")[1:]:
        title = section.splitlines()[0]
        for example, matches in re.findall(r"\| `([^`]+)` \| ([^|]*)\|$", section, re.MULTILINE):
            yield title, example, matches.split()


@pytest.mark.parametrize(("title", "example", "matches"), list(examples()))
def test_an_example_matches_what_the_page_says(
    title: str, example: str, matches: list[str]
) -> None:
    """Every rule of the page is shown by a query that really gives this answer."""
    if title == "Series":
        names, table = ["a/val", "a/train", "b/val"], series()
        query = parse(example, "metric")
    else:
        names, table = ["a", "b", "c", "d"], RowTable(runs())
        query = parse(example)
    mask = query.mask(table, now=NOW, search={"out of memory": {"c"}}.__getitem__)
    assert [name for name, matched in zip(names, mask, strict=True) if matched] == matches


def test_the_page_has_an_example_for_every_rule() -> None:
    """No row of a table of rules goes untested."""
    rules = re.findall(r"^\| (?!rule |run |---|[abcd] )", PAGE.split("\n## ", 1)[1], re.MULTILINE)
    assert len(list(examples())) == len(rules) > 40


def test_the_page_names_every_field() -> None:
    """What the language knows is on the page: fields, functions and methods."""
    for name in {*RUN_FIELDS, *RUN_BRANCHES, *METRIC_FIELDS, *FUNCTIONS, *METHODS}:
        assert re.search(rf"`{re.escape(name.removeprefix('math.'))}(\(\))?`", PAGE), name
