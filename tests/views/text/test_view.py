"""What the fold puts into the text index."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
import pytest
import tantivy

import foldline
from foldline import blobs
from foldline.errors import ViewDamaged
from foldline.events import (
    ConsolePrinted,
    GitCaptured,
    MessageLogged,
    SourcesCaptured,
    StoredFile,
    WriterOpened,
)
from foldline.layout import Layout, SegmentName
from foldline_ingest import log as following
from foldline_views.folding import catch_up, rebuild
from foldline_views.generation import current
from foldline_views.logged import read_lines
from foldline_views.shelves import TEXT
from foldline_views.store import Store, open_store
from foldline_views.text.documents import Document
from foldline_views.text.index import TextIndex
from foldline_views.text.view import index_folder
from tests.segment_build import SegmentBuild
from tests.views.contract import make

EVERY = "run.archived or not run.archived"  # archived runs are shown where a query speaks of them


def fold(store: Path) -> None:
    assert anyio.run(partial(catch_up, Layout(store), shelves=(TEXT,)))


def index_of(store: Path) -> Path:
    generation = current(TEXT.folder(Layout(store).views))
    assert generation is not None
    return index_folder(generation.path)


def documents(store: Path) -> dict[str, Document]:
    """Return all that is in the index of a store, by what it is about."""
    with TextIndex(index_of(store)) as index:
        every = tantivy.Query.all_query()
        count = index.reader.count(every)
        found = [index.reader.document(at) for at in index.reader.newest(every, count + 1)]
    assert len({document.key for document in found}) == count, "a key is there twice"
    return {document.key: document for document in found}


def segment(store: Path, build: SegmentBuild, name: SegmentName) -> None:
    path = Layout(store).segment(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(build.close())


def hits(opened: Store, text: str) -> list[tuple[str, str, int | None]]:
    """Return the run, the text and the line of each hit."""
    found = opened.search(text, hits=30)
    return [(one.run.id, hit.text, hit.line) for one in found for hit in one.hits]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    Layout(tmp_path / "store").create()
    return tmp_path / "store"


@pytest.mark.parametrize("seed", range(6))
def test_the_index_says_what_the_log_says(
    store: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In many small commits or in one: the same documents, and each printed line is found."""
    chance = random.Random(seed)
    make(store, chance)
    monkeypatch.setattr(following, "BATCH_BYTES_MAX", 8192)
    fold(store)
    live = documents(store)
    monkeypatch.undo()
    anyio.run(partial(rebuild, Layout(store), shelves=(TEXT,)))
    assert documents(store) == live
    with open_store(store) as opened:
        for run in ("run1", "run2"):
            lines = read_lines(Layout(store), run)
            for line in chance.sample(lines, min(5, len(lines))):
                found = opened.search(f'run:{run} line:"{line.text}"', EVERY, hits=30)
                places = [(hit.writer, hit.line) for one in found for hit in one.hits]
                assert (line.writer, line.number) in places


def test_a_line_is_found_as_it_stands(store: Path) -> None:
    """A line that is written over is found by its new words; colours are no words."""
    build = SegmentBuild("run1", "wa", window=8192, block=1024)
    build.event(WriterOpened("lab", 1, rank=3))
    build.event(ConsolePrinted("stdout", 0, "\n".join(f"early {n}" for n in range(70))))
    build.event(ConsolePrinted("stdout", 70, "loading 10 %", ended=False))
    build.event(ConsolePrinted("stdout", 70, "loading 99 %", ended=False))
    build.event(ConsolePrinted("stderr", 3, "\x1b[31mError\x1b[0m: late"))
    segment(store, build, SegmentName("run1", "wa"))
    with open_store(store) as opened:
        assert hits(opened, '"loading 99"') == [("run1", "loading 99 %", 70)]
        assert hits(opened, "10") == [("run1", "early 10", 10)]
        assert hits(opened, "error") == [("run1", "Error: late", 3)]
        assert hits(opened, '"early 3"') == []
        (found,) = opened.search("error")
        assert (found.hits[0].rank, found.hits[0].marks) == (3, [(0, 5)])


