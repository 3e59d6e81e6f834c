"""Tests of what a wrong query is answered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline.errors import QueryError
from foldline_views import evaluation
from foldline_views.grammar import DEPTH_MAX, NODES_MAX
from foldline_views.query import order, parse, sort_key
from foldline_views.source import TEXT_CHARS_MAX
from tests.views.oracle import Row, RowTable

# The query, the part that is to blame, a piece of the message, a piece of the hint.
WRONG = [
    ("run.lr >", "", "can't be read", "expression"),
    ("(run.lr > 1", "(", "never closed", ""),
    ("run.lr > 1)", ")", "never opened", ""),
    ("run.name == 'x", "'", "text is never closed", ""),
    ("1) or (2", ")", "never opened", ""),
    ("1\n) or (2", ")", "can't be read", ""),
    ("run.lr = 3", "=", "can't be read", '"=="'),
    ("run.a > 1 && run.b", "&&", "can't be read", '"and"'),
    ("run.a > 1 || run.b", "||", "can't be read", '"or"'),
    ("!run.archived", "!", "can't be read", '"not"'),
    ("run.a > 1 AND run.b", "AND", "can't be read", "lower case"),
    ("SELECT run.name", "run", "can't be read", ""),
    ("lambda: run.lr", "lambda: run.lr", "a lambda", ""),
    ("(x := 3)", "x := 3", "assignment", ""),
    ("f'{run.name}' == 'x'", "f'{run.name}'", "f-string", ""),
    ("{x for x in run.tags}", "{x for x in run.tags}", "set comprehension", ""),
    ("[*run.tags]", "*run.tags", "unpacking", ""),
    ("run.tags[0:2:2]", "run.tags[0:2:2]", "no step", ""),
    ("run.a & run.b", "run.a & run.b", "bit operators", '"and"'),
    ("~run.a", "~run.a", "no operator", '"not"'),
    ("run.a is True", "run.a is True", "for None only", '"=="'),
    ("run.lr > 1 and fobs(run.lr) > 1", "fobs", "no function", "abs"),
    ("run.tags.apend('x')", "apend", "no method", ""),
    ("run.name.startwith('x')", "startwith", "no method", ".startswith()"),
    ("run.name.length > 3", "length", "no `length`", ""),
    ("run.created_at.mnth == 3", "mnth", "no `mnth`", ".month"),
    ("run.created_at > 'soon'", "'soon'", "no date", "2026-01-31"),
    ("run.created_at + run.created_at > 1", "run.created_at + run.created_at", "two dates", ""),
    ("run.created_at > datetime(2026, 13, 1)", "datetime(2026, 13, 1)", "other values", ""),
    ("run.created_at > datetime.nwo()", "datetime.nwo", "no function", "datetime.now"),
    ("run.name.strftime('%d') == ''", "run.name.strftime('%d')", "for dates", ""),
    ("run.created_at.strftime('%999d') == ''", "'%999d'", "%9", ""),
    ('run.metrics["loss"].lst < 1', "lst", "no `lst`", ".last"),
    ('run.metrics["loss"] < 1', 'run.metrics["loss"]', "a line, not a value", ".last"),
    ("run.metrics.loss.last < 1", "run.metrics.loss.last", "in [ ]", "run.metrics["),
    ("metric.last < 1", "metric.last", "not runs", "run.metrics"),
    ("run", "run", "alone", ""),
    ("lr > 3", "lr", "not known", "run.lr"),
    ("rnu.lr > 3", "rnu", "not known", "run"),
    ("images.name == 'x'", "images.name", "images are searched", "`run`"),
    ("range(10 ** 9)", "range(10 ** 9)", "plain whole numbers", "range(0, 10)"),
    ("run.seed in range(99999)", "range(99999)", "at most", "<"),
    ("isinstance(run.lr, complex)", "isinstance(run.lr, complex)", "types", "float"),
    ("run.parent.metrics['loss'].last > 1", "run.parent.metrics", "parent", ""),
    ("run.__system_params.packages.x > 1", "run.__system_params.packages.x", "no param here", ""),
    ("sorted(run.tags, key=len)", "key=len", "no names", ""),
    ("search(run.name)", "search(run.name)", "one plain text", ""),
    ("1 in run.metrics", "1 in run.metrics", "no value", '"loss" in'),
    ("SELECT run IF run.lr >", "", "can't be read", ""),
    ("abs(run.a, 2) > 1", "abs(run.a, 2)", "takes 1", ""),
    ("round(run.a, ndigits=2) > 1", "ndigits=2", "no names", ""),
    ("any(x for y in run.a for x in y)", "(x for y in run.a for x in y)", "another", ""),
    ("run.a == 1\n  and run.é == é(2)", "é", "no function", ""),
    ("run.a == '\x00'", "\x00", "character", "again"),
    ("run.a == '\ud800'", "\ud800", "character", "again"),
]


@pytest.mark.parametrize(("text", "part", "message", "hint"), WRONG)
def test_a_wrong_query_is_told_where_and_why(text: str, part: str, message: str, hint: str) -> None:
    """The error holds the exact range, plain words, and what was probably meant."""
    with pytest.raises(QueryError) as caught:
        parse(text)
    start, end = caught.value.at
    assert text[start:end] == part
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "run.a == 1" + " " * TEXT_CHARS_MAX,
        " and ".join(["run.a"] * (NODES_MAX + 1)),
        "not " * (DEPTH_MAX + 1) + "run.a",
        "run" + ".a" * (DEPTH_MAX + 2),
        "(" * 150 + "1" + ")" * 300,
        "-" * 4000 + "1",
        "run" + "[0]" * 1200,
        "[" * 190 + "]" * 190 + " == " + "x" * 200 + "(" * 100,
        "run.a" + " if run.b else run.a" * 150,
    ],
)
def test_what_is_too_much_is_refused(text: str) -> None:
    """Length, parts and depth are bounded, and the bound is an error like any other."""
    with pytest.raises(QueryError) as caught:
        parse(text)
    start, end = caught.value.at
    assert 0 <= start <= end <= len(text)


def test_literal_lists_may_be_long() -> None:
    """A list of ids is one part, however many there are."""
    ids = ", ".join(f"'{number}'" for number in range(300))
    assert not parse(f"run.id in ({ids})").mask(RowTable([Row({("id",): "x"})])).any()


def test_too_many_pairs_of_series_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two metrics that each have thousands of contexts can't all be compared with one another."""
    monkeypatch.setattr(evaluation, "PAIRS_MAX", 100)
    names = [(name, f'{{"rank": {rank}}}') for name in ("loss", "acc") for rank in range(11)]
    table = RowTable([Row({}, {name: {"last": 1.0} for name in names})])
    assert parse("run.metrics['loss'].last > 0").mask(table).all()
    with pytest.raises(QueryError, match="121 combinations"):
        parse("run.metrics['loss'].last < run.metrics['acc'].last").mask(table)


