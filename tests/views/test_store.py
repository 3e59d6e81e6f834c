"""A store opened for analysis: `foldline.open()`."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foldline
from foldline.errors import (
    BlobMissing,
    QueryError,
    RunNotFound,
    StoreBusy,
    StoreNotFound,
    StoreTooNew,
    ValueRejected,
)
from foldline.events import ArtifactLogged, ArtifactUsed, Event, StoredFile
from foldline.layout import Layout, SegmentName
from foldline_ingest.lease import Lease
from foldline_views import store as store_module
from tests.canonical import points_folded
from tests.patience import wait_for
from tests.segment_build import SegmentBuild
from tests.ui.processes import up


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_what_was_logged_is_there(store: Path) -> None:
    """Runs have their names, settings and tags, and series their exact points and figures."""
    with foldline.Run(
        id="one", store=store, experiment="mnist", name="first", params={"lr": 0.1}, tags=["a"]
    ) as run:
        for step in range(2000):
            run.track(math.sin(step), name="loss", step=step, context={"subset": "train"})
    with foldline.open(store) as opened:
        runs = opened.runs()
        assert runs.total == len(runs) == 1 and runs.warnings == []
        (found,) = runs
        assert (found.id, found.name, found.experiment) == ("one", "first", "mnist")
        assert found.params == {"lr": 0.1} and found.tags == ["a"]
        assert found.status == "finished" and found.ended_at is not None
        assert found.duration == pytest.approx(found.ended_at - found.created_at)
        (series,) = found.metrics
        assert (series.run, series.name, series.context) == ("one", "loss", {"subset": "train"})
        values = [math.sin(step) for step in range(2000)]
        assert series.count == 2000
        assert np.array_equal(series.steps, np.arange(2000.0))
        assert np.array_equal(series.values, values)
        assert np.all(np.diff(series.times) >= 0)
        assert series.min == min(values) and series.max == max(values)
        assert series.first == values[0] and series.last == values[-1]
        assert series.mean == pytest.approx(sum(values) / 2000)


def test_odd_points_are_exact(store: Path) -> None:
    """NaN, infinities, negative zero, repeated and late steps come back as they were tracked."""
    rows = [(3, math.nan), (1, -0.0), (2, math.inf), (1, 5.0), (0.5, -math.inf), (2, 1e-320)]
    with foldline.Run(id="odd", store=store) as run:
        for step, value in rows:
            run.track(value, name="a", step=step)
    (series,) = foldline.open(store).series()
    assert series.steps.tolist() == [0.5, 1, 1, 2, 2, 3]
    expected = np.array([-math.inf, -0.0, 5.0, math.inf, 1e-320, math.nan])
    np.testing.assert_array_equal(series.values, expected)
    assert np.array_equal(np.signbit(series.values[:5]), np.signbit(expected[:5]))
    assert series.min == -0.0 and series.max == 5.0
    assert math.isnan(series.last) and series.first == -math.inf


def test_each_question_folds_what_is_new(store: Path) -> None:
    """With no server running a reader sees everything, also of a run that goes on."""
    run = foldline.Run(id="live", store=store)
    with foldline.open(store) as opened:
        for count in range(1, 6):
            run.track(count, name="a", step=count)
            (series,) = opened.series('metric.name == "a"')
            assert series.count == count and series.values[-1] == count
        assert opened.runs()[0].status == "running"
        run.finish()
        assert opened.runs()[0].status == "finished"


def test_several_processes_of_one_run(store: Path) -> None:
    """What two writers tracked under one name is one series, with all points in step order."""
    first, second = (foldline.Run(id="both", store=store) for _ in range(2))
    for step in range(100):
        (first if step % 2 else second).track(float(step), name="a", step=step)
    first.finish()
    second.finish()
    (series,) = foldline.open(store).series()
    assert series.count == 100 and np.array_equal(series.values, np.arange(100.0))


def test_a_stray_file_hides_no_points(store: Path) -> None:
    """A file in a run's folder that is no segment is passed over."""
    with foldline.Run(id="one", store=store) as run:
        run.track(1.0, name="a", step=1)
    (store / "runs" / "one" / "log" / "stray.fold").write_bytes(b"not a segment" * 10)
    (series,) = foldline.open(store).series()
    assert series.values.tolist() == [1.0]


def test_queries_choose(store: Path) -> None:
    """A query chooses runs and series; a wrong one is an error, an odd one a warning."""
    for number in range(4):
        with foldline.Run(id=f"run{number}", store=store, params={"lr": number}) as run:
            run.track(number, name="a", step=1)
    with foldline.open(store) as opened:
        assert [run.id for run in opened.runs("run.lr >= 2")] == ["run3", "run2"]
        assert [series.run for series in opened.series("run.lr == 1")] == ["run1"]
        assert opened.runs("run.lt >= 2").warnings != []
        with pytest.raises(QueryError):
            opened.runs("run.lr >=")


