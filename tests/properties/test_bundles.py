"""Many levels at once are as each alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from foldline.errors import ViewDamaged
from foldline_views import buckets, bundles, compressed, overview
from foldline_views.buckets import Level
from tests.properties.test_folds import points_from, stored

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
        assert (found.width, stored(found)) == (alone.width, stored(alone))
        if alone.buckets.shape[1] <= limit:
            assert (few.width, stored(few)) == (alone.width, stored(alone))
        else:
            width = narrowest(alone, limit)
            coarse = Level(width, buckets.coarsen(alone.buckets, width))
            assert (few.width, stored(few)) == (width, stored(coarse))
            assert buckets.fit(alone.buckets, alone.width, limit) == width


@SETTINGS
@given(asked=series_of)
def test_an_overview_is_its_levels_in_fewer_buckets(asked: list[tuple[int, int, int]]) -> None:
    """Written many at a time, each overview has its own series' buckets, ready to be drawn."""
    bundle = bundles.absorb_each(*zip(*(made(*one) for one in asked), strict=True))
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(overview.SCHEMA)
        overview.save(db, range(len(asked)), bundle)
        for slot, level in enumerate(bundle.levels()):
            width, count, place, step, last = db.execute(
                "SELECT width, count, place, step, last FROM overview WHERE slot = ?", (slot,)
            ).fetchone()
            fits = buckets.fit(level.buckets, level.width, overview.OVERVIEW_MAX)
            few = buckets.coarsen(level.buckets, fits)
            assert (width, count) == (fits, few.shape[1])
            first, apart, highest = np.frombuffer(place)
            drawn = first + apart * np.arange(count) if step is None else np.frombuffer(step)
            assert np.array_equal(drawn, buckets.shown_at(few, width))
            assert (step is None) == (not np.isnan(first)) and highest == few[buckets.STEP_LAST, -1]
            *figures, weight, time = db.execute(
                "SELECT low, high, mean, weight, time FROM figures WHERE slot = ?", (slot,)
            ).fetchone()
            assert (figures == [None] * 3) == buckets.are_points(few)
            weights = b"".join(compressed.unpack(weight, [len(weight)], [4 * count]))
            columns = [last, *(figure or last for figure in figures), weights]
            shown = np.stack([np.frombuffer(column, np.float32) for column in columns], axis=1)
            assert np.array_equal(shown, overview.values(few), equal_nan=True)
            times = compressed.unpack_times(time, [len(time)], [count])
            assert np.array_equal(times, few[buckets.TIME])


any_times = st.lists(st.lists(st.floats(width=64), min_size=1, max_size=9), max_size=6)


@SETTINGS
@given(slots=any_times)
def test_times_come_back_to_the_bit(slots: list[list[float]]) -> None:
    """Whatever the times are, columns packed one by one are unpacked together as they were."""
    counts = list(map(len, slots))
    flat = np.array([time for times in slots for time in times])
    packed = compressed.pack_times(flat, counts) if slots else []
    assert packed == [compressed.pack_times(np.array(times))[0] for times in slots]
    again = compressed.unpack_times(b"".join(packed), list(map(len, packed)), counts)
    assert again.tobytes() == flat.tobytes()


@SETTINGS
@given(slots=any_times.filter(bool), data=st.data())
def test_damaged_times_are_views_that_are_damaged(
    slots: list[list[float]], data: st.DataObject
) -> None:
    """A column that was cut, or is of another size than its row says, is reported as damage."""
    packed = [compressed.pack_times(np.array(times))[0] for times in slots]
    sizes, counts = list(map(len, packed)), list(map(len, slots))
    whole = b"".join(packed)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ViewDamaged):
        compressed.unpack_times(whole[:cut], sizes, counts)
    with pytest.raises(ViewDamaged):
        compressed.unpack_times(whole, sizes, [counts[0] + 1, *counts[1:]])
