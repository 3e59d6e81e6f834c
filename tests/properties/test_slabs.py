"""Slabs give back what they were made of."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline.cell import POINT, POINT_FLOAT, POINT_INT
from foldline.packs import SLAB_BYTES
from foldline_ingest.slabs import compress, decompress

FLOATS = st.floats(width=64, allow_nan=True, allow_infinity=True)
CELLS = st.one_of(
    st.builds(
        lambda series, value, step, time: POINT_INT.pack(POINT, 1, 0, series, value, step, time),
        st.integers(0, 3),
        FLOATS,
        st.integers(-(1 << 63), (1 << 63) - 1),
        FLOATS,
    ),
    st.builds(
        lambda series, value, step: POINT_FLOAT.pack(POINT, 2, 7, series, value, step, 1.7e9),
        st.integers(0, (1 << 32) - 1),
        FLOATS,
        FLOATS,
    ),
    st.binary(min_size=32, max_size=32),
)


@given(st.lists(CELLS, max_size=60), st.binary(max_size=40))
def test_a_slab_gives_back_its_bytes(cells: list[bytes], rest: bytes) -> None:
    """Points of any numbers, events, noise and a torn end come back to the byte."""
    data = b"".join(cells) + rest
    assert decompress(compress(data)) == data


@given(st.binary(max_size=300))
def test_what_is_no_slab_is_refused(data: bytes) -> None:
    """Bytes that nobody packed raise ValueError and nothing else."""
    with pytest.raises(ValueError):  # noqa: PT011  # zstd says why in words of its own
        decompress(data)


def test_a_damaged_slab_is_refused_or_differs_in_length_or_bytes_only() -> None:
    """Any flipped byte of a slab is an error or other bytes, which the checksum of it tells."""
    data = b"".join(POINT_INT.pack(1, 0, 0, 1 + n % 3, n / 7, n, 1.7e9 + n) for n in range(500))
    slab = bytearray(compress(data))
    for place in range(len(slab)):
        slab[place] ^= 0x41
        try:
            decompress(bytes(slab))
        except ValueError:
            pass
        slab[place] ^= 0x41
    assert decompress(bytes(slab)) == data


def test_a_whole_slab_of_points_takes_less_than_eight_bytes_a_point() -> None:
    """A noisy curve of float64 values with a jittering clock packs to a quarter of its cells."""
    chance = random.Random(3)
    time, cells = 1.7e9, []
    for step in range(SLAB_BYTES // 32):
        time += 0.01 + chance.random() * 1e-3
        cells.append(POINT_INT.pack(1, 0, 0, 1, 2 / (1 + step) + chance.gauss(0, 0.1), step, time))
    assert len(compress(b"".join(cells))) / len(cells) < 10.5
