"""What a backup holds, whatever happens while it is made."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from foldline import disk, packs
from foldline.errors import FoldlineError, StoreBusy, StoreTooNew, StoreUnwritable
from foldline.events import FieldsSet
from foldline.layout import Layout
from foldline_ingest import copies, inventory
from foldline_ingest.amendment import amend
from foldline_ingest.backup import back_up
from foldline_ingest.packing import pack, packs_lock
from foldline_ingest.verify import verify
from foldline_ui.cli.exits import Exit
from foldline_views.purge import purge
from tests.canonical import points_folded
from tests.operations.stores import assert_restored, bytes_of, fold, log, settle
from tests.ui.processes import foldline_command, up
from tests.values.store import told

ROOT = str(Path(__file__).resolve().parents[2])

WRITER = """
import sys, time
import foldline

run = foldline.Run(id="growing", store=sys.argv[1])
for step in range(200_000):
    run.track(step / 3, name="loss", step=step)
    if step % 500 == 0:
        run.track(foldline.Text(f"{step} " * 2000), name="said", step=step)
        time.sleep(0.01)
    if step == 5000:
        print("ready", flush=True)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with packed runs, a run that is a file, blobs, an edit and a bookmark."""
    folder = tmp_path_factory.mktemp("made") / "store"
    for run in ("one", "two"):
        log(folder, run)
    settle(folder)
    layout = Layout(folder)
    pack(layout, idle_s=0)
    log(folder, "three")
    amend(layout, "one", [FieldsSet({"name": "the first"})])
    layout.bookmarks.write_text('{"bookmarks": []}')
    layout.quotas.write_text('{"default": 1000}')
    layout.owners.write_text("")
    settle(folder)
    return folder


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    """The same store for every test, to be written to and harmed."""
    shutil.copytree(made, tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy"


def checked(copy: Path) -> list[tuple[str, str]]:
    """Return what `foldline backup --check` finds, and compare it with its exit status."""
    done = foldline_command("backup", str(copy), "--check", "--json")
    findings = json.loads(done.output)["findings"]
    assert done.status == (Exit.NO if findings else Exit.DONE)
    return [(one["about"], one["where"]) for one in findings]


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def file_of(store: Path, run: str) -> Path:
    (name,) = packs.segments(Layout(store), run)
    return Layout(store).segment(name)


def test_a_backup_gives_the_same_store(store: Path, copy: Path, tmp_path: Path) -> None:
    """Log, packs, blobs and words are in the copy, for its owner alone; so they are in its copy."""
    done = back_up(Layout(store), copy)
    assert done.is_well and (done.packs, done.blobs) == (1, 3)
    assert_restored(store, copy)
    for register in ("bookmarks.json", "quotas.json", "owners.jsonl"):
        assert (copy / register).read_bytes() == (store / register).read_bytes()
    assert {path.name for path in Layout(copy).blobs.glob("??/*")} == {
        path.name for path in Layout(store).blobs.glob("??/*")
    }
    assert checked(copy) == []
    modes = {path.stat().st_mode & 0o077 for path in copy.rglob("*") if "views" not in path.parts}
    assert modes == {0}
    again = back_up(Layout(copy), tmp_path / "restored")
    assert again.is_well
    assert_restored(store, tmp_path / "restored")


def test_only_what_is_new_is_copied(store: Path, copy: Path) -> None:
    """A second backup copies nothing; after another run, that run and its blob."""
    back_up(Layout(store), copy)
    again = back_up(Layout(store), copy)
    assert (again.bytes, again.segments, again.packs, again.blobs) == (0, 0, 0, 0)
    log(store, "four")
    settle(store)
    more = back_up(Layout(store), copy)
    assert (more.segments, more.packs, more.blobs) == (1, 0, 1)
    assert more.bytes == file_of(store, "four").stat().st_size + len("four") * 3000
    assert_restored(store, copy)


def test_a_store_is_copied_while_it_is_written_and_folded(tmp_path: Path, copy: Path) -> None:
    """Each copy has a prefix of what is being logged, with what was there before it was begun."""
    store = tmp_path / "store"
    log(store, "before")
    line = [sys.executable, "-c", WRITER, str(store)]
    with (
        up(store) as server,
        subprocess.Popen(line, stdout=subprocess.PIPE) as writer,
    ):
        assert writer.stdout is not None
        writer.stdout.readline()
        for number in range(4):
            done = back_up(Layout(store), copy)
            assert done.is_well
            there, here = bytes_of(store), bytes_of(copy)
            assert here.keys() == there.keys()
            assert all(there[name].startswith(data) for name, data in here.items())
            if number == 0:
                shutil.copytree(copy, tmp_path / "first")
        writer.send_signal(signal.SIGTERM)
        writer.wait(30)
        server.wait_until_live()
        assert server.stop() == 0
    assert verify(Layout(tmp_path / "first")).points >= 5300
    fold(tmp_path / "first")
    assert points_folded(tmp_path / "first") == verify(Layout(tmp_path / "first")).points
    assert checked(tmp_path / "first") == []
    settle(store)
    back_up(Layout(store), copy)
    assert_restored(store, copy)


def test_packs_take_the_place_of_files(
    store: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was copied as a file and is packed since is there once; so is what packs became."""
    monkeypatch.setattr("foldline_ingest.packing.SMALL_PACKS_MAX", 3)
    back_up(Layout(store), copy)
    assert file_of(copy, "three").exists()
    pack(Layout(store), idle_s=0)
    done = back_up(Layout(store), copy)
    assert done.packs == 1 and not file_of(copy, "three").exists()
    assert len(list(Layout(copy).packs.glob("*.pack"))) == 2
    log(store, "four", points=3)
    settle(store)
    assert pack(Layout(store), idle_s=0).merged == 3
    back_up(Layout(store), copy)
    assert {path.name for path in Layout(copy).packs.glob("*.pack")} == {
        path.name for path in Layout(store).packs.glob("*.pack")
    }
    assert_restored(store, copy)
    assert checked(copy) == []


