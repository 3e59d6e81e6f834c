"""What a backup holds by its own words."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec

from foldline.blobs import is_digest
from foldline.errors import StoreTooNew
from foldline.layout import Layout, SegmentName
from foldline.packs import indices

from .copies import appearing

__all__ = ["Inventory", "blobs_of", "lost", "read", "write"]

FORMAT = 1
FILE_NAME = "backup.json"


class Inventory(msgspec.Struct):
    """What a backup held when it was made last; `made_at` is 0 until it was whole once."""

    format: int = FORMAT
    store: str = ""  # whose backup it is
    made_at: float = 0.0  # unix seconds at which the last backup began
    segments: dict[str, int] = {}  # by "<run>/<writer>", with their bytes
    blobs: int = 0
    blobs_bytes: int = 0


def read(backup: Layout) -> Inventory | None:
    """Return what a backup says that it holds; None if the folder is none. Raises StoreTooNew."""
    try:
        found = msgspec.json.decode((backup.root / FILE_NAME).read_bytes(), type=Inventory)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if found.format > FORMAT:
        raise StoreTooNew(
            f"the backup {backup.root} has format {found.format}; this Foldline reads {FORMAT}",
            hint="pip install --upgrade foldline",
        )
    return found


def lost(backup: Layout, listed: Inventory) -> Iterator[tuple[str, str]]:
    """Yield where, and what of its own inventory a backup lacks."""
    packed = {entry.name: entry.size for index in indices(backup, afresh=True) for entry in index}
    for key, size in listed.segments.items():
        name = SegmentName(*key.split("/", 1))
        try:
            found = backup.segment(name).stat().st_size
        except OSError:
            found = packed.get(name, -1)
        if found < 0:
            yield key, "it was in the backup, and is not there"
        elif found < size:
            yield key, f"it had {size:,} bytes, and has {found:,}"
    blobs = sum(1 for _ in blobs_of(backup))
    if blobs < listed.blobs:
        yield "blobs/", f"there were {listed.blobs:,} blobs, and there are {blobs:,}"


def write(backup: Layout, listed: Inventory) -> None:
    """Write a backup's inventory, whole and durable. Raises OSError."""
    with appearing(backup.root / FILE_NAME) as file:
        file.write(msgspec.json.encode(listed))


def blobs_of(layout: Layout) -> Iterator[tuple[str, int]]:
    """Yield the digest and the size of each blob."""
    for folder in layout.blobs.glob("??"):
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_digest(entry.name) and entry.is_file(follow_symlinks=False):
                    yield entry.name, entry.stat(follow_symlinks=False).st_size
