"""Disks that refuse a segment."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import foldline
from foldline import buffered, disk, mapped, segment, writer
from foldline.errors import FoldlineWarning, StoreTooNew, StoreUnwritable
from tests.segment_walk import segments, walk

Refuse = Callable[[int], None]  # with an errno; 0 for: no more


def log(run: foldline.Run, steps: range) -> None:
    for step in steps:
        run.track(1.0, name="loss", step=step)


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Make every allocation fail, and every retry due at once."""
    code = 0
    allocate = disk.allocate

    def failing(descriptor: int, start: int, size: int) -> None:
        if code:
            raise OSError(code, os.strerror(code))
        allocate(descriptor, start, size)

    def set_code(new: int) -> None:
        nonlocal code
        code = new

    monkeypatch.setattr(mapped, "allocate", failing)
    monkeypatch.setattr(writer, "RETRY_INTERVAL_S", 0.0)
    monkeypatch.setenv("FOLDLINE_WRITER", "mapped")
    return set_code


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_full_disk_drops_and_counts_and_recovers(
    tmp_path: Path, refuse: Refuse, code: int
) -> None:
    """Points are dropped and counted with one warning; with space again the log tells how many."""
    with foldline.Run(store=tmp_path / "store") as run:
        run.track(0.0, name="loss", step=0)
        refuse(code)
        with pytest.warns(FoldlineWarning, match="points are dropped") as warned:
            log(run, range(1, 20_000))
        assert len(warned) == 1 and "hint: free some space" in str(warned[0].message)
        dropped = run.dropped
        assert 0 < dropped < 19_999
        run["told"] = "while full"
        refuse(0)
        run.track(2.0, name="loss", step=20_000)
        run.track(2.0, name="loss", step=20_001)
        assert run.dropped == dropped
    (path,) = segments(tmp_path / "store")
    found = walk(path)
    steps = [point.step for point in found.points]
    assert steps == [*range(20_000 - dropped), 20_000, 20_001]
    assert [(e["count"], e["reason"]) for e in found.of_type(7)] == [(dropped, os.strerror(code))]
    assert found.of_type(3) == [{"path": ["told"], "value": "while full"}]
    assert found.finished and not found.damage


def test_a_store_that_is_full_from_the_start(tmp_path: Path, refuse: Refuse) -> None:
    """A run that could not even begin begins when it can, with all its settings."""
    refuse(errno.ENOSPC)
    with pytest.warns(FoldlineWarning, match="can't be written"):
        run = foldline.Run(store=tmp_path / "store", params={"lr": 0.1}, name="patient")
    run.track(1.0, name="loss")
    assert run.dropped == 1 and segments(tmp_path / "store") == []
    assert list((tmp_path / "store" / "active").iterdir()) == []
    refuse(0)
    run.track(2.0, name="loss")
    run.close()
    (path,) = segments(tmp_path / "store")
    found = walk(path)
    assert [point.value for point in found.points] == [2.0]
    assert found.of_type(3)[0]["value"] == {"lr": 0.1}
    assert found.of_type(2) == [{"fields": {"name": "patient"}}]
    assert found.of_type(5) == [{"series": 1, "name": "loss"}]
    assert found.of_type(7)[0]["count"] == 1


