"""What a script and its children print, captured."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.capture.trainings import companions, lines, lines_of, start, train, trainers
from tests.segment_walk import segments

RUN = "run = foldline.Run()\n"

EVERYBODY = """
    import ctypes, subprocess
    print("python")
    print("python error", file=sys.stderr)
    sys.stdout.flush()
    os.write(1, b"descriptor\\n")
    libc = ctypes.CDLL(None)
    libc.puts(b"puts")
    libc.printf(b"printf %d\\n", 7)
    libc.fflush(None)
    os.system("echo system; echo system error >&2")
    subprocess.run([sys.executable, "-c", "print('child')"], check=True)
    if os.fork() == 0:
        print("forked")
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""

NASTY = """
    out = sys.stdout.buffer
    out.write(b"broken \\xff\\xfe utf-8 \\xe2\\x82\\n")
    out.write("colours \\x1b[31mred\\x1b[0m, umlaut \\u00fc\\n".encode())
    out.write(b"windows\\r\\n")
    for i in range(2000):
        out.write(b"\\r%3d%% of the bar" % (i / 20))
    out.write(b"\\nback\\b\\b\\b\\bspace\\n")
    out.write(b"x" * 200_000 + b"\\n")
    out.write(b"\\0 nul \\x1b]0;title\\x07 and no newline")
    out.flush()
"""


def test_everybody_who_prints_is_captured(tmp_path: Path) -> None:
    """Python, C, descriptors, the shell, children and forks: all in the log, by stream."""
    done = train(tmp_path, RUN + EVERYBODY.replace("\n    ", "\n"))
    assert done.code == 0
    out = ["python", "descriptor", "puts", "printf 7", "system", "child", "forked"]
    assert lines(tmp_path, "stdout") == out == done.out.decode().splitlines()
    assert lines(tmp_path, "stderr") == ["python error", "system error"]
    assert done.err == b"python error\nsystem error\n"


@pytest.mark.parametrize("script", [EVERYBODY, NASTY])
@pytest.mark.parametrize("to_file", [False, True])
def test_what_comes_out_is_the_same_as_without(tmp_path: Path, script: str, to_file: bool) -> None:
    """Byte for byte, into pipes and into a file that takes both streams."""
    found = []
    for capture in ("none", "console"):
        with (tmp_path / capture).open("wb") as file:
            done = train(
                tmp_path / "store",
                RUN + script.replace("\n    ", "\n"),
                capture=capture,
                out=file if to_file else None,
            )
        found.append((done, (tmp_path / capture).read_bytes()))
    assert found[0] == found[1]
    assert found[0][0].code == 0


def test_lines_are_what_a_terminal_would_show(tmp_path: Path) -> None:
    """A progress bar is one line, colours stay, and what is no UTF-8 is marked."""
    train(tmp_path, RUN + NASTY.replace("\n    ", "\n"))
    found = lines(tmp_path)
    assert found[:5] == [
        "broken \ufffd\ufffd utf-8 \ufffd",
        "colours \x1b[31mred\x1b[0m, umlaut \u00fc",
        "windows",
        " 99% of the bar",
        "space",
    ]
    assert "".join(found[5:-1]) == "x" * 200_000 and all(len(line) <= 65_536 for line in found)
    assert found[-1].endswith("and no newline")


def test_c_code_that_keeps_the_interpreter_may_print(tmp_path: Path) -> None:
    """Megabytes from C code that holds the interpreter's lock: a thread would wait for ever."""
    script = """
import ctypes
libc = ctypes.PyDLL(None)  # does not let go of the lock
for i in range(200): libc.write(1, b"x" * 9_999 + b"\\n", 10_000)
"""
    done = train(tmp_path, RUN + script)
    assert (done.code, done.out) == (0, (b"x" * 9_999 + b"\n") * 200)
    assert lines(tmp_path) == ["x" * 9_999] * 200


def test_a_million_lines_are_a_million_lines(tmp_path: Path) -> None:
    """Nothing is dropped, and nothing is kept back, however much is printed."""
    with (tmp_path / "out").open("wb") as file:
        script = "for i in range(1_000_000): print('line', i)"
        done = train(tmp_path / "store", RUN + script, out=file)
    assert done.code == 0
    expected = "".join(f"line {i}\n" for i in range(1_000_000))
    assert (tmp_path / "out").read_text() == expected
    assert lines(tmp_path / "store") == expected.splitlines()


def test_streams_to_one_place_keep_their_order(tmp_path: Path) -> None:
    """Where both streams go to one file, its lines stand as they were printed."""
    script = """
for i in range(500):
    print("out", i, flush=True)
    print("err", i, file=sys.stderr, flush=True)
"""
    with (tmp_path / "out").open("wb") as file:
        train(tmp_path / "store", RUN + script, out=file)
    expected = [f"{stream} {i}" for i in range(500) for stream in ("out", "err")]
    assert (tmp_path / "out").read_text().splitlines() == expected
    assert lines(tmp_path / "store", "both") == expected


