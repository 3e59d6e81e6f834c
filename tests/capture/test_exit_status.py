"""How processes ended that really did."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from foldline.capture import exit_status
from foldline.capture.exit_status import Ending, OomKills, death, ending

ENDS = [("exit 0", Ending("", 0)), ("exit 7", Ending("", 7)), ("kill -9 $$", Ending("SIGKILL"))]


@pytest.mark.parametrize(("command", "expected"), ENDS)
def test_a_process_that_nobody_has_asked_tells_its_end(command: str, expected: Ending) -> None:
    """While its parent has not taken the status, it stands in its own files."""
    process = subprocess.Popen(["sh", "-c", f"read line; {command}"], stdin=subprocess.PIPE)
    pidfd = os.pidfd_open(process.pid)
    try:
        assert process.stdin is not None
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert ending(process.pid, pidfd) == ending(process.pid, -1) == expected
        assert exit_status._of_zombie(process.pid) is not None
    finally:
        process.wait()
        os.close(pidfd)


@pytest.mark.parametrize(("command", "expected"), ENDS)
def test_a_process_that_is_gone_tells_its_end_by_its_descriptor(
    command: str, expected: Ending
) -> None:
    """After its parent has taken the status a new kernel still knows it; an old one knows none."""
    process = subprocess.Popen(["sh", "-c", f"read line; {command}"], stdin=subprocess.PIPE)
    pidfd = os.pidfd_open(process.pid)
    try:
        assert death(process.pid, pidfd) == pidfd and process.stdin is not None
        process.stdin.close()
        process.wait()
        found = ending(process.pid, pidfd)
        release = tuple(int(part) for part in os.uname().release.split(".")[:2])
        assert found == (expected if release >= (6, 15) else Ending())
        assert ending(process.pid, -1) == Ending()
    finally:
        os.close(pidfd)


def test_an_end_is_put_into_words() -> None:
    """The reason names the signal or the code, and is empty where nothing is known."""
    assert Ending("SIGKILL").reason == "killed by SIGKILL"
    assert Ending("", 3).reason == "ended by itself with exit code 3"
    assert not Ending().reason
    assert exit_status._told(signal.SIGTERM) == Ending("SIGTERM")
    assert exit_status._told(64 - 20) == Ending("signal 44")


def test_kills_for_want_of_memory_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a counter that rises after the start speaks of such a kill; without one, none does."""
    file = tmp_path / "memory.events"
    file.write_text("low 0\noom 1\noom_kill 2\noom_group_kill 0\n")
    monkeypatch.setattr(exit_status, "_counters", lambda _: [tmp_path / "none", file])
    kills = OomKills(os.getpid())
    assert not kills.risen()
    file.write_text("low 0\noom 2\noom_kill 3\n")
    assert kills.risen()
    file.unlink()
    assert not kills.risen()


def test_the_files_that_count_are_found() -> None:
    """They lie in the control group of the process, of either version."""
    assert all(path.name.startswith("memory.") for path in exit_status._counters(os.getpid()))
    assert exit_status._counters(2**30) == []
