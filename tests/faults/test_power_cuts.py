"""What a power cut costs: nothing that was called durable.

A store lies on a file system of its own, whose disk is a file. A process is stopped before one of
its calls, and what that file holds then is what a disk would: nothing that waits in memory. The
copy is mounted, its journal is replayed, and the store on it is used.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.shim import Acting, Fault, How
from tests.faults.stage import STAGES, Stage, told
from tests.faults.volumes import blank, mounted, needs_mounts

STRIDES = {"fold": 150, "keep_rule": 2, "scrub": 47}  # in `make test`: each cut takes half a second
STRIDE = 7
SCENES = ("track", "receive", "tidy", "keep_rule", "fold", "scrub")

pytestmark = needs_mounts


@pytest.fixture(scope="module")
def acting() -> Iterator[Acting]:
    """The process that plays."""
    with Acting() as acting:
        yield acting


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(
    "every", [False, pytest.param(True, marks=[pytest.mark.long, pytest.mark.timeout(3600)])]
)
def test_what_is_durable_survives_a_power_cut_at_any_call(
    acting: Acting, tmp_path: Path, scene: str, every: bool
) -> None:
    """What the disk had before a call is a store: all that was durable, and nothing made up."""
    stage = STAGES[scene](tmp_path / "stage")
    disk = blank(tmp_path / "blank.img")
    stride = 1 if every else STRIDES.get(scene, STRIDE)
    nth, cuts = 1 + len(scene) % stride, 0
    while cut(acting, stage, disk, tmp_path, nth):
        cuts += 1
        nth += stride
    assert cuts, "no call was hit"


def cut(acting: Acting, stage: Stage, disk: Path, folder: Path, nth: int) -> bool:
    """Cut the power before the n-th call of a scene; say whether there was one."""
    scene = next(name for name, kind in STAGES.items() if type(stage) is kind)
    live, after = folder / "live.img", folder / "after.img"
    copy(disk, live)
    now = folder / "now"
    with mounted(live, now / "store") as store:
        stage.set(now)
        sync(store)
        outcome = acting.play(scene, store, Fault(nth, How.STOP))
        stopped = os.WIFSTOPPED(outcome.status)
        copy(live, after)
        if stopped:
            acting.end(outcome.pid)
    promised = told(now / "store")
    with mounted(after, folder / "later" / "store") as store:
        for file in now.glob("*.fold"):  # what a sender still has
            shutil.copy(file, store.parent)
        try:
            stage.check(store, promised, cut=True)
        except Exception as error:
            # Whatever it is, it is raised again with what was done.
            error.add_note(f"cut before call {nth} of {scene}; {promised}")
            raise
    shutil.rmtree(now)
    return stopped


def copy(image: Path, to: Path) -> None:
    subprocess.run(["cp", "--sparse=always", str(image), str(to)], check=True)


def sync(folder: Path) -> None:
    """Bring what the stage has put there to the disk."""
    subprocess.run(["sync", "--file-system", str(folder)], check=True)
