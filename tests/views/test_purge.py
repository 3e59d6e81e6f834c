"""Deleted runs freed for good."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import numpy as np
import pytest

import foldline
from foldline import packs
from foldline.errors import StoreBusy
from foldline.events import FieldsSet
from foldline.layout import Layout
from foldline_ingest import sweep as sweep_module
from foldline_ingest.amendment import amend
from foldline_ingest.lease import Lease
from foldline_ingest.packing import pack
from foldline_ingest.sweep import bring_back, sweep
from foldline_ingest.verify import verify
from foldline_views.purge import Purged, purge
from foldline_views.store import open_store
from tests.forked import forked, was_killed

DAY_S = 86_400.0


def picture(shade: int) -> foldline.Image:
    """Return an image that is too large to be kept in its event, and differs by its shade."""
    noise = np.random.default_rng(shade).integers(0, 255, (48, 48, 3), dtype=np.uint8)
    return foldline.Image(noise)


def log(store: Path, run: str, *shades: int, table: bool = False) -> None:
    with foldline.Run(id=run, store=store) as written:
        written.track(1.0, name="loss", step=0)
        for step, shade in enumerate(shades):
            written.track(picture(shade), name="samples", step=step)
        if table:
            rows = [[number, picture(100 + number)] for number in range(3)]
            written.track(foldline.Table(["n", "picture"], rows), name="seen", step=0)


def delete(layout: Layout, *runs: str) -> None:
    for run in runs:
        amend(layout, run, [FieldsSet({"deleted": True})])


def blobs(layout: Layout) -> set[str]:
    return {path.name for path in layout.blobs.glob("??/*")}


def ids(layout: Layout, query: str = "") -> set[str]:
    with open_store(layout.root) as store:
        return {run.id for run in store.runs(query)}


def freed(layout: Layout, days: float = 0.0, *, dry_run: bool = False) -> Purged:
    async def run() -> Purged:
        return await purge(layout, days * DAY_S, dry_run=dry_run)

    return anyio.run(run)


@pytest.mark.parametrize("packed", [False, True])
def test_a_deleted_run_goes_with_all_that_only_it_had(tmp_path: Path, packed: bool) -> None:
    """Its log and its own blobs are freed; what others share with it stays, and so do they."""
    layout = Layout(tmp_path / "store")
    log(layout.root, "kept", 1, 2, table=True)
    before = blobs(layout)
    log(layout.root, "gone", 2, 3, table=True)
    log(layout.root, "other", 4)
    log(layout.root, "alone", 5)
    delete(layout, "gone", "other")
    assert ids(layout) == {"kept", "alone"}
    if packed:
        assert pack(layout, idle_s=0, now=time.time() + 60).segments > 0
    told = freed(layout, dry_run=True)
    assert set(told.runs) == {"gone", "other"} and ids(layout, "run.deleted") == {"gone", "other"}
    done = freed(layout)
    assert set(done.runs) == {"gone", "other"}
    assert done.swept.blobs == told.swept.blobs == 2
    assert done.swept.bytes == told.swept.bytes > 0
    assert done.log_bytes > 0
    assert before < blobs(layout) and len(blobs(layout)) == len(before) + 1
    assert not (layout.runs / "gone").exists() and not packs.segments(layout, "other")
    assert not layout.trash.exists()
    assert ids(layout) == {"kept", "alone"} and ids(layout, "run.deleted") == set()
    assert not verify(layout).damage
    with open_store(layout.root) as store:
        (images,) = store.run("kept").sequences("image")
        assert len(images.entries) == 2
    again = freed(layout)
    assert (again.runs, again.log_bytes, again.swept.blobs) == ([], 0, 0)


def test_a_run_is_kept_until_its_time(tmp_path: Path) -> None:
    """Deleted a moment ago it can still be had back; a restored run is never freed."""
    layout = Layout(tmp_path / "store")
    log(layout.root, "one", 1)
    log(layout.root, "back", 2)
    delete(layout, "one", "back")
    assert freed(layout, days=30).runs == []
    amend(layout, "back", [FieldsSet({"deleted": False})])
    assert freed(layout, days=0).runs == ["one"]
    assert ids(layout) == {"back"}


def test_nothing_is_taken_from_who_is_alive(tmp_path: Path) -> None:
    """A run that is written to stays, and with it all blobs: nobody knows what it will name."""
    layout = Layout(tmp_path / "store")
    log(layout.root, "done", 1)
    with foldline.Run(id="live", store=layout.root) as run:
        run.track(1.0, name="loss", step=0)
        delete(layout, "done", "live")
        done = freed(layout)
        assert (done.runs, done.alive) == (["done"], ["live"])
        assert "live" in done.swept.kept_because
        assert len(blobs(layout)) == 1
        run.track(picture(1), name="again", step=0)
    assert freed(layout).runs == ["live"]
    assert blobs(layout) == set()


def test_a_server_is_not_disturbed(tmp_path: Path) -> None:
    """While another process folds the store, nothing is freed."""
    layout = Layout(tmp_path / "store")
    log(layout.root, "one")
    with Lease(layout.views), pytest.raises(StoreBusy):
        freed(layout)


def test_a_damaged_log_keeps_its_blobs(tmp_path: Path) -> None:
    """What can't be read may name a blob, so none is freed until it can."""
    layout = Layout(tmp_path / "store")
    log(layout.root, "one", 1)
    log(layout.root, "two", 2)
    delete(layout, "two")
    segment = next((layout.runs / "one" / "log").glob("*.fold"))
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 0xFF
    segment.write_bytes(content)
    done = freed(layout)
    assert done.runs == ["two"] and "verify" in done.swept.kept_because
    assert len(blobs(layout)) == 2


