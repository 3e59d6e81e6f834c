"""A secret taken out of a store for good."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import msgspec
import pytest

import foldline
from foldline import blobs, packs
from foldline.errors import RunNotFound, SecretRejected, SegmentConflict, StoreBusy, StoreLinked
from foldline.events import AlertRaised, ConsolePrinted, WriterClosed, WriterOpened
from foldline.layout import Layout, SegmentName
from foldline.values import revive
from foldline_ingest.backup import back_up
from foldline_ingest.footprint import footprints, note_owner
from foldline_ingest.incoming import take_blob
from foldline_ingest.inventory import blobs_of
from foldline_ingest.lease import Lease
from foldline_ingest.packing import pack
from foldline_ingest.receiving import Receiver
from foldline_ingest.scrubbing import Scrubbed
from foldline_ingest.statement import state
from foldline_ingest.verify import verify
from foldline_ui.audit import AuditEvent, events, write_down
from foldline_ui.cli.exits import Exit
from foldline_views import bookmarks, outbox, tagwords
from foldline_views.catalog import Catalog
from foldline_views.examination import examine
from foldline_views.scrub import scrub
from tests.operations.stores import bytes_of, settle
from tests.ui.processes import foldline_command

SECRET = 'hunter2/"of"-Wörds'  # escaped it looks otherwise
WORD = "hunter2"
MASK = "*" * len(SECRET.encode())


def scrubbed(store: Path, *runs: str, secret: str = SECRET, dry_run: bool = False) -> Scrubbed:
    async def run() -> Scrubbed:
        return await scrub(Layout(store), secret, runs=runs, dry_run=dry_run)

    return anyio.run(run)


def log(store: Path, run: str, secret: str = SECRET, *, points: int = 50) -> None:
    """Log a run that says the secret wherever a run can say something."""
    file = store.with_name("weights.txt")
    file.write_text(f"weights {secret}\n" * 5)
    with foldline.Run(
        id=run, store=store, name=f"of {secret}", params={"db": {"url": secret}}, capture=False
    ) as written:
        for step in range(points):
            written.track(step / 3, name="loss", step=step, context={"at": secret})
        written.track(foldline.Text(f"short {secret}"), name="said", step=0)
        written.track(foldline.Text(f"long {secret} " * 500), name="said", step=1)
        rows = [[number, f"row {secret}"] for number in range(1100)]
        written.track(foldline.Table(["n", "text " * 1000], rows), name="table", step=0)
        written.log_info(f"with {secret}")
        written.add_tag(f"tag {secret}")
        written.notes = f"notes {secret}"
        artifact = foldline.Artifact("model")
        artifact.add_file(file)
        written.log_artifact(artifact)
    opened = WriterOpened("lab1", 7, beside="", command=["train", f"--key={secret}"])
    printed = ConsolePrinted("stdout", 0, f"one\nkey {secret}\nthree")
    state(
        Layout(store), SegmentName(run, f"console-{run}"), opened, printed, WriterClosed("finished")
    )


def keep(store: Path, secret: str = SECRET) -> None:
    """Keep the secret in what people write down beside the log."""
    layout = Layout(store)
    bookmarks.add(layout, name=f"mark {secret}", page="runs", url=f"runs?q={quote(secret)}")
    tagwords.describe(layout, "paper", {"description": secret})
    alert = AlertRaised("title", f"text {secret}")
    outbox.post(layout, SegmentName("one", "w"), "https://chat.example", alert, Catalog())
    (layout.spool / "one.w.7.damaged").write_text(f"half of a value {secret}")
    write_down(layout, AuditEvent(1.0, "edit_run", asked={"note": secret}))


def seen(store: Path) -> Any:
    """Return what is read of a store by everybody who reads it."""
    layout = Layout(store)
    with foldline.open(store) as opened:
        runs = {run.id: seen_of(layout, run, opened) for run in opened.runs()}
        hits = {found.run.id: len(found.hits) for found in opened.search(WORD, hits=50)}
    kept = [
        [(one.name, one.url) for one in bookmarks.read(layout).bookmarks],
        tagwords.read(layout).tags.get("paper"),
        [letter.message.detail for _, letter in outbox.waiting(layout)],
        [event.asked for event in events(layout)],
    ]
    return plain((runs, kept)), hits


def seen_of(layout: Layout, run: Any, opened: Any) -> Any:
    return (
        (run.name, dict(run.params), sorted(run.tags), run.notes),
        [message.text for message in run.messages()],
        [line.text for line in run.lines()],
        [
            (one.name, dict(one.context), one.values.tolist())
            for one in opened.series(f'run.id == "{run.id}"')
        ],
        [
            said(revive(layout, one.kind, value))
            for one in run.sequences()
            for entry in one.entries
            for value in entry.values
        ],
        [blobs.read(layout, file.blob).decode() for one in run.artifacts for file in one.files],
    )


def said(value: Any) -> Any:
    return value.text if isinstance(value, foldline.Text) else list(value.rows())


def plain(tree: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(tree))


def masked(tree: Any) -> Any:
    """Return what was read with the secret masked in every text of it, by one asterisk.

    In JSON it took more bytes, and so does its mask.
    """
    if isinstance(tree, str):
        return re.sub(r"\*+|x{9,}", "*", tree.replace(SECRET, "*").replace(quote(SECRET), "*"))
    if isinstance(tree, dict):
        return {masked(key): masked(value) for key, value in tree.items()}
    return [masked(value) for value in tree] if isinstance(tree, list) else tree


def files(layout: Layout) -> Iterator[tuple[str, bytes]]:
    """Yield every file of a store that is not compressed, and every segment."""
    for path in layout.root.rglob("*"):
        if path.is_file() and path.suffix != ".pack":
            yield path.name, path.read_bytes()
    yield from bytes_of(layout.root).items()


def assert_clean(store: Path) -> None:
    """Check that a store has the secret nowhere, and is whole."""
    layout = Layout(store)
    packs.indices(layout, afresh=True)
    assert [name for name, data in files(layout) if WORD.encode() in data] == []
    assert verify(layout).damage == []
    assert examine(layout, blobs=True).is_well


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose runs, and whose people, say the secret."""
    store = tmp_path_factory.mktemp("origin") / "store"
    for run in ("one", "two"):
        log(store, run)
    keep(store)
    settle(store)
    return store