def test_a_file_that_was_copied_in_part_gives_way_to_its_pack(store: Path, copy: Path) -> None:
    """A prefix beside a pack would hide what follows it: readers prefer files."""
    back_up(Layout(store), copy)
    part = file_of(copy, "three")
    part.write_bytes(part.read_bytes()[:4096])
    pack(Layout(store), idle_s=0)
    back_up(Layout(store), copy)
    assert not part.exists()
    assert_restored(store, copy)


def test_what_was_freed_stays_until_it_is_pruned(store: Path, copy: Path) -> None:
    """A run that `gc` freed is in the copy, and may be had back; `--prune` frees it there too."""
    back_up(Layout(store), copy)
    amend(Layout(store), "two", [FieldsSet({"deleted": True})])
    anyio.run(purge, Layout(store), 0.0)
    kept = back_up(Layout(store), copy)
    assert kept.kept >= 2 and packs.segments(Layout(copy), "two")
    assert checked(copy) == []
    freed = back_up(Layout(store), copy, prune=True)
    assert freed.freed >= 2 and not packs.segments(Layout(copy), "two")
    assert_restored(store, copy)
    assert checked(copy) == []


def test_damage_never_takes_the_place_of_what_is_whole(store: Path, copy: Path) -> None:
    """Of two segments that differ the one with the right checksums counts, wherever it is."""
    back_up(Layout(store), copy)
    whole = file_of(copy, "three").read_bytes()
    flip(file_of(store, "three"), 400)
    done = back_up(Layout(store), copy)
    assert not done.is_well and "damaged in the store" in done.troubles[0]
    assert file_of(copy, "three").read_bytes() == whole
    file_of(store, "three").write_bytes(whole)
    flip(file_of(copy, "three"), 400)
    assert checked(copy) != []
    assert back_up(Layout(store), copy).is_well
    assert_restored(store, copy)
    (blob, *_) = Layout(store).blobs.glob("??/*")
    flip(blob, 10)
    Layout(copy).blob(blob.name).unlink()
    said = foldline_command("backup", str(copy), "--store", str(store))
    assert said.status == Exit.NO and "SHA-256" in said.errors and "doctor" in said.errors


def test_damage_that_was_there_first_is_copied_and_told(store: Path, copy: Path) -> None:
    """A damaged log is worth a copy too: everything but the damage is in it."""
    flip(file_of(store, "three"), 400)
    done = back_up(Layout(store), copy)
    assert {place.segment.partition("/")[0] for place in done.damage} == {"three"}
    assert bytes_of(copy) == bytes_of(store)


