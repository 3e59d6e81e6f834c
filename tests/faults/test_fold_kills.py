"""What SIGKILL of the fold process costs: nothing."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path
from subprocess import DEVNULL, PIPE

import anyio
import pytest

import foldline
from foldline.layout import Layout
from foldline_views.folding import catch_up
from tests import warm
from tests.canonical import dump_of, points_folded
from tests.patience import wait_for

KILLS = 10


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(KILLS, marks=pytest.mark.timeout(180)),
        pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(1200)]),
    ],
)
def test_kills_of_the_fold_process(tmp_path: Path, kills: int) -> None:
    """Killed at random moments while a writer logs, the views equal a replay in the end."""
    store = tmp_path / "store"
    command = ["fold", "--store", str(store)]
    chance = random.Random(1)
    tracked = 0
    with foldline.Run(id="killed", store=store, params={"lr": 0.1}) as run:
        for kill in range(kills):
            before = points_folded(store)
            with warm.start(*command, stdin=PIPE, stdout=DEVNULL) as folding:
                end = time.monotonic() + chance.uniform(0.0, 0.3)
                moved = False
                # Half of the kills wait until the fold has moved, so that it is in its work.
                while time.monotonic() < end or (kill % 2 and not moved):
                    for _ in range(300):
                        run.track({"a": tracked * 0.5, "b": -tracked}, step=tracked)
                        tracked += 1
                    run.track(1.0, name=f"series {tracked % 7}", step=tracked)
                    run["progress"] = tracked
                    moved = moved or points_folded(store) > before
                folding.send_signal(signal.SIGKILL)
                folding.wait()
    assert anyio.run(catch_up, Layout(store))
    live = dump_of(store)
    with foldline.open(store) as opened:
        (found,) = opened.series('metric.name == "a"')
        assert found.count == tracked
        assert found.last == (tracked - 1) * 0.5
    shutil.rmtree(Layout(store).views)
    assert anyio.run(catch_up, Layout(store))
    assert dump_of(store) == live


@pytest.mark.timeout(120)
def test_a_stopped_fold_process_does_no_harm(tmp_path: Path) -> None:
    """One that is stopped in its work holds readers up, not training; it goes on where it was."""
    store = tmp_path / "store"
    command = ["fold", "--store", str(store)]
    with foldline.Run(id="stopped", store=store) as run:
        run.track(0.0, name="a", step=0)
        with warm.start(*command, stdin=PIPE, stdout=DEVNULL) as folding:
            wait_for(lambda: points_folded(store) > 0, "the first commit")
            folding.send_signal(signal.SIGSTOP)
            for step in range(1, 20_000):
                run.track(step, name="a", step=step)
            assert not anyio.run(catch_up, Layout(store)), "the lease is held"
            folding.send_signal(signal.SIGCONT)
            wait_for(lambda: points_folded(store) == 20_000, "the rest")
            assert folding.stdin is not None
            folding.stdin.close()
            assert folding.wait(20) == 0
