"""Stores that scenes are played on."""

from __future__ import annotations

import json
import shutil
import zlib
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import anyio

import foldline
from foldline import blobs
from foldline.errors import SegmentConflict, StoreNotFound
from foldline.events import ValuesTracked, decode
from foldline.layout import Layout, SegmentName
from foldline.packs import segments
from foldline.shipper.tail import DIGEST
from foldline_ingest.packing import pack
from foldline_ingest.receiving import Receiver
from foldline_ingest.replay import replay
from foldline_ingest.verify import verify
from foldline_views import rules
from foldline_views.conditions import Threshold
from foldline_views.folding import catch_up
from foldline_views.rules import Rule
from foldline_views.shelves import SHELVES
from tests.canonical import dump_of
from tests.faults import scenes
from tests.faults.scenes import POINTS, SECRET
from tests.operations.stores import bytes_of

__all__ = ["STAGES", "Stage", "told"]


class Stage:
    """A store before a scene, and what must be true of it after one."""

    def __init__(self, folder: Path) -> None:
        """Make what the scene needs in a folder of its own."""
        self.folder = folder
        self.store = folder / "store"

    def set(self, folder: Path) -> Path:
        """Put a copy of it into a folder; return the store."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return folder / "store"

    def check(self, store: Path, promised: dict[str, Any], *, cut: bool = False) -> None:
        """Assert what holds after a scene that failed, or was killed, or ended well.

        `cut`: the power went too, so that only what was called durable has to be there.
        """
        raise NotImplementedError


class Training(Stage):
    """Nothing is there before a training."""

    buffered = False

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)

    def check(self, store: Path, promised: dict[str, Any], *, cut: bool = False) -> None:
        layout = Layout(store)
        steps, digests = _told_of(layout)
        assert steps == sorted(set(steps)), "each point once, in its order"
        for digest in digests:
            blobs.read(layout, digest)
        if not cut:
            assert verify(layout).damage == []
        if promised.get("durable"):
            layout.check()
            assert POINTS - len(steps) + (not digests) <= promised["dropped"]
        elif not (cut or self.buffered):
            assert len(steps) >= promised.get("tracked", 0) - promised.get("dropped", 0)
        if "ended" in promised:
            missing = POINTS - len(steps)
            assert missing <= promised["ended"] <= missing + 3, "what is dropped is counted"
        try:
            with foldline.open(store) as opened:
                series = list(opened.series())
                assert [one.count for one in series] == ([len(steps)] if steps else [])
                assert all((one.values == one.steps * 0.5).all() for one in series)
        except StoreNotFound:
            assert not steps


class Buffered(Training):
    """A training whose points wait in memory for a moment: a kill may cost that."""

    buffered = True


class Folding(Stage):
    """Some of a log is folded, and more has come."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for number in range(2):
            self._log(f"old{number}")
        anyio.run(partial(catch_up, Layout(self.store), shelves=SHELVES))
        self._log("new", 6_000)
        with foldline.Run(id="old0", store=self.store, capture=False) as run:
            run.track(7.0, name="loss", step=500)
            run.log_info("pear said more")
        whole = folder.with_name(f"{folder.name} whole")
        shutil.copytree(folder, whole)
        self.expected = self._views(whole / "store")

    def _log(self, run: str, points: int = 300) -> None:
        with foldline.Run(id=run, store=self.store, params={"run": run}, capture=False) as logged:
            for step in range(points):
                logged.track(step * 0.5, name="loss", step=step)
            logged.track(foldline.Text(f"plum of {run} " * 600), name="said", step=0)
            logged.log_info(f"apple of {run}")

    def _views(self, store: Path) -> Any:
        anyio.run(partial(catch_up, Layout(store), shelves=SHELVES))
        with foldline.open(store) as opened:
            shown = {
                run.id: (
                    run.status,
                    [message.text for message in run.messages()],
                    [one.steps.tolist() for one in run.sequences()],
                    run.metric("loss").values.tolist(),  # type: ignore[union-attr]  # it is there
                )
                for run in opened.runs()
            }
            found = {
                word: sorted((one.run.id, len(one.hits)) for one in opened.search(word, hits=30))
                for word in ("apple", "pear", "plum")
            }
        return dump_of(store), shown, found

    def check(self, store: Path, promised: dict[str, Any], *, cut: bool = False) -> None:
        assert self._views(store) == self.expected


