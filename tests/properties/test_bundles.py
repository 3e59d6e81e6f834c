"""Many levels at once are as each alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from foldline_views import buckets, bundles, overview
from foldline_views.buckets import Level
from foldline_views.series import SeriesView
from tests.properties.test_folds import points_from

Floats = NDArray[np.float64]
SETTINGS = settings(max_examples=60, deadline=None)

# A seed, how many whole chunks a series has, and how many points come then.
series_of = st.lists(
    st.tuples(st.integers(0, 10_000), st.integers(0, 12), st.integers(1, buckets.CHUNK)),
    min_size=1,
    max_size=6,
)


def made(seed: int, chunks: int, more: int) -> tuple[Level, Floats]:
    points = points_from(seed, chunks * buckets.CHUNK + more)
    end = chunks * buckets.CHUNK
    return buckets.absorb(buckets.EMPTY, *points[:, :end]), points[:, end:]


def narrowest(level: Level, limit: int) -> int:
    """Return the width that few enough buckets have, by looking at one after the other."""
    width = level.width
    while True:
        keys = buckets.keys_of(level.buckets[buckets.STEP], width)
        sides = [np.unique(keys[keys < 0]), np.unique(keys[keys >= 0])]
        if sum(map(len, sides)) <= limit or max(map(len, sides)) <= 1:
            return width
        width += 1


@SETTINGS
@given(asked=series_of, limit=st.sampled_from([1, 2, 3, 100, 256]))
def test_levels_together_are_as_each_alone(asked: list[tuple[int, int, int]], limit: int) -> None:
    """Points that are absorbed by many levels at once leave what each would become, to the bit."""
    pairs = [made(*one) for one in asked]
    bundle = bundles.absorb_each([level for level, _ in pairs], [new for _, new in pairs])
    assert np.array_equal(bundle.owner, np.repeat(np.arange(len(asked)), bundle.counts))
    fewer = bundles.few_of(bundle, limit)
    for (before, new), found, few in zip(pairs, bundle.levels(), fewer.levels(), strict=True):
        alone = buckets.absorb(before, *new)
        assert (found.width, buckets.pack(found)) == (alone.width, buckets.pack(alone))
        if alone.buckets.shape[1] <= limit:
            assert (few.width, buckets.pack(few)) == (alone.width, buckets.pack(alone))
        else:
            width = narrowest(alone, limit)
            coarse = Level(width, buckets.coarsen(alone.buckets, width))
            assert (few.width, buckets.pack(few)) == (width, buckets.pack(coarse))
            assert buckets.fit(alone.buckets, alone.width, limit) == width


@SETTINGS
@given(asked=series_of)
def test_an_overview_is_its_levels_in_fewer_buckets(asked: list[tuple[int, int, int]]) -> None:
    """Written many at a time, each overview has its own series' buckets, ready to be drawn."""
    bundle = bundles.absorb_each(*zip(*(made(*one) for one in asked), strict=True))
    rows, columns = overview.rows(bundle)
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript("".join(SeriesView.schema.partition("CREATE TABLE overview")[1:]))
        told = [(slot, *row) for slot, row in enumerate(rows)]
        db.execute(overview.INSERT, {"rows": msgspec.json.encode(told).decode(), **columns})
        for slot, level in enumerate(bundle.levels()):
            width, count, place, step, *figures, time = db.execute(
                "SELECT * FROM overview WHERE slot = ?", (slot,)
            ).fetchone()[1:]
            fits = buckets.fit(level.buckets, level.width, overview.OVERVIEW_MAX)
            few = buckets.coarsen(level.buckets, fits)
            assert (width, count) == (fits, few.shape[1])
            first, apart, last = np.frombuffer(place)
            drawn = first + apart * np.arange(count) if step is None else np.frombuffer(step)
            assert np.array_equal(drawn, buckets.shown_at(few, width))
            assert (step is None) == (not np.isnan(first)) and last == few[buckets.STEP_LAST, -1]
            shown = np.stack([np.frombuffer(figure, np.float32) for figure in figures], axis=1)
            assert np.array_equal(shown, overview.values(few), equal_nan=True)
            assert np.array_equal(np.frombuffer(time), few[buckets.TIME])