def test_a_training_that_begins_meanwhile_keeps_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blobs that were put aside come back if a writer may have found them before that."""
    layout = Layout(tmp_path / "store")
    log(layout.root, "one", 1)
    shutil.rmtree(layout.runs / "one")
    unnamed = blobs(layout)
    assert unnamed
    real = sweep_module._aside

    def began(here: Layout) -> Path:
        log(layout.root, "two", 1)
        return real(here)

    monkeypatch.setattr(sweep_module, "_aside", began)
    assert sweep(layout).kept_because
    assert blobs(layout) == unnamed
    monkeypatch.undo()
    assert ids(layout) == {"two"}
    assert sweep(layout).blobs == 0


def test_what_was_put_aside_is_brought_back(tmp_path: Path) -> None:
    """A sweep that was killed before it was sure has freed nothing."""
    layout = Layout(tmp_path / "store")
    log(layout.root, "one", 1)
    (digest,) = blobs(layout)
    aside = layout.trash / "blobs"
    aside.mkdir(parents=True)
    layout.blob(digest).replace(aside / digest)
    bring_back(layout)
    assert blobs(layout) == {digest} and not aside.exists()


def purge_and_die(layout: Layout, step: int) -> None:
    """Free what was deleted, and be killed at the so-manieth change of a file."""
    left = step

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return call

    for name in ("replace", "rename", "unlink", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))
    freed(layout)


@pytest.mark.parametrize(
    "stride", [7, pytest.param(1, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
)
def test_a_purge_that_is_killed_anywhere_is_ended_by_the_next(tmp_path: Path, stride: int) -> None:
    """At no moment is a deleted run seen again, or a blob gone that another run names."""
    origin = Layout(tmp_path / "origin")
    log(origin.root, "kept", 1, 2)
    named = blobs(origin)
    log(origin.root, "gone", 2, 3)
    pack(origin, idle_s=0, now=time.time() + 60)
    log(origin.root, "gone", 4)
    delete(origin, "gone")
    assert ids(origin) == {"kept"}
    for step in range(0, 200, stride):
        layout = Layout(tmp_path / f"store{step}")
        shutil.copytree(origin.root, layout.root)
        packs.indices(layout, afresh=True)
        killed = was_killed(forked(partial(purge_and_die, layout, step)))
        packs.indices(layout, afresh=True)
        assert ids(layout) == {"kept"}
        shutil.rmtree(layout.views)
        assert ids(layout) == {"kept"}, "rebuilt from the log alone"
        done = freed(layout)
        assert ids(layout) == {"kept"} and ids(layout, "run.deleted") == set()
        assert blobs(layout) == named, (step, done)
        assert not layout.trash.exists()
        shutil.rmtree(layout.root)
        if not killed:
            break
    assert step > 10
