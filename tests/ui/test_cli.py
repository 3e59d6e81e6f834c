"""What each command does, prints and exits with."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from foldline.layout import Layout, SegmentName
from foldline_ui.cli.exits import Exit
from foldline_ui.cli.terminal import table, term
from tests.canonical import dump_of
from tests.ui.processes import Done, command, foldline_command, log_run, up


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with two finished runs."""
    folder = tmp_path / "store"
    log_run(folder, "first")
    log_run(folder, "second", params={"lr": 0.2, "model": {"depth": 3}}, values=[3.0, 2.0])
    return folder


def damage(store: Path, run: str = "first") -> Path:
    """Change a byte of a segment that is finished."""
    (segment,) = (store / "runs" / run / "log").glob("*.fold")
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 0xFF
    segment.write_bytes(content)
    return segment


def check(done: Done, status: Exit, *told: str) -> None:
    """Assert how a command ended, and words of what it said to a person."""
    assert done.status == status, done
    assert "Traceback" not in done.errors
    for words in told:
        assert words in done.output + done.errors


def test_help_and_version_load_no_server() -> None:
    """What takes no server does not wait for its packages to be loaded."""
    loaded = loaded_by(
        "import foldline_ui.__main__ as entry\n"
        "try: entry.main(['--version'])\n"
        "except SystemExit: pass"
    )
    assert "foldline_ui" in loaded
    assert not loaded & {"aiohttp", "numpy", "anyio", "aiosqlite"}


def test_the_fold_process_loads_no_server() -> None:
    """What folds answers nobody, and is at work sooner without what would."""
    loaded = loaded_by("import foldline_ui.cli.fold")
    assert "foldline_views" in loaded
    assert "aiohttp" not in loaded


def loaded_by(code: str) -> set[str]:
    """Return the packages that a new process has loaded after some code."""
    code += "\nimport sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=30
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("prefix", ["lab", "/a b", "/<x>", "/../x", "/x/..", "//x", "/{x}", '/"'])
def test_a_prefix_is_a_path(prefix: str) -> None:
    """What could be taken for something else in a page or in a route is refused."""
    check(foldline_command("up", "--prefix", prefix), Exit.USAGE, "no path such as")


