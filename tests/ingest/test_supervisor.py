"""The fold process, kept alive and ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

import foldline
from foldline_ingest import supervisor as supervisor_module
from foldline_ingest.announce import LIVE_SHELF, Announcement
from foldline_ingest.supervisor import Supervisor
from tests.canonical import points_folded

DEADLINE_S = 40.0


def command(store: Path) -> list[str]:
    return [sys.executable, "-m", "foldline_ui", "fold", "--store", str(store)]


def pid_of(supervisor: Supervisor) -> int:
    assert supervisor._process is not None
    return supervisor._process.pid


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


async def until(said: AsyncIterator[Announcement], state: str) -> list[Announcement]:
    """Return what is announced until the runs and series are in this state."""
    heard = []
    with anyio.fail_after(DEADLINE_S):
        async for announcement in said:
            heard.append(announcement)
            if announcement.shelf == LIVE_SHELF and announcement.state == state:
                return heard
    raise AssertionError("the announcements ended")


def test_a_killed_fold_process_goes_on_exactly_once(tmp_path: Path) -> None:
    """SIGKILL of the fold process is told, it is started again, and each point counts once."""
    store = tmp_path / "store"
    run = foldline.Run(id="long", store=store)

    def log(points: int) -> None:
        for step in range(points):
            run.track(step, name="a", step=step)

    async def scenario() -> None:
        async with Supervisor(command(store)) as supervisor:
            said = aiter(supervisor)
            for _ in range(3):
                log(5000)
                await until(said, "live")
                assert supervisor.state == "live"
                pid = pid_of(supervisor)
                log(5000)
                os.kill(pid, signal.SIGKILL)
                heard = await until(said, "down")
                assert "started again" in str(heard[-1].message)
                assert supervisor.state == "down" and not is_alive(pid)
            await until(said, "live")
            last = pid_of(supervisor)
            run.finish()
            with anyio.fail_after(DEADLINE_S):
                while points_folded(store) < 30_000:
                    await anext(said)
        assert not is_alive(last), "closing the supervisor ends the process"

    anyio.run(scenario)
    assert points_folded(store) == 30_000


def test_closing_lets_the_process_end_by_itself(tmp_path: Path) -> None:
    """The process is asked to end by closing its input, and has time to."""
    script = (
        "import sys\n"
        "from foldline_ingest.announce import Announcement, encode\n"
        "sys.stdout.buffer.write(encode(Announcement(1, 0, 'live')))\n"
        "sys.stdout.buffer.flush()\n"
        "sys.stdin.read()\n"
        f"open({str(tmp_path / 'ended')!r}, 'w').close()\n"
    )

    async def scenario() -> None:
        async with Supervisor([sys.executable, "-c", script]) as supervisor:
            await until(aiter(supervisor), "live")

    anyio.run(scenario)
    assert (tmp_path / "ended").exists()


def test_a_process_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs when asked to end is not waited for any longer than the grace."""
    monkeypatch.setattr(supervisor_module, "GRACE_S", 0.2)
    script = (
        "import sys, time\n"
        "from foldline_ingest.announce import Announcement, encode\n"
        "sys.stdout.buffer.write(encode(Announcement(1, 0, 'live')))\n"
        "sys.stdout.buffer.flush()\n"
        "time.sleep(600)\n"
    )
    pids = []

    async def scenario() -> None:
        async with Supervisor([sys.executable, "-c", script]) as supervisor:
            await until(aiter(supervisor), "live")
            pids.append(pid_of(supervisor))

    anyio.run(scenario)
    assert not is_alive(pids[0])


def test_a_process_that_fails_at_once_is_not_started_without_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A store that can't be folded does not keep a core busy, and no descriptor is lost to it."""
    monkeypatch.setattr(supervisor_module, "RESTART_S_MIN", 0.02)
    pauses: list[float] = []
    real = anyio.sleep

    async def noted(pause: float) -> None:
        pauses.append(pause)
        await real(0)

    monkeypatch.setattr(anyio, "sleep", noted)
    files: list[int] = []

    async def scenario() -> None:
        async with Supervisor([sys.executable, "-S", "-c", "raise SystemExit(3)"]) as supervisor:
            async for announcement in supervisor:
                assert announcement.state == "down"
                assert "status 3" in str(announcement.message)
                files.append(open_files())
                if len(files) == 8:
                    return

    anyio.run(scenario)
    assert pauses == sorted(pauses) and pauses[-1] > 4 * pauses[0]
    assert files[-1] <= files[0] + 3


def test_a_fold_process_that_fails_ends(tmp_path: Path) -> None:
    """An error in the fold ends its process, though its input is open: it can be started again."""
    store = tmp_path / "store"
    with foldline.Run(id="a", store=store) as run:
        run.track(1, name="a")
    (store / "store.json").write_text("{}")
    (store / "views").write_text("a file where the folder should be")

    async def scenario() -> Announcement:
        async with Supervisor(command(store)) as supervisor:
            return (await until(aiter(supervisor), "down"))[-1]

    started = time.monotonic()
    said = anyio.run(scenario)
    assert "ended with status" in str(said.message)
    assert time.monotonic() - started < DEADLINE_S
