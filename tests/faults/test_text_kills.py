"""SIGKILL between the commits of index and offsets costs nothing."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from foldline.events import ConsolePrinted, MessageLogged
from foldline.layout import Layout, SegmentName
from foldline_ingest import log
from foldline_views.folding import catch_up
from foldline_views.shelves import TEXT
from foldline_views.store import open_store
from foldline_views.text import index as index_module
from foldline_views.text.index import TextIndex
from foldline_views.viewstore import SqliteViewStore
from tests.forked import forked, was_killed
from tests.segment_build import SegmentBuild


def fold_and_die(store: Path, where: str) -> None:
    """Fold the texts, and be killed while the index is made, or at its second commit.

    That is before it, after it, or after the offsets were committed too.
    """
    count = 0
    commit, apply = TextIndex.commit, SqliteViewStore._apply

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def killed(index: TextIndex) -> None:
        nonlocal count
        count += 1
        if count == 2 and where == "before":
            die()
        commit(index)
        if count == 2 and where == "between":
            die()

    def applied(*arguments: Any) -> Any:
        done = apply(*arguments)
        if count == 2:
            die()
        return done

    with pytest.MonkeyPatch.context() as patch:
        if where == "making":
            patch.setattr(index_module, "_Version", die)
        patch.setattr(log, "BATCH_BYTES_MAX", 1)
        patch.setattr(TextIndex, "commit", killed)
        patch.setattr(SqliteViewStore, "_apply", applied)
        anyio.run(partial(catch_up, Layout(store), shelves=(TEXT,)))


def some_run(store: Path, run: str, word: str) -> None:
    build = SegmentBuild(run, "wa", window=8192, block=1024)
    build.event(MessageLogged(30, f"{word} said"))
    build.event(ConsolePrinted("stdout", 0, "\n".join(f"{word} line {n}" for n in range(100))))
    path = Layout(store).segment(SegmentName(run, "wa"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(build.close())


@pytest.mark.parametrize("where", ["making", "before", "between", "after"])
def test_killed_at_each_step_nothing_is_lost_or_told_of_another_run(
    tmp_path: Path, where: str
) -> None:
    """What was put without its offsets is put again, also where other runs get its numbers."""
    store = tmp_path / "store"
    Layout(store).create()
    for run, word in (("m1", "apple"), ("m2", "pear"), ("m3", "plum")):
        some_run(store, run, word)
    assert was_killed(forked(partial(fold_and_die, store, where)))
    # Comes first in the next fold, and gets the number that the last one had in mind.
    some_run(store, "a0", "quince")
    with open_store(store) as opened:
        for run, word in (("a0", "quince"), ("m1", "apple"), ("m2", "pear"), ("m3", "plum")):
            found = opened.search(word, hits=30)
            assert [one.run.id for one in found] == [run] and found.total == 1
            assert all(word in hit.text for hit in found[0].hits)
            assert opened.search(f'"{word} line 99"')[0].hits[0].line == 99
            assert [hit.kind for hit in opened.search(f'"{word} said"')[0].hits] == ["message"]
