"""Packing by itself, when there is enough."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

import foldline_ingest.tidying as module
from foldline.layout import Layout
from foldline.packs import indices
from foldline_ingest.packing import packs_lock
from foldline_ingest.tidying import tidy
from tests.ingest.test_packs import built, put

COMMAND = [sys.executable, "-m", "foldline_ingest.tidying"]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "store")
    layout.create()
    return layout


def test_a_few_runs_wait_for_others(layout: Layout) -> None:
    """One run that ended leaves no pack of its own; as many as are worth it become one."""
    put(layout, "one", built("one"))
    assert subprocess.run([*COMMAND, str(layout.root)], check=False).returncode == 0
    assert not indices(layout)
    for number in range(module.SEGMENTS_MIN):
        put(layout, f"r{number}", built(f"r{number}", 3))
    assert subprocess.run([*COMMAND, str(layout.root)], check=False).returncode == 0
    (index,) = indices(layout)
    assert len(index) == module.SEGMENTS_MIN + 1


@pytest.mark.anyio
async def test_a_fold_process_packs_and_ends(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the fold it happens without being asked, and ends when the fold does."""
    monkeypatch.setattr(module, "FIRST_S", 0.0)
    for number in range(module.SEGMENTS_MIN):
        put(layout, f"r{number}", built(f"r{number}", 3))
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tidy, layout)
            while not indices(layout):  # another process makes the file
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    assert sum(len(index) for index in indices(layout)) == module.SEGMENTS_MIN


@pytest.mark.anyio
async def test_what_it_says_is_logged_by_the_fold_process(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes where the fold process logs to, in the form that was chosen there, as one message."""
    monkeypatch.setattr(module, "FIRST_S", 0.0)
    for number in range(module.SEGMENTS_MIN):
        put(layout, f"r{number}", built(f"r{number}", 3))
    with packs_lock(layout), anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tidy, layout)
            while not caplog.records:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("foldline_ingest.tidying", "WARNING")
    assert record.getMessage().startswith("finished segments are not packed now: ")


@pytest.fixture
def anyio_backend() -> str:
    """As the fold process has it."""
    return "asyncio"
