"""Tests that arrays answer as Python does."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from foldline_views import lexicon
from foldline_views.calls import called
from foldline_views.column import Numbers, column_of
from foldline_views.functions import CELL_FUNCTIONS
from foldline_views.lexicon import Lexicon
from foldline_views.values import Scalar

letters = st.sampled_from(["a", "b", "-", "é", "学", "\0", "\ud800", "😀", "A"])
word = st.lists(letters, max_size=20).map("".join) | st.text(max_size=6)
words = st.lists(word, min_size=1, max_size=12)
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few words are asked one by one; here they shall be asked as many are."""
    monkeypatch.setattr(lexicon, "FEW_WORDS", 0)


def check_words(held: list[str], part: str, asked: Lexicon) -> None:
    """Assert that all questions about words are answered as Python answers them."""
    assert asked.startswith(part).tolist() == [word.startswith(part) for word in held]
    assert asked.endswith(part).tolist() == [word.endswith(part) for word in held]
    assert asked.contains(part).tolist() == [part in word for word in held]
    assert asked.lengths().tolist() == [len(word) for word in held]
    for op, function in COMPARE.items():
        assert asked.compare(op, part).tolist() == [function(word, part) for word in held]
    lower = asked.derived("lower", str.lower)
    assert lower.words == [word.lower() for word in held]
    assert lower.contains(part).tolist() == [part in word.lower() for word in held]
    ranks = asked.ranks()[:-1].tolist()
    keys = [(word.casefold(), word) for word in held]
    for one, rank in zip(keys, ranks, strict=True):
        for other, place in zip(keys, ranks, strict=True):
            assert (one < other) == (rank < place)


@given(words, words, word | st.integers(0, 11))
@example(["a" * 17 + "b"], ["a" * 17 + "c"], "a" * 17 + "b")
@example(["a", "b"], ["ab"], "ab")
@example(["a"], ["a\0"], "a\0")
def test_bytes_answer_for_words(first: list[str], more: list[str], part: str | int) -> None:
    """Whatever the words, also after some were added to the list that was asked."""
    held = list(first)
    asked = Lexicon(held)
    text = (first + more)[part % len(first + more)][:19] if isinstance(part, int) else part
    check_words(held, text, asked)
    held.extend(more)
    check_words(held, text, asked)


def test_a_new_word_is_ranked_without_sorting_all() -> None:
    """Among many words a few new ones get a place between their neighbours, however often."""
    held = [f"w{number:04d}" for number in range(2000)]
    asked = Lexicon(held)
    asked.ranks()
    for number in range(100):  # always between the same two, until no number is left between
        held.append("w0005" + "a" * (number + 1))
        ranks = asked.ranks()
        assert ranks[5] < ranks[len(held) - 1] < ranks[6]
        assert number == 0 or ranks[len(held) - 2] < ranks[len(held) - 1]


numbers = st.one_of(
    st.floats(),
    st.integers(-(2**53), 2**53),
    st.booleans(),
    st.none(),
    st.integers(-10_000, 10_000).map(lambda number: number / 1000 + 0.0005),
    st.integers(-100, 100).map(lambda number: number + 0.5),
    st.sampled_from([0.0, -0.0, 2.675, 1e22, 0.1 + 0.2, math.nan, math.inf, -math.inf]),
)


