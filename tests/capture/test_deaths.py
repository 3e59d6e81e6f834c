"""Ends of trainings, and of companions."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from foldline.capture.beside import ANSWER_WAIT_S_MAX
from tests.capture.trainings import companions, events, lines, start, train, trainers
from tests.patience import wait_for
from tests.segment_walk import walk

RUN = "run = foldline.Run()\nrun.track(1.0, 'loss')\n"


@pytest.mark.parametrize(
    ("script", "code", "told"),
    [
        ("", 0, None),
        ("sys.exit(3)", 3, None),
        ("1 / 0", 1, None),
        ("os._exit(0)", 0, {"exit_code": 0}),
        ("os._exit(3)", 3, {"exit_code": 3}),
        ("os.abort()", -6, {"signal": "SIGABRT"}),
        ("import ctypes; ctypes.string_at(0)", -11, {"signal": "SIGSEGV"}),
        ("import signal; os.kill(os.getpid(), signal.SIGKILL)", -9, {"signal": "SIGKILL"}),
        ("import signal; os.kill(os.getpid(), signal.SIGTERM)", -15, {"signal": "SIGTERM"}),
        ("import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass",
         -9, {"signal": "SIGKILL"}),
    ],
)  # fmt: skip
def test_an_end_is_told_as_it_was(
    tmp_path: Path, script: str, code: int, told: dict[str, object] | None
) -> None:
    """A signal by its name, an exit by its code; what the script said itself is not said again."""
    before = time.time()
    done = train(tmp_path, f"{RUN}print('last words', flush=True)\n{script}")
    assert (done.code, done.out) == (code, b"last words\n")
    assert lines(tmp_path, "stdout") == ["last words"]
    found = events(tmp_path, 9)
    if told is None:
        assert found == []
        return
    (lost,) = found
    assert {name: lost[name] for name in ("signal", "exit_code") if name in lost} == told
    assert lost["writer"] == trainers(tmp_path)[0].writer
    assert before <= lost["last_seen"] <= time.time() and lost["reason"]


def test_a_kill_at_full_print_loses_nothing(tmp_path: Path) -> None:
    """What was written before a SIGKILL comes to its place and into the log, the same in both."""
    script = "i = 0\nwhile True:\n    os.write(1, b'line %d\\n' % i)\n    i += 1"
    with (tmp_path / "out").open("wb") as file:
        training = start(tmp_path / "store", RUN + script, out=file)
        wait_for(lambda: (tmp_path / "out").stat().st_size > 1_000_000, "a megabyte")
        training.process.kill()
        assert training.end().code == -9
    found = lines(tmp_path / "store")
    printed = (tmp_path / "out").read_text()
    assert printed.endswith("\n") and printed.splitlines() == found
    assert found == [f"line {i}" for i in range(len(found))]


LOUD = "for i in range(100_000): print('line', i, flush=True)\n"
EXPECTED = "".join(f"line {i}\n" for i in range(100_000)).encode()


# Prints a lot, ends its run, and fails if that took as long as for a companion that hangs.
LOSER = f"""
import time
{RUN}{LOUD}
before = time.monotonic()
run.finish()
assert time.monotonic() - before < {ANSWER_WAIT_S_MAX - 1}
print('end')
"""


@pytest.mark.parametrize("with_shell", [False, True])
def test_a_training_that_loses_its_companion_does_not_notice(
    tmp_path: Path, with_shell: bool
) -> None:
    """The script prints on, in order, and ends by itself; only what was in transit is lost."""
    training = start(tmp_path, LOSER)
    companion = _companion(tmp_path)
    if with_shell:
        os.kill(psutil.Process(companion).ppid(), signal.SIGKILL)
    os.kill(companion, signal.SIGKILL)
    done = training.end()
    assert done.code == 0
    assert done.err.count(b"FoldlineWarning") <= 1
    _lost_in_transit_alone(done.out)
    (found,) = trainers(tmp_path)
    assert found.finished and found.of_type(8)[0]["status"] == "finished"


def test_a_companion_that_is_killed_at_once_costs_nothing(tmp_path: Path) -> None:
    """The shell beside it copies what is printed, also while C code holds the interpreter."""
    script = """
