"""What blobs a blob names."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

from ..links import open_file
from .tail import DIGEST

__all__ = ["named_by"]

_TREE_STARTS = (b"{", b"[")  # of JSON, as tables are, which may name other blobs


def named_by(path: Path) -> set[str]:
    """Return the digests in a blob, if it may name others."""
    try:
        with os.fdopen(open_file(path), "rb") as file:
            if file.read(1) not in _TREE_STARTS:
                return set()
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return {digest.decode() for digest in DIGEST.findall(data)}
    except FileNotFoundError:
        return set()