def test_there_is_no_store(tmp_path: Path) -> None:
    """A folder that holds no store is an error with its path, and nothing is made there."""
    with pytest.raises(StoreNotFound, match="nowhere"):
        foldline.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_store_of_a_later_format_is_not_touched(store: Path) -> None:
    """A newer Foldline's store is refused, and no views are made beside it."""
    store.mkdir()
    (store / "store.json").write_text('{"format": 99}')
    with pytest.raises(StoreTooNew, match="format 99"):
        foldline.open(store)
    assert sorted(path.name for path in store.iterdir()) == ["store.json"]


def is_folded(store: Path) -> bool:
    """Say whether another process holds the lease."""
    lease = Lease(store / "views")
    taken = lease.take()
    lease.release()
    return not taken


def test_beside_a_server_it_waits(store: Path) -> None:
    """While `foldline up` folds, a reader waits until the server has folded what it asks for."""
    with foldline.Run(id="one", store=store) as run, up(store), foldline.open(store) as opened:
        wait_for(lambda: is_folded(store), "the server's fold")
        for count in range(1, 4):
            for step in range(1000):
                run.track(step, name="a", step=1000 * count + step)
            (series,) = opened.series('metric.name == "a"')
            assert series.count == 1000 * count
        assert points_folded(store) == 3000


