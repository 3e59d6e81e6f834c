"""What a store takes of a shipped log."""

from __future__ import annotations

import hashlib
import os
import random
import zlib
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import foldline
import foldline_ingest.receiving as module
from foldline.disk import sync_folder
from foldline.errors import FoldlineError, SegmentConflict, SegmentRejected
from foldline.layout import Layout, Marker, SegmentName
from foldline_ingest.incoming import lacking, take_blob
from foldline_ingest.log import SILENCE_S, Log
from foldline_ingest.packing import pack
from foldline_ingest.receiving import Receiver
from foldline_ingest.verify import verify
from foldline_views.folding import catch_up
from tests.ui.processes import log_run

NAME = SegmentName("run1", "writer1")


def store(folder: Path) -> Layout:
    layout = Layout(folder)
    layout.create()
    return layout


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> tuple[SegmentName, bytes]:
    """A finished segment of another store."""
    folder = tmp_path_factory.mktemp("there")
    with foldline.Run(id="run1", store=folder, capture=False) as run:
        for step in range(3000):
            run.track(step / 7, name="loss", step=step)
    (file,) = (folder / "runs/run1/log").iterdir()
    return SegmentName("run1", file.stem), file.read_bytes()


def test_pieces_become_the_same_segment(tmp_path: Path, sent: tuple[SegmentName, bytes]) -> None:
    """What came in pieces is the same file, verified, durable, and told to who folds."""
    (name, data), here = sent, store(tmp_path)
    receiver = Receiver(here)
    half = len(data) // 2
    assert receiver.take(name, 0, data[:half], host="lab1").logged == half
    marker = msgspec.json.decode(here.marker(name).read_bytes(), type=Marker)
    assert marker.host == "lab1 (shipped)"
    receiver.sync()
    assert receiver.receipt(name).durable == half
    told = receiver.take(name, half, data[half:], ended=True, whole=zlib.crc32(data))
    assert (told.logged, told.durable, told.ended) == (len(data), len(data), True)
    assert here.segment(name).read_bytes() == data
    report = verify(here)
    assert (report.points, report.damage, report.torn) == (3000, [], [])
    with foldline.open(tmp_path) as opened:
        assert [run.status for run in opened.runs()] == ["finished"]
    assert not here.marker(name).exists()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_the_way_does_to_pieces_they_are_there_once(
    tmp_path_factory: pytest.TempPathFactory,
    sent: tuple[SegmentName, bytes],
    seed: int,
) -> None:
    """Pieces that come twice, late, overlapping or behind a gap make the same bytes, or none."""
    name, data = sent
    chance = random.Random(seed)
    here = store(tmp_path_factory.mktemp("here"))
    receiver = Receiver(here)
    logged = 0
    while logged < len(data):
        start = max(0, logged + chance.randint(-20_000, 20_000))
        end = min(len(data), start + chance.randint(100, 40_000))
        if start >= end:
            continue
        if chance.random() < 0.2:
            receiver = Receiver(here)  # the server was started again
        told = receiver.take(name, start, data[start:end])
        assert told.logged >= logged
        assert told.logged >= end or start > logged
        logged = told.logged
        assert here.segment(name).exists() == (logged > 0)
    assert here.segment(name).read_bytes() == data


def test_what_differs_is_refused_and_changes_nothing(
    tmp_path: Path, sent: tuple[SegmentName, bytes]
) -> None:
    """Other bytes in the place of some that are there are a conflict, and so is an end beyond."""
    (name, data), here = sent, store(tmp_path)
    receiver = Receiver(here)
    receiver.take(name, 0, data[:4096])
    with pytest.raises(SegmentConflict, match="other bytes at 100"):
        receiver.take(name, 0, data[:100] + b"?" + data[101:8192])
    assert here.segment(name).read_bytes() == data[:4096]
    receiver.take(name, 4096, data[4096:], ended=True, whole=zlib.crc32(data))
    with pytest.raises(SegmentConflict, match="ends at"):
        receiver.take(name, len(data), b"more")
    assert receiver.take(name, 0, data[:4096]).ended  # what is equal is no conflict


