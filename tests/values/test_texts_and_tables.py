"""Texts, pages, tables, distributions come back."""

from __future__ import annotations

import io
import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import foldline
from foldline.errors import FoldlineWarning, ValueRejected
from foldline.values import Distribution, Html, Image, Table, Text
from tests.values.store import kept, revived


def test_texts_come_back(tmp_path: Path) -> None:
    """Short ones lie in the event, long ones in a blob; their format is known."""
    with foldline.Run(store=tmp_path) as run:
        run.track([Text("näher"), Text("x" * 100_000), Text("")], name="said")
        run.track(Text("# Title", format="markdown"), name="set")
        run.track(Text("broken \udc80"), name="odd")
    assert [text.text for text in revived(tmp_path, "said")] == ["näher", "x" * 100_000, ""]
    short, long, _ = kept(tmp_path, "said")
    assert short.inline and not short.blob and long.blob and not long.inline
    assert revived(tmp_path, "set")[0].media_type == "text/markdown"
    assert str(revived(tmp_path, "odd")[0]) == "broken \\udc80"


def test_pages_of_html_come_back(tmp_path: Path) -> None:
    """By their text, their file or an open file."""
    path = tmp_path / "page.html"
    path.write_text("<p>file</p>")
    with foldline.Run(store=tmp_path / "store") as run:
        pages = [Html("<p>text</p>"), Html(path), Html(str(path)), Html(io.StringIO("<i>"))]
        run.track(pages, name="pages")
    found = [page.html for page in revived(tmp_path / "store", "pages")]
    assert found == ["<p>text</p>", "<p>file</p>", "<p>file</p>", "<i>"]


# ------------------------------------------------------------------------------- distributions


@given(
    arrays.arrays(
        st.sampled_from([np.float64, np.float32, np.int64, np.uint8, np.bool_]),
        arrays.array_shapes(max_dims=2, max_side=20),
    ),
    st.integers(1, 512),
)
def test_every_sample_is_counted_once(samples: Any, bins: int) -> None:
    """Finite ones in a bin, NaN and the infinities apart, whatever the numbers."""
    found = Distribution(samples, bins)
    told = found.attributes
    apart = sum(told.get(name, 0) for name in ("nan", "positive_infinite", "negative_infinite"))
    assert found.counts.sum() + apart == told["count"] == samples.size
    assert found.bin_count == bins and len(found.edges) == bins + 1
    assert np.isfinite(found.edges).all() and (np.diff(found.edges) >= 0).all()


def test_counts_are_those_of_numpy(tmp_path: Path) -> None:
    """Large arrays are counted in the background, small ones at once: alike."""
    large = np.random.default_rng(3).normal(size=100_000)
    with foldline.Run(store=tmp_path) as run:
        run.track([Distribution(large), Distribution.from_samples(large[:100], 8)], name="w")
    for found, samples, bins in zip(
        revived(tmp_path, "w"), (large, large[:100]), (64, 8), strict=True
    ):
        counts, edges = np.histogram(samples, bins)
        assert np.array_equal(found.counts, counts)
        assert np.allclose(found.edges, edges, rtol=1e-12)
        assert found.attributes["mean"] == pytest.approx(samples.mean())


