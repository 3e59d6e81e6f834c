"""Every call that changes a store fails in turn.

For each scene and fault, the first call is hit, then the second, and so on until a scene is
through without meeting its fault. `make test` takes every few calls, `make faults` all of them.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.shim import Acting, Fault, How, Outcome
from tests.faults.stage import STAGES, Stage, told

# What befalls the call. A write may be done by half, and then the disk is full.
FAULTS = {
    "fails once": (How.ONCE, errno.EIO),
    "fails from then on": (How.FOREVER, errno.ENOSPC),
    "does half and fails": (How.SHORT, errno.ENOSPC),
    "is interrupted": (How.ONCE, errno.EINTR),
    "is never begun": (How.KILL, 0),
    "is the last": (How.KILL_AFTER, 0),
}
# In `make test` every so many calls are hit. A scene makes from five to some hundreds of them, and
# a fold and its check take half a second.
STRIDES = {"fold": 149, "keep_rule": 2, "scrub": 31}
STRIDE = 13


@pytest.fixture(scope="module")
def acting() -> Iterator[Acting]:
    """The process that plays."""
    with Acting() as acting:
        yield acting


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stage]:
    """The stores before their scenes."""
    folder = tmp_path_factory.mktemp("stages")
    return {name: kind(folder / name) for name, kind in STAGES.items()}


@pytest.mark.parametrize("scene", STAGES)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    "every", [False, pytest.param(True, marks=[pytest.mark.long, pytest.mark.timeout(3600)])]
)
def test_whatever_call_fails_nothing_is_lost_or_made_up(
    acting: Acting, stages: dict[str, Stage], tmp_path: Path, scene: str, fault: str, every: bool
) -> None:
    """A store is what it was promised to be, is read without damage, and goes on."""
    stage, (how, code) = stages[scene], FAULTS[fault]
    stride = 1 if every else STRIDES.get(scene, STRIDE)
    nth = 1 + len(fault) % stride  # each of them begins elsewhere
    played = 0
    while True:
        store = stage.set(tmp_path / "now")
        outcome = acting.play(scene, store, Fault(nth, how, code))
        hit = was_hit(outcome, nth, how)
        check_end(outcome, scene)
        promised = told(store)
        if hit and how in {How.ONCE, How.FOREVER, How.SHORT} and outcome.said:
            promised["ended"] = outcome.said["dropped"]
        try:
            stage.check(store, promised)
        except Exception as error:
            # Whatever it is, it is raised again with what was done.
            error.add_note(f"call {nth} of {scene} {fault}; {outcome}; {promised}")
            raise
        shutil.rmtree(tmp_path / "now")
        if not hit:
            break
        played += 1
        nth += stride
    assert played, "no call was hit"


def was_hit(outcome: Outcome, nth: int, how: How) -> bool:
    """Say whether a scene met its fault."""
    if how in {How.KILL, How.KILL_AFTER}:
        return os.WIFSIGNALED(outcome.status) and os.WTERMSIG(outcome.status) == signal.SIGKILL
    return outcome.met >= nth


def check_end(outcome: Outcome, scene: str) -> None:
    """Assert that a scene ended in a way that it may: a training never hears of a fault."""
    signalled = os.WTERMSIG(outcome.status) if os.WIFSIGNALED(outcome.status) else 0
    assert signalled in {0, signal.SIGKILL}, f"{scene} was ended by signal {signalled}"
    assert not outcome.error.startswith("Traceback"), outcome.error
    assert not (scene.startswith("track") and outcome.error), outcome.error