def test_what_would_take_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Python is asked cell by cell is counted; numbers that arrays compare are not."""
    monkeypatch.setattr(evaluation, "CELLS_MAX", 1000)
    table = RowTable([Row({("params", "x"): [n], ("params", "n"): n}) for n in range(200)])
    assert parse(" or ".join(["run.n > 5"] * 60)).mask(table).any()
    with pytest.raises(QueryError, match="cells one by one"):
        parse(" or ".join(["any(y > run.n for y in run.x)"] * 10)).mask(table)


def test_an_answer_that_takes_too_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is that takes so long: a query ends within a bounded time."""
    monkeypatch.setattr(evaluation, "ANSWER_S_MAX", -1.0)
    with pytest.raises(QueryError, match="takes longer"):
        parse("run.n > 1").mask(RowTable([Row({("params", "n"): 1})]))


@pytest.mark.parametrize(
    "text",
    [
        "run.s + run.s == 'x'",
        "(run.s if run.n > 1 else 'x') == 'x'",
        "(run.s or 'x') == 'x'",
        "run.s == run.x",
        "run.x in [run.x]",
        "[run.n] == [1]",
        f"run.s + '{'x' * 600}' == 'y'",
        "run.x[0] == 1",
        "isinstance(run.s, str) == run.s.isdigit()",
    ],
)
def test_whatever_is_asked_cell_by_cell_is_counted(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No way around the count: joining, choosing, comparing and listing cost what they cost."""
    monkeypatch.setattr(evaluation, "CELLS_MAX", 99)
    rows = [
        Row({("params", "x"): [n], ("params", "n"): n, ("params", "s"): f"s{n}"})
        for n in range(100)
    ]
    with pytest.raises(QueryError, match="cells one by one"):
        parse(text).mask(RowTable(rows))


def test_texts_do_not_grow_without_bounds() -> None:
    """What `replace` would make too long is missing."""
    query = parse(f"len(run.s.replace('s', '{'x' * 2000}')) > 0")
    assert not query.mask(RowTable([Row({("params", "s"): "s"})])).any()


def test_a_search_that_nobody_answers_is_refused() -> None:
    """Where there is no full-text search, a query that wants it says so."""
    with pytest.raises(QueryError, match="full-text search") as caught:
        parse('run.lr > 1 or search("x")').mask(RowTable([Row({})]))
    assert caught.value.at == (14, 25)


def test_a_mistake_in_the_text_of_a_search_has_its_place_in_the_query() -> None:
    """The search box has a language of its own; what is wrong in it is pointed at."""

    def search(text: str) -> set[str]:
        raise QueryError("a quotation is never closed", at=(4, 7), hint="close it")

    query = "run.lr > 1 and search('abc \"de')"
    with pytest.raises(QueryError, match="quotation") as caught:
        parse(query).mask(RowTable([Row({})]), search=search)
    start, end = caught.value.at
    assert query[start:end] == '"de'


@given(st.text(max_size=60))
def test_random_text_is_a_query_or_a_query_error(text: str) -> None:
    """Nothing that can be typed raises anything else."""
    check_total(text)


PIECES = [
    "run", "metric", ".", "lr", "hparams", "metrics", "[", "]", "(", ")", '"loss"', "'a'", "{", "}",
    ":", ",", " ", "\n", "and", "or", "not", "in", "is", "None", "1", "2.5", "-", "+", "*", "**",
    "/", "%", "<", "==", "!=", "=", "if", "else", "for", "x", "any", "max", "datetime", "now",
    "created_at", "#", "lambda", "é", "\t", "tags", "name", "startswith", "get", "str", "int",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join))
def test_random_words_are_a_query_or_a_query_error(text: str) -> None:
    """Nor does anything put together from the language's own words."""
    check_total(text)
    check_total(text.replace(" ", ""))


def check_total(text: str) -> None:
    """Parse and ask; fails by any exception but QueryError, and by a range outside the text."""
    table = RowTable([Row({("params", "lr"): 0.1, ("name",): "a", ("created_at",): 1.0})])
    wrong: list[QueryError] = []
    try:
        parse(text).mask(table)
    except QueryError as error:
        wrong.append(error)
    try:
        order(table, [(sort_key(text), True)])
    except QueryError as error:
        wrong.append(error)
    for found in wrong:
        start, end = found.at
        assert 0 <= start <= end <= len(text)
        assert found.message
