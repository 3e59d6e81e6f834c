"""Rule 17: stores of others harm nothing beside them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

import foldline
from foldline.errors import CorruptRecord, StoreLinked
from foldline.layout import Layout, SegmentName
from foldline.packs import Entry, encode_entry, encode_header, read_index
from foldline.served import Served
from foldline_ingest.stored import open_segment
from foldline_views import purge
from tests.patience import wait_for
from tests.security.opened import outside, touched
from tests.ui.processes import foldline_command, up

SECRET = "what lies beside the store"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a run and its views, beside a file and a folder of its owner."""
    root = tmp_path / "store"
    with foldline.Run(id="run1", store=root, capture=False) as run:
        run.track(0.5, name="loss", step=0)
        run.track(foldline.Text("said " * 5000), name="told", step=0)
    with foldline.open(root) as opened:
        assert [one.id for one in opened.runs()] == ["run1"]
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "home/log").mkdir(parents=True)
    (tmp_path / "home/letter.txt").write_text(SECRET)
    return root


def others(folder: Path) -> dict[str, bytes]:
    """Return all that lies beside the store."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "store" not in path.relative_to(folder).parts
    }


COMMANDS = (
    ("runs", "ls"), ("verify",), ("rebuild",), ("pack",), ("gc",), ("doctor",), ("search", "said"),
    ("runs", "rm", "run1"), ("gc", "--older-than", "0h"),
)  # fmt: skip


def assert_harmless(store: Path) -> None:
    """Check that no command on the store touches what lies beside it."""
    before = others(store.parent)
    for command in COMMANDS:
        with touched() as paths:
            foldline_command(*command, "--store", str(store))
        assert outside(paths, store) == [], command
        assert others(store.parent) == before, command


@pytest.mark.parametrize(
    "name", ["views", "runs", "blobs", "active", "store.json", "alerts.json", "spool", "packs"]
)
def test_a_link_out_of_a_store_is_refused(store: Path, tmp_path: Path, name: str) -> None:
    """A store whose folders or files are links to elsewhere is not opened, and told as such."""
    place = store / name
    shutil.rmtree(place, ignore_errors=True)
    place.unlink(missing_ok=True)
    place.symlink_to(tmp_path / ("secret" if "." in name else "home"))
    with pytest.raises(StoreLinked) as caught:
        Layout(store).check()
    assert str(place) in caught.value.message and caught.value.hint
    with pytest.raises(StoreLinked):
        foldline.open(store)
    assert foldline_command("up", "--store", str(store), "--port", "0").status != 0
    assert_harmless(store)


def test_a_link_to_the_store_is_good(store: Path, tmp_path: Path) -> None:
    """Where the store itself lies is its owner's to say, and so are links within it."""
    (tmp_path / "link").symlink_to(store)
    (store / "note").symlink_to(store / "store.json")
    with foldline.open(tmp_path / "link") as opened:
        assert [one.id for one in opened.runs()] == ["run1"]


def test_a_link_among_the_views_is_not_written_through(store: Path, tmp_path: Path) -> None:
    """Views are written by the holder of the lease, who looks for links first."""
    before = others(tmp_path)
    (store / "views/catalog/CURRENT.new").symlink_to(tmp_path / "secret")
    for command in COMMANDS:
        foldline_command(*command, "--store", str(store))
        assert others(tmp_path) == before
    result = foldline_command("rebuild", "--store", str(store))
    assert result.status != 0 and "link" in result.errors


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_run_behind_a_link_is_no_run(store: Path, tmp_path: Path, depth: int) -> None:
    """The folder of a run, its log and its segments are read where they are, or not at all."""
    (file,) = (store / "runs/run1/log").iterdir()
    aside = tmp_path / "aside"
    moved = (file, file.parent, file.parent.parent)[depth]
    moved.rename(aside)
    moved.symlink_to(aside)
    with pytest.raises(FileNotFoundError):
        open_segment(SegmentName("run1", file.stem), file)
    before = others(tmp_path)
    assert "a link, perhaps" in foldline_command("verify", "--store", str(store)).output
    for command in COMMANDS:
        foldline_command(*command, "--store", str(store))
    assert others(tmp_path) == before
    assert aside.exists()