def test_code_is_that_of_the_latest_capture(store: Path) -> None:
    """Of several processes that captured a file the latest counts, and nothing of others stays."""
    layout = Layout(store)
    old = blobs.put(layout, "\n".join(f"old_{n} = {n}" for n in range(200)).encode())
    new = blobs.put(layout, b"import torch\nnew_one = 1\n")
    for writer, blob, start in (("wb", new, 2000.0), ("wa", old, 1000.0), ("wc", old, 1500.0)):
        build = SegmentBuild("run1", writer, start=start)
        build.event(SourcesCaptured("train.py", [StoredFile("src/train.py", blob, 1)]))
        build.event(GitCaptured("4f1c", branch="fix/oom", subject="Warm up longer"))
        segment(store, build, SegmentName("run1", writer))
        fold(store)
    with open_store(store) as opened:
        assert hits(opened, "new_one") == [("run1", "new_one = 1", 2)]
        assert hits(opened, "old*") == []
        assert hits(opened, "code:train.py") == [("run1", "src/train.py", 0)]
        assert hits(opened, "warm") == [("run1", "Warm up longer", None)]


def test_edits_and_long_texts_are_found(store: Path) -> None:
    """What people say of a run later is found, what they took back is not; blobs are read."""
    with foldline.Run(id="one", store=store, name="first", params={"opt": {"lr": 0.1}}) as run:
        run.track(foldline.Text("x " * 5000 + "needle"), name="long", step=7)
        run.add_tag("sweep")
    with open_store(store) as opened:
        assert [found.run.id for found in opened.search("needle")] == ["one"]
        assert opened.search("text:long")[0].hits[0].step == 7
        assert len(opened.search("param:lr=1e-1")) == len(opened.search("sweep")) == 1
        with foldline.Run(id="one", store=store) as run:
            run.remove_tag("sweep")
            run.name = "renamed"
        assert len(opened.search("sweep OR first")) == 0
        assert opened.search("renamed")[0].hits[0].field == "name"


@pytest.mark.parametrize("how", ["deleted", "garbage", "of another version", "part"])
def test_an_index_that_cannot_be_used_is_made_again(store: Path, how: str) -> None:
    """Whatever becomes of the index, the next question makes it anew and is answered."""
    build = SegmentBuild("run1", "wa", window=8192, block=1024)
    build.event(MessageLogged(40, "worker 3 died"))
    segment(store, build, SegmentName("run1", "wa"))
    fold(store)
    folder = index_of(store)
    if how == "deleted":
        shutil.rmtree(folder)
    elif how == "garbage":
        (folder / "meta.json").write_bytes(b"{")
    elif how == "of another version":
        (folder / "text.json").write_text('{"schema": 999}')
    else:
        for file in folder.glob("*.*"):
            if file.suffix not in {".json", ".lock"}:
                file.write_bytes(b"x" * file.stat().st_size)
    with open_store(store) as opened:
        assert hits(opened, "died") == [("run1", "worker 3 died", None)]
    assert index_of(store) != folder


def test_a_search_goes_on_while_the_index_is_made_again(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebuild fills a generation beside the old one, which answers until then."""
    with foldline.Run(id="one", store=store) as run:
        run.log_error("it broke")
    fold(store)
    before = index_of(store)
    real, seen = TextIndex.commit, []

    def commit(index: TextIndex) -> None:
        real(index)
        with TextIndex(before) as old:
            seen.append((index.folder, old.reader.count(tantivy.Query.all_query())))

    monkeypatch.setattr(TextIndex, "commit", commit)
    anyio.run(partial(rebuild, Layout(store), shelves=(TEXT,)))
    assert seen and all(folder != before and count > 0 for folder, count in seen)
    with open_store(store) as opened:
        assert len(opened.search("broke")) == 1


def test_what_was_not_committed_is_not_found(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the index refuses a commit, nothing of it is folded, and the error says where."""
    with foldline.Run(id="one", store=store) as run:
        run.log_error("it broke")

    def refuse(index: TextIndex) -> None:
        raise ViewDamaged(f"{index.folder}: refused")

    monkeypatch.setattr(TextIndex, "commit", refuse)
    with pytest.raises(ViewDamaged, match="refused"):
        fold(store)
    generation = current(TEXT.folder(Layout(store).views))
    assert generation is not None and generation.is_damaged
    with closing(sqlite3.connect(generation.path)) as db:
        assert db.execute("SELECT count(*) FROM run").fetchone() == (0,)
    monkeypatch.undo()
    with open_store(store) as opened:
        assert len(opened.search("broke")) == 1
