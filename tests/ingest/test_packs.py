"""Segments in packs: the same answers from fewer files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import pytest

import foldline
import foldline_ingest.packing as module
from foldline.errors import StoreBusy
from foldline.layout import Layout, Marker, SegmentName
from foldline.packs import find, indices, is_there, packed_names, segments
from foldline_ingest.batch import Batch
from foldline_ingest.log import Log
from foldline_ingest.packed import PackedSegment
from foldline_ingest.packing import drop, pack, packs_lock
from foldline_ingest.reader import SegmentReader
from foldline_ingest.replay import replay
from foldline_ingest.verify import verify
from tests.segment_build import SegmentBuild
from tests.ui.processes import log_run

OLD = 0.0  # seconds of rest that every run has had


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "store")
    layout.create()
    return layout


def settle(layout: Layout) -> None:
    """Take the markers away, as the fold does with segments that it has folded to their end."""
    for marker in layout.active.iterdir():
        marker.unlink()


def put(layout: Layout, run: str, data: bytes, writer: str = "writer1") -> SegmentName:
    name = SegmentName(run, writer)
    path = layout.segment(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return name


def built(run: str, points: int = 40) -> bytes:
    build = SegmentBuild(run)
    build.define(1, "loss")
    for step in range(points):
        build.point(1, step, step / 3)
    return build.close()


def read_all(layout: Layout, name: SegmentName) -> list[Batch]:
    return list(replay(layout, name))


def same(one: list[Batch], other: list[Batch]) -> bool:
    def plain(batches: list[Batch]) -> list[object]:
        return [(b.start, b.end, [c.tolist() for c in b.points], b.events, b.damage, b.finished)
                for b in batches]  # fmt: skip

    return repr(plain(one)) == repr(plain(other))


def test_a_packed_run_reads_as_before(layout: Layout, tmp_path: Path) -> None:
    """Readers, the walk over the log, and its check give what they gave when it was files."""
    for run in ("one", "two", "three"):
        log_run(layout.root, run)
    settle(layout)
    names = sorted(name for run in ("one", "two", "three") for name in segments(layout, run))
    before = [read_all(layout, name) for name in names]
    checked = verify(layout)
    done = pack(layout, idle_s=OLD)
    assert (done.segments, done.packs) == (3, 1)
    assert not list(layout.runs.glob("*/log/*.fold"))
    for name, batches in zip(names, before, strict=True):
        assert is_there(layout, name)
        assert same(read_all(layout, name), batches)
    assert msgspec.to_builtins(verify(layout)) == msgspec.to_builtins(checked)
    log = Log(layout, {})
    log.discover()
    assert sorted(batch.segment for batch in log.poll().batches) == names
    log.close()


def test_a_store_of_packs_answers_as_before(layout: Layout) -> None:
    """Views made from packs, exact points and read-backs are those of the files."""
    log_run(layout.root, "first")
    with foldline.open(layout.root) as store:
        values = store.series("metric.name == 'loss'")[0].values.tolist()
    pack(layout, idle_s=OLD)
    for file in sorted(layout.views.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    with foldline.open(layout.root) as store:
        (found,) = store.series("metric.name == 'loss'")
        assert repr(found.values.tolist()) == repr(values)
        assert store.run("first").params == {"lr": 0.1}


def test_a_packed_run_is_resumed(layout: Layout) -> None:
    """A run whose segments are in a pack is there for `resume`, and its steps count on."""
    with foldline.Run(id="again", store=layout.root) as run:
        for _ in range(5):
            run.track(1.0, name="loss")
    settle(layout)
    assert pack(layout, idle_s=OLD).segments == 1
    with foldline.Run(id="again", store=layout.root, resume="must") as run:
        run.track(2.0, name="loss")
    with foldline.open(layout.root) as store:
        (found,) = store.series("metric.name == 'loss'")
        assert found.steps.tolist() == [0, 1, 2, 3, 4, 5]


def test_what_may_still_grow_is_left_alone(layout: Layout) -> None:
    """A run with a marker, one written a moment ago, and a torn segment stay files."""
    log_run(layout.root, "fresh")
    settle(layout)
    put(layout, "torn", SegmentBuild("torn").killed())
    alive = put(layout, "alive", built("alive"))
    layout.marker(alive).write_bytes(msgspec.json.encode(Marker("here", 1)))
    assert pack(layout).segments == 0
    assert pack(layout, idle_s=OLD).segments == 1
    assert packed_names(layout) == {segments(layout, "fresh")[0]}


def test_a_buried_writer_is_packed(layout: Layout) -> None:
    """The segment of a killed process is packed once the log says that it is gone."""
    name = put(layout, "dead", SegmentBuild("dead").killed(allocated=1 << 20))
    with foldline.open(layout.root) as store:
        assert store.run("dead").status == "killed"
    settle(layout)
    before = read_all(layout, name)
    done = pack(layout, idle_s=OLD)
    assert done.segments == 2  # its own, and the one that says that it is gone
    assert done.pack_bytes < 2000, "what was only allocated costs nothing"
    assert same(read_all(layout, name), before)
    for _ in range(2):
        with foldline.open(layout.root) as store:
            assert store.run("dead").status == "killed"
        shutil.rmtree(layout.views)
    assert not list(layout.runs.glob("*/log/*")), "it is not said to be dead once more"


def test_what_is_none_of_ours_is_left_alone(layout: Layout) -> None:
    """A copy under a name that no writer has, and a folder that is called like a segment, stay."""
    name = put(layout, "one", built("one"))
    folder = layout.segment(name).parent
    shutil.copy(layout.segment(name), folder / "copy of a rather long name.fold")
    (folder / "folder.fold").mkdir()
    assert pack(layout, idle_s=OLD).segments == 1
    assert len(list(folder.iterdir())) == 2


def test_a_dry_run_changes_nothing(layout: Layout) -> None:
    """--dry-run counts what would be packed and makes no file."""
    put(layout, "one", built("one"))
    done = pack(layout, idle_s=OLD, dry_run=True)
    assert (done.segments, done.packs) == (1, 0)
    assert not layout.packs.exists()


def test_the_folder_of_a_run_keeps_its_time(layout: Layout) -> None:
    """Which run was written to last is not changed by packing it."""
    name = put(layout, "one", built("one"))
    folder = layout.segment(name).parent
    os.utime(folder, (1_600_000_000, 1_600_000_000))
    pack(layout, idle_s=OLD)
    assert folder.stat().st_mtime == 1_600_000_000


def test_many_small_packs_become_one(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that end one by one leave few packs; what is in them is moved as it is."""
    monkeypatch.setattr(module, "SMALL_PACKS_MAX", 4)
    for number in range(9):
        put(layout, f"r{number}", built(f"r{number}", number))
        pack(layout, idle_s=OLD)
    assert len(indices(layout)) <= 4
    assert sum(len(index) for index in indices(layout)) == 9
    for number in range(9):
        (batch,) = read_all(layout, SegmentName(f"r{number}", "writer1"))
        assert len(batch.points) == number and batch.finished


