"""Bringing runs in: once, whole, and by the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline.errors import ForeignUnreadable
from foldline.layout import Layout
from foldline_ingest.imports.bringing import bring, segment_of
from foldline_ingest.imports.foreign import ForeignRun, Item
from foldline_ingest.imports.protobuf import Message
from foldline_ingest.verify import verify
from foldline_ui.__main__ import main
from tests.imports.making import event, event_file, mlflow_database, scalar

T0 = 1_700_000_000.0


def logged(folder: Path) -> Path:
    for run in ("a", "b"):
        events = [event(step, T0 + step, scalar("loss", step)) for step in range(3)]
        event_file(folder / run / "events.out.tfevents.1.h", events)
    return folder


def test_what_is_there_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command brings in all that is there, of any tracker; typed again, nothing changes."""
    mlflow_database(logged(tmp_path / "logs") / "mlflow.db")
    command = ["import", str(tmp_path / "logs"), "--store", str(tmp_path / "store")]
    assert main([*command, "--experiment", "old"]) == 0
    assert "brought in 3 runs with 8 points" in capsys.readouterr().out
    before = {path: path.read_bytes() for path in (tmp_path / "store/runs").rglob("*.fold")}
    assert main([*command, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert [run["there"] for run in again["runs"]] == [True, True, True]
    assert before == {path: path.read_bytes() for path in (tmp_path / "store/runs").rglob("*.fold")}
    assert not verify(Layout(tmp_path / "store")).damage
    assert main(["query", 'run.experiment == "old"', "--store", str(tmp_path / "store")]) == 0
    assert len(capsys.readouterr().out.split()) == 3


def test_runs_are_listed_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dry run lists the runs and makes no store; `--from` leaves out other trackers."""
    mlflow_database(logged(tmp_path / "logs") / "mlflow.db")
    store = tmp_path / "store"
    command = ["import", str(tmp_path / "logs"), "--store", str(store), "--dry-run"]
    assert main(command) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert main([*command, "--from", "mlflow", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "one"
    assert not store.exists()


def test_one_that_cannot_be_read_stops_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is none of its kind is told, the others come, and the status says so."""
    logged(tmp_path / "logs")
    (tmp_path / "logs/c").mkdir()
    (tmp_path / "logs/c/events.out.tfevents.1.h").write_bytes(b"something else entirely")
    assert main(["import", str(tmp_path / "logs"), "--store", str(tmp_path / "store")]) == 1
    shown = capsys.readouterr()
    assert "brought in 2 runs" in shown.out
    assert "events.out.tfevents.1.h can't be read" in shown.err and "hint: " in shown.err


def test_a_pipe_holds_nobody_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no file is passed over, whatever its name, and a link to a folder is not followed."""
    logged(tmp_path / "logs")
    os.mkfifo(tmp_path / "logs/events.out.tfevents.9.h")
    (tmp_path / "logs/latest").symlink_to(tmp_path / "logs")
    assert main(["import", str(tmp_path / "logs"), "--store", str(tmp_path / "store")]) == 0
    assert "brought in 2 runs" in capsys.readouterr().out


@pytest.mark.parametrize("path", ["", "nowhere"])
def test_nothing_to_bring_in_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    """A folder without such files, or no folder, is told with what to name."""
    assert main(["import", str(tmp_path / path), "--store", str(tmp_path / "store")]) == 1
    assert "hint: name a folder with event files" in capsys.readouterr().err


def test_half_a_run_is_never_there(tmp_path: Path) -> None:
    """Where reading fails in the middle, nothing of the run is in the store."""

    def read() -> Iterator[Item]:
        yield from ()
        raise OSError("the disk is gone")

    run = ForeignRun("tensorboard", "x", T0, read, [tmp_path / "x"])
    layout = Layout(tmp_path / "store")
    layout.create()
    with pytest.raises(ForeignUnreadable, match="the disk is gone"):
        bring(layout, run)
    assert list(layout.segment(segment_of(run)).parent.iterdir()) == []
    assert list(layout.active.iterdir()) == []


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_none(data: bytes) -> None:
    """Bytes of strangers are read as a message, or refused as what is none."""
    with suppress(ValueError):
        message = Message(data)
        for read in (message.integer, message.real, message.text, message.texts):
            read(1)
        message.integers(1)