@pytest.fixture
def store(origin: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(origin, tmp_path / "store"))


def packed(store: Path) -> Path:
    assert pack(Layout(store), idle_s=0, now=time.time() + 60).packs == 1
    return store


@pytest.mark.parametrize("is_packed", [False, True])
def test_all_is_read_as_before_with_the_text_masked(store: Path, is_packed: bool) -> None:
    """Whatever said it says asterisks, everything else is what it was, and nothing is damaged."""
    (read, hits), sizes = seen(store), {name: len(data) for name, data in bytes_of(store).items()}
    assert hits["one"] == hits["two"] > 3
    if is_packed:
        packed(store)
    told = scrubbed(store, dry_run=True)
    assert seen(store) == (read, hits) and told.dry_run
    done = scrubbed(store)
    assert done.found == told.found and (done.segments, done.files) == (4, 5)
    assert done.troubles == [] and done.freed == done.blobs == told.blobs == 5
    found, hits = seen(store)
    assert (masked(found), hits) == (masked(read), {}) and WORD not in str(found)
    assert {name: len(data) for name, data in bytes_of(store).items()} == sizes
    assert_clean(store)
    kinds = {(found.run, found.kind, found.name): found.times for found in done.found}
    assert kinds["one", "ConsolePrinted", "text"] == kinds["two", "WriterOpened", "command"] == 1
    assert kinds["", "file", "bookmarks.json"] == 2
    assert sum(times for (run, kind, _), times in kinds.items() if (run, kind) == ("one", "blob"))
    again = scrubbed(store)
    assert (again.found, again.segments, again.blobs) == ([], 0, 0)
    settle(store)
    assert pack(Layout(store), idle_s=0, now=time.time() + 60).segments == 4
    assert_clean(store)


