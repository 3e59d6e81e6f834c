"""Views that are deleted or damaged under a server."""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

import anyio
import pytest

import foldline
from foldline.layout import Layout
from foldline_views.folding import rebuild
from foldline_views.generation import current
from foldline_views.shelves import CATALOG, SHELVES
from tests.canonical import dump_of
from tests.patience import wait_for
from tests.ui.processes import Server, up

RUNS = 12


def log(store: Path, name: str) -> None:
    with foldline.Run(id=name, store=store, params={"n": len(name)}) as run:
        for step in range(400):
            run.track(step * 0.5, name="loss", step=step)
        run.log_info(f"done with {name}")


class Asking:
    """Asks a server over and over, and keeps what was wrong with its answers."""

    def __init__(self, server: Server) -> None:
        self.wrong: list[str] = []
        self.right = 0
        self.refused = 0
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        asked: list[tuple[str, Any, Callable[[Any], bool]]] = [
            ("runs/search", {"limit": 1000}, lambda a: a["total"] >= RUNS),
            ("series/search", {"limit": 1000}, _has_all_series),
            ("runs/run3", None, lambda a: a["metrics"][0]["count"] == 400),
            ("runs/run3/messages", None, lambda a: a["total"] == 1),
        ]
        while not self._stop.is_set():
            for path, body, is_right in asked:
                self._ask(path, partial(self._server.ask, path, body), is_right)
            self._ask("series/frames", lambda: frames(self._server), bool)

    def _ask(self, path: str, ask: Callable[[], Any], is_right: Callable[[Any], bool]) -> None:
        try:
            answer = ask()
        except urllib.error.HTTPError as error:
            with error:
                told = json.loads(error.read())["error"]
            if error.code == HTTPStatus.SERVICE_UNAVAILABLE and told["hint"]:
                self.refused += 1
            else:
                self.wrong.append(f"{path}: {error.code} {told}")
            return
        if is_right(answer):
            self.right += 1
        else:
            self.wrong.append(f"{path}: {str(answer)[:300]}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def frames(server: Server) -> bool:
    """Ask for all curves, and say whether those of all runs are there."""
    request = urllib.request.Request(
        f"{server.url}api/v1/series/frames",
        data=json.dumps({"query": 'metric.name == "loss"'}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        magic, _, curves, points, _ = struct.unpack("<8sIIII", answer.read()[:24])
    return bool(magic == b"FOLDFRM1" and curves >= RUNS and points >= RUNS * 100)


def _has_all_series(answer: Any) -> bool:
    return bool(answer["total"] >= RUNS) and all(one["count"] == 400 for one in answer["series"])


@contextmanager
def served(store: Path) -> Iterator[Server]:
    for number in range(RUNS):
        log(store, f"run{number}")
    with up(store) as server:
        server.wait_until_live()
        wait_for(lambda: is_live(server), "all shelves to be live")
        yield server


def is_live(server: Server) -> bool:
    shelves = server.ask("health")["shelves"]
    return {one["name"] for one in shelves} == {shelf.name for shelf in SHELVES} and all(
        one["state"] == "live" for one in shelves
    )


def is_whole(store: Path) -> bool:
    """Say whether somebody who opens the runs' shelf now can read it."""
    try:
        return bool(dump_of(store))
    except (AssertionError, OSError, sqlite3.Error):
        return False


def files(store: Path) -> list[Path]:
    """Return the file of each shelf that is in use."""
    found = [current(shelf.folder(Layout(store).views)) for shelf in SHELVES]
    return [generation.path for generation in found if generation is not None]


def delete_all(store: Path) -> None:
    shutil.rmtree(Layout(store).views)


def delete_shelf(store: Path) -> None:
    shutil.rmtree(CATALOG.folder(Layout(store).views))


def delete_files(store: Path) -> None:
    for file in files(store):
        file.unlink()


def delete_journals(store: Path) -> None:
    for file in files(store):
        for suffix in ("-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)


def forget_generation(store: Path) -> None:
    for shelf in SHELVES:
        (shelf.folder(Layout(store).views) / "CURRENT").unlink(missing_ok=True)


def cut_short(store: Path) -> None:
    for file in files(store):
        with file.open("r+b") as opened:
            opened.truncate(5000)


def empty(store: Path) -> None:
    for file in files(store):
        with file.open("r+b") as opened:
            opened.truncate(0)


def overwrite(store: Path) -> None:
    for file in files(store):
        with file.open("r+b") as opened:
            opened.write(b"\xaa" * file.stat().st_size)


@pytest.mark.parametrize(
    "harm",
    [
        delete_all,
        delete_shelf,
        delete_files,
        delete_journals,
        forget_generation,
        cut_short,
        empty,
        overwrite,
    ],
)
def test_a_server_heals(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """Whatever is done to its views, a server answers rightly or says 503, and then goes on."""
    store = tmp_path / "store"
    with served(store) as server:
        with Asking(server) as asking:
            wait_for(lambda: asking.right > 8, "answers")
            harm(store)
            log(store, "later")
            later = {"query": 'run.name == "later" and run.status == "finished"'}
            wait_for(
                lambda: server.ask("runs/search", later)["total"] == 1,
                "all of the run that came later",
            )
            before = asking.right
            wait_for(lambda: asking.right > before + 20, "more answers")
            # Answers may come from memory before the harm is seen.
            wait_for(lambda: is_whole(store), "views that can be read")
            wait_for(lambda: is_live(server), "all shelves to be live")
        assert asking.wrong == []
        assert server.process.poll() is None
        server.stop()
    live = dump_of(store)
    anyio.run(rebuild, Layout(store))
    assert dump_of(store) == live


@pytest.mark.parametrize("harm", [cut_short, empty, overwrite])
def test_a_read_that_fails_is_why_views_are_made_again(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    """In a store where nothing moves, damage is found by who reads, and is gone soon after."""
    store = tmp_path / "store"
    with served(store) as server:
        harm(store)
        for path in ("runs/run3/messages", "runs/run3"):
            wait_for(partial(_answers, server, path), f"{path} after the damage")
        wait_for(lambda: _answers(server, None), "curves after the damage")
        wait_for(lambda: is_live(server), "all shelves to be live")
        assert server.ask("runs/search", {})["total"] == RUNS


def _answers(server: Server, path: str | None) -> bool:
    try:
        return frames(server) if path is None else bool(server.ask(path))
    except urllib.error.HTTPError as error:
        with error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
        return False


@pytest.mark.parametrize("harm", [delete_all, delete_files, forget_generation, empty, overwrite])
def test_a_store_that_is_open_heals(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """With no server, the next question after the harm makes the views again, and is answered."""
    store = tmp_path / "store"
    log(store, "run0")
    with foldline.open(store) as opened:
        assert opened.runs().total == 1
        harm(store)
        log(store, "run1")
        assert [run.id for run in opened.runs()] == ["run1", "run0"]
        assert all(series.count == 400 for series in opened.series())
