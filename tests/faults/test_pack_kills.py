"""What SIGKILL of a packing costs: nothing, wherever it strikes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from foldline.layout import Layout, SegmentName
from foldline_ingest.packing import pack
from foldline_ingest.replay import replay
from tests.ingest.test_packs import built, put

# Kills itself at the n-th call of a function that changes the disk, before it or after it.
KILLED = """
import os, pathlib, signal, sys
sys.path.insert(0, {root!r})
import foldline_ingest.packing as module
from foldline.layout import Layout
module.SMALL_PACKS_MAX = 2
left = {number}

def deadly(call, after):
    def wrapped(*args, **kwargs):
        global left
        left -= 1
        if left == 0 and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        found = call(*args, **kwargs)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    return wrapped

for after in ({after},):
    module.os.pwrite = deadly(os.pwrite, after)
    module.sync_file = deadly(module.sync_file, after)
    module.sync_folder = deadly(module.sync_folder, after)
    module.os.utime = deadly(os.utime, after)
    pathlib.Path.replace = deadly(pathlib.Path.replace, after)
    pathlib.Path.unlink = deadly(pathlib.Path.unlink, after)
module.pack(Layout(pathlib.Path({store!r})), idle_s=0)
"""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.timeout(300)
def test_a_packing_killed_at_any_call_loses_nothing(tmp_path: Path, after: bool) -> None:
    """Before and after each write, sync, rename and unlink every segment reads as it was."""
    layout = Layout(tmp_path / "store")
    layout.create()
    data = {SegmentName(f"r{n}", "writer1"): built(f"r{n}", 20 * n) for n in range(4)}
    first, *others = data
    put(layout, first.run, data[first])
    pack(layout, idle_s=0)
    for name in others:
        put(layout, name.run, data[name])
    number, killed = 0, True
    while killed:
        number += 1
        code = KILLED.format(
            root=str(Path.cwd()), number=number, after=after, store=str(layout.root)
        )
        status = subprocess.run([sys.executable, "-c", code], check=False).returncode
        killed = status == -signal.SIGKILL
        assert killed or status == 0
        for name, whole in data.items():
            batches = list(replay(layout, name))
            assert batches[-1].finished and batches[-1].end == len(whole)
            assert sum(len(batch.points) for batch in batches) == 20 * int(name.run[1:])
            assert not [place for batch in batches for place in batch.damage]
        # What was packed meanwhile is put back, so that each step is reached again.
        for name in others:
            put(layout, name.run, data[name])
    assert number > 20
    pack(layout, idle_s=0)
    assert not list(layout.runs.glob("*/log/*.fold")) and not list(layout.packs.glob("*.draft"))
