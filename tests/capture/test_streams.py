"""Consoles that are terminals, prompts, or redirected."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.capture.trainings import companions, lines, lines_of, train, trainers
from tests.segment_walk import segments

RUN = "run = foldline.Run()\n"


def on_terminal(store: Path, words: list[str], typed: bytes = b"", capture: str = "console") -> str:
    """Run a command on a terminal of 33 by 99, and return what is seen there."""
    mine, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("4H", 33, 99, 0, 0))
    env = {**os.environ, "FOLDLINE_STORE": str(store), "FOLDLINE_CAPTURE": capture}
    process = subprocess.Popen(words, stdin=its, stdout=its, stderr=its, env=env)
    os.write(mine, typed)
    os.close(its)
    seen = b""
    try:
        while data := os.read(mine, 65_536):
            seen += data
    except OSError:
        pass  # nobody holds the other end any more
    os.close(mine)
    assert process.wait(30) == 0, seen
    return seen.decode()


TERMINAL = """
import foldline, os, sys
run = foldline.Run()
print(os.isatty(1), os.isatty(2), os.get_terminal_size(1), flush=True)
print("to err", file=sys.stderr)
for i in range(100): print("out", i); print("err", i, file=sys.stderr)
os.system("test -t 1 && echo a terminal")
"""


def test_a_terminal_stays_a_terminal(tmp_path: Path) -> None:
    """Size, colours and line ends are what they were, and the order of both streams is kept."""
    words = [sys.executable, "-c", TERMINAL]
    seen = on_terminal(tmp_path, words)
    assert seen == on_terminal(tmp_path / "other", words, capture="none")
    assert seen.startswith(
        "True True os.terminal_size(columns=99, lines=33)\r\nto err\r\nout 0\r\n"
    )
    assert seen.endswith("a terminal\r\n")
    assert lines(tmp_path, "both") == seen.replace("\r\n", "\n").splitlines()


def test_a_prompt_keeps_its_descriptors(tmp_path: Path) -> None:
    """Where somebody types, Python's streams are heard, and nothing else is touched."""
    typed = b"import foldline, os\nplace = os.fstat(1).st_rdev\nrun = foldline.Run()\n"
    typed += b"print('said', os.fstat(1).st_rdev == place)\nrun.finish()\nexit()\n"
    seen = on_terminal(tmp_path, [sys.executable, "-q", "-i"], typed)
    assert "said True" in seen
    assert lines(tmp_path, "stdout") == ["said True"]


REDIRECTED = """
import io
class Sink(io.StringIO): pass
sys.stdout = sink = Sink()
run = foldline.Run()
print("heard")
os.write(1, b"not heard\\n")
run.finish()
print("after")
assert sink.getvalue() == "heard\\nafter\\n" and "write" not in vars(sink)
"""


def test_a_redirected_stream_is_heard(tmp_path: Path) -> None:
    """Where `sys.stdout` leads elsewhere, what Python writes is logged, and goes only there."""
    done = train(tmp_path, REDIRECTED)
    assert (done.code, done.out) == (0, b"not heard\n"), done.err
    assert lines(tmp_path) == ["heard"]


def test_without_a_companion_python_is_heard(tmp_path: Path) -> None:
    """Built into another program, the process logs itself what Python writes."""
    script = """
sys.executable = "/usr/bin/some-program"
run = foldline.Run()
print("heard")
print("half", end="")
print(" and half", file=sys.stderr)
run.finish()
print("after")
"""
    done = train(tmp_path, script, capture="all")
    assert (done.code, done.out, done.err) == (0, b"heard\nhalfafter\n", b" and half\n")
    (found,) = trainers(tmp_path)
    assert len(segments(tmp_path)) == 1
    assert sorted(lines_of(found)) == [" and half", "half", "heard"]


@pytest.mark.parametrize("how", ["os.close(1)", "sys.stdout = None", "sys.stdout.close()"])
def test_a_script_without_stdout_has_a_run(tmp_path: Path, how: str) -> None:
    """A closed or missing stream is no error; the other one is captured."""
    done = train(tmp_path, f"{how}\n{RUN}print('err', file=sys.stderr)\nrun.finish()\nos._exit(0)")
    assert (done.code, done.err) == (0, b"err\n")
    assert lines(tmp_path, "stderr") == ["err"]


def test_redirections_during_the_run_stay(tmp_path: Path) -> None:
    """Who points a descriptor elsewhere meanwhile finds it there after the run's end."""
    script = """
run = foldline.Run()
saved = os.dup(1)
file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
os.dup2(file, 1)
run.finish()
assert os.path.sameopenfile(1, file)
print("to the file", flush=True)
os.dup2(saved, 1)
print("through the companion still")
"""
    done = train(tmp_path / "store", script, str(tmp_path / "file"))
    assert (done.code, done.out) == (0, b"through the companion still\n"), done.err
    assert (tmp_path / "file").read_text() == "to the file\n"


def test_a_reader_that_goes_away_does_not_end_the_script(tmp_path: Path) -> None:
    """With `| head` the script goes on, and its log has every line."""
    script = RUN + "for i in range(50_000): print('line', i)"
    env = {**os.environ, "FOLDLINE_STORE": str(tmp_path), "FOLDLINE_CAPTURE": "console"}
    command = [sys.executable, "-c", f"import foldline\n{script}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"line 0\n"
        process.stdout.close()
        assert process.wait(30) == 0
    assert len(lines(tmp_path)) == 50_000


def test_what_is_in_memory_only_is_handed_on(tmp_path: Path) -> None:
    """Scripts that exit at once, and those that never end a line, lose nothing."""
    done = train(tmp_path, RUN + "print('no end', end='')")
    assert (done.code, done.out) == (0, b"no end")
    (found,) = companions(tmp_path)
    assert lines_of(found) == ["no end"]
    assert [fields.get("ended", True) for fields in found.of_type(13)] == [False]


def test_all_of_it_is_captured_together(tmp_path: Path) -> None:
    """With everything on, facts, samples and lines stand in one segment beside the training's."""
    done = train(tmp_path, f"{RUN}import time\nprint('here')\ntime.sleep(2)", capture="all")
    assert (done.code, done.out) == (0, b"here\n")
    (found,) = companions(tmp_path)
    assert lines_of(found) == ["here"]
    kinds = {event.type for event in found.events}
    assert {24, 25, 26} <= kinds  # packages, machine, environment
    assert found.points and {name for name, _ in found.series()}
    opened = found.of_type(1)[0]
    assert opened["beside"] == trainers(tmp_path)[0].writer
