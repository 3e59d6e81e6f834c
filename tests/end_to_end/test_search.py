"""The search, from a printed line to an answer."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import foldline
from foldline.layout import Layout
from tests.patience import wait_for
from tests.ui.processes import Server, foldline_command, up

SOON_S = 1.0  # what is promised of a line that was printed just now; measured, see the test

SCRIPT = """
import sys
import foldline

with foldline.Run(id="printer", store=sys.argv[1], experiment="demo", params={"lr": 0.1}) as run:
    for line in sys.stdin:
        print("said", line.strip(), flush=True)
        run.track(1.0, name="loss")
"""


def failure(server: Server, path: str, body: object = None) -> Any:
    with pytest.raises(urllib.error.HTTPError) as caught:
        server.ask(path, body)
    return caught.value.code, json.loads(caught.value.read())["error"]


def search(server: Server, text: str, query: str = "", **rest: int) -> Any:
    more = "".join(f"&{name}={value}" for name, value in rest.items())
    return server.ask(f"search?q={quote(text)}&query={quote(query)}{more}")


def found(server: Server, text: str) -> Callable[[], Any]:
    def look() -> Any:
        try:
            return search(server, text)["runs"]
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            return []  # not folded yet, or being made again

    return look


@pytest.mark.timeout(120)
def test_a_printed_line_is_found_within_a_second(tmp_path: Path) -> None:
    """A script prints, and what it printed is found while it runs, with its line and its time."""
    environment = {**os.environ, "FOLDLINE_CAPTURE": ""}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    Layout(tmp_path).create()
    with (
        up(tmp_path) as server,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as script,
    ):
        assert script.stdin is not None
        took = []
        for number in range(8):
            script.stdin.write(f"word{number} of many\n")
            script.stdin.flush()
            started = time.time()
            (run,) = wait_for(found(server, f'"word{number} of many"'), "the line")
            took.append(time.time() - started)
            (hit,) = run["hits"]
            assert (run["run"]["id"], hit["kind"], hit["line"]) == ("printer", "line", number)
            assert hit["text"] == f"said word{number} of many"
            start, end = hit["marks"][0]
            assert hit["text"][start:end] == f"word{number} of many"
            assert started - 1 < hit["time"] < time.time() + 1
        # The first one waits for the script to start; a busy machine may keep back one other.
        assert sorted(took)[-3] < SOON_S
        script.stdin.close()
        assert script.wait(30) == 0
        wait_for(found(server, "status:finished experiment:demo"), "the end of the run")


@pytest.mark.timeout(120)
def test_search_and_query_both_ways(tmp_path: Path) -> None:
    """A query bounds a search, and a search is a part of queries, wherever these are asked."""
    for number, words in enumerate(["cuda out of memory", "disk was full", "cuda came back"]):
        with foldline.Run(
            id=f"run{number}", store=tmp_path, name=f"n{number}", params={"lr": 0.1 * number}
        ) as run:
            run.log_error(words)
            run.track(number, name="loss", step=1)
    with up(tmp_path) as server:
        server.wait_until_live()
        wait_for(found(server, "disk"), "the texts")
        page = search(server, "cuda", limit=1)
        assert (page["total"], page["exact"], len(page["runs"])) == (2, True, 1)
        assert page["runs"][0]["run"]["id"] == "run2"  # the newest
        assert page["watermark"] > 0
        page = search(server, "cuda", "run.params.lr < 0.15")
        assert [one["run"]["id"] for one in page["runs"]] == ["run0"] and page["total"] == 1
        page = search(server, "error OR cuda OR disk", "run.params.lr > 0.05")
        assert {one["run"]["id"] for one in page["runs"]} == {"run1", "run2"}
        page = search(server, "cuda", 'search("memory")')
        assert [one["run"]["id"] for one in page["runs"]] == ["run0"]
        page = search(server, "nosuchfield:cuda")
        assert "no field is called nosuchfield" in page["warnings"][0]

        page = search(server, "cuda", "run.params.lrr > 0.1")
        assert page["runs"] == [] and "lr" in page["warnings"][0]

        asked = {"query": 'search("cuda") and run.params.lr > 0.15', "limit": 5}
        assert [row["id"] for row in server.ask("runs/search", asked)["rows"]] == ["run2"]
        asked = {"text": "cuda", "limit": 1, "sort": [{"by": "run.created_at"}]}
        first = server.ask("runs/search", asked)
        assert (first["total"], first["rows"][0]["id"]) == (2, "run0")
        second = server.ask("runs/search", {**asked, "cursor": first["cursor"]})
        assert second["rows"][0]["id"] == "run2"
        code, error = failure(
            server, "runs/search", {**asked, "text": "disk", "cursor": first["cursor"]}
        )
        assert code == 400
        query = 'not search("cuda")'
        assert server.ask("series/search", {"query": query})["series"][0]["run"] == "run1"
        assert server.ask("explain", {"query": query})["matches"] == 1
        groups = server.ask("runs/groups", {"query": query, "by": ["run.status"]})
        assert groups["groups"][0]["runs"] == 1
        columns = server.ask("runs/columns", {"query": 'search("cuda")'})
        assert columns["runs"] == 2

        code, error = failure(server, "search?q=a%20after:banana")
        assert (code, error["code"], error["at"]) == (400, "bad_question", [2, 14])
        code, error = failure(server, "search?q=a&query=run.")
        assert (code, error["code"]) == (400, "bad_query")
        code, error = failure(server, "runs/search", {"query": 'search("level:loud")'})
        assert (code, error["code"], error["at"]) == (400, "bad_query", [8, 18])
        assert failure(server, "runs/search", {"text": "level:loud"})[1]["code"] == "bad_question"

        server.ask("runs/edit", {"ids": ["run2"], "edit": {"archived": True}})
        wait_for(lambda: search(server, "cuda")["total"] == 1, "the archived run to go")
        assert search(server, "cuda", "run.archived")["runs"][0]["run"]["id"] == "run2"


@pytest.mark.timeout(120)
def test_the_search_heals_while_it_is_served(tmp_path: Path) -> None:
    """The index deleted or broken, or the fold killed, under a running server: it comes back."""
    with foldline.Run(id="one", store=tmp_path) as run, up(tmp_path) as server:
        run.log_error("it broke")
        run.flush()
        wait_for(found(server, "broke"), "the message")
        for index in tmp_path.glob("views/text/*/text"):
            shutil.rmtree(index)
        run.log_error("once more")
        wait_for(found(server, '"once more"'), "the index to be made again")
        assert search(server, "broke")["total"] == 1
        for file in tmp_path.glob("views/text/*/text/*.*"):
            file.write_bytes(b"x")
        wait_for(found(server, "broke"), "the index to be made once more")
        # As a person does it: files that go by themselves meanwhile are no error.
        subprocess.run(["rm", "-rf", str(tmp_path / "views")], check=False)
        run.log_error("and again")
        wait_for(found(server, '"and again"'), "all views to be made again")
        pid = server.process.pid
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        run.log_error("after the fold")
        wait_for(found(server, '"after the fold"'), "another fold process")


def test_search_in_a_shell(tmp_path: Path) -> None:
    """The command prints runs and hits, as JSON what HTTP has, and points at what is wrong."""
    with foldline.Run(id="one", store=tmp_path, name="first", experiment="mnist") as run:
        run.log_warning("loader\nis slow \x1b[2J")
        run.add_tag("slow")
    store = ("--store", str(tmp_path))
    done = foldline_command("search", "slow", *store)
    assert done.status == 0
    assert done.output.splitlines() == [
        "one  first  mnist  finished",
        "  tag: slow",
        "  warning: loader is slow  [2J",
        "1 of 1 runs",
    ]
    done = foldline_command("search", "slow", "--hits", "1", "--json", *store)
    (only,) = json.loads(done.output)["runs"]
    assert only["run"]["id"] == "one" and only["more"]
    (hit,) = only["hits"]
    assert hit.pop("time") == only["run"]["created_at"]
    assert hit == {"kind": "run", "text": "slow", "marks": [[0, 4]], "field": "tag"}
    done = foldline_command("search", "slow", "--query", 'run.name == "other"', *store)
    assert (done.status, done.output) == (1, "0 of 0 runs\n")
    done = foldline_command("search", "level:loud", *store)
    assert done.status == 2 and "  level:loud\n  ^^^^^^^^^^" in done.errors
    done = foldline_command("search", "slow", "--query", "run.", *store)
    assert done.status == 2 and "  run.\n" in done.errors
    done = foldline_command("query", 'search("slow")', *store)
    assert done.output == "one\n"
    done = foldline_command("runs", "ls", "--query", 'search("nothing")', *store)
    assert done.status == 0 and "one" not in done.output


def test_search_in_python(tmp_path: Path) -> None:
    """A store is searched like it is queried; what it gives is runs, hits and how sure it is."""
    with foldline.Run(id="one", store=tmp_path, name="first") as run:
        run.log_error("cuda died")
        run.track(1.0, name="loss", step=1)
    with foldline.open(tmp_path) as store:
        found = store.search("cuda", limit=5)
        assert (len(found), found.total, found.exact, found.warnings) == (1, 1, True, [])
        assert found[0].run.name == "first" and found[0].hits[0].text == "cuda died"
        assert found[0].record()["text"] == "cuda died"
        assert [run.id for run in store.runs('search("cuda")')] == ["one"]
        assert len(store.series('search("cuda")')) == 1
        assert store.search("cuda", 'run.name == "x"').total == 0
        with pytest.raises(foldline.errors.QuestionError) as caught:
            store.search("a level:loud")
        assert caught.value.at == (2, 12)
