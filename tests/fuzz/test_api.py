"""Every route, asked whatever its description allows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import foldline
from tests.ui.processes import Server, log_run, up

SEED = 20261128
EXAMPLES = 5  # requests of chance to each route, after those at the bounds of what it takes
BUDGET_S = 8  # what is not asked by then is asked by `make faults`
LONG_EXAMPLES = 300
LONG_S = 900
ROOT = Path(__file__).resolve().parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml")
# What is checked of each answer. What a route takes is refused by value too, such as a query that
# can't be understood, so "what fits its schema is answered by 200" is not among them; and
# `/runs/edit` takes a GET, as that of the run "edit".
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
# Streams of events never end, and nothing else of ours is a stream.
STREAMS = "/api/v1/events"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Serve a run that ended, and one with a text and a message."""
    store = tmp_path / "store"
    log_run(store, "0k1")
    with foldline.Run(id="two", store=store, tags=["x"]) as run:
        run.track(foldline.Text("hello " * 2000), name="said", step=0)
        run.log_info("told")
    with up(store) as found:
        found.wait_until_live()
        yield found


def ask(server: Server, folder: Path, examples: int, budget_s: int) -> str:
    """Let schemathesis ask the server; return what it found wrong."""
    line = [
        sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(CONFIG),
        "run", f"{server.url}api/v1/openapi.json", "--exclude-path", STREAMS,
        "--checks", ",".join(CHECKS), "--seed", str(SEED), "--max-examples", str(examples),
        "--phases", "coverage,fuzzing", "--max-time", str(budget_s), "--request-timeout", "10",
        "--continue-on-failure", "--generation-database", "none",
        # In two threads of its own it parses Python, which 3.11 does not survive: gh-106905.
        "--workers", "1",
    ]  # fmt: skip
    done = subprocess.run(
        line,
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz.addresses", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=budget_s + 100,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stdout[-3000:] + done.stderr[-3000:]
    return "" if done.returncode == 0 else done.stdout[-8000:]


def test_no_request_breaks_the_server(server: Server, tmp_path: Path) -> None:
    """No answer is a failure of ours, each is as the document says, and wrong ones are refused."""
    assert ask(server, tmp_path, EXAMPLES, BUDGET_S) == ""
    assert server.ask("health")["fold"]["state"] == "live"


@pytest.mark.long
@pytest.mark.timeout(LONG_S + 200)
def test_no_request_of_thousands_breaks_the_server(server: Server, tmp_path: Path) -> None:
    """The same with hundreds of requests to each route."""
    assert ask(server, tmp_path, LONG_EXAMPLES, LONG_S) == ""
