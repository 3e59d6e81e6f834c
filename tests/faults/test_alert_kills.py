"""What SIGKILL of the fold costs of alerts."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from pathlib import Path
from subprocess import DEVNULL, PIPE

import pytest

import foldline
from foldline.events import AlertRaised
from foldline.layout import Layout
from foldline_views import rules
from foldline_views.conditions import Threshold
from foldline_views.logged import read_facts
from foldline_views.outbox import waiting
from foldline_views.rules import Rule
from tests import warm
from tests.patience import wait_for

SERIES = 12


def raised(layout: Layout) -> Counter[str]:
    facts = read_facts(layout, "killed", AlertRaised)
    return Counter(fact.event.series for fact in facts if isinstance(fact.event, AlertRaised))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kills", [3, pytest.param(12, marks=pytest.mark.long)])
def test_each_alert_is_raised_once_however_often_the_fold_is_killed(
    tmp_path: Path, kills: int
) -> None:
    """Killed at random while series go over a threshold, each of them has one alert and letter."""
    layout = Layout(tmp_path / "store")
    layout.create()
    rules.add(layout, Rule("big", Threshold(above=10.0), webhook="http://127.0.0.1:9/"))
    command = ["fold", "--store", str(layout.root)]
    chance = random.Random(4)
    step = 0
    with foldline.Run(id="killed", store=layout.root) as run:
        for kill in range(kills):
            with warm.start(*command, stdin=PIPE, stdout=DEVNULL) as folding:
                end = time.monotonic() + chance.uniform(0.1, 0.8)
                while time.monotonic() < end:
                    over = (kill + 1) * SERIES // kills
                    for number in range(SERIES):
                        run.track(20.0 if number < over else 1.0, name=f"s{number}", step=step)
                    step += 1
                folding.send_signal(signal.SIGKILL)
                folding.wait()
        with warm.start(*command, stdin=PIPE, stdout=DEVNULL) as folding:
            wait_for(lambda: len(raised(layout)) == SERIES, "an alert of every series")
            with foldline.open(layout.root) as store:
                assert {one.series for one in store.run("killed").alerts} == set(raised(layout))
            assert folding.stdin is not None
            folding.stdin.close()
            assert folding.wait(20) == 0
    assert set(raised(layout).values()) == {1}
    assert len(list(waiting(layout))) == SERIES