def test_retries_are_rare(tmp_path: Path, refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk is full, a call costs a comparison, not a system call."""
    tries = 0
    opening = segment.open_file

    def count(path: Path, *, buffered: bool) -> object:
        nonlocal tries
        tries += 1
        return opening(path, buffered=buffered)

    monkeypatch.setattr(writer, "RETRY_INTERVAL_S", 3600.0)
    monkeypatch.setattr(writer, "open_file", count)
    refuse(errno.ENOSPC)
    with pytest.warns(FoldlineWarning, match="can't be written"):
        run = foldline.Run(store=tmp_path / "store")
    for step in range(10_000):
        run.track(1.0, name="loss", step=step)
    assert tries == 1 and run.dropped == 10_000
    run.close()


def test_a_real_limit_of_the_system(tmp_path: Path) -> None:
    """With a limit on file sizes, no signal and no exception reaches the script."""
    script = textwrap.dedent("""
        import sys, warnings
        import foldline
        warnings.simplefilter("ignore")
        run = foldline.Run(store=sys.argv[1])
        for step in range(200_000):
            run.track(0.5, name="loss", step=step)
        run.close()  # the buffered writer may not have come to the limit before
        print(run.dropped)
    """)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    for kind in ("mapped", "buffered"):
        store = tmp_path / kind
        done = subprocess.run(
            [sys.executable, "-c", script, str(store)],
            preexec_fn=limit,  # this process has no threads that log
            env={**os.environ, "FOLDLINE_WRITER": kind},
            check=True, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        (path,) = segments(store)
        found = walk(path)
        assert int(done.stdout) > 0 and not found.damage
        assert [p.step for p in found.points] == list(range(len(found.points)))
        assert len(found.points) > 10_000


@pytest.mark.parametrize("strict", [False, True])
def test_a_store_that_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strict: bool
) -> None:
    """A run on an impossible store warns and counts, and raises in strict mode."""
    (tmp_path / "file").write_text("not a folder")
    if strict:
        monkeypatch.setenv("FOLDLINE_MODE", "strict")
        with pytest.raises(StoreUnwritable, match="file"):
            foldline.Run(store=tmp_path / "file" / "store")
        return
    with pytest.warns(FoldlineWarning, match="can't be written"):
        run = foldline.Run(store=tmp_path / "file" / "store")
    run.track(1.0, name="loss")
    run.close()
    assert run.dropped == 1


@pytest.mark.parametrize("name", ["\ud800", "x" * 10_000, "a\0b"])
def test_a_store_that_no_path_can_name(tmp_path: Path, name: str) -> None:
    """A run that is told of such a store warns, joins and reads back, and raises nothing."""
    with pytest.warns(FoldlineWarning):
        run = foldline.Run(id="r", store=tmp_path / name, params={"lr": 0.1})
    assert run["lr"] == 0.1 and run.tags == []
    run.close()


def test_a_store_of_a_later_version_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written to a store whose format is newer; the warning says how to upgrade."""
    store = tmp_path / "store"
    store.mkdir()
    (store / "store.json").write_text(json.dumps({"format": 99}))
    with pytest.warns(FoldlineWarning, match="pip install --upgrade foldline"):
        run = foldline.Run(store=store)
    run.track(1.0, name="loss")
    run.close()
    assert run.dropped == 1 and segments(store) == []
    monkeypatch.setenv("FOLDLINE_MODE", "strict")
    with pytest.raises(StoreTooNew):
        foldline.Run(store=store)


def test_a_failed_sync_is_never_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a sync failed the system may have dropped pages: no later flush claims durability."""
    code = errno.EIO
    sync = disk.sync_file

    def failing(descriptor: int) -> None:
        if code:
            raise OSError(code, os.strerror(code))
        sync(descriptor)

    for kind in (mapped, buffered):
        monkeypatch.setattr(kind, "sync_file", failing)
    for name in ("mapped", "buffered"):
        monkeypatch.setenv("FOLDLINE_WRITER", name)
        with foldline.Run(store=tmp_path / name) as run:
            run.track(1.0, name="loss")
            code = errno.EIO
            with pytest.warns(FoldlineWarning, match="Input/output error"):
                assert not run.flush(durable=True)
            code = 0
            assert not run.flush(durable=True)
            assert run.flush()
            run.track(2.0, name="loss")
        (path,) = segments(tmp_path / name)
        assert len(walk(path).points) == 2


@pytest.mark.parametrize("kind", ["mapped", "buffered"])
def test_an_end_that_the_disk_refuses_loses_no_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Where a file can't be cut to its length the run ends all the same, and has every point."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setenv("FOLDLINE_WRITER", kind)
    run = foldline.Run(store=tmp_path / "store")
    log(run, range(5_000))
    monkeypatch.setattr(os, "ftruncate", refuse)
    with pytest.warns(FoldlineWarning, match="Input/output error"):
        run.close()
    monkeypatch.undo()
    (path,) = segments(tmp_path / "store")
    assert run.dropped == 0 and [p.step for p in walk(path).points] == list(range(5_000))


def test_a_buffered_file_waits_for_its_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where points wait in memory, a short fullness loses none of them."""
    full = True
    write = disk.write_at

    def failing(descriptor: int, data: bytes, offset: int) -> None:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(descriptor, data, offset)

    monkeypatch.setenv("FOLDLINE_WRITER", "buffered")
    monkeypatch.setattr(buffered, "write_at", failing)
    run = foldline.Run(store=tmp_path / "store")
    for step in range(5_000):
        run.track(0.5, name="loss", step=step)
    with pytest.warns(FoldlineWarning, match="can't be written"):
        assert not run.flush()
    full = False
    assert run.flush(durable=True)
    run.close()
    (path,) = segments(tmp_path / "store")
    assert [p.step for p in walk(path).points] == list(range(5_000))
