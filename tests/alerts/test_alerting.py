"""What rules raise over a store, and how often."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

import foldline
import foldline_views.alerting as module
from foldline.layout import Layout
from foldline_ingest.packing import pack
from foldline_ingest.statement import state
from foldline_views import rules
from foldline_views.alerting import Alerting
from foldline_views.conditions import Nonfinite, Plateau, Stalled, Threshold
from foldline_views.folding import catch_up, rebuild
from foldline_views.outbox import waiting
from foldline_views.rules import Rule

BIG = Rule("big", Threshold(above=10.0), 'metric.name == "loss"')


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "store")
    layout.create()
    return layout


def fold(layout: Layout) -> None:
    assert anyio.run(catch_up, layout)


def alerts(layout: Layout, run: str) -> list[tuple[str, str, float | None, Any]]:
    """Return the alerts of a run as anybody reads them."""
    with foldline.open(layout.root) as store:
        return [(one.rule, one.series, one.step, one.value) for one in store.run(run).alerts]


def look(layout: Layout, alerting: Alerting) -> int:
    fold(layout)
    return len(alerting.look())


def test_a_rule_is_met_once_in_each_series(layout: Layout) -> None:
    """The first point over a threshold raises an alert with its step and value; later ones none."""
    rules.add(layout, BIG)
    alerting = Alerting(layout)
    with foldline.Run(id="one", store=layout.root) as run:
        run.track(1.0, name="loss", step=0)
        run.track(99.0, name="other", step=0)
        assert look(layout, alerting) == 0
        run.track(11.0, name="loss", step=1)
        run.track(12.0, name="loss", step=2)
        run.track(13.0, name="loss", step=2, context={"subset": "val"})
        assert look(layout, alerting) == 2
        run.track(14.0, name="loss", step=3)
        assert look(layout, alerting) == 0
        assert alerts(layout, "one") == [("big", "loss", 1.0, 11.0), ("big", "loss", 2.0, 13.0)]
    with foldline.open(layout.root) as store:
        found = store.run("one").alerts[0]
        assert found.title == "loss is 11: above 10"
        assert found.text == 'rule big: metric.name == "loss"; step 1'
        assert found.level == 30
        assert len(store.runs("run.alerts == 2")) == 1


def test_what_was_tracked_before_a_rule_raises_nothing(layout: Layout) -> None:
    """A rule looks at what comes after it was made; a plateau remembers what came before."""
    with foldline.Run(id="one", store=layout.root) as run:
        run.track(50.0, name="loss", step=0)
        run.track(1.0, name="loss", step=1)
        fold(layout)
        rules.add(layout, BIG)
        rules.add(layout, Rule("flat", Plateau(steps=10)))
        alerting = Alerting(layout)
        assert look(layout, alerting) == 0
        run.track(2.0, name="loss", step=11)
        assert look(layout, alerting) == 1
    assert alerts(layout, "one") == [("flat", "loss", 11.0, 2.0)]


def test_a_rule_that_is_new_to_a_watched_series_remembers_it(layout: Layout) -> None:
    """A rule made while a run goes on knows the best value of before it, from the log."""
    rules.add(layout, BIG)
    alerting = Alerting(layout)
    with foldline.Run(id="one", store=layout.root) as run:
        run.track(1.0, name="loss", step=0)
        assert look(layout, alerting) == 0
        rules.add(layout, Rule("flat", Plateau(steps=10)))
        run.track(2.0, name="loss", step=12)
        assert look(layout, alerting) == 1
    assert alerts(layout, "one") == [("flat", "loss", 12.0, 2.0)]


def test_a_tag_that_comes_later_lets_a_rule_look(layout: Layout) -> None:
    """Which runs a rule looks at follows what people say of them, also while they run."""
    rules.add(layout, Rule("tagged", Nonfinite(), '"prod" in run.tags'))
    alerting = Alerting(layout)
    with foldline.Run(id="one", store=layout.root) as run:
        run.track(math.nan, name="loss", step=0)
        assert look(layout, alerting) == 0
        run.add_tag("prod")
        run.track(math.nan, name="loss", step=1)
        assert look(layout, alerting) == 1


def test_a_process_that_starts_again_says_nothing_twice(layout: Layout) -> None:
    """Whoever looks at the same log again finds the alerts there, and raises what is missing."""
    rules.add(layout, BIG)
    with foldline.Run(id="one", store=layout.root) as run:
        run.track(11.0, name="loss", step=0)
        assert look(layout, Alerting(layout)) == 1
        assert look(layout, Alerting(layout)) == 0
        (layout.views / "alerts").unlink()
        assert look(layout, Alerting(layout)) == 0
        anyio.run(rebuild, layout)
        assert look(layout, Alerting(layout)) == 0
    assert len(alerts(layout, "one")) == 1


def test_a_run_that_ended_while_nobody_looked_is_looked_at(layout: Layout) -> None:
    """A run logged and finished with no server running raises its alert when one starts."""
    rules.add(layout, BIG)
    assert look(layout, Alerting(layout)) == 0
    with foldline.Run(id="one", store=layout.root) as run:
        run.track(11.0, name="loss", step=0)
    assert look(layout, Alerting(layout)) == 1


def test_an_old_run_is_not_read_again(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store full of finished runs costs a look at their files' times, and no read."""
    with foldline.Run(id="old", store=layout.root) as run:
        run.track(11.0, name="loss", step=0)
    for file in layout.runs.glob("*/log/*"):
        os.utime(file, (1e9, 1e9))
    rules.add(layout, BIG)

    def refused(*_: object) -> None:
        raise AssertionError("the log of a run that ended long ago is read")

    monkeypatch.setattr(module, "SegmentReader", refused)
    assert look(layout, Alerting(layout)) == 0


