"""Which file systems a segment may be mapped on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["file_system", "maps_safely"]

# Where mapped pages are the file's pages and allocated blocks stay allocated. Not here: network
# file systems (pages are not coherent between machines), FUSE (whatever it likes), and those that
# copy on write, btrfs and zfs (a full disk would still be a SIGBUS).
_MAPPED = frozenset({"ext2", "ext3", "ext4", "xfs", "tmpfs", "ramfs", "overlay"})
_MOUNTS = "/proc/self/mountinfo"


def maps_safely(folder: str | os.PathLike[str]) -> bool:
    """Say whether files in `folder` may be mapped; where nothing is known, they may not."""
    if sys.platform == "darwin":
        return True  # no list of mounts to read without a system call of our own
    return file_system(folder) in _MAPPED


def file_system(folder: str | os.PathLike[str], mounts: str = _MOUNTS) -> str:
    """Return the type of the file system that holds `folder`, or "" if it can't be told."""
    try:
        text = Path(mounts).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
    inside = f"{Path(folder).resolve()}/"
    best, kind = "", ""
    for row in map(str.split, text.splitlines()):
        # The mount point is the fifth field; the type follows the lone dash.
        if len(row) < 5 or "-" not in row[6:]:
            continue
        point = f"{_unescaped(row[4]).rstrip('/')}/"
        # Of two mounts on one point the later one hides the earlier.
        if inside.startswith(point) and len(point) >= len(best):
            best, kind = point, row[row.index("-", 6) + 1]
    return kind


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