import ctypes
input()
libc = ctypes.PyDLL(None)  # keeps the interpreter's lock
for i in range(200): libc.write(1, b"x" * 9_999 + b"\\n", 10_000)
"""
    training = start(tmp_path, RUN + script, stdin=-1)
    os.kill(_companion(tmp_path), signal.SIGKILL)
    assert training.process.stdin is not None
    training.process.stdin.write(b"\n")
    done = training.end()
    assert (done.code, done.out) == (0, (b"x" * 9_999 + b"\n") * 200)


# What a companion that hangs may cost, made small: the bounds themselves are in docs/limits.md.
HASTE_S = 0.5
HASTE = f"""
from foldline.capture import beside
beside.HUNG_CHECK_S = beside.ANSWER_WAIT_S_MAX = {HASTE_S}
"""


def test_a_companion_that_hangs_is_left(tmp_path: Path) -> None:
    """A stopped companion holds a script that prints for some seconds, and never for ever."""
    with (tmp_path / "out").open("wb") as file:
        script = f"{HASTE}{RUN}{LOUD}run.finish()\nprint('end')"
        quiet = {"PYTHONWARNINGS": "ignore"}  # it would stand in the middle of a line
        training = start(tmp_path / "store", script, out=file, env=quiet)
        companion = _companion(tmp_path / "store")
        os.kill(companion, signal.SIGSTOP)
        try:
            assert training.process.wait(30) == 0
        finally:
            os.kill(companion, signal.SIGKILL)
    _lost_in_transit_alone((tmp_path / "out").read_bytes())


def test_nobody_waits_long_for_a_companion_that_hangs(tmp_path: Path) -> None:
    """`finish` returns after its bound."""
    script = """
import time
input()
before = time.monotonic()
run.finish()
print(time.monotonic() - before)
"""
    training = start(tmp_path, HASTE + RUN + script, stdin=-1)
    companion = _companion(tmp_path)
    os.kill(companion, signal.SIGSTOP)
    assert training.process.stdin is not None
    training.process.stdin.write(b"\n")
    training.process.stdin.flush()
    training.process.wait(30)
    os.kill(companion, signal.SIGCONT)
    assert HASTE_S <= float(training.end().out) < ANSWER_WAIT_S_MAX - 1
    assert lines(tmp_path) == []


def test_signals_to_the_terminal_do_not_reach_the_companion(tmp_path: Path) -> None:
    """Ctrl-C and a closed terminal end the script; the companion tells of it."""
    script = "print('ready', flush=True)\nimport time\nwhile True: time.sleep(0.01)"
    training = start(tmp_path, RUN + script, start_new_session=True)
    _companion(tmp_path)
    os.killpg(training.process.pid, signal.SIGHUP)
    assert training.end().code == -signal.SIGHUP
    assert [lost["signal"] for lost in events(tmp_path, 9)] == ["SIGHUP"]
    assert lines(tmp_path) == ["ready"]


def test_the_companion_is_nobodys_child(tmp_path: Path) -> None:
    """A script that waits for any child waits for its own, and nothing defunct is left."""
    script = """
try:
    os.wait()
except ChildProcessError:
    print("no child")
pid = os.spawnlp(os.P_NOWAIT, "true", "true")
assert os.wait()[0] == pid
"""
    done = train(tmp_path, RUN + script)
    assert (done.code, done.out) == (0, b"no child\n"), done.err


def test_the_marker_is_touched_while_the_training_lives(tmp_path: Path) -> None:
    """The marker of the training is newer than its making, though it logs nothing."""
    training = start(tmp_path, f"{RUN}input()", stdin=-1)
    _companion(tmp_path)
    (trainer,) = trainers(tmp_path)
    marker = tmp_path / "active" / f"{trainer.run}.{trainer.writer}"
    made = float(walk(next((tmp_path / "runs").rglob(f"{trainer.writer}.fold"))).events[0].time)
    wait_for(lambda: marker.stat().st_mtime > made, "a touch")
    training.process.kill()
    training.end()
    companions(tmp_path)


def _lost_in_transit_alone(printed: bytes) -> None:
    """Check that at most a chunk is missing: what was read when it hit, and not written yet."""
    assert printed.endswith(b"line 99999\nend\n")
    kept = os.path.commonprefix([printed, EXPECTED])  # noqa: RUF071  # bytes, no paths
    rest = printed[len(kept) : -len(b"end\n")]
    assert EXPECTED.endswith(rest) and len(kept) + len(rest) >= len(EXPECTED) - 65_536


def _companion(store: Path) -> int:
    """Return the process of the companion, once it works."""

    def found() -> int:
        for path in store.glob("runs/*/log/*.fold"):
            data = path.read_bytes()
            opened = walk(data).of_type(1) if data.startswith(b"FOLDLOG") else []
            if opened and opened[0].get("role") == "companion":
                return int(opened[0]["pid"])
        return 0

    return wait_for(found, "the companion")
