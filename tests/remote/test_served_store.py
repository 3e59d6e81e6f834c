"""A store opened by the address of its server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import foldline
from foldline.errors import BlobMissing, QueryError, QuestionError, RunNotFound, ServerUnreachable
from foldline.events import ConsolePrinted
from foldline_views import servedruns, servedstore
from foldline_views.api import Api
from foldline_views.pointpages import read_points_page
from foldline_views.servedstore import ServedStore
from foldline_views.store import Store
from foldline_views.stored import Run
from tests.patience import wait_for
from tests.remote.servers import free_port
from tests.ui.processes import up

POINTS = 2500
PICTURE = np.random.default_rng(7).integers(0, 256, (200, 300, 3), np.uint8)


def log(store: Path, folder: Path) -> None:
    """Log runs that have something of everything."""
    folder.mkdir()
    (folder / "weights.bin").write_bytes(bytes(range(256)) * 1000)
    (folder / "notes.txt").write_text("much warmer")
    (folder / "nothing").touch()
    params = {"lr": 0.1, "net": {"depth": 3, "words": ["a", "b"]}, "long": "x" * 9000}
    with foldline.Run(
        id="one", store=store, experiment="mnist", name="first", params=params, tags=["a"]
    ) as run:
        for step in range(POINTS):
            run.track(np.sin(step), name="loss", step=step, context={"subset": "train"})
        run.track(float("nan"), name="loss", step=7, context={"subset": "val"})
        run.track(foldline.Text("hello"), name="answer", step=3)
        run.track(foldline.Image(PICTURE), name="picture", step=4)
        run.summary["best"] = {"accuracy": 0.9}
        run.log_artifact(folder, name="net", kind="model", aliases=["best"], block=True)
        run.log_info("it goes on")
        run._writer.event(ConsolePrinted("stdout", 0, "a line of the console"))
        run._writer.event(ConsolePrinted("stderr", 1, "another one"))
    with foldline.Run(id="two", store=store, name="second") as run:
        run.use_artifact("net:best")
        run.track(1.0, name="loss", step=0)


def told(run: Run) -> dict[str, Any]:
    """Return all that is read of a run, in words that can be compared."""
    series = [
        (one.name, one.context, one.count, one.mean, *(column.tolist() for column in one.points))
        for one in (*run.metrics, *run.system)
    ]
    sequences = [
        (one.kind, one.name, dict(one.context), one.entries, len(one)) for one in run.sequences()
    ]
    artifacts = [
        (one.name, one.kind, one.digest, one.aliases, one.files, one.run)
        for one in (*run.artifacts, *run.used_artifacts)
    ]
    words = ("id", "name", "experiment", "tags", "status", "created_at", "ended_at", "host",
             "user", "fields", "notes", "error", "alerts", "writers", "git", "parent", "progress",
             "params", "summary", "captured", "packages", "environment", "sources")  # fmt: skip
    return {
        **{word: getattr(run, word) for word in words},
        "series": series,
        "sequences": sequences,
        "artifacts": artifacts,
        "lines": run.lines(),
        "messages": run.messages(),
    }


def same(here: Run, there: Run) -> bool:
    """Say whether two runs are the same, NaN and all."""
    return msgspec.json.encode(told(here), order="sorted") == msgspec.json.encode(
        told(there), order="sorted"
    )


def test_a_served_store_is_read_as_the_one_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs, series, points, lines, values, files and searches are those of the store itself."""
    store = tmp_path / "store"
    log(store, tmp_path / "net")
    for module, name in ((servedstore, "RUNS_ASKED"), (servedruns, "ROWS_ASKED")):
        monkeypatch.setattr(module, name, 1)  # so that there are pages to turn
    monkeypatch.setattr(servedruns, "LINES_ASKED", 1)
    with up(store) as server:
        server.wait_until_live()
        monkeypatch.setenv("FOLDLINE_STORE", server.url)
        here, there = foldline.open(store), foldline.open()
        assert isinstance(here, Store) and isinstance(there, ServedStore)
        assert [run.id for run in there.runs()] == [run.id for run in here.runs()]
        assert [same(a, b) for a, b in zip(here.runs(), there.runs(), strict=True)] == [True, True]
        assert same(here.run("one"), there.run("one"))
        query = 'metric.name == "loss"'
        for one, other in zip(here.series(query), there.series(query), strict=True):
            assert one.record() == other.record() or np.isnan(one.last)
            assert one.to_pandas().equals(other.to_pandas())
        assert list(there.runs("run.net.depth == 3").to_pandas()["id"]) == ["one"]
        assert there.runs("run.nothing > 1").warnings == here.runs("run.nothing > 1").warnings
        (mine,) = here.search("console")
        (found,) = wait_for(lambda: there.search("console"), "the text to be folded there")
        assert found.run.id == "one" and found.hits == mine.hits
        there.close()
        assert len(there.runs()) == 2  # the next question opens it again
        there.close()


