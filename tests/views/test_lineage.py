"""Forks of runs, what was captured, artifacts with files."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

import foldline
from foldline.errors import QueryError
from foldline.events import (
    ArtifactLogged,
    ArtifactUsed,
    EnvironmentCaptured,
    Event,
    GitCaptured,
    MachineCaptured,
    PackagesCaptured,
    RunForked,
    SourcesCaptured,
    StoredFile,
)
from foldline.layout import Layout, SegmentName
from foldline_views.artifacts import RUNS_SHOWN, VersionsPage
from foldline_views.captured import FILES_SHOWN, ArtifactsPage, ArtifactsRequest, CapturedPage
from foldline_views.folding import catch_up
from foldline_views.lineage import RELATIVES_MAX, LineagePage
from foldline_views.reader import Views
from foldline_views.shelves import CATALOG, VALUES
from tests.segment_build import SegmentBuild

BLOB = "0" * 64


def log(store: Path, run: str, *events: Event, writer: str = "w0", start: float = 1000.0) -> None:
    """Log a run that says these things, and ended."""
    build = SegmentBuild(run, writer, salt=7, start=start)
    for event in events:
        build.event(event)
    path = Layout(store).segment(SegmentName(run, writer))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(build.close())


def views_of(store: Path, run: str, asked: ArtifactsRequest) -> tuple[
    LineagePage, CapturedPage, ArtifactsPage
]:  # fmt: skip
    """Return what the views say of a run's surroundings."""

    async def ask() -> tuple[LineagePage, CapturedPage, ArtifactsPage]:
        await catch_up(Layout(store), shelves=(CATALOG, VALUES))
        views = await Views.open(Layout(store).views)
        try:
            lineage, captured = await views.lineage(run), await views.captured(run)
            return lineage, captured, await views.artifacts(run, asked)
        finally:
            await views.close()

    return anyio.run(ask)


def lineage(store: Path, run: str) -> list[tuple[str, str | None]]:
    found, _, _ = views_of(store, run, ArtifactsRequest())
    assert found.total >= len(found.runs)
    return [(one.id, one.parent) for one in found.runs]


def captured(store: Path, run: str) -> CapturedPage:
    return views_of(store, run, ArtifactsRequest())[1]


def artifacts(store: Path, run: str, asked: ArtifactsRequest | None = None) -> ArtifactsPage:
    return views_of(store, run, asked or ArtifactsRequest())[2]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    Layout(tmp_path / "store").create()
    return tmp_path / "store"


def test_a_tree_of_forks_is_told_from_its_root(store: Path) -> None:
    """Ancestors come first, then the run, then all that go on from it; siblings are not of it."""
    log(store, "root")
    for child, parent in (("a", "root"), ("b", "root"), ("a1", "a"), ("a2", "a"), ("a1x", "a1")):
        log(store, child, RunForked(parent, 10))
    log(store, "stray", RunForked("elsewhere", 5))
    assert lineage(store, "a") == [
        ("root", None), ("a", "root"), ("a1", "a"), ("a2", "a"), ("a1x", "a1"),
    ]  # fmt: skip
    assert lineage(store, "a1x") == [("root", None), ("a", "root"), ("a1", "a"), ("a1x", "a1")]
    assert lineage(store, "stray") == [("stray", "elsewhere")]
    assert len(lineage(store, "root")) == 6


def test_a_circle_of_forks_ends(store: Path) -> None:
    """What says that it goes on from itself, by way of others, is told once."""
    log(store, "a", RunForked("b", 1))
    log(store, "b", RunForked("a", 1))
    log(store, "c", RunForked("c", 1))
    assert sorted(lineage(store, "a")) == [("a", "b"), ("b", "a")]
    assert lineage(store, "c") == [("c", "c")]


def test_a_tree_is_bounded_and_says_so(store: Path) -> None:
    """Of a thousand forks the first are told, and how many there are."""
    log(store, "root")
    for at in range(RELATIVES_MAX + 10):
        log(store, f"child{at}", RunForked("root", 1))
    found, _, _ = views_of(store, "root", ArtifactsRequest())
    assert (len(found.runs), found.total) == (RELATIVES_MAX, RELATIVES_MAX + 11)


