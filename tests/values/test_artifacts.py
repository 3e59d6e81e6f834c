"""Artifacts: files kept with a run, and found again."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

import foldline
from foldline import blobs
from foldline.artifact import Artifact
from foldline.errors import BlobMissing, CorruptRecord, FoldlineWarning, ValueRejected
from foldline.events import StoredFile
from foldline.layout import Layout
from tests.segment_walk import segments, walk
from tests.values.store import dropped

LOGGED, USED = 19, 20


def told(store: Path, number: int = LOGGED) -> list[dict[str, Any]]:
    return [fields for path in segments(store) for fields in walk(path).of_type(number)]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with files, a folder below it, and links."""
    folder = tmp_path / "model"
    (folder / "deep/er").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(b"w" * 3_000_000)
    (folder / "deep/er/config.json").write_text("{}")
    (folder / "empty").touch()
    return folder


def test_a_folder_comes_back(tmp_path: Path, model: Path) -> None:
    """All its files, under their paths; the digest is over paths and contents alone."""
    store = tmp_path / "store"
    with foldline.Run(store=store) as run:
        first = run.log_artifacts(model, "net", kind="model", aliases=["best"], params={"n": 1})
        second = run.log_artifact(model, name="other", block=True)
        assert second.kept and second.size == 3_000_002
    assert first.digest == second.digest
    one, two = sorted(told(store), key=lambda fields: fields["name"])
    assert one["kind"] == "model" and one["aliases"] == ["best"] and one["params"] == {"n": 1}
    paths = [file["path"] for file in one["files"]]
    assert paths == ["deep/er/config.json", "empty", "weights.bin"] and two["files"] == one["files"]
    pairs = [[file["path"], file["blob"]] for file in one["files"]]
    assert one["digest"] == sha(msgspec.msgpack.encode(pairs))
    folder = first.download(tmp_path / "back")
    assert folder == tmp_path / "back"
    for path in paths:
        assert (folder / path).read_bytes() == (model / path).read_bytes()
    assert not any(file.name.startswith(".") for file in folder.rglob("*"))


def test_a_file_is_called_as_it_is(tmp_path: Path, model: Path) -> None:
    """One file is an artifact too; what replaces it later is not what was logged."""
    store, file = tmp_path / "store", model / "weights.bin"
    run = foldline.Run(store=store)
    run._backlog.pause()
    logged = run.log_artifact(str(file))
    fresh = model / "fresh"
    fresh.write_bytes(b"new")
    fresh.replace(file)
    run.finish()
    assert logged.name == "weights.bin" and not run.dropped
    assert (logged.download(tmp_path / "back") / "weights.bin").read_bytes() == b"w" * 3_000_000


def test_several_files_are_one_artifact(tmp_path: Path, model: Path) -> None:
    """An Artifact is built from files and folders, as in W&B."""
    built = Artifact("set", type="dataset", metadata={"rows": 3})
    built.add_file(model / "empty", "nothing/here").add_dir(model / "deep", "tree")
    with foldline.Run(store=tmp_path / "store") as run:
        run.log_artifact(built, aliases=["v-one"])
    (fields,) = told(tmp_path / "store")
    assert [f["path"] for f in fields["files"]] == ["nothing/here", "tree/er/config.json"]
    assert fields["kind"] == "dataset" and fields["aliases"] == ["v-one"]


def test_links_lead_nowhere(tmp_path: Path, model: Path) -> None:
    """A link inside is its file; one that leads out of the folder is left out, and it is said."""
    secret = tmp_path / "secret"
    secret.write_text("key")
    (model / "inside").symlink_to(model / "empty")
    (model / "outside").symlink_to(secret)
    (model / "up").symlink_to(tmp_path)
    os.mkfifo(model / "pipe")
    with (
        pytest.warns(FoldlineWarning, match="3 links of"),
        foldline.Run(store=tmp_path / "store") as run,
    ):
        run.log_artifact(model)
    (fields,) = told(tmp_path / "store")
    paths = [file["path"] for file in fields["files"]]
    assert paths == ["deep/er/config.json", "empty", "inside", "weights.bin"]
    assert not Layout(tmp_path / "store").blob(sha(b"key")).exists()


