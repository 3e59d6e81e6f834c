"""Tests of how a query is explained."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings

from foldline_views.explain import explain
from foldline_views.query import parse
from tests.views.oracle import Row, RowTable
from tests.views.test_query import NOW, RUNS
from tests.views.test_query_properties import queries, runs


def test_each_part_says_what_it_is_and_where_it_holds() -> None:
    """The parts come in the order of evaluation, with their place, column, rows and cost."""
    query = parse('run.hparams.lr > 0.05 and run.name.startswith("res")')
    found = explain(query, RowTable(RUNS), now=NOW)
    assert [(part.depth, part.text, part.column, part.rows) for part in found.parts] == [
        (0, 'run.hparams.lr > 0.05 and run.name.startswith("res")', "condition", 1),
        (1, "run.hparams.lr > 0.05", "condition", 3),
        (2, "run.hparams.lr", "values of any type", 6),
        (1, 'run.name.startswith("res")', "condition", 2),
        (2, "run.name", "texts, 5 different", 5),
        (0, "run.archived", "condition", 1),
        (0, "run.deleted", "condition", 0),
    ]
    assert (found.total, found.matches) == (6, 1)
    for part in found.parts[:5]:
        assert query.text[slice(*part.at)] == part.text
    assert found.parts[2].ms <= found.parts[1].ms <= found.parts[0].ms <= found.ms


def test_what_python_is_asked_cell_by_cell_is_counted() -> None:
    """Numbers cost no cells, and a loop over lists that differ costs all of their elements."""
    table = RowTable([Row({("params", "n"): n, ("params", "x"): [n, 1]}) for n in range(50)])
    assert explain(parse("run.n * 2 > 7"), table).cells == 0
    found = explain(parse("run.n > 7 or any(x > run.n for x in run.x)"), table)
    loop = next(part for part in found.parts if part.text.startswith("any"))
    assert loop.cells == found.cells >= 100


def test_an_unknown_name_is_explained_as_one() -> None:
    """What no run has is said to be so, and the warning names the nearest one."""
    found = explain(
        parse("run.hparams.lrr > 1 and search('x')"), RowTable(RUNS), search=lambda _: []
    )
    parts = {part.text: part.column for part in found.parts}
    assert parts["run.hparams.lrr"] == "no run has it"
    assert parts["search('x')"] == "full text"
    assert found.warnings == ["no run has run.hparams.lrr; did you mean run.hparams.lr?"]
    assert msgspec.json.decode(msgspec.json.encode(found))["matches"] == 0


@settings(max_examples=100, deadline=None)
@given(runs, queries)
def test_explaining_changes_no_answer(rows: list[Row], text: str) -> None:
    """An explained query matches what the query matches."""
    mask = parse(text).mask(RowTable(rows), now=NOW)
    assert explain(parse(text), RowTable(rows), now=NOW).matches == mask.sum()
