"""What a backup has twice, and may let go of."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import closing, suppress

from foldline.errors import CorruptRecord
from foldline.layout import Layout
from foldline.packs import SLAB_BYTES, Entry, Index, Packed, indices

from .copies import regular
from .packed import PackedSegment

__all__ = ["clear_files", "clear_packs"]


def clear_files(backup: Layout) -> None:
    """Take away the files of segments that a pack has, with all that is in them."""
    for index in indices(backup, afresh=True):
        for entry in index:
            with suppress(CorruptRecord):
                _clear_file(backup, index, entry)


def clear_packs(backup: Layout, used: Collection[str], *, prune: bool = False) -> None:
    """Take away the packs that the store made others of; `used` are the names of those it has.

    One goes if others have all of its segments, or with `prune` in any case.
    """
    found = indices(backup, afresh=True)
    newer = [index for index in found if index.path.name in used]
    for index in found:
        if index.path.name not in used and (prune or _is_held(index, newer)):
            index.path.unlink()


def _clear_file(backup: Layout, index: Index, entry: Entry) -> None:
    file = regular(backup.segment(entry.name))
    if file is None:
        return
    with file, closing(PackedSegment(Packed(index.path, entry))) as packed:
        size = os.fstat(file.fileno()).st_size
        same = size <= packed.size and all(
            os.pread(file.fileno(), SLAB_BYTES, at) == packed.pread(min(SLAB_BYTES, size - at), at)
            for at in range(0, size, SLAB_BYTES)
        )
        if same and packed.is_whole():
            backup.segment(entry.name).unlink()


def _is_held(index: Index, others: list[Index]) -> bool:
    """Say whether other packs have all segments of one, whole."""
    return all(
        any(
            _is_copied(Packed(index.path, entry), Packed(other.path, found))
            for other in others
            if (found := other.find(entry.name)) is not None
        )
        for entry in index
    )


def _is_copied(old: Packed, new: Packed) -> bool:
    try:
        with closing(PackedSegment(new)) as there, closing(PackedSegment(old)) as here:
            checks = [slab.crc for slab in there.slabs]
            return there.is_whole() and checks == [slab.crc for slab in here.slabs]
    except CorruptRecord:
        return False