def test_a_file_that_changes_is_not_kept(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of one version and half of another is no artifact: it is refused and counted."""
    real = blobs.put_chunks

    def put(*given: Any) -> Any:
        found = real(*given)
        (model / "weights.bin").write_bytes(b"changed")
        return found

    monkeypatch.setattr(blobs, "put_chunks", put)
    with (
        pytest.warns(FoldlineWarning, match="changed while it was copied"),
        foldline.Run(store=tmp_path / "store") as run,
    ):
        run.log_artifact(model / "weights.bin")
    assert told(tmp_path / "store") == []
    assert "weights.bin" in dropped(tmp_path / "store")[0]["reason"]


def test_versions_are_found_by_number_alias_and_digest(tmp_path: Path) -> None:
    """Over the runs of a store: the newest by default; the use is logged, with who made it."""
    store, file = tmp_path / "store", tmp_path / "m.bin"
    digests = []
    for number, text in enumerate(["a", "b", "a", "c"]):
        file.write_text(text)
        with foldline.Run(f"maker{number}", store=store) as run:
            aliases = ["best"] if text == "b" else []
            digests.append(run.log_artifact(file, "m", block=True, aliases=aliases).digest)
    assert digests[0] == digests[2]
    with foldline.Run("user", store=store) as run:
        wanted = ["m", "m:latest", "m:v0", "m:v1", "m:v2", "m:best", f"m:{digests[0]}"]
        used = [run.use_artifact(name) for name in wanted]
        assert [one.digest for one in used] == [digests[at] for at in (3, 3, 0, 1, 3, 1, 0)]
        assert (used[3].download(tmp_path / "b") / "m.bin").read_text() == "b"
        assert run.use_artifact("m", run="maker0").run == "maker0"
    uses = told(store, USED)
    assert [fields["digest"] for fields in uses[:7]] == [one.digest for one in used]
    assert uses[3]["run"] == "maker1" and uses[3]["name"] == "m"


def test_a_run_sees_what_it_logged(tmp_path: Path, model: Path) -> None:
    """`run.artifacts` waits for the copies; a use right after a log finds it."""
    with foldline.Run(store=tmp_path / "store") as run:
        logged = run.log_artifact(model, "net")
        assert run.use_artifact("net").digest == logged.digest
        run.log_artifact(model / "empty", "net")
        assert run.artifacts["net"].files[0].path == "empty"
        assert run.use_artifact(logged) is logged


def test_what_is_not_there_is_said_and_raises_at_download(tmp_path: Path) -> None:
    """No such file, no such artifact, no such version: a warning; only `download` raises."""
    run = foldline.Run(store=tmp_path / "store")
    with pytest.warns(FoldlineWarning, match="no file or folder"):
        lost = run.log_artifact(tmp_path / "nothing")
    with pytest.warns(FoldlineWarning, match="no artifact 'nothing'"):
        none = run.use_artifact("nothing")
    for one in (lost, none):
        with pytest.raises(BlobMissing, match="nothing"):
            one.download(tmp_path / "back")
    run.log_artifact(__file__, "this", block=True)
    with pytest.raises(ValueRejected, match="no version 'v7'"):
        foldline_find(run, "this:v7")
    run.finish()


def foldline_find(run: foldline.Run, name: str) -> Artifact:
    from foldline_views.versions import find

    return find(run._writer.layout, name)


def test_bytes_go_where_they_are_sent(tmp_path: Path, model: Path) -> None:
    """A folder of one's own, by path or file:// address; other addresses are refused."""
    store, place = tmp_path / "store", tmp_path / "else where"
    with foldline.Run(store=store) as run:
        assert run.artifacts_uri == store.as_uri()
        run.set_artifacts_uri(place.as_uri())
        assert run.artifacts_uri == place.as_uri()
        with pytest.warns(FoldlineWarning, match="opens no connection"):
            run.set_artifacts_uri("s3://bucket/folder")
        logged = run.log_artifact(model / "weights.bin", block=True)
        used = run.use_artifact("weights.bin")
    (fields,) = told(store)
    assert fields["uri"] == place.as_uri()
    digest = fields["files"][0]["blob"]
    assert Layout(place).blob(digest).exists() and not Layout(store).blob(digest).exists()
    for number, one in enumerate((logged, used)):
        folder = one.download(tmp_path / f"back{number}")
        assert (folder / "weights.bin").stat().st_size == 3_000_000


@pytest.mark.parametrize(
    "path", ["../out", "a/../../out", "/etc/passwd", "", "a\0b", "a\\..\\..\\b", ".", "//x"]
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, path: str) -> None:
    """A log that was made by an enemy writes nothing outside the download's folder."""
    layout = Layout(tmp_path / "store")
    digest = blobs.put(layout, b"evil")
    made = Artifact("x")._kept_as(layout, "r", "d", [StoredFile(path, digest, 4)])
    with pytest.raises(ValueRejected, match="leads out"):
        made.download(tmp_path / "back")
    assert not (tmp_path / "out").exists()


def test_a_link_in_the_folder_leads_nowhere(tmp_path: Path) -> None:
    """What lies in the folder already can't send a file elsewhere."""
    layout = Layout(tmp_path / "store")
    digest = blobs.put(layout, b"evil")
    (tmp_path / "back").mkdir()
    (tmp_path / "back/sub").symlink_to(tmp_path)
    made = Artifact("x")._kept_as(layout, "r", "d", [StoredFile("sub/file", digest, 4)])
    with pytest.raises(ValueRejected, match="a link out"):
        made.download(tmp_path / "back")
    assert not (tmp_path / "file").exists()


def test_damage_never_becomes_a_file(tmp_path: Path, model: Path) -> None:
    """A blob that is damaged or gone is an error, and leaves no file."""
    with foldline.Run(store=tmp_path / "store") as run:
        logged = run.log_artifact(model / "weights.bin", block=True)
    blob = Layout(tmp_path / "store").blob(logged.files[0].blob)
    blob.write_bytes(b"damaged")
    with pytest.raises(CorruptRecord):
        logged.download(tmp_path / "back")
    blob.unlink()
    with pytest.raises(BlobMissing, match="weights"):
        logged.download(tmp_path / "back")
    assert list((tmp_path / "back").iterdir()) == []


def test_a_full_disk_is_said_and_made_good(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An artifact waits for room; what has none at the end is counted."""
    real = blobs.put_chunks

    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(blobs, "put_chunks", full)
    run = foldline.Run(store=tmp_path / "store")
    with pytest.warns(FoldlineWarning, match="No space left"):
        run.log_artifact(model / "weights.bin", block=True)
    monkeypatch.setattr(blobs, "put_chunks", real)
    assert run.flush() and len(told(tmp_path / "store")) == 1
    monkeypatch.setattr(blobs, "put_chunks", full)
    run.log_artifact(model / "empty")
    run.finish()
    (fields,) = dropped(tmp_path / "store")
    assert fields["count"] == 1 and "no room" in fields["reason"]
