"""Endings of processes that write."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.segment_walk import segments, walk

PREAMBLE = """
import sys, threading, warnings
import foldline
warnings.simplefilter("ignore")
"""


def end(store: Path, script: str) -> tuple[int, list[dict[str, Any]]]:
    """Run a script; return its exit code and what each of its writers says about its end."""
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + textwrap.dedent(script), str(store)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    found = [walk(path) for path in segments(store)]
    assert all(segment.finished and not segment.damage for segment in found), done.stderr
    return done.returncode, [fields for segment in found for fields in segment.of_type(8)]


RUN = "run = foldline.Run(store=sys.argv[1]); run.track(1.0, name='loss')\n"
WITH = "with foldline.Run(store=sys.argv[1]) as run:\n"
MAIN = "def main():\n  run = foldline.Run(store=sys.argv[1])\n"
IN_THREAD = "thread = threading.Thread(target=main)\nthread.start()\nthread.join()"
CAUGHT = "try: sys.exit(3)\nexcept SystemExit: run.track(2.0, name='loss')"


@pytest.mark.parametrize(
    ("script", "code", "status", "kind"),
    [
        (RUN, 0, "finished", None),
        (RUN + "sys.exit()", 0, "finished", None),
        (RUN + "sys.exit(0)", 0, "finished", None),
        (RUN + "sys.exit(3)", 3, "failed", "SystemExit"),
        (RUN + "sys.exit('gone')", 1, "failed", "SystemExit"),
        (RUN + "1 / 0", 1, "failed", "ZeroDivisionError"),
        (RUN + "raise KeyboardInterrupt", -2, "failed", "KeyboardInterrupt"),
        (RUN + CAUGHT, 0, "finished", None),
        (RUN + "try: 1 / 0\nexcept ZeroDivisionError: pass", 0, "finished", None),
        (RUN + "sys.excepthook = lambda *_: None\n1 / 0", 1, "failed", "ZeroDivisionError"),
        (RUN + "run.finish('failed')", 0, "failed", None),
        (WITH + "  run.track(1.0, name='loss')", 0, "finished", None),
        (WITH + "  1 / 0", 1, "failed", "ZeroDivisionError"),
        (WITH + "  sys.exit(2)", 2, "failed", "SystemExit"),
        (WITH + "  raise SystemExit(0)", 0, "finished", None),
        (WITH + "  raise KeyboardInterrupt", -2, "failed", "KeyboardInterrupt"),
        (MAIN + "  1 / 0\nmain()", 1, "failed", "ZeroDivisionError"),
        (MAIN + "  sys.exit(4)\nmain()", 4, "failed", "SystemExit"),
        (MAIN + f"  1 / 0\n{IN_THREAD}", 0, "failed", "ZeroDivisionError"),
        (RUN + f"def main(): 1 / 0\n{IN_THREAD}", 0, "finished", None),
    ],
)
def test_the_ending_is_honest(
    tmp_path: Path, script: str, code: int, status: str, kind: str | None
) -> None:
    """Finished or failed, with the error that ended it, and the exit code is the script's own."""
    found, endings = end(tmp_path / "store", script)
    assert found == code
    (ending,) = endings
    assert (ending["status"], ending.get("error_type")) == (status, kind)


def test_a_failure_comes_with_its_traceback(tmp_path: Path) -> None:
    """What one would look for in the console is in the log: type, message, lines."""
    _, (ending,) = end(tmp_path / "store", RUN + "def step():\n  raise ValueError('bad')\nstep()")
    assert ending["error_type"] == "ValueError" and ending["error_message"] == "bad"
    assert "in step" in ending["traceback"] and ending["traceback"].endswith("ValueError: bad\n")


def test_an_interruption_is_called_one(tmp_path: Path) -> None:
    """Ctrl-C has no message of its own."""
    _, (ending,) = end(tmp_path / "store", RUN + "raise KeyboardInterrupt")
    assert ending["error_message"] == "interrupted from the keyboard"


def test_an_error_that_can_not_be_shown_is_no_second_error(tmp_path: Path) -> None:
    """An exception whose text raises, or is no Unicode, or is huge, still ends the run."""
    script = """
        class Bad(Exception):
            def __str__(self): raise RuntimeError
        for error in (Bad(), ValueError("\\ud800"), ValueError("x" * 10**6)):
            try:
                with foldline.Run(store=sys.argv[1]):
                    raise error
            except (Bad, ValueError):
                pass
    """
    code, endings = end(tmp_path / "store", script)
    assert code == 0 and len(endings) == 3
    assert all(ending["status"] == "failed" for ending in endings)
    assert all(len(ending.get("traceback", "")) <= 65_536 for ending in endings)


def test_logging_at_the_very_end_does_not_hang(tmp_path: Path) -> None:
    """Objects that log as the interpreter is torn down are refused, without a lock."""
    script = RUN + textwrap.dedent("""
        class Late:
            def __del__(self): run.track(1.0, name="late"); run["late"] = 1
        late = Late()
        late.itself = late
        for step in range(100_000): run.track(0.5, name="many", step=step)
    """)
    code, (ending,) = end(tmp_path / "store", script)
    assert code == 0 and ending["status"] == "finished"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_end_their_part(tmp_path: Path, method: str) -> None:
    """A child's writer is closed as the child ends, failed if the child failed."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import multiprocessing, sys
        import foldline

        def work(run, fails):
            run.track(1.0, name="child")
            if fails:
                raise ValueError("in the child")

        if __name__ == "__main__":
            context = multiprocessing.get_context(sys.argv[2])
            with foldline.Run(store=sys.argv[1]) as run:
                for fails in (False, True):
                    child = context.Process(target=work, args=(run, fails))
                    child.start()
                    child.join()
                run.track(2.0, name="parent")
        """),
        encoding="utf-8",
    )
    store = tmp_path / "store"
    subprocess.run(
        [sys.executable, str(script), str(store), method],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    found = [walk(path) for path in segments(store)]
    assert all(segment.finished for segment in found)
    endings = {
        (*(event["name"] for event in segment.of_type(5)), segment.of_type(8)[0]["status"])
        for segment in found
    }
    assert endings == {("parent", "finished"), ("child", "finished"), ("child", "failed")}
