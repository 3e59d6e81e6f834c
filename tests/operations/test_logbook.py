"""What a server logs of itself."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.http_exceptions import BadStatusLine

from foldline_ui.logbook import (
    MESSAGE_CHARS_MAX,
    TRACE_CHARS_MAX,
    JsonLines,
    Lines,
    open_logbook,
    requests_log,
)
from tests.ui.processes import command

TOKEN = "ghp_" + "a1B2" * 9  # as GitHub makes them


@pytest.fixture
def _as_it_was() -> Iterator[None]:
    """Leave the process's own logging as it was."""
    root = logging.getLogger()
    before, level = list(root.handlers), requests_log.level
    yield
    root.handlers[:] = before
    requests_log.setLevel(level)


def line_of(message: str, *arguments: object, error: Exception | None = None) -> dict[str, Any]:
    record = logging.LogRecord(
        "foldline_ui.app", logging.WARNING, "app.py", 1, message, arguments,
        (type(error), error, error.__traceback__) if error else None,
    )  # fmt: skip
    text = JsonLines().format(record)
    assert "\n" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_record_is_one_line_of_json() -> None:
    """Time, level, event and message are told, whatever the message has in it."""
    line = line_of("the fold\nprocess ended with %d", 3)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "warning",
        "event": "message",
        "logger": "foldline_ui.app",
        "message": "the fold\nprocess ended with 3",
    }


def test_texts_are_cut_and_secrets_masked() -> None:
    """What somebody sent is in no log as a whole, and a token not at all."""
    line = line_of("no such run: %s", "x" * 10_000)
    assert len(line["message"]) == MESSAGE_CHARS_MAX
    assert TOKEN not in line_of("refused %s", TOKEN)["message"]
    try:
        raise ValueError(TOKEN + "y" * 50_000)
    except ValueError as error:
        line = line_of("it failed", error=error)
    assert line["event"] == "error"
    assert len(line["trace"]) <= TRACE_CHARS_MAX
    assert TOKEN not in line["trace"]


def logged(capsys: pytest.CaptureFixture[str]) -> str:
    """Return what was written to standard error since the last call."""
    for handler in logging.getLogger().handlers:
        handler.flush()
    return capsys.readouterr().err


@pytest.mark.usefixtures("_as_it_was")
def test_a_logbook_is_opened_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Opened again it takes the place of the one before: nothing is told twice."""
    open_logbook("text")
    open_logbook("json", requests=True)
    logging.getLogger("foldline_ui").warning("once")
    requests_log.info("GET /x 200", extra={"event": "request", "told": {"status": 200}})
    lines = [json.loads(line) for line in logged(capsys).splitlines()]
    assert [line["event"] for line in lines] == ["message", "request"]
    open_logbook("text", requests=True)
    requests_log.info("GET /x 200")
    assert logged(capsys) == "GET /x 200\n"
    open_logbook("json")
    requests_log.info("GET /x 200")
    assert logged(capsys) == ""


def test_a_reader_that_stalls_makes_nobody_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that find no room are counted, and told of once somebody reads again."""
    monkeypatch.setattr("foldline_ui.logbook.LINES_MAX", 10)
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "w") as stream, os.fdopen(ours) as reader:
        handler = Lines(stream)
        for _ in range(1000):
            handler.emit(logging.makeLogRecord({"msg": "x" * 1000}))
        told = dropped = 0
        while told + dropped < 1000:
            text = reader.readline()
            if "lines were not logged" in text:
                dropped += int(text.split()[0])
            else:
                told += 1
    assert dropped


@pytest.mark.usefixtures("_as_it_was")
def test_what_is_no_http_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """A stranger who sends nonsense fills nobody's disk with frames."""
    open_logbook("json")
    server = logging.getLogger("aiohttp.server")
    for error in (BadStatusLine("nonsense"), ValueError("ours")):
        server.error("Error handling request", exc_info=error)
    (line,) = logged(capsys).splitlines()
    assert "ours" in json.loads(line)["trace"]


def test_each_request_is_logged_on_demand(tmp_path: Path) -> None:
    """Route, status and milliseconds are told; no id, no query, no token of a caller is.

    What the fold process says is JSON too.
    """
    store = tmp_path / "store"
    (store / "packs").mkdir(parents=True)
    (store / "packs/broken.pack").write_bytes(bytes(200))
    line = command(
        "up", "--store", str(store), "--port", "0", "--json",
        "--log-format", "json", "--log-requests",
    )  # fmt: skip
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None and server.stderr is not None
        url = json.loads(server.stdout.readline())["url"]
        told = [json.loads(server.stderr.readline())]
        for path in (f"search?q={TOKEN}&limit=2", "runs/nobody", f"nothing?token={TOKEN}"):
            request = urllib.request.Request(
                f"{url}api/v1/{path}", headers={"Authorization": f"Bearer {TOKEN}"}
            )
            try:
                urllib.request.urlopen(request, timeout=10).close()
            except urllib.error.HTTPError as error:
                error.close()
        server.terminate()
        _, logged = server.communicate(timeout=20)
    assert TOKEN not in logged and "nobody" not in logged
    told += [json.loads(one) for one in logged.splitlines()]
    damage = next(one for one in told if one["event"] == "message")
    assert damage["logger"] == "foldline_ingest.log" and "broken.pack" in damage["message"]
    requests = [one for one in told if one["event"] == "request"]
    assert [(one["method"], one["route"]) for one in requests] == [
        ("GET", "/search"), ("GET", "/runs/{id}"), ("GET", "none"),
    ]  # fmt: skip
    assert all(one["ms"] >= 0 and one["level"] == "info" for one in requests)
    assert requests[1]["status"] == 404
