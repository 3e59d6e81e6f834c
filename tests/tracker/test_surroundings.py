"""Mounts, ranks, commands and stores."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import foldline
from foldline import mounts, origin
from foldline.errors import StoreNotFound, StoreTooNew
from foldline.keeper import Keeper
from foldline.layout import Layout, store_path
from tests.segment_walk import segments, walk

MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:5 / /data rw shared:1 - nfs4 server:/x rw
31 22 0:6 / /data/fast rw - xfs /dev/b rw
32 22 0:7 / /with\\040space rw - fuse.sshfs host:/ rw
33 22 0:8 / /over rw - ext4 /dev/c rw
34 22 0:9 / /over rw - btrfs /dev/d rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", "ext4"), ("/var/x", "ext4"), ("/data", "nfs4"), ("/data/fast/x", "xfs"),
        ("/data/faster", "nfs4"), ("/with space/x", "fuse.sshfs"), ("/over", "btrfs"),
    ],
)  # fmt: skip
def test_the_nearest_mount_says_the_file_system(tmp_path: Path, folder: str, kind: str) -> None:
    """The longest mount point that holds the folder counts, and of equal ones the last."""
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS, encoding="utf-8")
    assert mounts.file_system(folder, str(table)) == kind


def test_what_is_not_known_is_not_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a list of mounts, or on a file system that nobody vouches for: no mapping."""
    assert mounts.file_system(tmp_path, str(tmp_path / "nothing")) == ""
    monkeypatch.setattr(mounts, "file_system", lambda _: "")
    monkeypatch.setattr(sys, "platform", "linux")
    assert not mounts.maps_safely(tmp_path)
    monkeypatch.setattr(mounts, "file_system", lambda _: "ext4")
    assert mounts.maps_safely(tmp_path)


@pytest.mark.parametrize("kind", ["mapped", "buffered", "", "nonsense"])
def test_either_writer_may_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """FOLDLINE_WRITER chooses; anything else leaves it to the file system."""
    monkeypatch.setenv("FOLDLINE_WRITER", kind)
    with foldline.Run(store=tmp_path / "store") as run:
        for step in range(5_000):
            run.track(0.5, name="loss", step=step)
        assert run.flush() and run.flush(durable=True)
    (path,) = segments(tmp_path / "store")
    found = walk(path)
    assert len(found.points) == 5_000 and found.finished and not found.damage


def test_what_is_flushed_is_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `flush` a buffered run's file holds every point, with no help from the background."""
    monkeypatch.setenv("FOLDLINE_WRITER", "buffered")
    monkeypatch.setattr(Keeper, "ring", lambda *_: None)
    with foldline.Run(store=tmp_path / "store") as run:
        for step in range(3_000):
            run.track(0.5, name="loss", step=step)
        run.flush()
        (path,) = segments(tmp_path / "store")
        assert len(walk(path).points) == 3_000


def test_a_long_command_is_cut() -> None:
    """Whatever is on the command line, the event fits the first window."""
    found = origin.command(["x" * 5_000] * 500)
    assert sum(map(len, found)) <= origin.COMMAND_BYTES_MAX + 3 and found[-1] == "..."


def test_the_store_is_the_argument_or_the_variable_or_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`store=` wins over FOLDLINE_STORE, which wins over `./.foldline`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOLDLINE_STORE", str(tmp_path / "a"))
    assert store_path(tmp_path / "b") == tmp_path / "b"
    assert store_path() == tmp_path / "a"
    monkeypatch.delenv("FOLDLINE_STORE")
    assert store_path() == tmp_path / ".foldline"


def test_a_store_is_made_once_and_checked_after(tmp_path: Path) -> None:
    """Making a store again changes nothing; a newer or broken one is refused untouched."""
    layout = Layout(tmp_path / "store")
    with pytest.raises(StoreNotFound):
        layout.check()
    layout.create()
    text = layout.store_file.read_bytes()
    layout.create()
    assert layout.store_file.read_bytes() == text
    newer = Layout(tmp_path / "newer")
    newer.root.mkdir()
    newer.store_file.write_text('{"format": 2}')
    with pytest.raises(StoreTooNew):
        newer.create()
    assert list(newer.root.iterdir()) == [newer.store_file]
    newer.store_file.write_text("{")
    with pytest.raises(StoreNotFound):
        newer.create()


def test_the_folders_are_private(tmp_path: Path) -> None:
    """Others on the machine can't read what is logged."""
    with foldline.Run(store=tmp_path / "store") as run:
        run.track(1.0, name="loss")
    for path in (tmp_path / "store").rglob("*"):
        if path.is_dir() or path.suffix == ".fold" or path.parent.name == "active":
            assert path.stat().st_mode & 0o077 == 0, path


def test_the_version_is_the_distributions() -> None:
    """The number in the log is the number of the package."""
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{foldline.__version__}"' in text