def test_a_damaged_pack_is_not_merged(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be read back stays as it is; the others become one without it."""
    monkeypatch.setattr(module, "SMALL_PACKS_MAX", 100)
    for number in range(5):
        put(layout, f"r{number}", built(f"r{number}"))
        pack(layout, idle_s=OLD)
    first = find(layout, SegmentName("r0", "writer1"))
    assert first is not None
    bad = first.path.read_bytes()
    first.path.write_bytes(bad[:80] + bytes([bad[80] ^ 1]) + bad[81:])
    monkeypatch.setattr(module, "SMALL_PACKS_MAX", 4)
    assert pack(layout, idle_s=OLD).merged == 4
    assert first.path.exists() and len(indices(layout)) == 2


def test_a_reader_follows_a_segment_into_a_pack_and_on(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that has begun goes on wherever the segment is moved while its file is closed."""
    name = put(layout, "one", built("one", 200))
    reader = SegmentReader(name, layout.segment(name))
    first = reader.read(limit=1024)
    reader.close()
    pack(layout, idle_s=OLD)
    second = reader.read(limit=1024)
    reader.close()
    monkeypatch.setattr(module, "SMALL_PACKS_MAX", 1)
    assert pack(layout, idle_s=OLD).merged == 1
    rest = []
    while (batch := reader.read(limit=1024)).bytes:
        rest.append(batch)
        reader.close()
    points = [v for b in (first, second, *rest) for v in b.points.step.tolist()]
    assert points == list(range(200))


def test_damage_in_a_pack_is_told_and_contained(layout: Layout) -> None:
    """A slab that can't be unpacked is damage of its segment; other slabs are read as ever."""
    name = put(layout, "one", built("one", 40_000))
    pack(layout, idle_s=OLD)
    packed = find(layout, name)
    assert packed is not None
    segment = PackedSegment(packed)
    assert len(segment.slabs) == 2
    first = segment.slabs[0]
    segment.close()
    data = bytearray(packed.path.read_bytes())
    data[first.place + first.length // 2] ^= 0xFF
    packed.path.write_bytes(data)
    batches = read_all(layout, name)
    damage = [place for batch in batches for place in batch.damage]
    assert damage[0].segment == "one/writer1" and damage[0].reason.startswith("its part of a pack")
    assert 0 < sum(len(batch.points) for batch in batches) < 40_000
    assert verify(layout).damage


def test_a_pack_without_an_index_is_told(layout: Layout, caplog: pytest.LogCaptureFixture) -> None:
    """A pack whose head is damaged is damage of the log: what it holds is in no answer."""
    name = put(layout, "one", built("one"))
    pack(layout, idle_s=OLD)
    packed = find(layout, name)
    assert packed is not None
    packed.path.write_bytes(b"x" * 100)
    os.utime(layout.packs)
    (damage,) = verify(layout).damage
    assert damage.segment == f"packs/{packed.path.name}"
    assert indices(layout, afresh=True) == []
    Log(layout, {}).discover()
    assert packed.path.name in caplog.text and "in no answer" in caplog.text


def test_a_file_that_was_put_back_counts(layout: Layout) -> None:
    """A segment restored from a backup beside its pack is read, and is not taken away."""
    name = put(layout, "one", built("one", 10))
    pack(layout, idle_s=OLD)
    put(layout, "one", built("one", 20))
    assert len(read_all(layout, name)[0].points) == 20
    pack(layout, idle_s=OLD)
    assert len(read_all(layout, name)[0].points) == 20


def test_what_a_kill_left_twice_is_cleared(layout: Layout) -> None:
    """A file whose bytes are in a pack already goes at the next packing, once compared."""
    data = built("one")
    name = put(layout, "one", data)
    pack(layout, idle_s=OLD)
    put(layout, "one", data)
    assert pack(layout, idle_s=OLD).cleared == 1
    assert not layout.segment(name).exists()


def test_runs_are_dropped_from_packs(layout: Layout) -> None:
    """The bytes of a run that was deleted for good go, and those beside it stay."""
    for run in ("keep", "gone"):
        put(layout, run, built(run, 2000))
    pack(layout, idle_s=OLD)
    assert drop(layout, {"gone"}) > 1000
    assert packed_names(layout) == {SegmentName("keep", "writer1")}
    assert len(read_all(layout, SegmentName("keep", "writer1"))[0].points) == 2000
    assert drop(layout, {"keep"}) > 1000
    assert not list(layout.packs.glob("*.pack"))


def test_one_process_packs_at_a_time(layout: Layout) -> None:
    """A second packing is refused with what to do, and leaves everything as it is."""
    put(layout, "one", built("one"))
    with packs_lock(layout), pytest.raises(StoreBusy, match="packs the store"):
        pack(layout, idle_s=OLD)


def test_no_descriptor_is_kept_for_packed_runs(layout: Layout) -> None:
    """After all of a packed store was read, no file of it is open."""
    for number in range(20):
        put(layout, f"r{number:02d}", built(f"r{number:02d}"))
    pack(layout, idle_s=OLD)
    for number in range(20):
        read_all(layout, SegmentName(f"r{number:02d}", "writer1"))
    links = [link for link in Path("/proc/self/fd").iterdir() if link.exists()]
    held = [str(link.readlink()) for link in links]
    assert not [path for path in held if str(layout.root) in path]
