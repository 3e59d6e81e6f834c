"""What people change of runs, from the log to the views."""

from __future__ import annotations

import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

import foldline
from foldline.errors import RunNotFound, StoreUnwritable
from foldline.events import FieldsSet, TagsChanged
from foldline.layout import Layout
from foldline_ingest import statement
from foldline_ingest.amendment import amend
from foldline_ingest.verify import verify
from foldline_views.asked import Edit
from foldline_views.folding import catch_up, rebuild
from foldline_views.reader import Views
from tests.views.catalogs import START

WAIT_S = 10.0


def log(store: Path, run: str = "one") -> None:
    with foldline.Run(id=run, store=store, name="as logged", tags=["first"]) as written:
        written.track(1.0, name="loss", step=0)


def with_views(store: Path, scenario: Callable[[Views, Layout], Awaitable[None]]) -> None:
    async def whole() -> None:
        layout = Layout(store)
        await catch_up(layout)
        views = await Views.open(layout.views)
        try:
            await scenario(views, layout)
        finally:
            await views.close()

    anyio.run(whole)


async def change(views: Views, layout: Layout, edit: Edit, *runs: str) -> None:
    changes = await views.edit(layout, runs or ("one",), edit)
    await catch_up(layout)
    assert (await views.edited(changes, WAIT_S)).folded


def test_a_change_is_shown_and_is_in_the_log(tmp_path: Path) -> None:
    """Words and tags change at once, last through a rebuild, and touch no file of the training."""
    store = tmp_path / "store"
    log(store)
    files = {path: path.read_bytes() for path in (store / "runs").rglob("*.fold")}

    async def scenario(views: Views, layout: Layout) -> None:
        edit = Edit({"name": "better", "notes": "é\n"}, ["kept"], ["first"])
        await change(views, layout, edit)
        shown = await views.run("one")
        assert (shown.name, shown.notes, shown.tags) == ("better", "é\n", ["kept"])
        assert [writer.role for writer in shown.writers if writer.role] == ["server"]
        assert shown.status == "finished"
        assert {path: path.read_bytes() for path in files} == files
        assert not verify(layout).damage and not verify(layout).torn
        await rebuild(layout)
        await views.refresh()
        again = await views.run("one")
        assert (again.name, again.notes, again.tags) == ("better", "é\n", ["kept"])
        assert not list(layout.active.iterdir()), "a folded change leaves no marker"

    with_views(store, scenario)


def test_changes_of_different_things_do_not_touch(tmp_path: Path) -> None:
    """Whoever changes one thing leaves what others change meanwhile as they want it."""
    store = tmp_path / "store"
    log(store)

    async def scenario(views: Views, layout: Layout) -> None:
        async with anyio.create_task_group() as tasks:
            for number in range(8):
                edit = Edit({f"field{number}": str(number)}, [f"tag{number}"])
                tasks.start_soon(views.edit, layout, ["one"], edit)
        await catch_up(layout)
        await views.refresh()
        shown = await views.run("one")
        assert shown.fields == {f"field{number}": str(number) for number in range(8)}
        assert shown.tags == ["first", *(f"tag{number}" for number in range(8))]

    with_views(store, scenario)


def test_a_change_wins_over_a_clock_that_is_ahead(tmp_path: Path) -> None:
    """A training whose clock is a day ahead does not keep the name that a person takes from it."""
    store = tmp_path / "store"
    log(store)
    layout = Layout(store)
    ahead = time.time() + 86_400
    amend(layout, "one", [FieldsSet({"name": "tomorrow"}), TagsChanged(["odd"])], after=ahead)

    async def scenario(views: Views, layout: Layout) -> None:
        assert (await views.run("one")).name == "tomorrow"
        await change(views, layout, Edit({"name": "today"}, [], ["odd"]))
        await change(views, layout, Edit({"archived": True}))
        shown = await views.run("one")
        assert (shown.name, shown.tags, shown.archived) == ("today", ["first"], True)
        await change(views, layout, Edit({"name": "later"}))
        assert (await views.run("one")).name == "later"

    with_views(store, scenario)


def test_a_deleted_run_is_hidden_and_comes_back(tmp_path: Path) -> None:
    """Deleting hides a run and its series from every answer; restoring undoes it whole."""
    store = tmp_path / "store"
    log(store)
    log(store, "two")

    async def scenario(views: Views, layout: Layout) -> None:
        before = time.time()
        await change(views, layout, Edit({"deleted": True}))
        assert [row.id for row in (await views.runs()).rows] == ["two"]
        assert [series.run for series in (await views.series()).series] == ["two"]
        assert (await views.totals()).total == 1
        (gone,) = (await views.runs("run.deleted")).rows
        assert gone.deleted_at is not None and before - 1 < gone.deleted_at < time.time() + 1
        assert (await views.run("one")).deleted_at == gone.deleted_at
        await change(views, layout, Edit({"deleted": False}))
        assert {row.id for row in (await views.runs()).rows} == {"one", "two"}
        assert (await views.run("one")).deleted_at is None

    with_views(store, scenario)


def test_many_runs_are_changed_or_none(tmp_path: Path) -> None:
    """A run that is not there is told before any other is changed."""
    store = tmp_path / "store"
    for number in range(3):
        log(store, f"run{number}")

    async def scenario(views: Views, layout: Layout) -> None:
        count = len(list((store / "runs").rglob("*.fold")))
        with pytest.raises(RunNotFound, match="nobody"):
            await views.edit(layout, ["run0", "nobody"], Edit({"archived": True}))
        assert len(list((store / "runs").rglob("*.fold"))) == count
        await change(views, layout, Edit({"archived": True}), "run0", "run1")
        assert [row.id for row in (await views.runs()).rows] == ["run2"]
        shutil.rmtree(store / "runs" / "run2")
        with pytest.raises(RunNotFound, match="gone"):
            await views.edit(layout, ["run2"], Edit({"archived": True}))

    with_views(store, scenario)


def test_a_change_that_is_not_folded_yet_says_so(tmp_path: Path) -> None:
    """Who waits in vain gets the runs as they are, and is told that the change does not show."""
    store = tmp_path / "store"
    log(store)

    async def scenario(views: Views, layout: Layout) -> None:
        changes = await views.edit(layout, ["one"], Edit({"name": "new"}))
        edited = await views.edited(changes, 0.05)
        assert not edited.folded
        assert [head.name for head in edited.runs] == ["as logged"]

    with_views(store, scenario)


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that can't be kept is an error, and the run is as before."""
    store = tmp_path / "store"
    log(store)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(statement, "sync_folder", full)
    before = set(store.rglob("*"))
    with pytest.raises(StoreUnwritable, match="No space left"):
        amend(Layout(store), "one", [FieldsSet({"name": "new"})], after=START)
    assert {path.suffix for path in set(store.rglob("*")) - before} <= {".fold"}
