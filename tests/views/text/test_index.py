"""Tests of the text index as files: commits, deaths, damage."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from foldline.errors import StoreBusy, StoreUnwritable, ViewDamaged
from foldline_views.text.documents import ConsoleLines, Message, RunWords, SourceLines
from foldline_views.text.index import VERSION_FILE, TextIndex
from foldline_views.text.question import parse
from foldline_views.text.search import search, search_ids

WRITER = """
import sys
from pathlib import Path
from foldline_views.text.documents import Message
from foldline_views.text.index import TextIndex

index = TextIndex(Path(sys.argv[1]), write=True)
index.put(Message(1, 1.0, "w", seq, 20, f"committed kept{seq}") for seq in range(100))
index.commit()
index.put(Message(2, 1.0, "w", seq, 20, f"pending lost{seq}") for seq in range(5000))
print("added", flush=True)
sys.stdin.read()
"""


def message(run: int, text: str, seq: int = 0) -> Message:
    return Message(run, 1.0 + seq, "w", seq, 20, text)


def found(index: TextIndex, text: str) -> set[int]:
    index.reload()
    runs, _ = search_ids(index, parse(text))
    return runs


def no_lines(block: SourceLines | ConsoleLines) -> Sequence[str]:
    return ()


@pytest.fixture
def index(tmp_path: Path) -> TextIndex:
    index = TextIndex(tmp_path / "text", write=True)
    index.put([message(1, "one red apple"), message(2, "one green pear")])
    index.commit()
    return index


def test_a_document_replaces_what_had_its_key(index: TextIndex) -> None:
    """Putting again leaves one document, the newer one, also within one commit."""
    index.put([message(1, "yellow"), message(1, "blue")])
    index.commit()
    assert [found(index, word) for word in ("apple", "yellow", "blue")] == [set(), set(), {1}]


def test_a_block_that_grows_is_found_whole(index: TextIndex) -> None:
    """A process that still prints has its last lines put again, and each is found once."""
    lines: list[str] = []
    for number in range(5):
        lines.append(f"line number{number} of five")
        index.put([ConsoleLines(3, 10.0 + number, "w", 0, 10.0, None, tuple(lines))])
        index.commit()
    index.reload()
    answer = search(index, parse('"of five"'), lambda _: lines, hits=10)
    assert [hit.line for hit in answer.runs[0].hits] == [4, 3, 2, 1, 0]


def test_what_is_removed_is_not_found(index: TextIndex) -> None:
    """Documents go by their key, and runs whole."""
    index.remove([message(1, "").key])
    index.commit()
    assert found(index, "one") == {2}
    index.remove_runs([2])
    index.commit()
    assert found(index, "one") == set()


def test_readers_see_commits_and_only_these(index: TextIndex) -> None:
    """A reader keeps to the commit it has seen until it reloads, and never sees a part of one."""
    with TextIndex(index.folder) as reader:
        index.put([message(3, "one plum")])
        assert found(reader, "one") == {1, 2}
        index.commit()
        before, _ = search_ids(reader, parse("one"))
        assert before == {1, 2}
        assert found(reader, "one") == {1, 2, 3}


def test_one_process_writes_at_a_time(index: TextIndex) -> None:
    """A second writer is told that the store is busy; after a close it may write."""
    with pytest.raises(StoreBusy, match="another process writes"):
        TextIndex(index.folder, write=True)
    index.put([message(3, "forgotten")])
    index.close()
    with TextIndex(index.folder, write=True) as second:
        assert found(second, "forgotten") == set() and found(second, "apple") == {1}
        with TextIndex(index.folder) as reader, pytest.raises(ValueError, match="for reading"):
            reader.commit()


def test_a_killed_writer_leaves_what_it_committed(tmp_path: Path) -> None:
    """SIGKILL between adding and committing costs what was added, and no lock stays behind."""
    folder = tmp_path / "text"
    command = [sys.executable, "-c", WRITER, str(folder)]
    writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert writer.stdin and writer.stdout
    assert writer.stdout.readline() == "added\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    with TextIndex(folder, write=True) as index:
        assert found(index, "committed") == {1} and found(index, "pending") == set()
        index.put([message(2, "pending lost7", 7)])
        index.commit()
        assert found(index, "lost7") == {2} and found(index, "kept99") == {1}


def test_a_folder_without_an_index_is_damaged(tmp_path: Path, index: TextIndex) -> None:
    """A reader of nothing, and a writer into a folder of something else, get the one error."""
    index.close()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/mine.txt").write_text("not an index")
    for folder, write in ((tmp_path / "none", False), (tmp_path / "notes", True)):
        with pytest.raises(ViewDamaged) as caught:
            TextIndex(folder, write=write)
        assert str(folder) in caught.value.message and "rebuild" in caught.value.hint
    assert (tmp_path / "notes/mine.txt").read_text() == "not an index"


def test_an_index_of_another_version_is_damaged(index: TextIndex) -> None:
    """Neither an older schema nor an index format of the future is read."""
    index.close()
    version = index.folder / VERSION_FILE
    kept = version.read_bytes()
    for text in (b'{"schema": 0}', b"", b"[]", b"\xff"):
        version.write_bytes(text)
        with pytest.raises(ViewDamaged):
            TextIndex(index.folder)
    version.write_bytes(kept)
    meta = json.loads((index.folder / "meta.json").read_text())
    meta["schema"] = meta["schema"][:-1]
    (index.folder / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(ViewDamaged):
        TextIndex(index.folder)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_cut_file_is_damage(index: TextIndex, tmp_path: Path, share: float) -> None:
    """Whichever file of an index ends early, opening or asking says so, and nothing crashes."""
    index.close()
    names = [file.name for file in index.folder.iterdir() if file.suffix != ".lock"]
    for name in names:
        copy = tmp_path / f"copy-{share}-{name}"
        shutil.copytree(index.folder, copy)
        os.truncate(copy / name, int((copy / name).stat().st_size * share))
        if name == ".managed.json":  # a list of files to clean up, which readers need not
            continue
        with pytest.raises(ViewDamaged):
            search(TextIndex(copy), parse("one"), no_lines)


def test_a_folder_that_vanishes_is_damage_to_the_writer(index: TextIndex) -> None:
    """Who deletes the views beneath a writer gets one error, at the commit; then it is remade."""
    shutil.rmtree(index.folder)
    index.put([message(1, "again")])
    with pytest.raises(ViewDamaged):
        index.commit()
    with pytest.raises(ViewDamaged):
        index.reload()
    index.close()
    with TextIndex(index.folder, write=True) as again:
        again.put([message(1, "again")])
        again.commit()
        assert found(again, "again") == {1}


def test_a_place_that_can_t_be_written_is_said(tmp_path: Path) -> None:
    """An index can't be made below a file, and the error says where."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnwritable, match="file"):
        TextIndex(tmp_path / "file" / "text", write=True)


def test_memory_is_bounded(tmp_path: Path) -> None:
    """Any text is taken: long words, halves of characters, NUL, markup; marks stay true."""
    odd = ["x" * 1_000_000, "a\ud800b c", "nul\0byte", "<script>alert(1)</script>", "é" * 70_000]
    with TextIndex(tmp_path / "text", write=True) as index:
        index.put(message(run, text) for run, text in enumerate(odd))
        index.put([RunWords(9, 1.0, "id", name="\ud800", params={"\udfff": "q\udc00z", "": ""})])
        index.commit()
        assert found(index, "xxx*") == {0}
        assert found(index, "x" * 1000 + "*") == {0} and found(index, "x" * 1000) == set()
        assert [found(index, word) for word in ("a", "nul", "script", "ee*", "z")] == [
            {1}, {2}, {3}, {4}, {9}
        ]  # fmt: skip
        hit = search(index, parse("alert"), no_lines).runs[0].hits[0]
        assert hit.text == odd[3] and hit.marks == [(8, 13)]
        assert len(search(index, parse("x" * 500 + "*"), no_lines).runs[0].hits[0].text) == 400
