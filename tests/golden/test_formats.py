"""Stores of every format read as they were.

`making.py` wrote them. A version of the format adds one; none is ever changed.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import anyio
import pytest

from foldline.layout import STORE_FORMAT, Layout
from foldline_ingest.packing import pack
from foldline_ingest.verify import verify
from foldline_views.folding import catch_up
from foldline_views.shelves import SHELVES
from tests.canonical import dump_of
from tests.golden.making import FOLDER, make
from tests.golden.telling import told

ARCHIVE_BYTES_MAX = 100_000  # of each: they stay in the repository for good
FORMATS = sorted(int(path.name[6:].partition(".")[0]) for path in FOLDER.glob("format*.tar.gz"))


@pytest.fixture(params=FORMATS)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A store of a format, and what was read of it when it was new."""
    with tarfile.open(FOLDER / f"format{request.param}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    text = (FOLDER / f"format{request.param}.json").read_text()
    return tmp_path / "store", json.loads(text)


def test_every_format_has_its_files() -> None:
    """The format that this version writes is among those that are kept, and all are small."""
    assert list(range(1, STORE_FORMAT + 1)) == FORMATS
    for path in FOLDER.glob("format*"):
        assert path.suffix == ".json" or path.stat().st_size <= ARCHIVE_BYTES_MAX


def test_a_store_reads_as_it_did_then(golden: tuple[Path, dict[str, Any]]) -> None:
    """Records, answers, values that wait, rules and bookmarks: what was told is told still."""
    store, then = golden
    assert lacking(then, told(store)) == []
    assert verify(Layout(store)).damage == []


def test_a_store_is_folded_again_to_the_same_bytes(golden: tuple[Path, dict[str, Any]]) -> None:
    """Live, and made again from the log, views are equal to the byte."""
    store, _ = golden
    dumps = []
    for _ in range(2):
        anyio.run(fold_all, Layout(store))
        dumps.append(dump_of(store))
        shutil.rmtree(store / "views")
    assert dumps[0] == dumps[1]


async def fold_all(layout: Layout) -> None:
    assert await catch_up(layout, shelves=SHELVES)


def test_a_store_is_packed_and_reads_the_same(golden: tuple[Path, dict[str, Any]]) -> None:
    """Whatever is finished goes into a pack of this version, beside the one of that."""
    store, then = golden
    before = set(store.glob("runs/*/log/*.fold"))
    assert pack(Layout(store), idle_s=0).segments > 0
    assert set(store.glob("runs/*/log/*.fold")) < before
    assert lacking(then, told(store)) == []


def test_a_store_holds_every_kind_of_record(golden: tuple[Path, dict[str, Any]]) -> None:
    """No event of its time, no kind of cell and no way to end is missing."""
    _, then = golden
    segments = then["log"].values()
    types = {event[0] for segment in segments for event in segment["events"]}
    assert types == {*range(1, 28), 900} - {6}  # a wide point is read as a point
    assert {segment["finished"] for segment in segments} == {True, False}
    assert any(segment["blobs"] for segment in segments) and then["spool"] and then["torn"]


def test_the_script_makes_what_is_kept(tmp_path: Path) -> None:
    """Of the newest format, a store made now says what the kept one says, but for its times."""
    make(tmp_path / "store")
    now = told(tmp_path / "store")
    then = json.loads((FOLDER / f"format{STORE_FORMAT}.json").read_text())
    assert now["log"].keys() - {one for one in now["log"] if one.startswith("real/")} == {
        one for one in then["log"] if not one.startswith("real/")
    }
    assert lacking(then["log"]["every/wa"], now["log"]["every/wa"]) == []
    assert now["runs"].keys() == then["runs"].keys()


def lacking(then: Any, now: Any, at: str = "") -> list[str]:
    """Return where what is read now differs; a field that a later version adds is none of it."""
    if isinstance(then, dict) and isinstance(now, dict):
        return [
            place
            for key, value in then.items()
            for place in (
                lacking(value, now[key], f"{at}.{key}") if key in now else [f"{at}.{key} is gone"]
            )
        ]
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        return [
            place
            for number, (old, new) in enumerate(zip(then, now, strict=True))
            for place in lacking(old, new, f"{at}[{number}]")
        ]
    return [] if then == now else [f"{at}: {str(then)[:80]} is {str(now)[:80]} now"]
