"""Endings of real processes, and what their runs say.

Each ending is met with a companion and without one. A companion knows the signal or the exit code
of a process that could not say a word; without one it is known to be gone, and no more.
"""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import foldline
from tests.patience import wait_for
from tests.segment_walk import segments, walk

CAPTURES = ["none", "all"]
FINISH_S_MAX = 2.0  # ten times what it is to be, for a busy machine; the benchmark measures
SEEN_S_MAX = 5.0  # on the same machine a run that is gone shows as gone within this (P9)

BEGIN = """
import os, signal, sys, threading
import foldline
run = foldline.Run(id="it")
run.track(1.0, name="loss")
"""


class Ending(NamedTuple):
    """What is left of a process: to its parent, and in the store."""

    code: int
    out: str
    err: str
    status: str
    closed: list[dict[str, Any]]  # what writers said as they closed, but companions
    lost: list[dict[str, Any]]  # what others said of a writer


def environment(store: Path, capture: str) -> dict[str, str]:
    return {**os.environ, "FOLDLINE_STORE": str(store), "FOLDLINE_CAPTURE": capture}


def end(tmp_path: Path, capture: str, script: str, **more: Any) -> Ending:
    """Run a script to its end, whatever that is, and read what its run says."""
    store = tmp_path / "store"
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + textwrap.dedent(script)],
        env=environment(store, capture), capture_output=True, text=True, check=False, timeout=60,
        **more,
    )  # fmt: skip
    return read(store, done.returncode, done.stdout, done.stderr)


def read(store: Path, code: int = 0, out: str = "", err: str = "") -> Ending:
    """Return the ending of the one run of a store, as soon as it has one."""
    with foldline.open(store) as opened:

        def status() -> str:
            (run,) = opened.runs()
            return "" if run.status == "running" else run.status

        found = wait_for(status, "the run's end", deadline_s=SEEN_S_MAX)
    walks = [walk(path) for path in segments(store)]
    trained = [one for one in walks if not any(o.get("role") for o in one.of_type(1))]
    closed = [event for one in trained for event in one.of_type(8)]
    lost = [event for one in walks for event in one.of_type(9)]
    return Ending(code, out, err, found, closed, lost)


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize(
    ("script", "code", "status", "kind"),
    [
        ("", 0, "finished", ""),
        ("sys.exit(0)", 0, "finished", ""),
        ("sys.exit(3)", 3, "failed", "SystemExit"),
        ("sys.exit('no more')", 1, "failed", "SystemExit"),
        ("exit(4)", 4, "failed", "SystemExit"),
        ("quit()", 0, "finished", ""),
        ("with run: raise SystemExit(4)", 4, "failed", "SystemExit"),
        ("1 / 0", 1, "failed", "ZeroDivisionError"),
        ("os.kill(os.getpid(), signal.SIGINT)", -2, "failed", "KeyboardInterrupt"),
        ("threading.Thread(target=lambda: 1 / 0).start()", 0, "finished", ""),
        ("del run", 0, "finished", ""),
        ("run.finish(); run.finish(); run.close()", 0, "finished", ""),
        ("run.finish('failed'); run.finish()", 0, "failed", ""),
        ("with run:\n  with run: pass\n  run.track(1.0, name='late')", 0, "finished", ""),
        ("with run:\n  with run: 1 / 0", 1, "failed", "ZeroDivisionError"),
    ],
)  # fmt: skip
def test_who_can_say_how_it_ends_does(
    tmp_path: Path, capture: str, script: str, code: int, status: str, kind: str
) -> None:
    """Finished or failed, with the error, and the exit code is the script's own."""
    found = end(tmp_path, capture, script)
    assert (found.code, found.status) == (code, status)
    assert [one.get("error_type", "") for one in found.closed] == [kind]
    assert found.out == "" and not found.lost
    # Nothing is printed but by Python, and a warning of what came too late.
    ours = [line for line in found.err.splitlines() if ": foldline:" in line]
    assert len(ours) == found.err.count("oldline:") == script.count("late")


@pytest.mark.parametrize(("code", "status"), [(0, "finished"), (4, "failed")])
def test_a_code_that_python_tells_nobody_is_seen(tmp_path: Path, code: int, status: str) -> None:
    """A script that ends in `raise SystemExit(main())` failed if its exit code says so."""
    script = f"def main(): return {code}\nraise SystemExit(main())"
    store = tmp_path / "store"
    assert end(tmp_path, "all", script).code == code
    with foldline.open(store) as opened:
        wait_for(lambda: opened.runs()[0].status == status, "the run's status")
        (run,) = opened.runs()
    assert (run.error is None) == (code == 0)


