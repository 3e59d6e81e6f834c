"""What `foldline doctor` finds in damaged stores."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

import foldline
from foldline.layout import Layout
from foldline.packs import find, segments
from foldline_ingest.packing import pack
from foldline_ui.cli.exits import Exit
from foldline_views.folding import catch_up
from foldline_views.generation import current
from foldline_views.shelves import CATALOG, SHELVES, TEXT
from foldline_views.text.view import index_folder
from tests.ui.processes import foldline_command


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A store with points, a text value, a blob, and views of all of it."""
    layout = Layout(tmp_path / "store")
    with foldline.Run(id="one", store=layout.root) as run:
        for step in range(50):
            run.track(step / 3, name="loss", step=step)
        run.track(foldline.Text("x" * 20_000), name="said", step=0)
    fold(layout)
    return layout


def fold(layout: Layout) -> None:
    async def all_shelves() -> bool:
        return await catch_up(layout, shelves=SHELVES)

    assert anyio.run(all_shelves)


def doctor(layout: Layout, *words: str) -> tuple[int, list[dict[str, Any]]]:
    done = foldline_command("doctor", "--store", str(layout.root), "--json", *words)
    return done.status, json.loads(done.output)["findings"]


def wrong(layout: Layout, *words: str) -> list[tuple[str, str]]:
    """Return what is wrong, as (about, message), and check that the exit status says so."""
    status, findings = doctor(layout, *words)
    found = [(one["about"], one["message"]) for one in findings if one["wrong"]]
    assert status == (Exit.NO if found else Exit.DONE)
    assert all(one["hint"] for one in findings)
    return found


def test_a_store_that_is_well_is_well(layout: Layout) -> None:
    """Nothing is found in a store that nobody damaged, packed or not."""
    assert doctor(layout, "--blobs") == (Exit.DONE, [])
    pack(layout, idle_s=0)
    assert doctor(layout, "--blobs") == (Exit.DONE, [])
    said = foldline_command("doctor", "--store", str(layout.root)).output
    assert "1 segments (1 of them packed)" in said and "nothing is wrong" in said


def test_a_running_store_is_well(layout: Layout) -> None:
    """A store that is being written to has no findings that are wrong."""
    with foldline.Run(id="two", store=layout.root) as run:
        run.track(1.0, name="loss", step=0)
        assert wrong(layout) == []


def test_damage_of_the_log_is_told(layout: Layout) -> None:
    """A flipped bit of a segment is found with its file and offset, and said in words."""
    (name,) = segments(layout, "one")
    path = layout.segment(name)
    data = bytearray(path.read_bytes())
    data[400] ^= 1
    path.write_bytes(data)
    assert {about for about, _ in wrong(layout)} == {"log"}
    done = foldline_command("doctor", "--store", str(layout.root))
    assert done.status == Exit.NO and "restore it from a backup" in done.output


def test_damage_of_a_pack_is_told(layout: Layout) -> None:
    """A pack whose slab can't be unpacked, and one without an index, are both found."""
    pack(layout, idle_s=0)
    (name,) = segments(layout, "one")
    packed = find(layout, name)
    assert packed is not None
    whole = packed.path.read_bytes()
    packed.path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    assert wrong(layout)[0][0] == "log"
    packed.path.write_bytes(bytes(200))
    os.utime(layout.packs)
    assert ("packs", "64 bytes are damaged: it has no header of a pack") in wrong(layout)


def test_a_file_beside_its_pack_is_told(layout: Layout) -> None:
    """One that says the same is a note; one that differs is wrong, and says which counts."""
    (name,) = segments(layout, "one")
    data = layout.segment(name).read_bytes()
    pack(layout, idle_s=0)
    layout.segment(name).write_bytes(data)
    status, (finding,) = doctor(layout)
    assert (status, finding["hint"]) == (Exit.DONE, "foldline pack")
    layout.segment(name).write_bytes(data[:-32])
    assert any("differs" in message for _, message in wrong(layout))


