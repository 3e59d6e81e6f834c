"""Our command, in processes with everything imported.

python -m tests.warm DESCRIPTOR

A server spends most of a second of processor time on imports, and the tests start a hundred. Here
one process imports it all and forks a child for each command. What is forked is a process like any
other, with descriptors, an environment and an end of its own. `start` is the other end.
"""

from __future__ import annotations

import atexit
import inspect
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from foldline_ui import __main__ as entry

__all__ = ["start"]

REQUEST_BYTES_MAX = 128 << 10  # an environment and some words; a packet holds more
DESCRIPTORS = 4  # input, output, errors, and where the end is told
PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
INTERPRETERS = ("PYTHON", "LD_", "DYLD_")  # variables that are read when an interpreter starts

ROOT = Path(__file__).resolve().parents[1]  # where `tests` is found
# As it was before any test has changed it.
ENVIRONMENT = dict(os.environ)

_turn = threading.Lock()  # a request and its answer are of one thread


def start(*words: str, **more: Any) -> subprocess.Popen[str]:
    """Start `foldline WORDS...`; what else is said is as of `subprocess.Popen`.

    Whoever sets a variable for the interpreter gets a new one.
    """
    if _of_interpreter(more.get("env") or os.environ) != _of_interpreter(ENVIRONMENT):
        return subprocess.Popen([sys.executable, "-m", "foldline_ui", *words], text=True, **more)
    return _Forked(list(words), text=True, **more)


class _Forked(subprocess.Popen[str]):
    """A process that somebody else has forked, and waits for."""

    _told = -1  # where its end is told

    def _execute_child(self, *arguments: Any) -> None:
        """Have it forked, in the place of what the class does here; all the rest is the class's."""
        # Which arguments there are differs from Python to Python, and their names do not.
        own = super()._execute_child  # type: ignore[misc]  # no public way is between the two
        given = inspect.signature(own).bind(*arguments).arguments
        ends = [given[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        descriptors = [number if end == -1 else end for number, end in enumerate(ends)]
        told, tells = os.pipe()
        try:
            request = {
                "words": given["args"],
                "cwd": str(Path(given["cwd"] or "").absolute()),
                "env": dict(given["env"] or os.environ),
            }
            with _turn:
                there = _forking()
                socket.send_fds(there, [json.dumps(request).encode()], [*descriptors, tells])
                self.pid = int(there.recv(32))
        finally:
            os.close(tells)
        self._child_created = True
        self._told = told
        self._close_pipe_fds(  # type: ignore[attr-defined]  # a part of the class that we stand in
            *(given[end] for end in PIPES)
        )

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        return self._taken(0)

    def _wait(self, timeout: float | None) -> int:
        code = self._taken(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def _taken(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            status = os.read(self._told, 32)
            os.close(self._told)
            self.returncode = os.waitstatus_to_exitcode(int(status))
        return self.returncode


def _of_interpreter(environment: Any) -> dict[str, str]:
    return {name: environment[name] for name in environment if name.startswith(INTERPRETERS)}


@cache
def _forking() -> socket.socket:
    """Return the way to the process that forks; it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(theirs.fileno())],
            stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=ENVIRONMENT, cwd=ROOT,
        )  # fmt: skip

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def forks(requests: socket.socket) -> list[str] | None:
    """Fork a child for each request; return, in a child, the words of its command.

    None at the end of all requests.
    """
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes)
    tells: dict[int, int] = {}  # of each child
    while True:
        ready = select.select([requests.fileno(), woken], [], [])[0]
        if woken in ready:
            os.read(woken, 4096)
            while tells and (ended := os.waitpid(-1, os.WNOHANG))[0]:
                told = tells.pop(ended[0])
                os.write(told, str(ended[1]).encode())
                os.close(told)
        if requests.fileno() not in ready:
            continue
        data, descriptors, *_ = socket.recv_fds(requests, REQUEST_BYTES_MAX, DESCRIPTORS)
        if not data:
            return None
        child = os.fork()
        if child:
            tells[child] = descriptors.pop()
            for descriptor in descriptors:
                os.close(descriptor)
            requests.send(str(child).encode())
            continue
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, descriptor in enumerate(descriptors[:3]):
            os.dup2(descriptor, number)
        for descriptor in (*descriptors, woken, wakes, *tells.values()):
            os.close(descriptor)
        requests.close()
        asked = json.loads(data)
        os.environ.clear()
        os.environ.update(asked["env"])
        os.chdir(asked["cwd"])
        random.seed()  # or all children would draw the same numbers
        return list(asked["words"])


def main() -> int:
    """Import what a server needs, fork for whoever asks, and be the command in each child."""
    for module in ("up", "fold"):
        import_module(f"foldline_ui.cli.{module}")
    words = forks(socket.socket(fileno=int(sys.argv[1])))
    return 0 if words is None else entry.main(words)


if __name__ == "__main__":
    sys.exit(main())
