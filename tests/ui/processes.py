"""Real servers, and commands run to their end."""

from __future__ import annotations

import contextlib
import io
import json
import queue
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

import foldline
from foldline_ui.__main__ import main
from tests import warm
from tests.patience import wait_for

DEADLINE_S = 30.0  # a server on a busy machine; it takes a second


class Done(NamedTuple):
    """How a command ended, and what it wrote."""

    status: int
    output: str
    errors: str


def command(*words: str) -> list[str]:
    """Return the command line of `foldline WORDS...`."""
    return [sys.executable, "-m", "foldline_ui", *words]


def foldline_command(*words: str) -> Done:
    """Run a command to its end, in this process: starting another one costs a second."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            status = main(words)
        except SystemExit as end:
            status = int(end.code or 0)
    return Done(status, output.getvalue(), errors.getvalue())


class Server:
    """A running `foldline up`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.url = str(msgspec.json.decode(self.lines.get(timeout=DEADLINE_S))["url"])
        except (msgspec.MsgspecError, queue.Empty):
            process.kill()
            raise AssertionError(process.communicate()[1]) from None

    @property
    def port(self) -> int:
        return int(urlsplit(self.url).port or 0)

    def ask(self, path: str, body: object = None) -> Any:
        """Return the JSON answer of a route."""
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}api/v1/{path}",
            data=content,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def wait_until_live(self) -> None:
        """Wait until all that was logged is folded, and the server answers with it."""
        wait_for(
            lambda: (
                (health := self.ask("health"))["fold"]["state"] == "live"
                and health["lag_bytes"] == 0
                and any(
                    shelf["name"] == "catalog" and shelf["watermark"] == health["watermark"]
                    for shelf in health["shelves"]
                )
            ),
            "the fold to be live",
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask the server to end, and return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)


@contextmanager
def up(store: Path, *words: str, port: int = 0) -> Iterator[Server]:
    """Serve a store until the block ends."""
    line = ["up", "--store", str(store), "--port", str(port), "--json", *words]
    with warm.start(*line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield Server(process)
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(DEADLINE_S)
                except subprocess.TimeoutExpired:
                    process.kill()


def log_run(
    store: Path,
    run: str = "first",
    *,
    values: Sequence[float] = (0.9, 0.5, float("nan")),
    params: dict[str, Any] | None = None,
) -> None:
    """Log a finished run."""
    with foldline.Run(
        id=run, experiment="mnist", name=f"the {run}", params=params or {"lr": 0.1}, store=store
    ) as logged:
        for step, value in enumerate(values):
            logged.track(value, name="loss", step=step, context={"subset": "val"})
