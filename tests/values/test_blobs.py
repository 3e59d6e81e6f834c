"""Blobs: whole, named by their bytes, kept once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline import blobs
from foldline.errors import BlobMissing, CorruptRecord
from foldline.layout import Layout


def files(layout: Layout) -> list[str]:
    return sorted(file.name for file in layout.blobs.rglob("*") if file.is_file())


@settings(max_examples=20)  # each waits for the disk
@given(data=st.binary(max_size=3000))
def test_what_is_put_is_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Any bytes come back, from a file that is named by their SHA-256."""
    layout = Layout(tmp_path_factory.mktemp("store"))
    digest = blobs.put(layout, data)
    assert digest == hashlib.sha256(data).hexdigest()
    assert blobs.read(layout, digest) == data
    assert layout.blob(digest).read_bytes() == data


def test_the_same_bytes_are_kept_once(tmp_path: Path) -> None:
    """A second put of the same bytes writes nothing, whichever way they come."""
    layout = Layout(tmp_path / "store")
    source = tmp_path / "source"
    source.write_bytes(b"model" * 1_000_000)
    digest, size = blobs.put_chunks(layout, iter([b"model" * 500_000] * 2))
    inode = layout.blob(digest).stat().st_ino
    assert size == 5_000_000
    assert blobs.put(layout, source.read_bytes()) == digest
    assert blobs.put_chunks(layout, iter([source.read_bytes()])) == (digest, size)
    assert layout.blob(digest).stat().st_ino == inode
    assert files(layout) == [digest]


def test_a_failed_copy_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails in the middle leaves no file, whole or half."""
    layout = Layout(tmp_path / "store")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(blobs, "sync_file", fail)
    with pytest.raises(OSError, match="No space"):
        blobs.put(layout, b"value")
    assert files(layout) == []


def test_a_blob_that_is_missing_or_damaged_says_so(tmp_path: Path) -> None:
    """Wrong bytes are never returned as a value, and no text but a digest becomes a path."""
    layout = Layout(tmp_path / "store")
    digest = blobs.put(layout, b"value")
    layout.blob(digest).write_bytes(b"volue")
    with pytest.raises(CorruptRecord, match="SHA-256"):
        blobs.read(layout, digest)
    layout.blob(digest).unlink()
    for name in (digest, "../../store.json", os.devnull, ""):
        with pytest.raises(BlobMissing):
            blobs.read(layout, name)