def test_one_run_is_scrubbed_and_the_other_is_not(store: Path) -> None:
    """With runs named, blobs that others name too get a twin, which is told of."""
    (read, kept), hits = seen(store)
    done = scrubbed(store, "one")
    assert {found.run for found in done.found} == {"one"} and done.files == 0
    assert ["runs that were not chosen name them" in trouble for trouble in done.troubles] == [True]
    (found, still), left = seen(store)
    assert masked(found) == masked(read) and found["two"] == read["two"] and still == kept
    assert WORD not in str(found["one"])
    assert left == {"two": hits["two"]}
    assert scrubbed(store, "two").troubles == []
    assert scrubbed(store).files == 5
    assert_clean(store)


def test_a_blob_that_gets_another_name_counts_for_the_same_run(store: Path) -> None:
    """What a run takes of its quota is the same before and after, blobs among it."""
    layout = Layout(store)
    for digest, _ in blobs_of(layout):
        note_owner(layout, digest, "one")
    before = footprints(layout)
    assert scrubbed(store).blobs
    assert footprints(layout) == before


def test_who_writes_or_serves_is_not_disturbed(tmp_path: Path) -> None:
    """Beside a server, a writer that lives, or a run that is called so, nothing is touched."""
    store = tmp_path / "store"
    run = foldline.Run(id="live", store=store, params={"key": SECRET}, capture=False)
    with run, pytest.raises(StoreBusy, match="live"):
        scrubbed(store)
    with Lease(Layout(store).views), pytest.raises(StoreBusy, match="folding"):
        scrubbed(store)
    with pytest.raises(RunNotFound):
        scrubbed(store, "../..")
    with pytest.raises(SecretRejected):
        scrubbed(store, secret="short")
    settle(store)
    before = bytes_of(store)
    with foldline.Run(id="hunter2-run", store=store, capture=False):
        pass
    with pytest.raises(SecretRejected, match="hunter2-run"):
        scrubbed(store, secret="hunter2-run")
    assert before.items() <= bytes_of(store).items()


