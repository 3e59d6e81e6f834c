"""A start from a snapshot sees what the rows say."""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec
import numpy as np
import pytest

import foldline
from foldline_views import saving, snapshot
from foldline_views.catalog import Catalog
from foldline_views.changes import Known, read_changes
from foldline_views.database import connect
from foldline_views.generation import current
from foldline_views.pages import runs_page, series_page
from foldline_views.reader import Views
from foldline_views.shelves import CATALOG
from foldline_views.snapshot import Draft, load, path_beside
from foldline_views.store import open_store
from tests.patience import wait_for

RUNS = 40


def log_runs(store: Path, start: int, end: int) -> None:
    """Log runs whose params are of all kinds, and two series of each."""
    for number in range(start, end):
        odd: Any = "auto" if number % 3 else number
        with foldline.Run(id=f"r{number:03}", store=store, capture=False, tags=["t"]) as run:
            run["lr"] = number / 8
            run["deep"] = {"odd": odd, "wide": [number % 2, 2], "none": {}}
            run[f"own{number}"] = number
            run["big"] = 2**60 + 1 if number == 3 else 5
            run.track(number, name="loss", step=1)
            run.track(float("nan"), name="loss", step=2, context={"subset": "val"})


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store of some runs, folded; it is to be copied."""
    folder = tmp_path_factory.mktemp("logged")
    log_runs(folder, 0, RUNS)
    with open_store(folder) as store:
        store.catalog()
    return folder


@pytest.fixture
def views(logged: Path, tmp_path: Path) -> Path:
    """Return the file of the views of such a store."""
    shutil.copytree(logged, tmp_path, dirs_exist_ok=True)
    return file_of(tmp_path)


def file_of(store: Path) -> Path:
    generation = current(CATALOG.folder(store / "views"))
    assert generation is not None
    return generation.path


def save(path: Path) -> None:
    with closing(connect(path, write=False)) as db:
        assert Draft(load(db, path)).write(path_beside(path)) is not None


def loaded(path: Path) -> Catalog:
    with closing(connect(path, write=False)) as db:
        return load(db, path)


def read_anew(path: Path) -> Catalog:
    catalog = Catalog()
    with closing(connect(path, write=False)) as db:
        changes = read_changes(db, Known())
    assert changes is not None
    catalog.take(changes)
    return catalog


def said(catalog: Catalog) -> str:
    """Return all that a catalog answers, as text; columns in the order of their names."""
    columns = {
        ".".join(path): column.cells()
        for path in catalog.runs.known_paths()
        if (column := catalog.runs.column(path)) is not None
    }
    rows = [
        runs_page(catalog, query) for query in ("", "run.lr > 1", 'run.metrics["loss"].last > 3')
    ]
    for page in rows:
        page.columns.params.sort(key=lambda column: column.path)
    details = [catalog.detail(row) for row in range(len(catalog.ids))]
    slots = [catalog.series.slots_of(series) for series in range(catalog.series.count)]
    whole = [columns, rows, series_page(catalog), details, slots, catalog.totals, catalog.known]
    return json.dumps(msgspec.to_builtins(whole), indent=1, sort_keys=True)


def test_a_snapshot_says_what_the_rows_say(views: Path) -> None:
    """All answers are the same, and no state is held in memory."""
    expected = said(read_anew(views))
    save(views)
    catalog = loaded(views)
    assert said(catalog) == expected
    assert catalog.states.unsaved == 0


def test_what_came_after_it_is_read_from_the_rows(views: Path, tmp_path: Path) -> None:
    """New runs, changed runs and new series of old runs are there after a start."""
    save(views)
    log_runs(tmp_path, RUNS, RUNS + 35)
    with foldline.Run(id="r001", store=tmp_path, capture=False) as run:
        run["lr"] = 7
        run.track(1, name="late", step=1)
    with open_store(tmp_path) as store:
        live = store.catalog()
        catalog = loaded(views)
        assert said(catalog) == said(read_anew(views)) == said(live)
    assert catalog.states.unsaved == 36


def test_a_damaged_snapshot_is_passed_over(views: Path) -> None:
    """Wherever a byte of it differs, or it ends, the rows are read."""
    expected = said(read_anew(views))
    save(views)
    whole = path_beside(views).read_bytes()
    for place in range(0, len(whole), len(whole) // 25):
        hurt = bytearray(whole)
        hurt[place] ^= 0x10
        for data in (bytes(hurt), whole[:place]):
            path_beside(views).write_bytes(data)
            catalog = loaded(views)
            gap = catalog.states.unsaved == 0
            assert said(catalog) == expected
            assert not gap or data != whole[:place]  # between sections nothing is checked


def test_one_of_other_rows_is_passed_over(views: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that mean something else are not taken for these."""
    save(views)
    other = CATALOG._replace(views=CATALOG.views[:1])
    monkeypatch.setattr(snapshot, "CATALOG", other)
    assert loaded(views).states.unsaved == RUNS


