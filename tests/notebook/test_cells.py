"""Runs whose cell runs again, or whose kernel ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import foldline
from tests.notebook.kernel import Kernel
from tests.patience import wait_for


def statuses(store: Path) -> dict[str, str]:
    with foldline.open(store) as opened:
        return {run.name or run.id: run.status for run in opened.runs()}


def named(body: str) -> str:
    """Return a cell that makes a run with a new name each time."""
    return f'n = globals().get("n", 0) + 1\n{body}'


@pytest.mark.parametrize(
    ("cell", "capture"),
    [("", "none"), ("an-id", "none"), ("an-id", "all")],
    ids=["known by its text", "known by its id", "with all captured"],
)
def test_a_cell_that_runs_again_ends_the_run_that_it_made(
    kernels: Callable[[], Kernel],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cell: str,
    capture: str,
) -> None:
    """The old run is finished, even though IPython has kept it among the outputs."""
    monkeypatch.setenv("FOLDLINE_CAPTURE", capture)
    kernel = kernels()
    kernel.run("import foldline")
    for _ in range(3):
        kernel.run(named('run = foldline.Run(name=f"run{n}")\nrun'), cell=cell)
    kernel.run("run.track(1.0, 'loss')")
    found = statuses(tmp_path / "store")
    assert found == {"run1": "finished", "run2": "finished", "run3": "running"}


def test_a_cell_that_raised_and_runs_again_leaves_a_failed_run(
    kernel: Kernel, tmp_path: Path
) -> None:
    """A run inside of a function that raised lives on in the traceback, and is ended with it."""
    cell = named(
        "def train():\n"
        '    run = foldline.Run(name=f"run{n}")\n'
        "    run.track(1.0, 'loss')\n"
        "    assert n > 1, 'the first one fails'\n"
        "    return run\n"
        "run = train()"
    )
    kernel.run(cell, cell="train")
    assert statuses(tmp_path / "store") == {"run1": "running"}
    kernel.run(cell, cell="train")
    assert statuses(tmp_path / "store") == {"run1": "failed", "run2": "running"}


def test_runs_that_are_held_go_on(kernel: Kernel, tmp_path: Path) -> None:
    """Who keeps the runs of a cell that runs again keeps them open."""
    for _ in range(2):
        kernel.run(
            named('runs = globals().get("runs", []) + [foldline.Run(name=f"run{n}")]\nruns[-1]'),
            cell="more",
        )
    kernel.run("[run.track(0.5, 'loss') for run in runs]")
    assert statuses(tmp_path / "store") == {"run1": "running", "run2": "running"}


def test_many_runs_of_one_cell_are_none_of_its_business(kernel: Kernel, tmp_path: Path) -> None:
    """A sweep in a cell makes many runs, and only running the cell again lets them go."""
    kernel.run("runs = [foldline.Run(name=f'run{n}') for n in range(3)]")
    assert set(statuses(tmp_path / "store").values()) == {"running"}


@pytest.mark.parametrize("capture", ["none", "all"])
@pytest.mark.parametrize(("now", "status"), [(False, "finished"), (True, "killed")])
def test_a_kernel_that_ends_ends_its_runs(
    kernels: Callable[[], Kernel],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    now: bool,
    status: str,
    capture: str,
) -> None:
    """A restart finishes what is open; a kernel that was killed is seen to be gone."""
    monkeypatch.setenv("FOLDLINE_CAPTURE", capture)
    kernel = kernels()
    kernel.run("import foldline\nrun = foldline.Run(name='open')\nrun.track(1.0, 'loss')")
    kernel.end(now=now)
    wait_for(lambda: statuses(tmp_path / "store") == {"open": status}, f"the run to be {status}")


def test_init_in_a_notebook_finishes_the_run_before(kernel: Kernel, tmp_path: Path) -> None:
    """Who begins the next experiment in a notebook seldom ends the last; a script's run is one."""
    for number in (1, 2):
        kernel.run(f"foldline.init(name='run{number}')")
    assert statuses(tmp_path / "store") == {"run1": "finished", "run2": "running"}
