"""One run by many processes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import foldline
from tests.segment_walk import Walk, segments, walk

POINTS = 5_000  # of each process; more than the first two windows hold
NAMES = 100_000
NAMES_S_MAX = 30.0  # a tenth of it on an idle machine

WORKER = """
    import sys
    import foldline
    run = foldline.Run(store=sys.argv[1])
    for step in range(int(sys.argv[2])):
        run.track(step * 0.5, name="loss", step=step)
        run.track(1.0, name="counted")
    run.finish()
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def together(
    store: Path, environments: list[dict[str, str]], script: str = WORKER, points: int = POINTS
) -> None:
    """Run one process for each environment, all at once, and let each succeed."""
    clean = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("SLURM_", "OMPI_", "PMI_")) and name not in ("RANK", "LOCAL_RANK")
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script), str(store), str(points)],
            env={**clean, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        for environment in environments
    ]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), errors
    assert set(errors) == {""}


def whole(store: Path) -> list[Walk]:
    """Return all segments, each finished and undamaged."""
    found = [walk(path) for path in segments(store)]
    assert all(segment.finished and not segment.damage for segment in found)
    return found


def labels(store: Path) -> list[tuple[int | None, int | None, int | None]]:
    opened = [segment.of_type(1)[0] for segment in whole(store)]
    return sorted((o.get("rank"), o.get("local_rank"), o.get("world_size")) for o in opened)


def check_count(store: Path, run: str, processes: int, points: int = POINTS) -> None:
    """See that one run holds every point of every process."""
    with foldline.open(store) as opened:
        (found,) = opened.runs()
        assert found.id == run and found.status == "finished"
        counts = {series.name: series.count for series in opened.series()}
    assert counts == {"loss": processes * points, "counted": processes * points}


def test_four_ranks_of_torchrun_write_one_run(store: Path) -> None:
    """What torchrun tells each process labels it; the run holds all their points."""
    common = {"FOLDLINE_RUN": "ddp", "WORLD_SIZE": "4", "TORCHELASTIC_RUN_ID": "none"}
    ranks = [{**common, "RANK": str(n), "LOCAL_RANK": str(n % 2)} for n in range(4)]
    together(store, ranks)
    check_count(store, "ddp", 4)
    assert labels(store) == [(0, 0, 4), (1, 1, 4), (2, 0, 4), (3, 1, 4)]


def test_tasks_of_slurm_write_one_run(store: Path) -> None:
    """What srun tells each task labels it."""
    common = {"FOLDLINE_RUN": "srun", "SLURM_JOB_ID": "7", "SLURM_NTASKS": "3"}
    tasks = [{**common, "SLURM_PROCID": str(n), "SLURM_LOCALID": str(n)} for n in range(3)]
    together(store, tasks)
    check_count(store, "srun", 3)
    assert labels(store) == [(0, 0, 3), (1, 1, 3), (2, 2, 3)]


def test_an_array_of_slurm_is_many_runs(store: Path) -> None:
    """Each task of a job array is a run of its own, unless it is told which to join."""
    tasks = [{"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": str(n)} for n in range(3)]
    together(store, tasks, points=10)
    assert len({segment.run for segment in whole(store)}) == 3
    together(store, [{**task, "FOLDLINE_RUN": "sweep"} for task in tasks], points=10)
    assert sum(segment.run == "sweep" for segment in whole(store)) == 3


def test_two_hosts_write_one_run(store: Path) -> None:
    """Processes of two machines on one folder are one run, each under its host's name."""
    script = WORKER.replace(
        "import foldline",
        "import foldline.origin, os\n    foldline.origin.host = lambda: os.environ['NODE']",
    )
    nodes = [{"FOLDLINE_RUN": "wide", "NODE": f"node-{n}", "RANK": str(n)} for n in (0, 0, 1, 1)]
    together(store, nodes, script)
    check_count(store, "wide", 4)
    hosts = sorted(segment.of_type(1)[0]["host"] for segment in whole(store))
    assert hosts == ["node-0", "node-0", "node-1", "node-1"]


def test_the_same_id_from_many_processes_at_once(store: Path) -> None:
    """`Run(id=...)` in several processes needs no lock: the first one to come makes the store."""
    script = WORKER.replace("foldline.Run(", 'foldline.Run("shared", ')
    together(store, [{} for _ in range(6)], script, points=2_000)
    with foldline.open(store) as opened:
        (loss,) = opened.series('metric.name == "loss"')
        assert loss.count == 6 * 2_000


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_a_pool_write_the_run_of_their_parent(
    store: Path, tmp_path: Path, method: str
) -> None:
    """However a pool starts its workers, each point of each task is there once."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import multiprocessing, sys
        import foldline

        def work(number):
            for step in range(100):
                run.track(float(number), name="task", step=step, context={"task": number})
            return number

        def begin(given):
            global run
            run = given

        if __name__ == "__main__":
            context = multiprocessing.get_context(sys.argv[2])
            with foldline.Run(id="pool", store=sys.argv[1]) as run:
                with context.Pool(3, begin, (run,), maxtasksperchild=4) as pool:
                    assert sum(pool.imap_unordered(work, range(20))) == 190
                    pool.close()
                    pool.join()
                run.track(1.0, name="parent")
        """),
        encoding="utf-8",
    )
    command = [sys.executable, str(script), str(store), method]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    assert done.stderr == ""
    whole(store)
    with foldline.open(store) as opened:
        tasks = opened.series('metric.name == "task"')
        assert sorted(series.context["task"] for series in tasks) == list(range(20))
        assert {series.count for series in tasks} == {100}
        assert opened.runs()[0].status == "finished"


def test_a_hundred_thousand_names_in_one_run(store: Path) -> None:
    """Each name costs microseconds, and every one is in the log with its points."""
    start = time.monotonic()
    with foldline.Run(store=store) as run:
        for step in range(2):
            for number in range(NAMES):
                run.track(float(number), f"layer.{number}.norm", step)
        assert run.dropped == 0
    assert time.monotonic() - start < NAMES_S_MAX
    (found,) = whole(store)
    series = found.series()
    assert len(series) == NAMES
    assert all(len(points) == 2 for points in series.values())