def test_what_lies_in_a_file_and_a_pack_is_told(store: Path) -> None:
    """A file beside a pack, with other bytes: nobody guesses which of them is right."""
    layout = Layout(store)
    path = next(path for path in layout.runs.glob("one/log/*.fold") if path.stem != "console-one")
    whole = path.read_bytes()
    packed(store)
    path.write_bytes(whole[: len(whole) // 2])
    done = scrubbed(store)
    assert [path.name in trouble for trouble in done.troubles] == [True, False]
    path.unlink()
    assert scrubbed(store).troubles == []
    assert_clean(store)
    assert len(bytes_of(store)[f"one/{path.stem}"]) == len(whole)


def test_nothing_is_written_behind_a_link(store: Path, tmp_path: Path) -> None:
    """Of a store that somebody else made: a run's folder that is elsewhere stays as it is."""
    elsewhere = tmp_path / "elsewhere"
    (store / "runs" / "one").rename(elsewhere)
    (elsewhere / "log" / "mine.draft").write_text(SECRET)
    before = {path: path.read_bytes() for path in elsewhere.glob("log/*")}
    (store / "runs" / "one").symlink_to(elsewhere)
    with pytest.raises(StoreLinked):
        scrubbed(store)
    assert {path: path.read_bytes() for path in elsewhere.glob("log/*")} == before


@pytest.mark.parametrize("at", [20, 100])
def test_a_damaged_pack_is_told(store: Path, at: int) -> None:
    """What can't be unpacked, or found in it, can't be scrubbed; the rest is."""
    layout = Layout(packed(store))
    (index,) = packs.indices(layout, afresh=True)
    content = bytearray(index.path.read_bytes())
    content[at] ^= 0xFF
    index.path.write_bytes(content)
    damage = len(verify(layout).damage)
    done = scrubbed(store)
    assert done.troubles and done.files == 5
    assert len(verify(layout).damage) == damage > 0


@pytest.mark.parametrize("there_too", [False, True])
def test_a_sender_goes_on_if_it_is_scrubbed_too(tmp_path: Path, there_too: bool) -> None:
    """Both sides mask the same bytes; a sender that was not scrubbed is refused, and keeps all."""
    sender, server = Layout(tmp_path / "sender"), Layout(tmp_path / "server")
    log(sender.root, "one", points=3000)
    settle(sender.root)
    server.create()
    name = next(name for name in packs.segments(sender, "one") if name.writer != "console-one")
    data = sender.segment(name).read_bytes()
    half = 65_536
    receiver = Receiver(server)
    receiver.take(name, 0, data[:half], host="lab1")
    receiver.sync()
    with pytest.raises(StoreBusy, match="one"):
        scrubbed(server.root)
    scrubbed_as_if_silent(server, name)
    if there_too:
        assert scrubbed(sender.root).troubles == []
        data = sender.segment(name).read_bytes()
    receiver = Receiver(server)
    assert receiver.take(name, half, data[half:]).logged == len(data)
    if not there_too:
        for at in (len(data), 0):
            with pytest.raises(SegmentConflict, match="other bytes") as refused:
                end(receiver, name, data, at)
        assert "scrub" in refused.value.hint and WORD.encode() in sender.segment(name).read_bytes()
        for digest, size in blobs_of(sender):
            take_blob(server, digest, 0, blobs.read(sender, digest), size)
        scrubbed_as_if_silent(server, name)  # what it had sent until then is here
        assert scrubbed(sender.root).troubles == []
        receiver, data = Receiver(server), sender.segment(name).read_bytes()
    assert end(receiver, name, data, len(data))
    assert server.segment(name).read_bytes() == data and not verify(server).damage
    assert [name for name, data in files(server) if WORD.encode() in data] == []


def end(receiver: Receiver, name: SegmentName, data: bytes, at: int) -> bool:
    return receiver.take(name, at, data[at:], ended=True, whole=zlib.crc32(data)).ended


def scrubbed_as_if_silent(server: Layout, name: SegmentName) -> None:
    """Scrub a server whose sender was silent for more than a day."""
    long_ago = time.time() - 200_000
    os.utime(server.marker(name), (long_ago, long_ago))
    done = scrubbed(server.root)
    assert (done.segments, done.troubles) == (1, [])


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_backup_made_again_is_clean(store: Path, tmp_path: Path, is_packed: bool) -> None:
    """Pruned, it has what the store has, and nothing of before."""
    copy = tmp_path / "backup"
    if is_packed:
        packed(store)
    back_up(Layout(store), copy)
    assert scrubbed(store).troubles == []
    done = back_up(Layout(store), copy, prune=True)
    assert done.is_well and bytes_of(copy) == bytes_of(store)
    assert_clean(copy)


def test_the_command_takes_the_secret_from_a_file_or_the_input(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never on the command line; what was found is told, and what can't be reached."""
    where = ("--store", str(store))
    given = tmp_path / "secret"
    given.write_text(f"{SECRET}\n")
    done = foldline_command("scrub", *where, "--secret-file", str(given), "--dry-run")
    assert done.status == Exit.DONE, done
    for told in ("two", "MessageLogged", "bookmarks.json", "would scrub 4 segments", "backups"):
        assert told in done.output
    assert WORD not in done.output
    for words in ([], ["--secret-file", str(tmp_path / "none")]):
        refused = foldline_command("scrub", *where, *words)
        assert refused.status == Exit.USAGE and "secret" in refused.errors
    with given.open() as opened, monkeypatch.context() as patched:
        patched.setattr("sys.stdin", opened)
        done = foldline_command("scrub", *where, "--secret-file", "-", "--json")
    assert done.status == Exit.DONE, done
    assert json.loads(done.output)["segments"] == 4
    assert_clean(store)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("foldline_ui.cli.scrub.getpass", lambda _: SECRET)  # it shows nothing
    done = foldline_command("scrub", *where, "--run", "one")
    assert "found nowhere" in done.output