def test_a_given_histogram_comes_back() -> None:
    """With its outer edges, or with all of them."""
    found = Distribution(hist=[1, 2, 3], bin_range=(0.0, 3.0))
    assert found.counts.tolist() == [1, 2, 3] and found.edges.tolist() == [0, 1, 2, 3]
    found = Distribution.from_histogram([1.5, 2], [0, 1, 10])
    assert found.weights.tolist() == [1.5, 2] and found.ranges.tolist() == [0, 1, 10]
    assert found.range == (0.0, 10.0)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (Distribution([1.0], 513), "bin_count=513"),
        (Distribution(), "needs samples"),
        (Distribution([]), "empty"),
        (Distribution(hist=[1, -1], bin_range=(0, 1)), "negative"),
        (Distribution(hist=[1, 1]), "needs bin_range"),
        (Distribution(hist=[1, 1], bin_edges=[0, 1]), "not 3 finite numbers"),
        (Distribution(hist=[1, 1], bin_range=(1, 0)), "not 2 finite numbers"),
        (Text(3), "no text"),  # type: ignore[arg-type]  # what a script may well do
        (Text("x", format="rtf"), "no format of texts"),
        (Html(None), "no HTML"),
        (Table(columns=["a"], data=[[1, 2]]), "has not 1 cells"),
        (Table({"a": [1], "b": [1, 2]}), "not of one length"),
        (Table(3), "not iterable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_none_is_refused_with_one_warning(tmp_path: Path, bad: Any, words: str) -> None:
    """The warning names the call; the run goes on."""
    with pytest.warns(FoldlineWarning, match=words), foldline.Run(store=tmp_path) as run:
        run.track(bad, name="bad")


# -------------------------------------------------------------------------------------- tables

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
COLUMNS = {
    "number": [1, 2.5, None],
    "bool": [True, None, False],
    "text": ["a", None, "<c>"],
    "time": [WHEN, None, WHEN.replace(tzinfo=None)],
    "day": [date(2026, 1, 2), None, None],
    "mixed": [1, "x", {"k": [1]}],
}
TYPES = ["number", "bool", "text", "time", "time", "text"]
CELLS = {
    **COLUMNS,
    "time": [WHEN.timestamp(), None, WHEN.timestamp()],
    "day": [datetime(2026, 1, 2, tzinfo=UTC).timestamp(), None, None],
    "mixed": ["1", "x", '{"k":[1]}'],
}
ROWS = [list(row) for row in zip(*COLUMNS.values(), strict=True)]


@pytest.mark.parametrize(
    "table",
    [
        Table(COLUMNS),
        Table(columns=list(COLUMNS), data=ROWS),
        Table(list(COLUMNS), ROWS),
        Table(rows=ROWS, columns=list(COLUMNS)),
        Table([dict(zip(COLUMNS, row, strict=True)) for row in ROWS]),
    ],
    ids=["columns", "rows", "as in W&B", "rows=", "dicts"],
)
def test_tables_come_back_with_their_types(tmp_path: Path, table: Table) -> None:
    """However a table is given, its columns have one type each and its cells are the same."""
    with foldline.Run(store=tmp_path) as run:
        run.track(table, name="table")
    (found,) = revived(tmp_path, "table")
    assert found.types == TYPES and found.to_dict() == CELLS and len(found) == 3


def test_data_frames_come_back(tmp_path: Path) -> None:
    """Pandas' and polars', with times, missing cells and numbers that are not finite."""
    import pandas as pd
    import polars as pl

    numbers = [1.5, math.nan, math.inf]
    times = pd.to_datetime(["2026-01-02T03:04:05", None, "2026-01-02T03:04:05"])
    frame = pd.DataFrame({"n": numbers, "i": [1, 2, 3], "s": ["a", None, "c"], "t": times})
    polar = pl.DataFrame({"n": numbers, "i": [1, None, 3], "s": ["a", None, "c"]})
    with foldline.Run(store=tmp_path) as run:
        run.track(Table(frame), name="pandas")
        run.track(Table(dataframe=frame.astype({"i": "Int64"})), name="pandas")
        run.track(Table(data=polar), name="polars")
    for found in revived(tmp_path, "pandas"):
        assert found.types == ["number", "number", "text", "time"]
        cells = found.to_dict()
        assert cells["n"][0] == 1.5 and math.isnan(cells["n"][1]) and cells["n"][2] == math.inf
        assert cells["i"] == [1, 2, 3] and cells["s"] == ["a", None, "c"]
        assert cells["t"] == [WHEN.timestamp(), None, WHEN.timestamp()]
        assert found.to_pandas()["i"].tolist() == [1, 2, 3]
    (found,) = revived(tmp_path, "polars")
    assert found.to_dict()["i"] == [1, None, 3] and found.to_dict()["s"] == ["a", None, "c"]


def test_a_long_table_is_read_a_page_at_a_time(tmp_path: Path) -> None:
    """Each page is a blob of its own: one page is read, and the others need not be there."""
    table = Table({"n": np.arange(2_500), "s": [str(n) for n in range(2_500)]})
    with foldline.Run(store=tmp_path) as run:
        run.track(table, name="long")
    (found,) = revived(tmp_path, "long")
    assert len(found) == 2_500
    index = found._index()
    (tmp_path / "blobs" / index["pages"][0][:2] / index["pages"][0]).unlink()
    numbers, texts = found.page(2)
    assert numbers == list(range(2_000, 2_500)) and texts[-1] == "2499"


def test_tables_grow_by_rows_and_columns_and_hold_images(tmp_path: Path) -> None:
    """As W&B's do: `add_data`, `add_column`, images in cells."""
    table = Table(columns=["name", "picture"])
    levels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    table.add_data("first", Image(levels, caption="one"))
    table.add_data("second", None)
    table.add_column("score", [0.5, 1])
    with foldline.Run(store=tmp_path) as run:
        run.track(table, name="grown")
        table.add_data("third", None, 2)
        run.track(table, name="grown")
    early, late = revived(tmp_path, "grown")
    assert early.columns == ["name", "picture", "score"] and early.types[1:] == ["image", "number"]
    (_, picture, score), (name, nothing, _) = early.rows()
    assert np.array_equal(picture.to_numpy(), levels) and picture.caption == "one" and score == 0.5
    assert name == "second" and nothing is None and len(late) == 3


def test_a_row_that_does_not_fit_is_said_when_the_table_is_tracked(tmp_path: Path) -> None:
    """Nothing raises where the row is added, in the middle of a training."""
    table = Table(columns=["a"])
    table.add_data(1, 2)
    with (
        pytest.warns(FoldlineWarning, match="2 cells does not fit 1 columns"),
        foldline.Run(store=tmp_path) as run,
    ):
        run.track(table, name="bad")


def test_what_is_read_is_not_tracked_again(tmp_path: Path) -> None:
    """A value from a store says how to make a new one."""
    with foldline.Run(store=tmp_path) as run:
        run.track(Text("x"), name="text")
    (text,) = revived(tmp_path, "text")
    with pytest.raises(ValueRejected, match="was read from a store"):
        text.raw()