def test_what_a_served_run_names_is_fetched(tmp_path: Path) -> None:
    """Pictures are pictures again, and files of an artifact are written as they were."""
    store = tmp_path / "store"
    log(store, tmp_path / "net")
    with up(store) as server, foldline.open(server.url) as opened:
        server.wait_until_live()
        run = opened.run("one")
        (picture,) = run.sequences("image")
        assert np.array_equal(np.asarray(picture.values[4].to_pil_image()), PICTURE)
        assert run.sequences("text")[0].values[3].data == "hello"
        (version,) = opened.artifacts("net")
        assert (version.number, version.made_by, version.used_by) == (0, ["one"], ["two"])
        for name, one in (("a", version), ("b", opened.run("two").used_artifacts[0])):
            folder = one.download(tmp_path / name)
            files = sorted(path.name for path in folder.rglob("*") if path.is_file())
            assert files == ["notes.txt", "nothing", "weights.bin"]
            assert (folder / "weights.bin").read_bytes() == bytes(range(256)) * 1000
        for blob in (store / "blobs").glob("??/*"):
            blob.unlink()
        with foldline.open(server.url) as again, pytest.raises(BlobMissing):
            again.run("one").sequences("image")[0].values[4].to_pil_image()


WRONG: list[tuple[Callable[[ServedStore | Store], object], type[Exception]]] = [
    (lambda store: store.run("nobody"), RunNotFound),
    (lambda store: store.runs("run.lr >"), QueryError),
    (lambda store: store.series("nothing.name"), QueryError),
    (lambda store: store.search("after:never"), QuestionError),
]


def test_a_wrong_question_is_the_error_that_it_is_here(tmp_path: Path) -> None:
    """The server's refusal is the exception of a store on this machine, with the same words."""
    store = tmp_path / "store"
    with foldline.Run(id="one", store=store, capture=False) as run:
        run.track(1.0, name="loss", step=0)
    with up(store) as server, foldline.open(server.url) as there:
        server.wait_until_live()
        for ask, error in WRONG:
            said = []
            for opened in (foldline.open(store), there):
                with pytest.raises(error) as raised:
                    ask(opened)
                assert type(raised.value) is error
                said.append((str(raised.value), getattr(raised.value, "at", None)))
            assert said[0] == said[1]


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    """An address where nobody answers says what to look at."""
    with pytest.raises(ServerUnreachable, match="can't be reached") as raised:
        foldline.open(f"http://127.0.0.1:{free_port()}")
    assert "foldline up" in raised.value.hint


def test_a_server_that_was_restarted_is_asked_again(tmp_path: Path) -> None:
    """Who keeps a store open over a restart of its server, or over a night, notices nothing."""
    store = tmp_path / "store"
    with foldline.Run(id="one", store=store, capture=False):
        pass
    port = free_port()
    with up(store, port=port) as server, foldline.open(server.url) as opened:
        server.wait_until_live()
        assert opened.run("one").id == "one"
        server.stop()
        with up(store, port=port):
            assert opened.run("one").id == "one"


def test_points_come_in_pages(tmp_path: Path) -> None:
    """A long series is asked for part by part, and a span of steps is cut out of it."""
    store = tmp_path / "store"
    with foldline.Run(id="one", store=store, capture=False) as run:
        for step in range(POINTS):
            run.track(step / 2, name="loss", step=step)
    with up(store) as server:
        server.wait_until_live()
        api = Api(server.url)
        asked = {"name": "loss", "from_step": 100, "to_step": 1099, "first": 10, "limit": 20}
        data = api.fetch("runs/one/points", **asked)
        part, total = read_points_page(data)
        assert total == 1000 and part.steps.tolist() == list(range(110, 130))
        nothing = servedruns.fetch_points(api, ("one", "nothing", {}))
        assert len(nothing.steps) == len(nothing.values) == 0
        whole = servedruns.fetch_points(api, ("one", "loss", {}), limit=999)
        assert whole.values.tolist() == [step / 2 for step in range(POINTS)]
        api.close()