def test_one_of_commits_that_were_lost_is_passed_over(views: Path, tmp_path: Path) -> None:
    """A power cut takes commits, and later ones have their revisions again."""
    before = views.read_bytes()
    log_runs(tmp_path, RUNS, RUNS + 1)
    with open_store(tmp_path) as store:
        store.catalog()
    save(views)
    views.write_bytes(before)
    assert loaded(views).states.unsaved == RUNS
    for number in range(3):  # one commit for each, so that the revision is above the lost one
        log_runs(tmp_path, RUNS + 1 + number, RUNS + 2 + number)
        with open_store(tmp_path) as store:
            store.catalog()
    assert loaded(views).states.unsaved == RUNS + 4
    assert said(loaded(views)) == said(read_anew(views))


def test_states_stay_readable_when_it_is_replaced(views: Path, tmp_path: Path) -> None:
    """Who has started from a snapshot reads on in it, also when it is deleted."""
    save(views)
    catalog = loaded(views)
    expected = said(catalog)
    path_beside(views).unlink()
    catalog.states._decoded.clear()
    assert said(catalog) == expected
    draft = Draft(catalog)
    catalog.states.put(3, catalog.states.read(4))
    file = draft.write(path_beside(views))
    assert file is not None
    catalog.states.settle(file, draft.states)
    assert catalog.states.unsaved == 1  # what changed while it was written
    assert catalog.states.read(3) == catalog.states.read(4)
    assert catalog.states.read(5) == loaded(views).states.read(5)


def test_a_reader_writes_one_when_enough_has_changed(
    views: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's next start is from a snapshot; Python's writes one at once."""
    monkeypatch.setattr(snapshot, "UNSAVED_RUNS", RUNS)
    monkeypatch.setattr(saving, "SAVED_AFTER_S", 0.0)

    async def start() -> None:
        opened = await Views.open(tmp_path / "views")
        try:
            await anyio.to_thread.run_sync(wait_for, path_beside(views).exists)
        finally:
            await opened.close()

    anyio.run(start)
    assert loaded(views).states.unsaved == 0
    path_beside(views).unlink()
    with open_store(tmp_path) as store:
        assert store.catalog().states.unsaved == 0
    assert path_beside(views).exists()


def test_the_document_is_enough_to_read_it(views: Path) -> None:
    """SNAPSHOT.md says where each byte is."""
    save(views)
    data = path_beside(views).read_bytes()
    magic, made_as, crc, offset, length = struct.unpack_from("<8sIIQQ", data)
    assert (magic, made_as) == (b"foldsnap", 1)
    assert struct.unpack_from("<I", data, 60)[0] == zlib.crc32(data[:60])
    assert zlib.crc32(data[offset : offset + length]) == crc
    directory = msgspec.msgpack.decode(data[offset : offset + length])

    def section(told: list[int]) -> bytes:
        begin, size, check = told
        found = data[begin : begin + size]
        assert begin % 8 == 0 and zlib.crc32(found) == check
        return found

    catalog = read_anew(views)
    assert directory["version"] == CATALOG.version
    assert (directory["rows"], directory["series"]) == (RUNS, 2 * RUNS)
    assert directory["revision"] == catalog.revision and directory["watermark"] == catalog.watermark
    sections = directory["sections"]
    assert msgspec.msgpack.decode(section(sections["ids"])) == catalog.ids
    columns = {tuple(column["path"]): column for column in directory["columns"]}
    lr, odd = columns["params", "lr"], columns["params", "deep", "odd"]
    assert lr["kind"] == "numbers" and odd["kind"] == "mixed"
    values = np.frombuffer(section(lr["parts"]["values"]), "<f8")
    assert values.tolist() == [catalog.runs.cell(("params", "lr"), row) for row in range(RUNS)]
    codes = np.frombuffer(section(odd["parts"]["codes"]), "<i4")
    words = msgspec.msgpack.decode(section(odd["parts"]["words"]))
    tags = np.frombuffer(section(odd["parts"]["tags"]), "u1")
    assert words == ["auto"] and all((codes >= 0) == (tags == 0))
    loose = iter(msgspec.msgpack.decode(section(sections["loose"])))
    held = {path: next(loose) for path, one in columns.items() if one["kind"] == "loose"}
    assert held["params", "own7"] == [[catalog.row_of["r007"]], [7]]
    figures = np.frombuffer(section(sections["summaries"]), "<f8").reshape(14, -1)
    assert np.array_equal(figures, catalog.series.summary, equal_nan=True)
    names = msgspec.msgpack.decode(section(sections["names"]))
    assert names == [["loss", "{}"], ["loss", '{"subset":"val"}']]
    kinds = np.frombuffer(section(sections["kinds"]), "<i8")
    runs = np.frombuffer(section(sections["runs"]), "<i8")
    assert np.bincount(kinds).tolist() == [RUNS, RUNS] and set(runs) == set(range(1, RUNS + 1))
    ends = np.frombuffer(section(sections["ends"]), "<i8")
    assert section(sections["states"])[ends[3] : ends[4]] == catalog.states.read(4)