def test_blobs_are_compared_with_what_names_them(layout: Layout) -> None:
    """A blob that is gone, cut short, or changed is found; one that nobody names is a note."""
    (blob,) = layout.blobs.glob("??/*")
    data = blob.read_bytes()
    blob.write_bytes(b"y" + data[1:])
    assert wrong(layout) == []
    assert wrong(layout, "--blobs") == [("blobs", "its bytes are not what it is named by")]
    blob.write_bytes(data[:-1])
    assert "bytes, and one/" in wrong(layout)[0][1]
    blob.rename(blob.with_name("0" * 64))
    assert "it is not there" in wrong(layout)[0][1]
    assert any("named by no event" in one["message"] for one in doctor(layout)[1])


def test_views_are_compared_with_the_log(layout: Layout) -> None:
    """Views that count other points than the log has, or know of a lost log, are told."""
    (name,) = segments(layout, "one")
    generation = current(CATALOG.folder(layout.views))
    assert generation is not None
    with closing(sqlite3.connect(generation.path)) as db:
        db.execute("UPDATE slot SET segment = segment + 100")
        db.commit()
    assert wrong(layout) == [("catalog", "the views count 0 points of it, and its log holds 50")]
    with closing(sqlite3.connect(generation.path)) as db:
        db.execute("UPDATE slot SET segment = segment - 100")
        db.execute("UPDATE segment SET offset = offset + 32")
        db.commit()
    ((about, message),) = wrong(layout)
    assert about == "catalog" and "are folded, and its log has" in message
    shutil.rmtree(layout.segment(name).parent)
    assert {message for _, message in wrong(layout)} >= {"the views hold it, and its log is gone"}


def test_a_text_index_that_cannot_be_read_is_told(layout: Layout) -> None:
    """An index whose files were cut short or taken away is wrong, and says what to type."""
    generation = current(TEXT.folder(layout.views))
    assert generation is not None
    folder = index_folder(generation.path)
    for file in folder.iterdir():
        if file.suffix == ".json":
            file.write_text("{")
    assert [about for about, _ in wrong(layout)] == ["text"]
    shutil.rmtree(folder)
    assert [about for about, _ in wrong(layout)] == ["text"]


def test_damaged_views_are_told_and_missing_ones_are_none(layout: Layout) -> None:
    """A view file that is no database is wrong; views that were deleted are only not made yet."""
    generation = current(CATALOG.folder(layout.views))
    assert generation is not None
    generation.path.write_bytes(b"no database" * 1000)
    assert [about for about, _ in wrong(layout)] == ["catalog"]
    shutil.rmtree(layout.views)
    status, findings = doctor(layout)
    assert status == Exit.DONE
    assert {one["about"] for one in findings} == {shelf.name for shelf in SHELVES}


def test_what_waits_is_told(layout: Layout) -> None:
    """A marker of a segment that never was, and a segment that nobody folded yet, are notes."""
    marker = layout.active / "ghost.writer"
    marker.write_text("{}")
    os.utime(marker, (1e9, 1e9))
    with foldline.Run(id="two", store=layout.root) as run:
        run.track(1.0, name="loss", step=0)
    status, findings = doctor(layout)
    assert status == Exit.DONE
    assert {one["about"] for one in findings} >= {"markers", "catalog"}


def test_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A folder that is no store is an error with a hint, and no finding."""
    done = foldline_command("doctor", "--store", str(tmp_path / "nothing"))
    assert done.status == Exit.STORE and "hint: " in done.errors


def test_a_pack_is_made_on_the_command_line(layout: Layout) -> None:
    """`foldline pack` says what it would do, does it, and says what a point takes then."""
    store = ("--store", str(layout.root))
    assert "nothing is there" in foldline_command("pack", *store).output
    assert "would be packed" in foldline_command("pack", "--now", "--dry-run", *store).output
    assert not list(layout.packs.glob("*.pack"))
    said = foldline_command("pack", "--now", *store).output
    assert "packed 1 segments into 1 files" in said and "bytes a point" in said
    done = json.loads(foldline_command("pack", "--now", "--json", *store).output)
    assert done["segments"] == 0
