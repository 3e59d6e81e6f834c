"""The codec, for any values and any damage."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline import cell, ids
from foldline.errors import CorruptRecord, TruncatedRecord

IDS = st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,15}\Z")
U64 = st.integers(0, 2**64 - 1)
OFFSETS = st.integers(2, 2**50).map(lambda cells: cells * cell.CELL_BYTES)
TIMES = st.floats(1e-300, 1e12)
HEADERS = st.builds(cell.Header, IDS, IDS, U64, U64)
EVENTS = st.builds(
    cell.EventHead,
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**63 - 1),
    TIMES,
    st.binary(max_size=300),
)


@given(HEADERS)
def test_a_header_comes_back(header: cell.Header) -> None:
    """What goes into 64 bytes comes out of them."""
    data = cell.encode_header(header)
    assert len(data) == cell.HEADER_BYTES
    assert cell.decode_header(data, "f") == header


@given(HEADERS, st.integers(0, 8 * cell.HEADER_BYTES - 1))
def test_a_damaged_header_is_refused(header: cell.Header, bit: int) -> None:
    """One flipped bit anywhere in the header is noticed."""
    data = bytearray(cell.encode_header(header))
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CorruptRecord):
        cell.decode_header(bytes(data), "f")


@given(EVENTS, U64, OFFSETS)
def test_an_event_comes_back(event: cell.EventHead, salt: int, offset: int) -> None:
    """An event is whole cells, and decodes to itself at the place it was made for."""
    data = cell.encode_event(event, salt=salt, offset=offset)
    assert len(data) % cell.CELL_BYTES == 0
    assert cell.decode_event(data, 0, salt=salt, offset=offset, path="f") == event


@given(EVENTS, U64, OFFSETS, st.data())
def test_a_cut_event_is_not_whole_yet(
    event: cell.EventHead, salt: int, offset: int, draw: st.DataObject
) -> None:
    """An event that ends early is waited for; it is not damage."""
    data = cell.encode_event(event, salt=salt, offset=offset)
    kept = draw.draw(st.integers(0, len(data) - 1))
    with pytest.raises(TruncatedRecord):
        cell.decode_event(data[:kept], 0, salt=salt, offset=offset, path="f")


@given(EVENTS, U64, OFFSETS, st.data())
def test_a_damaged_event_is_noticed(
    event: cell.EventHead, salt: int, offset: int, draw: st.DataObject
) -> None:
    """One flipped bit in head or payload never gives another event."""
    data = bytearray(cell.encode_event(event, salt=salt, offset=offset))
    bit = draw.draw(st.integers(0, 8 * (cell.CELL_BYTES + len(event.payload)) - 1))
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises((CorruptRecord, TruncatedRecord)):
        cell.decode_event(bytes(data), 0, salt=salt, offset=offset, path="f")


@given(EVENTS, U64, OFFSETS, OFFSETS)
def test_an_event_holds_at_its_own_place_only(
    event: cell.EventHead, salt: int, offset: int, other: int
) -> None:
    """Bytes that a disk, or a user's payload, puts elsewhere are not taken for a record."""
    data = cell.encode_event(event, salt=salt, offset=offset)
    if other != offset:
        with pytest.raises(CorruptRecord):
            cell.decode_event(data, 0, salt=salt, offset=other, path="f")


@given(OFFSETS, st.integers(1, 2**30), U64, TIMES, st.integers(0, 8 * cell.CELL_BYTES - 1))
def test_a_pad_leads_forward_or_is_refused(
    offset: int, further: int, salt: int, time: float, bit: int
) -> None:
    """A pad gives back its target; a damaged one never sends a reader somewhere else."""
    target = offset + further * cell.CELL_BYTES
    data = bytearray(cell.encode_pad(target, salt=salt, offset=offset, time=time))
    assert cell.decode_pad(bytes(data), 0, salt=salt, offset=offset, path="f") == target
    if bit >= 8:  # in byte 0 it would not be a pad any more
        data[bit // 8] ^= 1 << bit % 8
        try:
            found = cell.decode_pad(bytes(data), 0, salt=salt, offset=offset, path="f")
        except CorruptRecord:
            return
        assert found == target


@given(st.binary(max_size=500), U64, OFFSETS, st.booleans(), TIMES)
def test_a_seal_says_what_it_covers(
    covered: bytes, salt: int, first: int, last: bool, time: float
) -> None:
    """A seal gives back its range, its checksum and whether it is the last."""
    data = cell.encode_seal(covered, salt=salt, first=first, last=last, time=time)
    seal = cell.decode_seal(data, 0)
    assert (seal.first, seal.length, seal.last) == (first, len(covered), last)
    again = cell.encode_seal(covered, salt=salt, first=first, last=last, time=time)
    assert cell.decode_seal(again, 0).crc == seal.crc


@given(
    st.integers(0, 255),
    st.integers(0, 2**16 - 1),
    st.integers(1, 2**32 - 1),
    st.floats(),
    st.integers(-(2**63), 2**63 - 1),
    TIMES,
)
def test_a_point_keeps_every_bit(
    flags: int, epoch: int, series: int, value: float, step: int, time: float
) -> None:
    """NaN, infinities, -0.0 and the largest steps come back as they went in."""
    data = cell.POINT_INT.pack(cell.POINT, flags, epoch, series, value, step, time)
    assert len(data) == cell.CELL_BYTES
    kind, *fields = cell.POINT_INT.unpack(data)
    assert kind == cell.POINT
    assert struct.pack("<d", fields[3]) == struct.pack("<d", value)
    assert (*fields[:3], *fields[4:]) == (flags, epoch, series, step, time)


@given(st.text(min_size=1, max_size=40))
def test_any_name_of_a_run_gives_a_safe_id(text: str) -> None:
    """A run may be called anything; its id is always safe in paths, and always the same."""
    found = ids.run_id(text)
    assert ids.is_id(found) and found == ids.run_id(text)
    assert found == text or not ids.is_id(text)