def test_a_traceback_comes_with_a_failure(tmp_path: Path) -> None:
    """What Python prints of an exception is what the run keeps of it."""
    found = end(tmp_path, "all", "def step(): raise ValueError('bad')\nstep()")
    (closed,) = found.closed
    assert closed["traceback"] == found.err and "in step" in found.err
    assert closed["error_message"] == "bad"


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize(
    "name", ["SIGTERM", "SIGKILL", "SIGSEGV", "SIGABRT", "SIGHUP", "SIGBUS", "SIGPIPE"]
)
def test_who_is_killed_is_called_so(tmp_path: Path, capture: str, name: str) -> None:
    """A signal that ends a process leaves no word: the run is killed, and by what if known."""
    script = f"signal.signal(signal.{name}, signal.SIG_DFL) if '{name}' != 'SIGKILL' else 0\n"
    found = end(tmp_path, capture, f"{script}os.kill(os.getpid(), signal.{name})")
    assert (found.code, found.status) == (-signal.Signals[name], "killed")
    assert found.out == found.err == "" and not found.closed
    signals = [one.get("signal", "") for one in found.lost]
    assert name in signals if capture == "all" else signals == [""]


@pytest.mark.parametrize(
    ("capture", "code", "status"),
    [("none", 0, "killed"), ("none", 3, "killed"), ("all", 0, "finished"), ("all", 3, "failed")],
)
def test_who_leaves_without_a_word(tmp_path: Path, capture: str, code: int, status: str) -> None:
    """After `os._exit` only a companion knows how it was meant."""
    found = end(tmp_path, capture, f"os._exit({code})")
    assert (found.code, found.status) == (code, status)
    assert found.out == found.err == "" and not found.closed
    if capture == "all":
        assert code in [one.get("exit_code") for one in found.lost]


@pytest.mark.parametrize("capture", CAPTURES)
def test_a_process_without_memory_says_so(tmp_path: Path, capture: str) -> None:
    """Under a limit on memory an allocation fails, and the run fails with it."""
    script = """
        import resource
        held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + (64 << 20),) * 2)
        blocks = []
        while True: blocks.append(bytearray(1 << 20))
    """
    found = end(tmp_path, capture, script)
    assert (found.code, found.status) == (1, "failed")
    (closed,) = found.closed
    assert closed["error_type"] == "MemoryError" and "MemoryError" in closed["traceback"]


def take_terminal() -> None:
    """Make standard input the terminal of this process: losing it is a SIGHUP."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Prompt:
    """An interactive Python in a terminal, as a person has it."""

    def __init__(self, store: Path, capture: str, *options: str) -> None:
        self.screen = ""
        master, slave = pty.openpty()
        self._master = master
        self.process = subprocess.Popen(
            [sys.executable, "-q", *options],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={**environment(store, capture), "TERM": "dumb", "PYTHON_BASIC_REPL": "1"},
            preexec_fn=take_terminal,  # noqa: PLW1509  # no other thread runs here
        )  # fmt: skip
        os.close(slave)
        os.set_blocking(master, False)

    def type(self, line: str, answer: str = ">>> ") -> None:
        """Type a line, and wait for what comes back."""
        self._await(">>> ")
        self.screen = ""
        os.write(self._master, f"{line}\n".encode())
        self._await(answer)

    def _await(self, words: str) -> None:
        def seen() -> bool:
            with suppress(BlockingIOError):
                self.screen += os.read(self._master, 65_536).decode()
            return words in self.screen

        wait_for(seen, f"{words!r} after {self.screen!r}")

    def hang_up(self) -> int:
        """Close the terminal, and return how the process ended."""
        os.close(self._master)
        return self.process.wait(timeout=20)


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("how", ["exit()", "terminal"])
def test_a_run_left_open_at_a_prompt(tmp_path: Path, capture: str, how: str) -> None:
    """An error at a prompt ends nothing; leaving it finishes the run, a lost terminal kills it."""
    store = tmp_path / "store"
    prompt = Prompt(store, capture)
    for line in BEGIN.strip().splitlines():
        prompt.type(line)
    prompt.type("1 / 0", "ZeroDivisionError")
    with foldline.open(store) as opened:
        assert [run.status for run in opened.runs()] == ["running"]
    if how == "exit()":
        prompt.type("import time; time.time() > 0", "True")
        prompt.type("exit()", "exit()")
        assert prompt.process.wait(timeout=20) == 0
        assert read(store).status == "finished"
        prompt.hang_up()
    else:
        assert prompt.hang_up() == -signal.SIGHUP
        assert read(store).status == "killed"


@pytest.mark.parametrize("capture", CAPTURES)
def test_a_cell_that_is_run_again_finishes_its_run(tmp_path: Path, capture: str) -> None:
    """A run that nobody holds any more is finished, while the process goes on."""
    store = tmp_path / "store"
    script = BEGIN + "run = None\nprint('on', flush=True)\nsys.stdin.read()\n"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(
        command, env=environment(store, capture), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"on\n"
        assert read(store).status == "finished" and process.poll() is None


@pytest.mark.parametrize("capture", CAPTURES)
def test_an_end_takes_no_time(tmp_path: Path, capture: str) -> None:
    """`finish()` returns, and the process is gone, within a moment."""
    script = """
        import time
        start = time.perf_counter()
        run.finish()
        print(time.perf_counter() - start, time.time())
    """
    found = end(tmp_path, capture, script)
    spent, _ = map(float, found.out.split())
    assert spent < FINISH_S_MAX
