"""The commands that change, compare and export runs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from foldline_ui.cli.exits import Exit
from tests.ui.processes import Done, foldline_command, log_run, up


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with three finished runs."""
    folder = tmp_path / "store"
    log_run(folder, "a", params={"lr": 0.1, "net": "deep"})
    log_run(folder, "b", params={"lr": 0.2, "net": "deep"}, values=[3.0, 2.0])
    log_run(folder, "c", params={"lr": 0.1, "net": "deep", "seed": 1}, values=[1.0])
    return folder


def runs(store: Path, *words: str) -> Done:
    return foldline_command("runs", *words, "--store", str(store))


def listed(store: Path, query: str = "") -> dict[str, Any]:
    done = runs(store, "ls", "--json", "--query", query)
    return {row["id"]: row for row in json.loads(done.output)["rows"]}


def test_words_and_tags_are_changed(store: Path) -> None:
    """Each command changes what it says, and the next one sees it."""
    assert runs(store, "tag", "a", "b", "--add", "good", "odd").output == "tagged 2 runs\n"
    assert runs(store, "tag", "a", "--remove", "odd", "--add", "best").status == Exit.DONE
    assert runs(store, "rename", "a", "warm start").output == "renamed 1 run\n"
    done = runs(store, "note", "a", "diverged", "--json")
    assert [run["id"] for run in json.loads(done.output)["runs"]] == ["a"]
    shown = json.loads(runs(store, "show", "a", "--json").output)
    assert (shown["name"], shown["notes"], shown["tags"]) == (
        "warm start",
        "diverged",
        ["best", "good"],
    )
    assert runs(store, "rename", "a", "").status == Exit.DONE
    assert listed(store)["a"]["name"] == "a"


def test_runs_go_out_of_sight_and_come_back(store: Path) -> None:
    """Archived and deleted runs are in no list, and each comes back the way it went."""
    assert runs(store, "archive", "--query", "run.lr < 0.15").output == "archived 2 runs\n"
    assert set(listed(store)) == {"b"}
    assert "30 days" in runs(store, "rm", "b").output
    assert set(listed(store)) == set()
    assert set(listed(store, "run.deleted")) == {"b"}
    assert runs(store, "restore", "--query", "run.lr > 0").output == "restored 1 run\n"
    assert set(listed(store)) == {"b"}
    assert (
        runs(store, "archive", "--undo", "--query", "run.lr > 0").output == "brought back 2 runs\n"
    )
    assert set(listed(store)) == {"a", "b", "c"}
    assert runs(store, "archive", "--query", "run.lr > 9").output == "archived 0 runs\n"


def test_a_change_beside_a_server_is_shown_when_it_ends(store: Path) -> None:
    """The server's process folds it; the command waits for that."""
    with up(store) as server:
        server.wait_until_live()
        assert runs(store, "tag", "a", "--add", "best").status == Exit.DONE
        assert server.ask("runs/a")["tags"] == ["best"]
        assert runs(store, "rm", "a").status == Exit.DONE
        assert server.ask("runs/search", {})["total"] == 2


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("tag", "a"), Exit.USAGE, "no tag"),
        (("archive",), Exit.USAGE, "usage: foldline"),
        (("archive", "a", "--query", "run.lr > 0"), Exit.USAGE, "usage: foldline"),
        (("rm", "a", "nobody"), Exit.NO, "nobody"),
        (("archive", "--query", "run.lr >"), Exit.USAGE, "^"),
        (("compare", "a", "nobody"), Exit.NO, "nobody"),
        (("export", "--columns", "run."), Exit.USAGE, "\n  run.\n"),
        (("export", "--best", "run.lr"), Exit.USAGE, "--group-by"),
        (("export", "--format", "xlsx"), Exit.USAGE, "usage: foldline"),
        (("export", "--output", "/nowhere/runs.csv"), Exit.STORE, "--output"),
    ],
)
def test_what_is_wrong_is_told(
    store: Path, words: tuple[str, ...], status: Exit, told: str
) -> None:
    """A mistake changes nothing, and its exit status tells scripts which kind it was."""
    done = runs(store, *words)
    assert done.status == status, done
    assert told in done.output + done.errors
    assert "Traceback" not in done.errors
    assert set(listed(store)) == {"a", "b", "c"}


def test_runs_are_compared(store: Path) -> None:
    """A comparison shows what differs and nothing else, unless all is asked for."""
    done = runs(store, "compare", "a", "b", "--json")
    columns = {line["column"]: line["values"] for line in json.loads(done.output)["columns"]}
    assert columns["run.lr"] == [0.1, 0.2]
    assert columns['run.metrics["loss", {"subset": "val"}].last'] == ["NaN", 2.0]
    assert "run.net" not in columns and "run.seed" not in columns
    lines = runs(store, "compare", "a", "c").output.splitlines()
    assert lines[0].split() == ["COLUMN", "a", "c"]
    assert ["run.seed", "-", "1"] in [line.split() for line in lines]
    assert "run.net" in runs(store, "compare", "a", "c", "--all").output


def test_runs_are_exported(store: Path, tmp_path: Path) -> None:
    """What is printed and what is written are the same bytes, in the order that was asked for."""
    words = ("--columns", "run.id", "run.lr", 'run.metrics["loss"].min')
    order = ("--sort", "run.lr", "run.id", "--ascending")
    printed = runs(store, "export", *words, *order).output
    rows = list(csv.reader(io.StringIO(printed, newline="")))
    assert rows[1:] == [["a", "0.1", "0.5"], ["c", "0.1", "1.0"], ["b", "0.2", "2.0"]]
    file = tmp_path / "runs.csv"
    done = runs(store, "export", *words, *order, "--output", str(file))
    assert "3 rows of 3 columns" in done.output
    assert file.read_bytes() == printed.encode()
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []
    done = runs(store, "export", "--json", "--query", 'run.id == "b"')
    (row,) = json.loads(done.output)
    assert (row["run.id"], row["run.net"]) == ("b", "deep")


def test_groups_are_exported(store: Path) -> None:
    """A row is a group, with its figures and its best run."""
    words = ("--group-by", "run.lr", "--columns", 'run.metrics["loss"].min', "--format", "jsonl")
    done = runs(store, "export", *words, "--best", 'run.metrics["loss"].min')
    rows = [json.loads(line) for line in done.output.splitlines()]
    assert [(row["run.lr"], row["runs"], row["best run"]) for row in rows] == [
        (0.1, 2, "a"),
        (0.2, 1, "b"),
    ]


def test_what_was_deleted_is_freed(store: Path) -> None:
    """A dry run tells what would go; nothing goes before its time, and then all of it does."""

    def gc(*words: str) -> Done:
        return foldline_command("gc", "--store", str(store), *words)

    assert runs(store, "rm", "a").status == Exit.DONE
    assert gc().output.startswith("freed 0 runs with 0 bytes of log")
    assert gc("--older-than", "0d", "--dry-run").output.startswith("would free 1 runs with ")
    assert set(listed(store, "run.deleted")) == {"a"}
    done = json.loads(gc("--older-than", "0h", "--json").output)
    assert (done["runs"], done["alive"], done["dry_run"]) == (["a"], [], False)
    assert done["log_bytes"] > 0
    assert not (store / "runs" / "a").exists()
    assert runs(store, "restore", "a").status == Exit.NO
    assert set(listed(store)) == {"b", "c"}
    assert gc("--older-than", "soon").status == Exit.USAGE
    with up(store) as server:
        server.wait_until_live()
        assert gc().status == Exit.BUSY