@pytest.mark.parametrize("place", ["segment", "marker", "blob", "pack", "spool"])
def test_what_is_no_file_keeps_nobody_waiting(store: Path, place: str) -> None:
    """A pipe in the place of a file would make its reader wait for ever: it is passed over."""
    (file,) = (store / "runs/run1/log").iterdir()
    (blob,) = store.glob("blobs/??/*")
    pipe = {
        "segment": file,
        "marker": store / f"active/run1.{file.stem}",
        "blob": blob,
        "pack": store / "packs/0k1.pack",
        "spool": store / "spool/run1.w1.0",
    }[place]
    pipe.parent.mkdir(exist_ok=True)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    for command in COMMANDS:
        foldline_command(*command, "--store", str(store))  # ends, whatever it says


@pytest.mark.parametrize("run", ["../../home", "../home", "..", ".", "", "/", "home/../../secret"])
def test_a_plan_of_somebody_else_frees_nothing(store: Path, tmp_path: Path, run: str) -> None:
    """`gc` ends what it finds begun; a plan that names what is no run is not carried out."""
    (tmp_path / "home/log/a.fold").write_bytes(b"x" * 64)
    (store / "trash").mkdir()
    (store / "trash" / purge.PLAN).write_bytes(msgspec.json.encode({"runs": [run]}))
    before = others(tmp_path)
    with touched() as paths:
        foldline_command("gc", "--store", str(store))
    assert others(tmp_path) == before
    assert outside(paths, store) == []


@pytest.mark.parametrize(
    "name", [("../../home", "x"), ("run1", "../../x"), ("RUN", "w"), ("a/b", "c")]
)
def test_a_pack_names_segments_only(tmp_path: Path, name: tuple[str, str]) -> None:
    """The index of a pack says which segments are in it: what is no id is damage."""

    def write(run: str, writer: str) -> Path:
        entry = encode_entry(Entry(SegmentName(run, writer), 64, 0, 0, 0))
        path = tmp_path / "0k1.pack"
        path.write_bytes(encode_header(entry, 64) + entry)
        return path

    assert len(read_index(write("run1", "w1"))) == 1
    with pytest.raises(CorruptRecord, match="no segment"):
        read_index(write(*name))


@pytest.mark.parametrize(
    "told",
    [
        {"url": "javascript://127.0.0.1:1/%0aalert(1)", "pid": 2},
        {"url": "file:///etc/passwd", "pid": 2},
        {"url": "http://127.0.0.1:1/", "pid": -1},
        {"url": "http://127.0.0.1:1/", "pid": 0},
        {"url": "http://127.0.0.1:1/", "pid": 1},
    ],
)
def test_nobody_is_sent_to_a_made_up_server(told: dict[str, Any]) -> None:
    """Where a store is served is told by a file in it: an address and a process, nothing else."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(told), type=Served)


def test_a_server_of_such_a_store_answers(store: Path, tmp_path: Path) -> None:
    """A pipe for a log, rules and bookmarks that are none: the server starts, and harms nothing."""
    (file,) = (store / "runs/run1/log").iterdir()
    file.unlink()
    os.mkfifo(file)
    (store / "alerts.json").write_text('{"rules": [{"id": "x", "when": {"type": "exec"}}]}')
    (store / "bookmarks.json").write_text(
        '{"bookmarks": [{"id": "x", "name": "x", "page": "x", "url": "javascript:alert(1)"}]}'
    )
    before = others(tmp_path)
    with up(store) as server:
        wait_for(lambda: server.ask("health")["fold"]["state"] == "live", "the fold")
    assert others(tmp_path) == before