def same(one: Any, other: Any) -> bool:
    """Whether two cells are alike, to the type and the last bit; a zero has no sign as an int."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and bool(one == other)


def check(name: str, cells: list[Any], *constants: Any) -> None:
    """Assert that a function of a column gives what it gives cell by cell."""
    told: list[None] = []
    with np.errstate(all="ignore"):  # as `Query.mask` asks
        found = called(
            name,
            [column_of(cells), *map(Scalar, constants)],
            rows=len(cells),
            zone=UTC,
            mismatch=lambda: told.append(None),
            spend=lambda _: None,
        )
    assert not isinstance(found, Scalar)
    wanted, wrong = [], False
    for cell in cells:
        try:
            wanted.append(None if cell is None else reference(name)(cell, *constants))
        except (TypeError, ValueError, OverflowError, OSError):
            wanted.append(None)
            wrong = True
    for one, other in zip(found.cells(), wanted, strict=True):
        assert same(one, other), (one, other)
    assert bool(told) == wrong


def reference(name: str) -> Callable[..., Any]:
    """Return what a function does with one cell."""
    if not name.startswith("date."):
        return CELL_FUNCTIONS[name]

    def of_date(seconds: Any, form: str = "") -> Any:
        if not isinstance(seconds, int | float):
            raise TypeError
        when = datetime.fromtimestamp(seconds, UTC)
        part = name.removeprefix("date.")
        if part == "strftime":
            return when.strftime(form)
        return getattr(when, part)() if part == "weekday" else getattr(when, part)

    return of_date


@pytest.mark.parametrize(
    "name",
    [
        "abs", "bool", "float", "int", "round", "str", "math.ceil", "math.exp", "math.floor",
        "math.isfinite", "math.isinf", "math.isnan", "math.log", "math.log10", "math.log2",
        "math.sqrt", "math.fabs",
    ],
)  # fmt: skip
@given(st.lists(numbers, min_size=1, max_size=20))
def test_functions_of_numbers_are_pythons(name: str, cells: list[Any]) -> None:
    """Rounding, roots and logarithms give the same floats and types, NaN and infinity included."""
    check(name, cells)


@given(st.lists(numbers, min_size=1, max_size=20), st.integers(-3, 25) | st.sampled_from([1.5, 99]))
def test_rounding_to_digits_is_pythons(cells: list[Any], digits: float) -> None:
    """Halves go to the even neighbour of the exact value, as Python has it."""
    check("round", cells, digits)


moments = st.one_of(
    st.floats(-7e10, 2.6e11),
    st.integers(-100_000, 100_000).map(lambda day: day * 86_400.0),
    st.integers(-100, 100).map(lambda second: second - 0.0000004),
    st.sampled_from([1e15, -1e15, math.nan, math.inf, -math.inf, 253_402_300_799.9999999, None]),
)


@pytest.mark.parametrize("part", ["year", "month", "day", "hour", "minute", "second", "weekday"])
@given(st.lists(moments, min_size=1, max_size=10))
def test_parts_of_dates_are_pythons(part: str, cells: list[Any]) -> None:
    """From year 1 to 9999, before 1970 and a microsecond before midnight."""
    check(f"date.{part}", cells)


@given(
    st.lists(moments, min_size=1, max_size=10),
    st.sampled_from(["%d/%m/%Y", "%Y-%j %a", "%H:%M", "%%%B", "%f", "day", "%V.%u"]),
)
def test_formatted_dates_are_pythons(cells: list[Any], form: str) -> None:
    """Formats of days are made once a day; others of each date."""
    check("date.strftime", cells, form)


@given(st.lists(word | st.none(), min_size=1, max_size=8), word, st.integers(0, 3))
def test_methods_of_texts_are_pythons(cells: list[Any], part: str, place: int) -> None:
    """Methods of words are asked once for each word, and give what each cell would."""
    if set(map(type, cells)) == {type(None)}:
        return
    for name in ("startswith", "endswith", "removeprefix", "removesuffix", "strip", "count",
                 "find"):  # fmt: skip
        check(f"text.{name}", cells, part)
    for name in ("lower", "upper", "title", "isdigit", "isupper", "casefold"):
        check(f"text.{name}", cells)
    check("text.startswith", cells, [part, "a"])
    check("len", cells)
    check("slice", cells, place, "")


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=10))
def test_the_least_of_several_is_pythons(pairs: list[tuple[Any, Any]]) -> None:
    """A NaN is taken only where it comes first, as `min` and `max` do."""
    left, right = column_of(pair[0] for pair in pairs), column_of(pair[1] for pair in pairs)
    if not (isinstance(left, Numbers) and isinstance(right, Numbers)):
        return
    for name, function in (("min", min), ("max", max)):
        found = called(
            name, [left, right], rows=len(pairs), zone=UTC,
            mismatch=lambda: None, spend=lambda _: None,
        )  # fmt: skip
        assert isinstance(found, Numbers)
        for one, pair in zip(found.cells(), pairs, strict=True):
            assert same(one, None if None in pair else function(*pair))


def test_a_column_of_few_numbers_asks_each_once() -> None:
    """Settings have few values: what arrays can't answer is asked once for each."""
    spent: list[int] = []
    column = Numbers(np.array([1.0, 2.0] * 500), np.full(1000, 2, np.uint8))
    found = called("str", [column], rows=1000, zone=UTC, mismatch=lambda: None, spend=spent.append)
    assert not isinstance(found, Scalar)
    assert found.cells()[:2] == ["1", "2"]
    assert sum(spent) == 2
