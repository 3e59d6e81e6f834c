"""Texts kept as bytes, in events or blobs."""

from __future__ import annotations

from foldline import blobs
from foldline.errors import BlobMissing
from foldline.events import Value
from foldline.layout import Layout

from .documents import TEXT_CHARS_MAX

__all__ = ["blob_text", "value_text"]

# Of a blob: a letter has at most four bytes. What is behind this is not searched.
READ_BYTES_MAX = 4 * TEXT_CHARS_MAX


def value_text(layout: Layout, value: Value) -> str:
    """Return a tracked text, as far as it is searched."""
    if value.blob:
        return blob_text(layout, value.blob)
    return value.inline.decode("utf-8", "replace")[:TEXT_CHARS_MAX]


def blob_text(layout: Layout, blob: str) -> str:
    """Return the text of a blob, as far as it is searched; "" if it is lost."""
    try:
        with blobs.opened(layout, blob) as file:
            return file.read(READ_BYTES_MAX).decode("utf-8", "replace")[:TEXT_CHARS_MAX]
    except (BlobMissing, OSError):
        return ""  # `foldline doctor` tells of it
