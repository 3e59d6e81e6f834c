"""A headless Chromium and the line to it.

Chromium's DevTools protocol is spoken over two pipes, as JSON messages that end in a zero byte: no
port that another process could find, and no driver to install.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .binary import find_binary

__all__ = ["Chromium", "DevToolsError"]

REPLY_S = 30.0  # a page that renders in software on a busy machine answers well within it
EXIT_S = 10.0
FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",  # containers rarely allow user namespaces; only our own pages are opened
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",  # a container's /dev/shm is often 64 MB
    "--disable-extensions",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--metrics-recording-only",
    "--mute-audio",
)

# Chromium reads commands from descriptor 3 and writes to 4. The pipes are moved out of the way
# first, because either may be 3 or 4 already.
LAUNCHER = """
import fcntl, os, sys
pipes = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for pipe, place in zip(pipes, (3, 4)):
    os.dup2(pipe, place)
os.execv(sys.argv[3], sys.argv[3:])
"""

Listener = Callable[[str, dict[str, Any]], None]


class DevToolsError(Exception):
    """Chromium refused a command, or did not answer in time."""


class Chromium:
    """One browser process; pages talk through it.

    Messages are read only while somebody waits for an answer, so there is no thread.
    """

    def __init__(self) -> None:
        binary = find_binary()
        self._profile = tempfile.TemporaryDirectory(
            prefix="foldline-chromium-", ignore_cleanup_errors=True
        )
        from_us, self._to = os.pipe()
        self._from, to_us = os.pipe()
        launch = [sys.executable, "-I", "-S", "-c", LAUNCHER, str(from_us), str(to_us)]
        self._log = (Path(self._profile.name) / "stderr.log").open("wb")
        self._process = subprocess.Popen(
            [*launch, str(binary.path), *FLAGS, f"--user-data-dir={self._profile.name}"],
            pass_fds=(from_us, to_us),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, **binary.environment},
        )
        os.close(from_us)
        os.close(to_us)
        self._buffer = b""
        self._next = 0
        self._replies: dict[int, dict[str, Any]] = {}
        self._listeners: dict[str, Listener] = {}
        try:
            self.version: str = self.send("Browser.getVersion")["product"]
        except DevToolsError:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The browser's process id."""
        return self._process.pid

    def listen(self, session: str, listener: Listener | None) -> None:
        """Give each event of a session to `listener`; None stops it."""
        if listener is None:
            self._listeners.pop(session, None)
        else:
            self._listeners[session] = listener

    def send(self, method: str, session: str = "", /, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result.

        Raises DevToolsError.
        """
        self._next += 1
        number = self._next
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        rest = json.dumps(message).encode() + b"\0"
        while rest:
            rest = rest[os.write(self._to, rest) :]
        end = time.monotonic() + REPLY_S
        while number not in self._replies:
            self.pump(end - time.monotonic(), f"the answer to {method}")
        reply = self._replies.pop(number)
        if "error" in reply:
            raise DevToolsError(f"{method}: {reply['error']['message']}")
        return dict(reply["result"])

    def pump(self, timeout_s: float, what: str = "") -> None:
        """Read what has come, waiting `timeout_s` for the first of it.

        Raises DevToolsError if nothing came and `what` was waited for, or Chromium is gone.
        """
        if not select.select([self._from], [], [], max(0.0, timeout_s))[0]:
            if what:
                raise DevToolsError(f"waited {REPLY_S:g} s for {what}")
            return
        chunk = os.read(self._from, 1 << 16)
        if not chunk:
            raise DevToolsError(f"Chromium has gone:\n{self._last_words()}")
        *messages, self._buffer = (self._buffer + chunk).split(b"\0")
        for text in messages:
            message = json.loads(text)
            if "id" in message:
                self._replies[message["id"]] = message
            elif listener := self._listeners.get(message.get("sessionId", "")):
                listener(message["method"], message["params"])

    def close(self) -> None:
        """End the browser, by its own process id."""
        os.close(self._to)  # it ends by itself when the line is cut
        try:
            self._process.wait(EXIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._from)
        self._log.close()
        self._profile.cleanup()

    def _last_words(self) -> str:
        self._log.flush()
        return Path(self._log.name).read_text(errors="replace")[-2000:]
