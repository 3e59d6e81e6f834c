"""What SIGKILL of a packing costs: nothing, wherever it strikes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import foldline_ingest.packing as module
from foldline.layout import Layout, SegmentName
from foldline_ingest.packing import pack
from foldline_ingest.replay import replay
from tests.forked import forked, was_killed
from tests.ingest.test_packs import built, put


def pack_and_die(layout: Layout, number: int, *, after: bool) -> None:
    """Pack, and be killed at the n-th call that changes the disk, before it or after it."""
    left = number

    def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0 and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            found = call(*args, **kwargs)
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        return wrapped

    module.SMALL_PACKS_MAX = 2
    for where, name in (
        (os, "pwrite"), (os, "utime"), (module, "sync_file"), (module, "sync_folder"),
        (Path, "replace"), (Path, "unlink"),
    ):  # fmt: skip
        setattr(where, name, deadly(getattr(where, name)))
    pack(layout, idle_s=0)


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
        killed = was_killed(forked(partial(pack_and_die, layout, number, after=after)))
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
