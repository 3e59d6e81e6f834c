"""Forks with what they inherit."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

import foldline
from foldline.layout import Layout
from foldline_views.folding import catch_up
from foldline_views.reads import EXACT_READS_MAX
from tests.views.test_frames import Message, ask


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def track(run: foldline.Run, steps: range, scale: float) -> None:
    for step in steps:
        run.track(step * scale, name="loss", step=step)


def shown(store: Path, run: str, **words: object) -> tuple[dict[float, float], float | None]:
    message = asked(store, run, **words)
    (curve,) = message.curves
    values = dict(zip(curve.x, curve.columns["last"], strict=True))
    assert len(values) == len(curve.x)
    return values, message.head.get("inherited_until", [None])[0]


def asked(store: Path, run: str, **words: object) -> Message:
    layout = Layout(store)
    anyio.run(catch_up, layout)
    words = {"points": 1024, "inherit": True, **words}
    return ask(layout, query=f'run.id == "{run}" and metric.name == "loss"', **words)


def test_a_fork_of_a_fork(store: Path) -> None:
    """Each run's steps up to the fork come first, the nearest parent's last, and are marked."""
    for run, fork, steps, scale in (
        ("a", None, range(300), 1.0),
        ("b", ("a", 100), range(101, 250), 10.0),
        ("c", ("b", 200), range(201, 260), 100.0),
    ):
        with foldline.Run(id=run, store=store, fork_from=fork) as one:
            track(one, steps, scale)
    values, until = shown(store, "c")
    want = {float(s): s * 1.0 for s in range(101)}
    want |= {float(s): s * 10.0 for s in range(101, 201)}
    want |= {float(s): s * 100.0 for s in range(201, 260)}
    assert values == want and until == 200.0
    assert shown(store, "a")[1] is None
    assert list(shown(store, "c", inherit=False)[0]) == [float(s) for s in range(201, 260)]


def test_a_fork_before_its_parent_was_forked(store: Path) -> None:
    """Going back behind the parent's own fork leaves out what the parent did."""
    for run, fork, steps in (("a", None, range(300)), ("b", ("a", 200), range(201, 300)),
                             ("c", ("b", 50), range(51, 60))):  # fmt: skip
        with foldline.Run(id=run, store=store, fork_from=fork) as one:
            track(one, steps, 1.0)
    values, until = shown(store, "c")
    assert list(values) == [float(s) for s in range(60)] and until == 50.0


def test_the_forks_own_points_win(store: Path) -> None:
    """Where a fork tracked steps that its parent has too, its own are shown from there on."""
    with foldline.Run(id="a", store=store) as one:
        track(one, range(100), 1.0)
    with foldline.Run(id="b", store=store, fork_from=("a", 80)) as one:
        track(one, range(60, 90), -1.0)
    values, until = shown(store, "b")
    assert values == {float(s): float(s if s < 60 else -s) for s in range(90)} and until == 59.0


def test_a_long_parent_is_cut_at_the_very_step(store: Path) -> None:
    """A fork within a bucket of its parent has the bucket's points up to the fork, and no later."""
    with foldline.Run(id="a", store=store) as one:
        track(one, range(5000), 1.0)
    with foldline.Run(id="b", store=store, fork_from=("a", 3001)) as one:
        track(one, range(3002, 3010), -1.0)
    curve = asked(store, "b").curves[0]
    assert max(curve.columns["max"]) == 3001.0
    assert asked(store, "b").head["inherited_until"] == [3001.0]
    values, _ = shown(store, "b", range=(2990.0, 3009.0))
    assert values == {float(s): float(s if s <= 3001 else -s) for s in range(2989, 3010)}
    assert asked(store, "b", range=(2990.0, 3009.0)).head["exact"] == [True]


def test_a_parent_that_went_back_afterwards(store: Path) -> None:
    """A fork keeps what its parent had been when the fork was made."""
    with foldline.Run(id="a", store=store) as parent:
        track(parent, range(400), 1.0)
        parent.rewind(300)
        track(parent, range(301, 350), 2.0)
        with foldline.Run(id="b", store=store, fork_from=("a", 340)) as fork:
            track(fork, range(341, 350), -1.0)
        parent.rewind(200)
        track(parent, range(201, 349), 5.0)
    values, until = shown(store, "b")
    want = {float(s): float(s) for s in range(301)} | {float(s): 2.0 * s for s in range(301, 341)}
    want |= {float(s): -1.0 * s for s in range(341, 350)}
    assert values == want and until == 340.0
    values, _ = shown(store, "a")
    assert values[340.0] == 5 * 340.0


def test_parents_that_are_not_there(store: Path) -> None:
    """A fork of a run that nobody has, and runs forked from one another, end somewhere."""
    layout = Layout(store)
    for run, fork in (("a", ("b", 5)), ("b", ("a", 7)), ("c", ("gone", 3))):
        with foldline.Run(id=run, store=store) as one:
            one._emit(foldline.events.RunForked(*fork))
            track(one, range(6, 12), 1.0)
    assert anyio.run(catch_up, layout) is not None
    for run in "abc":
        assert len(shown(store, run)[0]) >= 6


def test_more_forks_than_points_are_read_of(store: Path) -> None:
    """What can't be read within one answer is left out with a warning, not shown wrong."""
    with foldline.Run(id="a", store=store) as one:
        track(one, range(3000), 1.0)
    for number in range(EXACT_READS_MAX + 2):
        with foldline.Run(id=f"b{number}", store=store, fork_from=("a", 2001)) as one:
            track(one, range(2002, 2004), -1.0)
    layout = Layout(store)
    anyio.run(catch_up, layout)
    message = ask(layout, query='run.parent == "a"', inherit=True)
    assert max(max(curve.columns["max"]) for curve in message.curves) == 2001.0
    assert any("forks" in warning for warning in message.head["warnings"])
