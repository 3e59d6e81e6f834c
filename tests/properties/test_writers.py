"""The mapped and the buffered writer, call for call."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from foldline.cell import POINT_INT, Header
from foldline.segment import Segment, open_file
from tests.segment_walk import walk

# A call: so many points, an event of so many bytes, or the background thread's turn.
CALLS = st.lists(
    st.one_of(
        st.tuples(st.just("points"), st.sampled_from([1, 2, 30, 2_045, 2_046, 2_047, 4_100])),
        st.tuples(st.just("event"), st.sampled_from([0, 1, 32, 33, 5_000, 65_440, 70_000])),
        st.tuples(st.just("tend"), st.just(0)),
        st.tuples(st.just("flush"), st.just(0)),
    ),
    max_size=10,
)


def write(path: Path, calls: list[tuple[str, int]], *, buffered: bool) -> bytes:
    segment = Segment(
        open_file(path, buffered=buffered),
        Header("run", "writer", 5, 7),
        (1, b"\x80"),
        lock=threading.RLock(),
        clock=lambda: 9.0,
    )
    step = 0
    for call, amount in calls:
        if call == "points":
            for _ in range(amount):
                cell = POINT_INT.pack(1, 0, 0, 1, step * 0.5, step, 9.0)
                step += 1
                try:
                    segment.write(cell)
                except ValueError:
                    segment.append(cell)
        elif call == "event":
            segment.append_event(99, b"\xc4" + bytes([0]) * (amount - 1) if amount else b"")
        elif call == "tend":
            segment.tend()
        else:
            segment.flush(durable=False)
    segment.close()
    return path.read_bytes()


@settings(max_examples=40, deadline=None)
@given(CALLS)
def test_both_writers_make_the_same_bytes(calls: list[tuple[str, int]]) -> None:
    """Whatever is logged, and whenever the background thread has its turn, the bytes are equal."""
    with tempfile.TemporaryDirectory() as folder:
        mapped = write(Path(folder, "mapped"), calls, buffered=False)
        assert mapped == write(Path(folder, "buffered"), calls, buffered=True)
        untended = [call for call in calls if call[0] in ("points", "event")]
        assert mapped == write(Path(folder, "untended"), untended, buffered=False)


@settings(max_examples=40, deadline=None)
@given(CALLS)
def test_every_cell_is_found_again_and_sealed(calls: list[tuple[str, int]]) -> None:
    """All points come back in order, all checksums hold, and the seals cover every record."""
    numbers = [(call, amount) for call, amount in calls if call != "event"]
    with tempfile.TemporaryDirectory() as folder:
        found = walk(write(Path(folder, "f"), numbers, buffered=False))
    count = sum(amount for call, amount in numbers if call == "points")
    assert [point.step for point in found.points] == list(range(count))
    assert found.finished and not found.damage
    covered = sum(length for _, length in found.sealed)
    assert covered + 32 * len(found.sealed) == found.end