def test_a_server_that_does_not_fold_is_not_waited_for_for_ever(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A holder of the lease that is stuck is an error that says what to do."""
    monkeypatch.setattr(store_module, "WAIT_S_MAX", 0.1)
    with foldline.Run(id="one", store=store) as run:
        run.track(1, name="a")
    with Lease(store / "views"), pytest.raises(StoreBusy, match="folding the store"):
        foldline.open(store).runs()


def test_what_else_a_run_has(store: Path) -> None:
    """Words, results, lineage and messages of a run are there, as they were logged."""
    with foldline.Run(id="one", store=store, params={"lr": math.nan}) as run:
        run.summary["best"] = {"accuracy": 0.5, "worst": math.inf}
        run.log_info("hello")
        run.track(foldline.Text("hi"), name="said", step=3)
        run.track(1.0, name="loss", step=2, epoch=1)
    with foldline.open(store) as opened:
        found = opened.run("one")
        assert math.isnan(found.params["lr"])
        assert found.summary == {"best": {"accuracy": 0.5, "worst": math.inf}}
        assert [message.text for message in found.messages()] == ["hello"]
        (said,) = found.sequences("text")
        assert [entry.values[0].inline for entry in said.entries] == [b"hi"]
        assert said.values[3].text == "hi" and said.steps.tolist() == [3] and said.run.id == "one"
        with pytest.raises(ValueRejected, match="no kind"):
            found.sequences("texts!")
        assert found.lines() == [] and found.packages == {} and found.environment == {}
        assert found.sources is None and found.git is None and found.parent is None
        assert [writer.status for writer in found.writers] == ["finished"]
        (series,) = found.metrics
        assert (series.first_step, series.last_step) == (2, 2) and series.epochs.tolist() == [1.0]
        assert [run.id for run in opened.runs("run.summary.best.accuracy == 0.5")] == ["one"]
        found.summary["best"]["accuracy"] = 1.0
        assert opened.run("one").summary["best"]["accuracy"] == 0.5, "answers share nothing"
        with pytest.raises(RunNotFound):
            opened.run("two")


def test_versions_of_artifacts(store: Path, tmp_path: Path) -> None:
    """What has one digest is one version, numbered by time, with who made it and who used it."""
    layout = Layout(store)
    layout.create()
    said: dict[str, list[Event]] = {
        "ra": [ArtifactLogged("net", "d1", [StoredFile("a", "f" * 64, 5)], "model", ["best"])],
        "rb": [ArtifactUsed("net", "d1", "ra"), ArtifactLogged("net", "d2", aliases=["best"]),
               ArtifactUsed("base", "d9")],
        "rc": [ArtifactLogged("net", "d1"), ArtifactUsed("net", "d2")],
    }  # fmt: skip
    for place, (run, events) in enumerate(said.items()):
        build = SegmentBuild(run, "w", window=4096, block=1024, start=1000.0 + 100 * place)
        for event in events:
            build.event(event)
        path = layout.segment(SegmentName(run, "w"))
        path.parent.mkdir(parents=True)
        path.write_bytes(build.close())
    with foldline.open(store) as opened:
        base, first, second = opened.artifacts()
        assert (base.name, base.number, base.used_by) == ("base", None, ["rb"])
        assert (first.digest, first.number, first.aliases) == ("d1", 0, [])
        assert (first.made_by, first.used_by) == (["ra", "rc"], ["rb"])
        assert (first.kind, first.files, first.size) == ("model", 1, 5)
        assert (second.digest, second.number, second.aliases) == ("d2", 1, ["best"])
        assert opened.artifacts("net") == [first, second] and opened.artifacts("x") == []
        (user,) = opened.runs('"base" in run.artifacts')
        assert [(one.name, one.digest, one.run) for one in user.artifacts] == [("net", "d2", "rb")]
        net, unknown = user.used_artifacts
        assert (net.digest, net.run, net.kind, net.size) == ("d1", "ra", "model", 5)
        assert (unknown.name, unknown.digest, unknown.files) == ("base", "d9", [])
        for version in (base, unknown):  # made by nobody here
            with pytest.raises(BlobMissing, match="base"):
                version.download(tmp_path / "copy")


def test_artifacts_of_a_store_come_back(store: Path, tmp_path: Path) -> None:
    """Whoever made or used a version, and whoever looks over the store, can have its files."""
    file = tmp_path / "net.bin"
    for text in ("one", "two"):
        file.write_text(text)
        with foldline.Run(id=text, store=store) as run:
            run.log_artifact(file, "net", block=True)
    with foldline.Run(id="user", store=store) as run:
        run.use_artifact("net:v0")
    with foldline.open(store) as opened:
        (made,) = opened.run("two").artifacts
        (used,) = opened.run("user").used_artifacts
        found: dict[str, Any] = {"made": made, "used": used}
        found |= {f"v{version.number}": version for version in opened.artifacts("net")}
        said = {name: (one.download(tmp_path / name) / "net.bin") for name, one in found.items()}
        assert {name: copy.read_text() for name, copy in said.items()} == {
            "made": "two", "used": "one", "v0": "one", "v1": "two",
        }  # fmt: skip


def test_a_series_is_found_by_its_name(store: Path) -> None:
    """By name and context; by name alone where that says which one."""
    with foldline.Run(id="one", store=store) as run:
        run.track({"accuracy": 0.5, "epoch": 1}, context={"subset": "val"})
        run.track(0.25, name="loss", context={"subset": "train"})
        run.track(0.5, name="loss", context={"subset": "val"})
        run.track(2.0, name="epoch")
        run.track(90.0, name="__system__/gpu0_percent", context={"host": "a"})
    with foldline.open(store) as opened:
        found = opened.run("one")
        only, loss, bare = found.metric("accuracy"), found.metric("loss", {"subset": "val"}), (
            found.metric("epoch"))  # fmt: skip
        assert only is not None and only.last == 0.5
        assert loss is not None and loss.last == 0.5
        assert bare is not None and bare.last == 2
        assert found.metric("__system__/gpu0_percent") is not None
        assert found.metric("accuracy", {}) is None and found.metric("none") is None
        with pytest.raises(ValueRejected, match="has 2 series 'loss'"):
            found.metric("loss")


def test_data_frames(store: Path) -> None:
    """Points are columns; runs and series are rows, with what is nested by its path."""
    for number in range(2):
        with foldline.Run(id=f"r{number}", store=store, params={"net": {"depth": number}}) as run:
            for step in range(5):
                run.track(step + number, name="loss", step=step, context={"subset": "val"})
    with foldline.open(store) as opened:
        (series, _) = found = opened.series("run.net.depth == 1 or run.net.depth == 0")
        points = series.to_pandas()
        assert list(points.columns) == ["step", "value", "epoch", "time"]
        assert points["value"].tolist() == [1, 2, 3, 4, 5]
        assert series.to_polars()["step"].to_list() == [0, 1, 2, 3, 4]
        rows = found.to_pandas()
        assert rows["context.subset"].tolist() == ["val", "val"]
        assert rows["last"].tolist() == [5, 4] and rows["last_step"].tolist() == [4, 4]
        runs = opened.runs().to_pandas().set_index("id")
        assert runs["params.net.depth"].to_dict() == {"r0": 0, "r1": 1}
        assert runs['metrics.loss{"subset":"val"}'].to_dict() == {"r0": 4, "r1": 5}
        assert opened.runs().to_polars()["id"].to_list() == ["r1", "r0"]


def test_a_library_that_is_not_there(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pandas the error says what to install."""
    with foldline.Run(store=store) as run:
        run.track(1.0, name="loss")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ValueRejected, match="pip install pandas"):
        foldline.open(store).runs().to_pandas()
