"""Tests that columns and rows agree on any query."""

from __future__ import annotations

import math
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from foldline_views import cells as cells_of_columns
from foldline_views import lexicon
from foldline_views.cells import DENSE_CELLS, DENSE_SHARE
from foldline_views.lexicon import FEW_WORDS
from foldline_views.query import parse
from tests.views.oracle import Oracle, Row, RowTable

NOW = 1_767_225_600.0

finite = st.sampled_from([0, 1, 2, 3, -1, 0.5, 0.1, -2.5, 1e300])
numbers = finite | st.sampled_from([math.nan, math.inf, -math.inf, True, False, 2**53, 2**53 + 1])
words = st.sampled_from(["", "a", "b", "A", "adam", "1", " x "])
cells = {
    ("name",): words | st.none(),
    ("tags",): st.lists(words, max_size=2) | st.none(),
    ("status",): st.sampled_from(["running", "finished"]) | st.none(),
    ("archived",): st.booleans() | st.none(),
    ("created_at",): st.none() | st.integers(-3, 3).map(lambda day: NOW + day * 86_400),
    ("params", "lr"): numbers | st.none(),
    ("params", "n"): finite | st.none(),
    ("params", "opt"): words | st.none(),
    ("params", "odd"): numbers | words | st.none(),
    ("params", "layers"): st.lists(finite | words, max_size=3) | st.none(),
}
summaries = st.fixed_dictionaries(
    {"last": numbers.map(float), "min": finite.map(float), "nonfinite": st.integers(0, 1)},
)
series = st.dictionaries(
    st.tuples(
        st.sampled_from(["loss", "acc"]), st.sampled_from(["{}", '{"s": "a"}', '{"s": "b"}'])
    ),
    summaries,
    max_size=4,
)
runs = st.lists(st.builds(Row, st.fixed_dictionaries(cells), series), min_size=1, max_size=6)

# The grammar of random queries: a text for each kind of operand.
places = st.sampled_from(
    [
        "run.lr", "run.n", 'run["lr"]', "run.params.n", "run.missing", "run.odd",
        'run.metrics["loss"].last', 'run.metrics["loss", {"s": "a"}].last',
        'run.metrics["acc"].min', 'run.metrics["loss"].has_nan', "run.layers[0]", "run.layers[-2]",
        "run.opt[0]", "len(run.tags)", "len(run.layers)", 'run.metrics["loss"].nonfinite',
    ]
)  # fmt: skip
texts = st.recursive(
    st.sampled_from(["run.name", "run.opt", "run.odd", "'a'", "''", "'adam'", "run.status"]),
    lambda inner: (
        st.builds("{}.{}()".format, inner, st.sampled_from(["lower", "upper", "strip", "title"]))
        | st.builds("({} + {})".format, inner, inner)
    ),
    max_leaves=3,
)
lists = st.sampled_from(
    ["run.layers", "run.tags", "[1, 2, 'a']", "('a', None)", "[]", "[run.lr, 1]", "run.opt"]
)
literals = st.sampled_from(["0", "1", "-1", "2", "0.5", "1e300", "True", "9007199254740993"])


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "//", "%", "**"])
    functions = st.sampled_from(["abs", "round", "int", "float", "str", "bool", "len", "math.sqrt"])
    return (
        st.builds("({} {} {})".format, inner, operators, inner)
        | st.builds("-({})".format, inner)
        | st.builds("{}({})".format, functions, inner | texts)
        | st.builds("min({}, {})".format, inner, inner)
        | st.builds("({} or {})".format, inner, inner)
        | st.builds("({} if {} else {})".format, inner, inner, inner)
    )


values = st.recursive(places | literals, grown, max_leaves=4)
operands = values | texts | lists
comparisons = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
loops = st.sampled_from(["x", "x > 1", "x == 'a'", "run.n == x", "x in run.tags", "abs(x) < 2"])
atoms = (
    st.builds("{} {} {}".format, values, comparisons, values)
    | st.builds("{} {} {}".format, texts, comparisons, texts)
    | st.builds("{} {} {}".format, operands, comparisons, operands)
    | st.builds("{} {} {} {} {}".format, values, comparisons, values, comparisons, values)
    | st.builds("{} in {}".format, operands, lists | texts)
    | st.builds("{} not in {}".format, operands, lists | texts)
    | st.builds("{} is None".format, operands)
    | st.builds("{} != None".format, operands)
    | st.builds("{}.{}({})".format, texts, st.sampled_from(["startswith", "endswith"]), texts)
    | st.builds("any({} for x in {})".format, loops, lists)
    | st.builds("all({} for x in {} if {})".format, loops, lists, loops)
    | st.builds("sum(x for x in {}) > {}".format, lists, values)
    | st.builds("run.created_at {} '2026-01-02'".format, comparisons)
    | st.builds("datetime.now() - run.created_at {} timedelta(days=1)".format, comparisons)
    | st.builds("run.created_at - datetime(2026, 1, 1) {} {}".format, comparisons, values)
    | st.builds("run.created_at + {} {} datetime(2026, 1, 1)".format, literals, comparisons)
    | operands
    | st.sampled_from(["run.archived", "run.active", "run.created_at.day == 2"])
)
queries = st.recursive(
    atoms,
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("({} or {})".format, inner, inner)
        | st.builds("not ({})".format, inner)
    ),
    max_leaves=4,
)


@settings(max_examples=400, deadline=None)
@given(runs, queries, st.booleans())
def test_columns_and_rows_agree(rows: list[Row], text: str, dense: bool) -> None:
    """Whatever the query and the runs, evaluating columns gives what reading row by row gives.

    Also if few cells are kept in arrays, as many are, and few words are asked as many are.
    """
    few = (1, 1000, 0) if dense else (DENSE_CELLS, DENSE_SHARE, FEW_WORDS)
    with (
        patch.object(cells_of_columns, "DENSE_CELLS", few[0]),
        patch.object(cells_of_columns, "DENSE_SHARE", few[1]),
        patch.object(lexicon, "FEW_WORDS", few[2]),
    ):
        got = parse(text).mask(RowTable(rows), now=NOW).nonzero()[0].tolist()
    assert got == Oracle(rows, NOW).matches(text)


@given(runs, queries)
def test_a_row_matches_whatever_stands_beside_it(rows: list[Row], text: str) -> None:
    """The types that other runs have at a path change how it is stored, and no answer."""
    whole: list[Any] = parse(text).mask(RowTable(rows), now=NOW).tolist()
    alone = [parse(text).mask(RowTable([row]), now=NOW).tolist()[0] for row in rows]
    assert whole == alone