def test_the_end_of_a_run_gives_everything_back(tmp_path: Path) -> None:
    """After `finish` all is printed, the descriptors lead where they led, and nothing is open."""
    script = """
def open_files(): return sorted(os.listdir("/proc/self/fd"))
def places(): return [os.fstat(n).st_ino for n in (1, 2)]
first = foldline.Run(); first.finish()
before = open_files(), places(), dict(os.environ)
for i in range(5):
    run = foldline.Run()
    print("run", i)
    assert places() != before[1]
    run.finish()
    os.write(1, b"after\\n")
assert before == (open_files(), places(), dict(os.environ))
"""
    done = train(tmp_path, script)
    assert done.code == 0, done.err
    assert done.out.decode().split("\n") == [
        line for i in range(5) for line in (f"run {i}", "after")
    ] + [""]
    assert [lines_of(one) for one in companions(tmp_path)] == [
        [], *([f"run {i}"] for i in range(5))
    ]  # fmt: skip


def test_the_console_goes_to_the_run_that_began_first(tmp_path: Path) -> None:
    """Two open runs share a process: the second hears what is printed after the first is over."""
    script = """
first, second = foldline.Run(id="first"), foldline.Run(id="second")
print("one")
first.finish()
print("two")
second.finish()
print("three")
"""
    done = train(tmp_path, script)
    assert done.out == b"one\ntwo\nthree\n"
    assert {one.run: lines_of(one) for one in companions(tmp_path)} == {
        "first": ["one"],
        "second": ["two"],
    }


def test_runs_that_end_in_any_order_give_everything_back(tmp_path: Path) -> None:
    """The second run may end first; then the first one still has the console."""
    script = """
before = os.fstat(1).st_ino
first, second = foldline.Run(id="first"), foldline.Run(id="second")
second.finish()
print("one")
first.finish()
assert os.fstat(1).st_ino == before
print("two")
"""
    done = train(tmp_path, script)
    assert (done.code, done.out) == (0, b"one\ntwo\n")
    assert {one.run: lines_of(one) for one in companions(tmp_path)} == {
        "first": ["one"],
        "second": [],
    }


def test_a_child_that_joins_the_run_is_not_captured_twice(tmp_path: Path) -> None:
    """What it prints goes through the pipe of its parent, which has it in the log."""
    script = """
import subprocess
run = foldline.Run(id="shared")
child = "import foldline; r = foldline.Run(); r.track(1, 'x'); print('child')"
env = {**os.environ, "FOLDLINE_RUN": run.id}
subprocess.run([sys.executable, "-c", child], check=True, env=env)
print("parent")
"""
    done = train(tmp_path, script)
    assert done.out == b"child\nparent\n"
    assert len(trainers(tmp_path)) == 2
    said = [line for one in companions(tmp_path) for line in lines_of(one)]
    assert sorted(said) == ["child", "parent"]


def test_a_child_with_a_run_of_its_own_is_in_both(tmp_path: Path) -> None:
    """Another run is another log: the child's has what it printed, and its parent's has it too."""
    script = """
import subprocess
run = foldline.Run(id="outer")
child = "import foldline; run = foldline.Run(id='inner'); print('child')"
subprocess.run([sys.executable, "-c", child], check=True)
print("parent")
"""
    done = train(tmp_path, script)
    assert done.out == b"child\nparent\n"
    assert {one.run: lines_of(one) for one in companions(tmp_path)} == {
        "outer": ["child", "parent"],
        "inner": ["child"],
    }


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_print_to_the_run_of_their_parent(tmp_path: Path, method: str) -> None:
    """Workers as a data loader has them print through their parent's pipe; they end as usual."""
    script = tmp_path / "script.py"
    script.write_text(f"""
import multiprocessing, sys
import foldline

def work(number):
    print("worker", number, flush=True)

if __name__ == "__main__":
    run = foldline.Run()
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        pool.map(work, range(4))
    print("parent")
""")
    env = {"FOLDLINE_STORE": str(tmp_path / "store"), "FOLDLINE_CAPTURE": "console"}
    subprocess.run([sys.executable, str(script)], check=True, timeout=60, env={**os.environ, **env})
    assert sorted(lines(tmp_path / "store", "stdout")) == [
        "parent", "worker 0", "worker 1", "worker 2", "worker 3"
    ]  # fmt: skip


def test_a_child_that_outlives_the_run_prints_on(tmp_path: Path) -> None:
    """Its words still come to where they were meant to go, after the script has ended."""
    script = """
import subprocess
run = foldline.Run()
subprocess.Popen(["sh", "-c", "read line; echo late $line"], stdin=sys.stdin)
print("script")
"""
    training = start(tmp_path, script, stdin=subprocess.PIPE)
    companions(tmp_path)  # is through with the script
    assert training.process.stdin is not None
    training.process.stdin.write(b"words\n")
    done = training.end()
    assert done.out == b"script\nlate words\n"


def test_nothing_is_captured_when_nothing_may_be(tmp_path: Path) -> None:
    """Without capture there is no companion, and the descriptors are never touched."""
    script = """
before = os.fstat(1).st_ino
run = foldline.Run(capture=False)
assert os.fstat(1).st_ino == before
print("here")
"""
    done = train(tmp_path, script, capture="all")
    assert (done.code, done.out) == (0, b"here\n")
    assert len(segments(tmp_path)) == 1
    assert train(tmp_path, script.replace("capture=False", ""), capture="none").code == 0
    assert len(segments(tmp_path)) == 2