def test_what_is_no_segment_of_its_name_is_refused(
    tmp_path: Path, sent: tuple[SegmentName, bytes]
) -> None:
    """No name leads out of the store, and no bytes are kept under another's name."""
    (name, data), here = sent, store(tmp_path / "store")
    receiver = Receiver(here)

    def check(run: str, writer: str, sent: bytes) -> None:
        with pytest.raises(SegmentRejected):
            receiver.take(SegmentName(run, writer), 0, sent)

    for run in ("..", ".", "", "a/b", "a\0b", "Run", "x" * 17, "../../x", "rün"):
        check(run, name.writer, data)
        check(name.run, run, data)
    check("other", name.writer, data)
    check(name.run, "other", data)
    check(name.run, name.writer, b"x" * 100)
    check(name.run, name.writer, data[:63])
    assert not list(here.runs.iterdir()) and not list(here.active.iterdir())


def test_a_segment_that_is_written_here_is_nobody_elses(tmp_path: Path) -> None:
    """Nothing is appended to the segment of a process of this machine, alive or dead."""
    here = store(tmp_path)
    with foldline.Run(id="run1", store=tmp_path, capture=False) as run:
        run.track(0.5, name="loss", step=0)
        (file,) = (tmp_path / "runs/run1/log").iterdir()
        name = SegmentName("run1", file.stem)
        foreign, before = b"\x01" * 32, file.read_bytes()
        with pytest.raises(SegmentConflict):
            Receiver(here).take(name, len(before), foreign)
        assert Receiver(here).take(name, 0, before[:64]).ended
        assert foreign not in file.read_bytes()  # all else its writer may have changed by now
    whole = file.read_bytes()
    with pytest.raises(SegmentConflict):
        Receiver(here).take(name, len(whole), foreign)
    assert file.read_bytes() == whole


def test_a_shipped_run_is_lost_by_its_silence_and_found(
    tmp_path: Path, sent: tuple[SegmentName, bytes]
) -> None:
    """A piece without bytes is a sign of life; after a minute without any the writer is lost."""
    (name, data), here = sent, store(tmp_path)
    receiver, now = Receiver(here), 1000.0
    receiver.take(name, 0, data[:4096], host=os.uname().nodename)  # be it of this very name
    with closing(Log(here, {}, clock=lambda: now)) as log:
        assert len(log.poll().batches) == 1
        for _ in range(12):
            now += 10
            receiver.take(name, 4096, b"")
            assert log.poll().lost == []
        for _ in range(6):
            now += 10
            lost = log.poll().lost
        assert [(one.segment, one.silent) for one in lost] == [(name, True)]
        receiver.take(name, 4096, data[4096:8192])
        told = []
        for _ in range(2):  # the bytes first, and at the next look what they mean
            now += SILENCE_S
            told.append(log.poll())
        assert [len(one.batches) for one in told] == [1, 0]
        assert [found for one in told for found in one.found] == [name]


def test_a_segment_that_was_packed_is_there(tmp_path: Path) -> None:
    """What was shipped and packed may be sent again: it is compared with what the pack has."""
    log_run(tmp_path / "here", "run1")
    here = Layout(tmp_path / "here")
    (file,) = (here.runs / "run1/log").glob("*.fold")
    name, data = SegmentName("run1", file.stem), file.read_bytes()
    anyio.run(catch_up, here)
    assert pack(here, idle_s=0.0).segments and not file.exists()
    receiver = Receiver(here)
    assert receiver.take(name, 0, data).ended
    receiver.sync()
    assert receiver.receipt(name).durable == len(data)
    with pytest.raises(SegmentConflict):
        receiver.take(name, 64, b"\xff" + data[65:])