def test_a_rule_that_is_armed_again_raises_again(layout: Layout) -> None:
    """After `arm` the next point over the threshold raises a second alert."""
    rules.add(layout, BIG)
    alerting = Alerting(layout)
    with foldline.Run(id="one", store=layout.root) as run:
        run.track(11.0, name="loss", step=0)
        assert look(layout, alerting) == 1
        rules.arm(layout, "big")
        assert look(layout, alerting) == 0
        run.track(12.0, name="loss", step=1)
        assert look(layout, alerting) == 1
    assert [step for _, _, step, _ in alerts(layout, "one")] == [0.0, 1.0]


def test_a_run_that_stalls_is_told_of(layout: Layout) -> None:
    """A running run without a point for the time of a rule raises one alert; progress delays it."""
    rules.add(layout, Rule("stuck", Stalled(600.0)))
    now = time.time()
    moment = now
    alerting = Alerting(layout, now=lambda: moment)
    with foldline.Run(id="one", store=layout.root) as run:
        run.track(1.0, name="loss", step=0)
        run.track(1.0, name="__system__/cpu", step=0)
        assert look(layout, alerting) == 0
        moment = now + 500
        assert look(layout, alerting) == 0
        moment = now + 700
        assert look(layout, alerting) == 1
        moment = now + 900
        assert look(layout, alerting) == 0
    ((rule, series, step, value),) = alerts(layout, "one")
    assert (rule, series, step, value) == ("stuck", "", None, None)


def test_a_run_that_promised_to_be_slow_is_not_stalled(layout: Layout) -> None:
    """What a script says of its next word counts as progress until then."""
    rules.add(layout, Rule("stuck", Stalled(600.0)))
    now = time.time()
    moment = now + 3000
    alerting = Alerting(layout, now=lambda: moment)
    with foldline.Run(id="one", store=layout.root) as run:
        run.track(1.0, name="loss", step=0)
        run.report_progress(expect_next_in=3600)
        assert look(layout, alerting) == 0
        moment = now + 4300
        assert look(layout, alerting) == 1