def test_what_was_captured_is_told_of_each_process(store: Path) -> None:
    """Of what a process captured twice the last counts; who captured nothing is left out."""
    git = GitCaptured("4f1c", "main", dirty=True, diff=BLOB, untracked=["x"])
    sources = SourcesCaptured("train.py", [StoredFile("train.py", BLOB, 9)])
    log(store, "one", git, PackagesCaptured({"numpy": "1"}), PackagesCaptured({"numpy": "2"}),
        EnvironmentCaptured({"RANK": "0"}), sources)  # fmt: skip
    log(store, "one", MachineCaptured("Linux", attributes={"slurm": {"id": 1}}),
        writer="w1", start=2000.0)  # fmt: skip
    log(store, "one", RunForked("root", 1), writer="w2", start=3000.0)
    found = captured(store, "one")
    assert found.total == 2
    first, second = found.processes
    assert (first.writer, first.host, first.pid) == ("w0", "lab1", 7)
    assert first.git is not None and first.sources is not None
    assert (first.git.diff, first.git.untracked, first.git.author) == (BLOB, ["x"], "")
    assert (first.packages, first.sources.files) == ({"numpy": "2"}, sources.files)
    assert (first.environment, first.machine) == ({"RANK": "0"}, None)
    assert second.machine is not None and second.machine.attributes == {"slurm": {"id": 1}}
    assert captured(store, "one").processes == found.processes
    log(store, "two")
    assert captured(store, "two").processes == []


def test_files_of_artifacts_come_by_pages(store: Path) -> None:
    """A list has the first files of each; a version that is asked for has all, from any on."""
    files = [StoredFile(f"shard{at}", BLOB, at) for at in range(FILES_SHOWN + 50)]
    log(store, "one",
        ArtifactLogged("net", "d1", files, "model", ["best"], {"lr": float("nan")}),
        ArtifactUsed("data", "d2", "zero"),
        *[ArtifactLogged("net", f"e{at}", files[:1]) for at in range(5)])  # fmt: skip
    found = artifacts(store, "one")
    net, used, *_ = found.artifacts
    assert (found.total, found.cursor) == (7, None)
    assert (net.files, len(net.stored), net.size) == (150, FILES_SHOWN, sum(range(150)))
    assert (net.kind, net.aliases, net.params) == ("model", ["best"], {"lr": "NaN"})
    assert (used.used, used.maker, used.files) == (True, "zero", 0)
    (whole,) = artifacts(store, "one", ArtifactsRequest(digest="d1")).artifacts
    assert whole.stored == files
    (rest,) = artifacts(store, "one", ArtifactsRequest(digest="d1", first=140)).artifacts
    assert (rest.first, rest.stored) == (140, files[140:])
    page = artifacts(store, "one", ArtifactsRequest(name="net", limit=4))
    assert (len(page.artifacts), page.total) == (4, 6)
    more = artifacts(store, "one", ArtifactsRequest(name="net", limit=4, cursor=page.cursor))
    assert [one.digest for one in more.artifacts] == ["e3", "e4"] and more.cursor is None
    with pytest.raises(QueryError):
        artifacts(store, "one", ArtifactsRequest(cursor="x"))


def test_versions_of_the_store_come_by_pages(store: Path) -> None:
    """A version is told once, with the runs that made and used it, and of many runs the first."""
    net = ArtifactLogged("net", "d1", [StoredFile("m.pt", BLOB, 3)])
    for at in range(RUNS_SHOWN + 5):
        log(store, f"run{at}", net, start=1000.0 + at)
    log(store, "late", ArtifactLogged("net", "d2"), ArtifactUsed("net", "d1"), start=9000.0)

    async def ask(name: str | None, limit: int, cursor: str | None) -> VersionsPage:
        await catch_up(Layout(store))
        views = await Views.open(Layout(store).views)
        try:
            return await views.versions(name, limit, cursor)
        finally:
            await views.close()

    page = anyio.run(ask, None, 1, None)
    (first,) = page.versions
    assert (first.digest, first.number, page.total) == ("d1", 0, 2)
    assert (len(first.made_by), first.makers, first.used_by) == (RUNS_SHOWN, 105, ["late"])
    rest = anyio.run(ask, None, 1, page.cursor)
    assert [one.digest for one in rest.versions] == ["d2"] and rest.cursor is None
    assert anyio.run(ask, "other", 10, None).versions == []


def test_captures_of_a_real_run_are_there(tmp_path: Path) -> None:
    """What an artifact of a script holds can be downloaded by its blobs."""
    (tmp_path / "model.pt").write_bytes(b"weights")
    with foldline.Run(id="one", store=tmp_path / "store", capture=False) as run:
        run.log_artifact(tmp_path / "model.pt", name="net")
    (found,) = artifacts(tmp_path / "store", "one").artifacts
    (file,) = found.stored
    assert Layout(tmp_path / "store").blob(file.blob).read_bytes() == b"weights"