def test_an_end_is_taken_only_of_the_same_bytes(
    tmp_path: Path, sent: tuple[SegmentName, bytes]
) -> None:
    """Whatever came in between, an end with another checksum of the whole is a conflict."""
    (name, data), here = sent, store(tmp_path)
    receiver = Receiver(here)
    receiver.take(name, 0, data[:8192])
    changed = bytearray(data[:8192])
    changed[300] ^= 1
    here.segment(name).write_bytes(changed)  # a disk that forgets
    whole = zlib.crc32(data)
    with pytest.raises(SegmentConflict, match="other bytes here"):
        receiver.take(name, 8192, data[8192:], ended=True, whole=whole)
    with pytest.raises(SegmentRejected):
        receiver.take(name, len(data), b"", ended=True)
    assert not receiver.receipt(name).ended
    with pytest.raises(SegmentConflict, match="other bytes at 300"):
        receiver.take(name, 0, data)


def test_what_a_power_cut_made_zeros_is_sent_again(
    tmp_path: Path, sent: tuple[SegmentName, bytes]
) -> None:
    """Cells that are blank to the end of the file count as not written yet, and are filled."""
    (name, data), here = sent, store(tmp_path)
    Receiver(here).take(name, 0, data[:40_960])
    here.segment(name).write_bytes(data[:20_000] + bytes(20_960))
    receiver = Receiver(here)
    assert receiver.receipt(name).logged == 40_960
    told = receiver.take(name, 10_000, data[10_000:], ended=True, whole=zlib.crc32(data))
    assert (told.durable, told.ended) == (len(data), True)
    assert here.segment(name).read_bytes() == data


@pytest.mark.parametrize("lost", ["file", "folder of the run", "folder of all"])
@pytest.mark.parametrize("ended", [False, True])
def test_a_failed_sync_is_never_tried_again(
    tmp_path: Path,
    sent: tuple[SegmentName, bytes],
    monkeypatch: pytest.MonkeyPatch,
    lost: str,
    ended: bool,
) -> None:
    """After it nothing of that segment is told to be durable: the sender keeps all of it."""
    name, data = sent
    here = store(tmp_path)
    receiver = Receiver(here)
    receiver.take(name, 0, data[:4096])
    rest = partial(receiver.take, name, 4096, data[4096:], ended=ended, whole=zlib.crc32(data))

    def fail(what: object) -> None:
        if lost != "folder of all" or what == here.runs:
            raise OSError(5, "Input/output error")
        sync_folder(str(what))

    monkeypatch.setattr(module, "sync_file" if lost == "file" else "sync_folder", fail)
    if ended:
        assert not rest().ended
    receiver.sync()
    monkeypatch.undo()
    rest()
    receiver.sync()
    told = receiver.receipt(name)
    assert (told.logged, told.durable, told.ended) == (len(data), 0, False)


def test_a_blob_grows_piece_by_piece(tmp_path: Path) -> None:
    """It has its name once it is whole, and bytes that belong to another name never get one."""
    here = store(tmp_path)
    data = random.Random(7).randbytes(300_000)
    digest = hashlib.sha256(data).hexdigest()
    assert lacking(here, [digest]) == [digest]
    assert take_blob(here, digest, 0, data[:100_000], len(data)) == 100_000
    assert take_blob(here, digest, 200_000, data[200_000:], len(data)) == 100_000  # a gap
    assert take_blob(here, digest, 50_000, data[50_000:], len(data)) == len(data)
    assert here.blob(digest).read_bytes() == data and lacking(here, [digest]) == []
    assert take_blob(here, digest, 0, b"", len(data)) == len(data)
    other = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(SegmentRejected, match="another SHA-256"):
        take_blob(here, other, 0, b"wrong", 5)
    assert take_blob(here, other, 0, b"other", 5) == 5

    def check(action: Callable[[], object]) -> None:
        with pytest.raises(FoldlineError):
            action()

    check(lambda: lacking(here, ["../../store.json"]))
    check(lambda: take_blob(here, "../x", 0, b"", 0))
    check(lambda: take_blob(here, "0" * 64, 0, b"too long", 3))
    assert sorted(path.name for path in here.blobs.rglob("*") if path.is_file()) == sorted(
        [digest, other]
    )


def test_the_checksum_is_that_of_zlib() -> None:
    """The example of docs/http.md has the checksum that it tells."""
    assert zlib.crc32(b"test") == 3632233996
    assert hashlib.sha256(b"test").hexdigest().startswith("9f86d081")