class Receiving(Stage):
    """A segment waits to be shipped."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with foldline.Run(id="run1", store=folder / "sender", capture=False) as run:
            for step in range(4_000):
                run.track(step / 7, name="loss", step=step)
        (file,) = (folder / "sender").glob("runs/run1/log/*.fold")
        self.name, self.data = SegmentName("run1", file.stem), file.read_bytes()
        shutil.rmtree(folder / "sender")
        (folder / file.name).write_bytes(self.data)

    def check(self, store: Path, promised: dict[str, Any], *, cut: bool = False) -> None:
        layout = Layout(store)
        path = layout.segment(self.name)
        here = path.read_bytes() if path.exists() else b""
        sure = promised.get("durable" if cut else "logged", 0)
        assert here[:sure] == self.data[:sure]
        layout.create()
        receiver = Receiver(layout)  # of a server that was started again
        told, again = receiver.receipt(self.name), False
        at = told.logged
        while not told.ended:
            piece = self.data[at : at + 100_000]
            last = at + len(piece) == len(self.data)
            whole = zlib.crc32(self.data) if last else None
            try:
                told = receiver.take(self.name, at, piece, ended=last, whole=whole)
            except SegmentConflict:  # as it says: it is sent once more from its first byte
                assert cut and not again, "what is there is not what was sent"
                again, at = True, 0
                continue
            assert told.logged > at or told.ended or not piece
            at = told.logged
        receiver.sync()  # of one that had ended it looks again, and makes sure
        assert path.read_bytes() == self.data
        assert receiver.receipt(self.name).durable == len(self.data)
        assert verify(layout).damage == []


class Tidying(Stage):
    """Finished runs wait to be packed beside a pack."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for number in range(3):
            run = foldline.Run(id=f"run{number}", store=self.store, capture=False)
            for step in range(200):
                run.track(step + number, name="loss", step=step)
            run.finish()
        layout = Layout(self.store)
        for marker in layout.active.iterdir():
            marker.unlink()
        self.expected = _values(layout)

    def check(self, store: Path, promised: dict[str, Any], *, cut: bool = False) -> None:
        assert _values(Layout(store)) == self.expected
        assert verify(Layout(store)).damage == []


class Scrubbing(Stage):
    """A secret is in a pack, in a file, in blobs that name one another, and in a rule."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        layout = Layout(self.store)
        self._log("packed")
        for marker in layout.active.iterdir():
            marker.unlink()
        pack(layout, idle_s=0)
        self._log("file")
        for marker in layout.active.iterdir():
            marker.unlink()
        rules.add(layout, Rule(SECRET, Threshold(above=1.0)))
        self.before = bytes_of(self.store)
        done = self.set(folder.with_name(f"{folder.name} done"))
        scenes.scrub(done)
        self.after, self.blobs = bytes_of(done), _blobs(done)
        self._follow(done)
        assert len(self.blobs) == 6 and SECRET.encode() not in b"".join(self.after.values())

    def _log(self, run: str) -> None:
        rows = [[number, f"{run} {SECRET}"] for number in range(1100)]
        with foldline.Run(id=run, store=self.store, name=SECRET, capture=False) as logged:
            for step in range(100):
                logged.track(step * 0.5, name="loss", step=step)
            table = foldline.Table(["n", "long " * 1000], rows)  # its index is a blob, too
            logged.track(table, name="table", step=0)

    def _follow(self, store: Path) -> None:
        """Assert that every blob is there that an event names, or another blob."""
        for data in bytes_of(store).values():
            for index in DIGEST.findall(data):
                for page in DIGEST.findall(blobs.read(Layout(store), index.decode())):
                    blobs.read(Layout(store), page.decode())

    def check(self, store: Path, promised: dict[str, Any], *, cut: bool = False) -> None:
        assert verify(Layout(store)).damage == []
        now = bytes_of(store)
        assert all(now[name] in (data, self.after[name]) for name, data in self.before.items())
        assert not promised.get("scrubbed") or now == self.after
        self._follow(store)
        scenes.scrub(store)
        assert bytes_of(store) == self.after
        # The index of a table that is freed already may be left, as no event names it.
        left = _blobs(store)
        assert left >= self.blobs
        assert not any(SECRET.encode() in blobs.read(Layout(store), blob) for blob in left)
        assert [rule.id for rule in rules.read(Layout(store)).rules] == ["x" * len(SECRET)]


def _blobs(store: Path) -> set[str]:
    return {path.name for path in Layout(store).blobs.glob("??/*")}


class Keeping(Stage):
    """A store has one rule."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        Layout(self.store).create()
        rules.add(Layout(self.store), Rule("first", Threshold(above=1.0)))

    def check(self, store: Path, promised: dict[str, Any], *, cut: bool = False) -> None:
        found = [rule.id for rule in rules.read(Layout(store)).rules]
        assert found == ["first", "second"] or (found == ["first"] and not promised.get("kept"))


STAGES: dict[str, type[Stage]] = {
    "track": Training,
    "track_buffered": Buffered,
    "fold": Folding,
    "receive": Receiving,
    "tidy": Tidying,
    "keep_rule": Keeping,
    "scrub": Scrubbing,
}


def told(store: Path) -> dict[str, Any]:
    """Return what a scene promised."""
    try:
        return dict(json.loads((store.parent / "ledger").read_text()))
    except (FileNotFoundError, ValueError):
        return {}


class _Point(NamedTuple):
    step: float
    value: float


def _points(layout: Layout, name: SegmentName) -> list[_Point]:
    return [
        _Point(step, value)
        for batch in replay(layout, name)
        for step, value in zip(batch.points.step.tolist(), batch.points.value.tolist(), strict=True)
    ]


def _told_of(layout: Layout) -> tuple[list[float], list[str]]:
    """Return the steps and the blobs that a training's log tells of."""
    steps, digests = [], []
    for name in segments(layout, "run1"):
        for point in _points(layout, name):
            assert point.value == point.step * 0.5, "a point that nobody tracked"
            steps.append(point.step)
        for batch in replay(layout, name):
            for head in batch.events:
                event = decode(head.type, head.payload)
                if isinstance(event, ValuesTracked):
                    digests += [value.blob for value in event.values if value.blob]
    return steps, digests


def _values(layout: Layout) -> dict[str, list[_Point]]:
    """Return the points of each run, from files and packs."""
    return {
        run: [point for name in segments(layout, run) for point in _points(layout, name)]
        for run in ("run0", "run1", "run2")
    }
