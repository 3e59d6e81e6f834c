"""The command that shows what a run printed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

import foldline
from foldline.events import ConsolePrinted
from tests.ui.processes import DEADLINE_S, command, foldline_command, log_run


@pytest.fixture
def run(tmp_path: Path) -> Iterator[foldline.Run]:
    """Return a living run that has printed and said something."""
    with foldline.Run(id="first", store=tmp_path, capture=False) as made:
        for number, stream in enumerate(("stdout", "stderr", "stdout")):
            printed(made, number, f"line {number}", stream)
        made.log_warning("slow \x1b[31mloader\x1b[0m\x1b[2J")
        made.log_info("all well")
        yield made


def printed(run: foldline.Run, number: int, text: str, stream: str = "stdout", **more: Any) -> None:
    run._writer.event(ConsolePrinted(stream, number, text, **more))


def logs(tmp_path: Path, *words: str) -> list[str]:
    done = foldline_command("logs", "first", "--store", str(tmp_path), *words)
    assert done.status == 0 and done.errors == ""
    return done.output.splitlines()


def test_lines_and_messages_are_shown(tmp_path: Path, run: foldline.Run) -> None:
    """What a living run printed, or said at a level, or the last of it, without a server."""
    assert logs(tmp_path) == ["line 0", "line 1", "line 2"]
    assert logs(tmp_path, "--tail", "2") == ["line 1", "line 2"]
    assert logs(tmp_path, "--stderr") == ["line 1"]
    assert logs(tmp_path, "--rank", "3") == []
    (warning,) = logs(tmp_path, "--level", "warning")
    assert warning.endswith(" warning: slow \x1b[31mloader\x1b[0m[2J")
    assert len(logs(tmp_path, "--level", "debug")) == 2


def test_json_has_all_of_a_line(tmp_path: Path, run: foldline.Run) -> None:
    """Each line is an object with its writer, number, stream and time."""
    first, *_ = map(json.loads, logs(tmp_path, "--json"))
    assert (first["text"], first["number"], first["stream"]) == ("line 0", 0, "stdout")
    assert set(first) == {"time", "stream", "host", "rank", "writer", "number", "text"}


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    """No such run is an exit status of 1, no such store of 5, a wrong option of 2."""
    missing = foldline_command("logs", "first", "--store", str(tmp_path))
    assert missing.status == 5
    log_run(tmp_path, "other")
    missing = foldline_command("logs", "first", "--store", str(tmp_path))
    assert missing.status == 1 and "no run first" in missing.errors
    assert foldline_command("logs", "first", "--tail", "-1").status == 2
    assert foldline_command("logs", "../../etc", "--store", str(tmp_path)).status == 1


@contextmanager
def followed(tmp_path: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    line = command("logs", "first", "--store", str(tmp_path), "--follow", *words)
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def read(stream: IO[str] | None, count: int) -> list[str]:
    assert stream is not None
    return [stream.readline().rstrip("\n") for _ in range(count)]


def test_a_run_is_followed_to_its_end(tmp_path: Path, run: foldline.Run) -> None:
    """New lines come as they end, a bar once, and the command ends as the run does."""
    with followed(tmp_path, "--tail", "1") as process:
        assert read(process.stdout, 1) == ["line 2"]
        printed(run, 3, "bar 10%", ended=False)
        printed(run, 3, "bar 100%\nline 4")
        assert read(process.stdout, 2) == ["bar 100%", "line 4"]
        printed(run, 5, "last words", ended=False)
        run.finish()
        assert read(process.stdout, 1) == ["last words"]
        assert process.wait(DEADLINE_S) == 0


def test_following_ends_at_ctrl_c(tmp_path: Path, run: foldline.Run) -> None:
    """Who has seen enough gets the exit status that shells expect, and no traceback."""
    with followed(tmp_path) as process:
        assert read(process.stdout, 3) == ["line 0", "line 1", "line 2"]
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 130
        assert process.stderr is not None and process.stderr.read() == ""
