"""What the log of a real training tells of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from foldline import blobs
from foldline.events import (
    EnvironmentCaptured,
    GitCaptured,
    MachineCaptured,
    MessageLogged,
    PackagesCaptured,
    SeriesDefined,
    SourcesCaptured,
)
from foldline.layout import Layout
from foldline.series import SYSTEM_PREFIX
from tests.capture.trainings import companions, events
from tests.patience import wait_for
from tests.segment_walk import segments, walk

SCRIPT = """\
import foldline
import early

run = foldline.Run()
run.track(1.0, name="loss")
input()
import late
run.finish()
"""


def logged(store: Path, number: int) -> list[dict[str, Any]]:
    """Return the events of one type in the segments that have begun."""
    begun = [path for path in segments(store) if path.read_bytes()[:1] == b"F"]
    return [fields for path in begun for fields in walk(path).of_type(number)]


def rates(store: Path) -> bool:
    """Say whether there was a second sample."""
    names = {fields["name"] for fields in logged(store, SeriesDefined.TYPE)}
    return f"{SYSTEM_PREFIX}process_cpu_percent" in names


def test_a_training_is_told_of_as_it_was(tmp_path: Path) -> None:
    """All facts and the load are in the log, and code that is edited meanwhile is not taken."""
    code, store = tmp_path / "code", tmp_path / "store"
    code.mkdir()
    (code / "train.py").write_text(SCRIPT)
    (code / "early.py").write_text("x = 1\n")
    (code / "late.py").write_text("x = 2\n")
    subprocess.run(["git", "init", "--quiet"], cwd=code, check=True)
    env = {
        "FOLDLINE_STORE": str(store), "FOLDLINE_CAPTURE": "all", "HF_TOKEN": "abc", "RANK": "0",
        "FOLDLINE_SYSTEM_INTERVAL_S": "0.1",
    }  # fmt: skip
    command = [sys.executable, "train.py"]
    with subprocess.Popen(
        command, cwd=code, env={**os.environ, **env}, stdin=subprocess.PIPE
    ) as training:
        wait_for(lambda: logged(store, SourcesCaptured.TYPE), "the sources")
        wait_for(lambda: rates(store), "the second sample")
        (code / "early.py").write_text("x = 'edited'\n")
        training.communicate(b"\n")
    assert training.returncode == 0
    (found,) = companions(store)
    first, second = events(store, SourcesCaptured.TYPE)
    assert first["entry"] == "train.py"
    assert [file["path"] for file in first["files"]] == ["train.py", "early.py"]
    assert blobs.read(Layout(store), first["files"][1]["blob"]) == b"x = 1\n"
    assert [file["path"] for file in second["files"]] == ["late.py"]
    (git,) = events(store, GitCaptured.TYPE)
    assert "train.py" in git["untracked"]
    (machine,) = events(store, MachineCaptured.TYPE)
    assert machine["cwd"] == str(code)
    (environment,) = events(store, EnvironmentCaptured.TYPE)
    assert environment["variables"]["HF_TOKEN"] == "***"
    (packages,) = events(store, PackagesCaptured.TYPE)
    assert "foldline" in packages["packages"]
    assert not events(store, MessageLogged.TYPE)
    series = {name: len(points) for (name, _), points in found.series().items()}
    assert all(name.startswith(SYSTEM_PREFIX) for name in series)
    assert series[f"{SYSTEM_PREFIX}process_cpu_percent"] >= 1
    assert (
        series[f"{SYSTEM_PREFIX}memory_percent"] >= 2
        and series[f"{SYSTEM_PREFIX}process_threads"] >= 2
    )