def test_what_a_power_cut_took_is_copied_again(store: Path, copy: Path) -> None:
    """Zeros at the end of a copy, where bytes had not reached the disk, are written anew."""
    back_up(Layout(store), copy)
    part = file_of(copy, "three")
    size = part.stat().st_size
    part.write_bytes(part.read_bytes()[: size // 2].ljust(size, b"\0"))
    assert back_up(Layout(store), copy).is_well
    assert_restored(store, copy)


def test_a_copy_that_has_more_is_left_alone(store: Path, copy: Path) -> None:
    """A store whose file was cut short takes nothing from its copy."""
    back_up(Layout(store), copy)
    whole = file_of(copy, "three").read_bytes()
    file_of(store, "three").write_bytes(whole[:4096])
    done = back_up(Layout(store), copy)
    assert "both stay" in done.troubles[0]
    assert file_of(copy, "three").read_bytes() == whole


def test_who_is_let_in_is_copied_on_demand(store: Path, copy: Path) -> None:
    """What was done is in the copy; tokens are only if they are asked for, and sessions never."""
    layout = Layout(store)
    layout.audit.write_text('{"what": "signed_in"}\n')
    for file in (layout.tokens, layout.sessions):
        file.write_text("{}")
    back_up(layout, copy)
    assert Layout(copy).audit.read_bytes() == layout.audit.read_bytes()
    assert not Layout(copy).tokens.exists()
    back_up(layout, copy, tokens=True)
    assert Layout(copy).tokens.read_text() == "{}"
    assert not Layout(copy).sessions.exists()


def test_links_are_not_followed(store: Path, copy: Path, tmp_path: Path) -> None:
    """A store from somebody else brings no file of this machine into its copy."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"not yours" * 100)
    folder = Layout(store).runs / "linked" / "log"
    folder.mkdir(parents=True)
    (folder / "writer1.fold").symlink_to(secret)
    digest = "0" * 64
    Layout(store).blob(digest).parent.mkdir(exist_ok=True)
    Layout(store).blob(digest).symlink_to(secret)
    back_up(Layout(store), copy)
    assert not any(b"not yours" in file.read_bytes() for file in copy.rglob("*") if file.is_file())


def test_folders_that_are_no_backup_are_refused(store: Path, copy: Path, tmp_path: Path) -> None:
    """Nothing is written into a folder of others, into the store, or into another's backup."""

    def refused(kind: type[FoldlineError], says: str, folder: Path = copy) -> None:
        with pytest.raises(kind, match=says) as caught:
            back_up(Layout(store), folder)
        assert caught.value.hint

    refused(StoreUnwritable, "lie in one another", store / "copy")
    refused(StoreUnwritable, "lie in one another", tmp_path)
    copy.mkdir()
    (copy / "letters").write_text("mine")
    refused(StoreUnwritable, "is no backup")
    (copy / "letters").unlink()
    other = tmp_path / "other"
    log(other, "elsewhere")
    back_up(Layout(other), copy)
    refused(StoreUnwritable, "has no run of the store")
    (copy / inventory.FILE_NAME).write_bytes(msgspec.json.encode({"format": 99}))
    refused(StoreTooNew, "format 99")
    said = foldline_command("backup", str(tmp_path / "none"), "--check")
    assert said.status == Exit.STORE and "there is no backup" in said.errors


def test_two_backups_are_not_made_at_once(
    store: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second one into the folder is refused, and one beside a packing waits for it."""
    back_up(Layout(store), copy)
    folder = os.open(copy, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with pytest.raises(StoreBusy, match="another backup"):
        back_up(Layout(store), copy)
    os.close(folder)
    monkeypatch.setattr("foldline_ingest.backup.PACKING_S", 0.1)
    with packs_lock(Layout(store)), pytest.raises(StoreBusy, match="packs"):
        back_up(Layout(store), copy)
    assert back_up(Layout(store), copy).is_well


def test_what_is_lost_of_a_backup_is_found(store: Path, copy: Path) -> None:
    """Files that were cut, changed or taken away since are told by `--check`."""
    back_up(Layout(store), copy)

    def broken(harm: Callable[[Path], Any]) -> list[tuple[str, str]]:
        shutil.copytree(copy, copy.parent / "broken")
        harm(copy.parent / "broken")
        os.utime(Layout(copy.parent / "broken").packs)
        found = checked(copy.parent / "broken")
        shutil.rmtree(copy.parent / "broken")
        return found

    def blob(store: Path) -> Path:
        return next(iter(Layout(store).blobs.glob("??/*")))

    def a_pack(store: Path) -> Path:
        return next(iter(Layout(store).packs.glob("*.pack")))

    assert broken(lambda here: flip(file_of(here, "three"), 400))[0][0] == "log"
    assert broken(lambda here: os.truncate(file_of(here, "three"), 4096))[0][0] == "backup"
    assert broken(lambda here: file_of(here, "three").unlink())[0][0] == "backup"
    assert {about for about, _ in broken(lambda here: a_pack(here).unlink())} == {"backup"}
    assert broken(lambda here: flip(a_pack(here), 100))[0][0] == "log"
    assert broken(lambda here: flip(blob(here), 100))[0][0] == "blobs"
    assert {about for about, _ in broken(lambda here: blob(here).unlink())} == {"blobs", "backup"}


def test_any_call_of_the_disk_may_fail(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a full disk at whichever sync, the next backup goes on, and the copy is the store."""
    calls, fails_at = 0, 0
    sync = disk.sync_file

    def failing(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == fails_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(copies, "sync_file", failing)
    back_up(Layout(store), tmp_path / "copy0")
    assert calls > 5
    for number in range(1, calls + 1):
        copy = tmp_path / f"copy{number}"
        calls, fails_at = 0, number
        with pytest.raises(StoreUnwritable, match="No space left") as caught:
            back_up(Layout(store), copy)
        assert "goes on where it was" in caught.value.hint
        fails_at = 0
        assert back_up(Layout(store), copy).is_well
        assert bytes_of(copy) == bytes_of(store)


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from foldline.layout import Layout
from foldline_ingest import backup, copies
left = int(sys.argv[3])
real = os.pread

def deadly(*arguments):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)

copies.CHUNK_BYTES = 1000
copies.os.pread = deadly
backup.back_up(Layout(Path(sys.argv[1])), Path(sys.argv[2]))
"""


@pytest.mark.parametrize(
    "calls",
    [20, 70, *(pytest.param(calls, marks=pytest.mark.long) for calls in (3, 10, 30, 40, 50, 60))],
)
def test_a_killed_backup_is_gone_on_with(store: Path, copy: Path, calls: int) -> None:
    """SIGKILL while files are copied leaves no half file under its name; the next one ends it."""
    line = [sys.executable, "-c", KILLED.format(root=ROOT), str(store), str(copy), str(calls)]
    assert subprocess.run(line, check=False).returncode == -signal.SIGKILL
    assert verify(Layout(copy)).damage == []
    assert back_up(Layout(store), copy).is_well
    assert_restored(store, copy)
    assert checked(copy) == []


WAITING = """
import _thread, os, signal
import numpy as np
import foldline

def none(*_):
    raise RuntimeError("can't start new thread")

_thread.start_new_thread = none
run = foldline.Run(id="doomed")
for step in range(20):
    run.track(foldline.Image(np.full((64, 64, 3), step, np.uint8)), name="level", step=step)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_values_that_wait_are_in_the_backup(store: Path, copy: Path) -> None:
    """What a killed training had no time to encode is encoded by who folds the copy."""
    environment = {**os.environ, "FOLDLINE_STORE": str(store)}
    subprocess.run([sys.executable, "-c", WAITING], env=environment, check=False)
    back_up(Layout(store), copy)
    assert len(list(Layout(copy).spool.iterdir())) == 20
    fold(copy)
    assert {fields["step"] for fields in told(copy) if fields["name"] == "level"} == {*range(20)}
    fold(store)
    shutil.rmtree(copy)
    back_up(Layout(store), copy)
    fold(store)
    back_up(Layout(store), copy)
    assert not list(Layout(copy).spool.glob("*"))
    assert checked(copy) == []


def test_the_commands_say_what_they_did(store: Path, copy: Path) -> None:
    """People read figures, scripts JSON; what is not well is an exit status."""
    said = foldline_command("backup", str(copy), "--store", str(store))
    assert said.status == Exit.DONE
    assert "copied 2 segments, 1 packs and 3 blobs" in said.output
    again = foldline_command("backup", str(copy), "--store", str(store), "--json")
    assert json.loads(again.output)["bytes"] == 0
    assert (
        "every byte is as it was written" in foldline_command("backup", str(copy), "--check").output
    )