@pytest.mark.parametrize(
    "words", [("up",), ("runs", "ls"), ("runs", "show"), ("verify",), ("rebuild",), ("demo",)]
)
def test_help_has_an_example(words: tuple[str, ...]) -> None:
    """Every command's help ends with a line that can be typed as it stands."""
    done = foldline_command(*words, "--help")
    check(done, Exit.DONE, "example: foldline " + " ".join(words))


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nonsense",),
        ("runs",),
        ("up", "--prot", "1"),
        ("up", "--port", "x"),
        ("runs", "ls", "--limit", "0"),
        ("runs", "ls", "--limit", "1001"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(words: tuple[str, ...]) -> None:
    """What can't be understood is told, never guessed, not even from its beginning."""
    check(foldline_command(*words), Exit.USAGE, "usage: foldline")


@pytest.mark.parametrize(
    "words", [("runs", "ls"), ("runs", "show", "first"), ("verify",), ("rebuild",)]
)
def test_a_store_that_is_not_there_is_told(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Reading commands make no store: a wrong path is an error, and leaves no trace."""
    wanted = tmp_path / "nowhere"
    check(foldline_command(*words, "--store", str(wanted)), Exit.STORE, "error: ", "hint: ")
    assert not wanted.exists()


@pytest.mark.parametrize(
    "words", [("up", "--port", "0"), ("runs", "ls"), ("verify",), ("rebuild",)]
)
def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A format of the future is refused before anything in the store is touched."""
    store = tmp_path / "store"
    store.mkdir()
    (store / "store.json").write_text('{"format": 99}')
    check(foldline_command(*words, "--store", str(store)), Exit.STORE, "format 99", "upgrade")
    assert (store / "store.json").read_text() == '{"format": 99}'
    assert not (store / "views").exists()


def test_a_store_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file where the folder should be is an error with a way on, and no traceback."""
    (tmp_path / "file").write_text("")
    done = foldline_command("up", "--port", "0", "--store", str(tmp_path / "file" / "store"))
    check(done, Exit.STORE, "error: ", "hint: ")


def test_up_refuses_other_hosts(tmp_path: Path) -> None:
    """Without a token only loopback is served; the refusal says why, and two ways out."""
    words = ("up", "--host", "192.0.2.1", "--store", str(tmp_path / "store"))
    told = ("without a token", "foldline token create", "ssh -L")
    check(foldline_command(*words), Exit.USAGE, *told)


def test_runs_are_listed(store: Path) -> None:
    """Without a server, a list of runs has what was logged a moment ago, newest first."""
    done = foldline_command("runs", "ls", "--store", str(store))
    check(done, Exit.DONE, "STATUS", "mnist", "finished")
    lines = done.output.splitlines()
    assert lines[0].startswith("ID")
    assert [line.split()[0] for line in lines[1:]] == ["second", "first"]


def test_runs_are_listed_as_asked(store: Path) -> None:
    """Query, order and limit pick the rows; the rest is counted."""
    base = ("runs", "ls", "--store", str(store))
    done = foldline_command(*base, "--query", "run.lr > 0.15", "--json")
    assert [row["id"] for row in json.loads(done.output)["rows"]] == ["second"]
    done = foldline_command(*base, "--sort", "run.lr", "--ascending", "--json")
    assert [row["id"] for row in json.loads(done.output)["rows"]] == ["first", "second"]
    check(foldline_command(*base, "--limit", "1"), Exit.DONE, "1 of 2 runs")


def test_a_wrong_query_is_underlined(store: Path) -> None:
    """A query error shows the query, and a caret under each character to blame."""
    query = "run.lr >> 0.1"
    done = foldline_command("runs", "ls", "--store", str(store), "--query", query)
    check(done, Exit.USAGE, "error: ", f"\n  {query}\n", "^")
    done = foldline_command("runs", "ls", "--store", str(store), "--query", query, "--json")
    assert done.status == Exit.USAGE
    assert json.loads(done.errors)["error"]["code"] == "bad_query"


def test_a_wrong_order_is_underlined_too(store: Path) -> None:
    """The caret stands under the text that is wrong, be it the query or the order."""
    words = ("runs", "ls", "--store", str(store), "--query", "run.lr > 0", "--sort", "run.")
    done = foldline_command(*words)
    check(done, Exit.USAGE, "error: ", "\n  run.\n", "^")
    assert "run.lr" not in done.errors


def test_a_query_prints_what_matches(store: Path) -> None:
    """For scripts: an id a line, or the series with their runs; warnings come last."""
    base = ("query", "--store", str(store))
    done = foldline_command(*base, "run.lr > 0.15")
    check(done, Exit.DONE)
    assert done.output.splitlines() == ["second"]
    done = foldline_command(*base, 'metric.name == "loss" and run.lr > 0.15', "--series")
    assert done.output.splitlines() == ['second loss {"subset":"val"}']
    done = foldline_command(*base, "run.lrr > 0.15", "--json")
    shown = json.loads(done.output)
    assert shown["matches"] == []
    assert "did you mean run.lr?" in shown["warnings"][0]
    check(foldline_command(*base, "run.lr >"), Exit.USAGE, "\n  run.lr >\n", "^")


def test_a_query_is_explained(store: Path) -> None:
    """Each part is told with what it is, where it holds and what it costs."""
    words = ("query", "--store", str(store), "run.lr > 0.15", "--explain")
    check(foldline_command(*words), Exit.DONE, "PART", "run.lr > 0.15", "numbers", "1 of 2 match")
    shown = json.loads(foldline_command(*words, "--json").output)
    assert (shown["total"], shown["matches"], shown["cells"]) == (2, 1, 0)


def test_a_run_is_shown(store: Path) -> None:
    """One run is shown with its settings and its metrics, NaN included."""
    done = foldline_command("runs", "show", "first", "--store", str(store))
    check(done, Exit.DONE, "the first", "lr", "0.1", "loss", '{"subset":"val"}', "NaN")
    done = foldline_command("runs", "show", "second", "--store", str(store), "--json")
    shown = json.loads(done.output)
    assert shown["params"] == {"lr": 0.2, "model": {"depth": 3}}
    assert shown["metrics"][0]["last"]["value"] == 2.0
    assert len(shown["writers"]) == 1


def test_a_run_that_is_not_there_is_no(store: Path) -> None:
    """A script can tell a missing run from a missing store."""
    done = foldline_command("runs", "show", "third", "--store", str(store))
    check(done, Exit.NO, "third", "hint: ")
    done = foldline_command("runs", "show", "third", "--store", str(store), "--json")
    assert json.loads(done.errors)["error"]["code"] == "run_not_found"


def test_a_sound_log_is_verified(store: Path) -> None:
    """Every byte of a sound log is read, and nothing is found."""
    check(
        foldline_command("verify", "--store", str(store)),
        Exit.DONE,
        "2 segments",
        "5 points",
        "nothing is damaged",
    )


def test_damage_is_listed_with_its_place(store: Path) -> None:
    """A changed byte is found, told with file and offset, and left where it is."""
    segment = damage(store)
    before = segment.read_bytes()
    done = foldline_command("verify", "--store", str(store))
    check(done, Exit.NO, "FILE:OFFSET", "first/", "hint: ")
    done = foldline_command("verify", "--store", str(store), "--json")
    assert done.status == Exit.NO
    place = json.loads(done.output)["damage"][0]
    name = SegmentName(*place["segment"].split("/"))
    assert Layout(store).segment(name) == segment
    middle = len(before) // 2
    assert place["offset"] <= middle < place["offset"] + place["length"]
    assert segment.read_bytes() == before


def test_views_are_rebuilt(store: Path) -> None:
    """Views made again from the log answer as before."""
    before = foldline_command("runs", "ls", "--store", str(store), "--json").output
    check(foldline_command("rebuild", "--store", str(store)), Exit.DONE, "rebuilt the views")
    done = foldline_command("rebuild", "--store", str(store), "--json")
    assert json.loads(done.output)["log_bytes"] > 0
    one = foldline_command("rebuild", "--store", str(store), "--json", "--view", "points")
    assert json.loads(one.output)["views"] == ["points"]
    wrong = foldline_command("rebuild", "--store", str(store), "--view", "pints")
    check(wrong, Exit.USAGE, "no views called pints", "points")
    after = foldline_command("runs", "ls", "--store", str(store), "--json").output
    assert json.loads(after) == json.loads(before)


def test_views_that_were_deleted_are_rebuilt_whole(store: Path) -> None:
    """With no views left, a rebuild is done when all of the log is folded."""
    foldline_command("runs", "ls", "--store", str(store))
    shutil.rmtree(store / "views")
    done = foldline_command("rebuild", "--store", str(store), "--json")
    assert json.loads(done.output)["log_bytes"] > 0
    runs = dump_of(store)
    check(foldline_command("runs", "ls", "--store", str(store)), Exit.DONE, "second")
    assert dump_of(store) == runs


def test_commands_work_beside_a_server(store: Path) -> None:
    """Reading needs no lease; a rebuild does, and says who holds it."""
    with up(store) as server:
        server.wait_until_live()
        check(foldline_command("runs", "ls", "--store", str(store)), Exit.DONE, "second")
        check(foldline_command("verify", "--store", str(store)), Exit.DONE, "nothing is damaged")
        check(foldline_command("rebuild", "--store", str(store)), Exit.BUSY, "hint: ")
        second = foldline_command("up", "--store", str(store), "--port", "0")
        check(second, Exit.BUSY, server.url, f"kill {server.process.pid}")


def test_a_reader_that_has_enough_is_no_error(store: Path) -> None:
    """`foldline runs ls | head -1` ends in silence."""
    line = command("runs", "ls", "--store", str(store))
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(30) == Exit.DONE


def test_tables_have_columns() -> None:
    """Cells stand under each other, whatever their length."""
    assert table(("A", "B"), [("long", "x"), ("s", "y")]).splitlines() == [
        "A     B",
        "long  x",
        "s     y",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0.0 s"), (59.9, "59 s"), (61, "1 m 1 s"), (3700, "1 h 1 m"), (90_000, "1 d 1 h")],
)
def test_terms_have_two_units(seconds: float, text: str) -> None:
    """A length of time is told as exactly as a person wants it."""
    assert term(seconds) == text