def test_an_ended_run_does_not_stall(layout: Layout) -> None:
    """Only runs that are running are waited for."""
    rules.add(layout, Rule("stuck", Stalled(1.0)))
    with foldline.Run(id="one", store=layout.root) as run:
        run.track(1.0, name="loss", step=0)
    assert look(layout, Alerting(layout, now=lambda: time.time() + 3600)) == 0


def test_a_rule_raises_a_bounded_number_in_a_run(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of which every series diverges does not fill its folder with alerts."""
    monkeypatch.setattr(module, "ALERTS_OF_RULE_MAX", 3)
    rules.add(layout, Rule("nan", Nonfinite()))
    with foldline.Run(id="one", store=layout.root) as run:
        for number in range(10):
            run.track(math.nan, name=f"loss {number}", step=0)
        assert look(layout, Alerting(layout)) == 3
    assert len(alerts(layout, "one")) == 3


def test_a_rewind_starts_a_rule_over(layout: Layout) -> None:
    """After a rewind the script tracks its steps again: the best value of before is forgotten."""
    rules.add(layout, Rule("flat", Plateau(steps=10)))
    alerting = Alerting(layout)
    with foldline.Run(id="one", store=layout.root) as run:
        run.track(1.0, name="loss", step=0)
        run.track(0.1, name="loss", step=5)
        run.rewind(0)
        run.track(0.9, name="loss", step=9)
        run.track(0.5, name="loss", step=16)
        assert look(layout, alerting) == 0
        run.track(0.6, name="loss", step=26)
        assert look(layout, alerting) == 1


def test_alerts_of_packed_runs_are_there(layout: Layout) -> None:
    """An alert is a segment like any other: packed, it is still the run's, and not raised again."""
    rules.add(layout, BIG)
    with foldline.Run(id="one", store=layout.root) as run:
        run.track(11.0, name="loss", step=0)
    assert look(layout, Alerting(layout)) == 1
    fold(layout)
    assert pack(layout, idle_s=0).segments == 2
    (layout.views / "alerts").unlink()
    assert look(layout, Alerting(layout)) == 0
    assert len(alerts(layout, "one")) == 1


def test_an_alert_that_cannot_be_logged_is_raised_later(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk keeps an alert back, and the next look raises it."""
    rules.add(layout, BIG)
    alerting = Alerting(layout)
    with foldline.Run(id="one", store=layout.root) as run:
        run.track(11.0, name="loss", step=0)
        fold(layout)

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("foldline_views.alerting.state", full)
        with pytest.raises(OSError, match="No space"):
            alerting.look()
        monkeypatch.setattr("foldline_views.alerting.state", state)
        assert len(alerting.look()) == 1


def test_rules_that_cannot_be_read_leave_the_old_ones(layout: Layout) -> None:
    """A slip in alerts.json ends no watch: the rules of before go on until it is mended."""
    rules.add(layout, BIG)
    alerting = Alerting(layout)
    with foldline.Run(id="one", store=layout.root) as run:
        run.track(1.0, name="loss", step=0)
        assert look(layout, alerting) == 0
        layout.alerts.write_text("{ this is no JSON")
        run.track(11.0, name="loss", step=1)
        assert look(layout, alerting) == 1


def test_nothing_is_posted_without_an_address(layout: Layout) -> None:
    """An alert waits to be sent only where a rule, or the store, names an address."""
    rules.add(layout, BIG)
    rules.add(layout, Rule("told", Nonfinite(), webhook="http://127.0.0.1:9/hook"))
    alerting = Alerting(layout)
    with foldline.Run(id="one", store=layout.root, name="net", experiment="mnist") as run:
        run.track(11.0, name="loss", step=0)
        assert look(layout, alerting) == 1
        assert not list(waiting(layout))
        run.track(math.nan, name="loss", step=1, context={"subset": "val"})
        assert look(layout, alerting) == 1
    ((path, letter),) = waiting(layout)
    assert letter.to == "http://127.0.0.1:9/hook"
    assert letter.message.value == "NaN"
    assert (letter.message.run_name, letter.message.experiment) == ("net", "mnist")
    assert letter.message.context == {"subset": "val"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert msgspec.json.encode(letter)
