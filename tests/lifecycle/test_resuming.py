"""Runs that are joined again, rewound and forked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import foldline
from foldline import beginning, origin
from foldline.errors import FoldlineWarning, RunNotFound, ValueRejected
from tests.patience import wait_for
from tests.segment_walk import Walk, segments, walk


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the ranks and jobs of a cluster that runs these tests out of them."""
    for name in os.environ:
        if name.startswith(("SLURM_", "OMPI_", "PMI_")) or name in ("RANK", "LOCAL_RANK"):
            monkeypatch.delenv(name)


def logged(store: Path, run: str) -> list[Walk]:
    return [walk(path) for path in segments(store) if path.parents[1].name == run]


def steps(store: Path, run: str, name: str = "loss", context: str = "{}") -> list[list[float]]:
    """Return the steps of a series in each of the run's segments, in the order of their birth."""
    return [
        [point.step for point in segment.series()[name, context]]
        for segment in logged(store, run)
        if (name, context) in segment.series()
    ]


def log(run: foldline.Run, points: int, name: str = "loss", **more: Any) -> None:
    for _ in range(points):
        run.track(1.0, name, **more)


def killed(store: Path, script: str, **environment: str) -> None:
    """Run a script until it says that it is ready, and kill it."""
    command = [sys.executable, "-c", textwrap.dedent(script), str(store)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, **environment}
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)


BEFORE = """
    import sys, time
    import foldline
    run = foldline.Run(id="job", store=sys.argv[1])
    for _ in range(100): run.track(0.5, name="loss")
    run.track(0.5, name="far", step=2_000_000)
    run.track(0.5, name="half", step=10.5, context={"subset": "val"})
    run.track(0.5, name="loss", epoch=0.5)
    print("ready", flush=True)
    while True: time.sleep(1)
"""


@pytest.mark.parametrize("resume", [None, "must", "allow"])
def test_steps_go_on_after_a_pre_emption(store: Path, resume: str | None) -> None:
    """A run that was killed and is joined again counts on, each series from its own last step."""
    killed(store, BEFORE)
    with foldline.Run(id="job", store=store, resume=resume) as run:
        log(run, 3)
        log(run, 2, "far")
        log(run, 2, "half", context={"subset": "val"})
        log(run, 2, "half")
    assert steps(store, "job") == [[*range(101)][:-1], [101, 102, 103]]
    assert steps(store, "job", "far") == [[2_000_000], [2_000_001, 2_000_002]]
    assert steps(store, "job", "half", '{"subset":"val"}') == [[10.5], [11, 12]]
    assert steps(store, "job", "half") == [[0, 1]]
    found = foldline.open(store).series('metric.name == "loss"')[0]
    assert found.steps.tolist() == [*range(104)]


def test_a_resumed_series_may_mix_both_ways_of_steps(store: Path) -> None:
    """Steps that the script names first do not hide what came before it."""
    with foldline.Run(id="job", store=store) as run:
        run.track(1.0, "loss", step=50)
    with foldline.Run(id="job", store=store) as run:
        for _ in range(3):
            run.track(1.0, "loss", step=7)
        run.track({"loss": 1.0}, step=8)
        log(run, 2)
        run.track(1.0, "loss", step=90)
        log(run, 1)
    assert steps(store, "job")[1] == [7, 7, 7, 8, 51, 52, 90, 91]


def test_who_is_alive_counts_for_itself(store: Path) -> None:
    """Two processes that write a run at once do not look at each other's steps."""
    with foldline.Run(id="job", store=store) as first:
        log(first, 10)
        with foldline.Run(id="job", store=store) as second:
            log(second, 2)
        with foldline.Run(id="job", store=store) as third:
            log(third, 1)
    assert steps(store, "job") == [[*range(10)], [0, 1], [2]]


def test_ranks_that_are_told_the_run_count_for_themselves(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FOLDLINE_RUN is for those that start together; with `resume` for one that follows."""
    monkeypatch.setenv("FOLDLINE_RUN", "job")
    for resume in (None, None, "allow"):
        with foldline.Run(store=store, resume=resume) as run:
            log(run, 2)
    assert steps(store, "job") == [[0, 1], [0, 1], [2, 3]]


def test_a_rank_goes_on_from_its_own_steps(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another rank had come to says nothing about this one."""
    for rank, points in (("0", 10), ("1", 4), ("0", 1), ("1", 1)):
        monkeypatch.setenv("RANK", rank)
        with foldline.Run(id="job", store=store) as run:
            log(run, points)
    assert steps(store, "job") == [[*range(10)], [*range(4)], [10], [4]]


def test_a_rank_that_moved_goes_on(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rank that is started again on another machine counts on, though nobody sees its end."""
    monkeypatch.setenv("RANK", "0")
    gone = foldline.Run(id="job", store=store)  # its marker stays locked, as on a lost machine
    log(gone, 5)
    monkeypatch.setattr(origin, "host", lambda: "elsewhere")
    with foldline.Run(id="job", store=store) as run:
        log(run, 1)
    gone.close()
    assert steps(store, "job") == [[*range(5)], [5]]


def test_a_silent_writer_of_another_machine_is_gone(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without ranks it is the marker's age that tells, by the clock of the file system."""
    gone = foldline.Run(id="job", store=store)
    log(gone, 5)
    monkeypatch.setattr(origin, "host", lambda: "elsewhere")
    with foldline.Run(id="job", store=store) as run:
        log(run, 1)
    (marker,) = [
        path for path in (store / "active").glob("job.*") if gone._writer.writer in path.name
    ]
    os.utime(marker, (1.0, 1.0))
    with foldline.Run(id="job", store=store) as run:
        log(run, 1)
    gone.close()
    assert steps(store, "job") == [[*range(5)], [0], [5]]


def test_what_can_not_be_read_is_counted_from_zero(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lookup that fails or lasts too long is told once, and nothing is lost."""
    with foldline.Run(id="job", store=store) as run:
        log(run, 5)
    monkeypatch.setattr(beginning, "LOOKUP_S_MAX", -1.0)
    with foldline.Run(id="job", store=store) as run:
        with pytest.warns(FoldlineWarning, match="may overlap") as told:
            log(run, 2)
        log(run, 1, "other")
    assert len(told) == 1 and steps(store, "job") == [[*range(5)], [0, 1]]


def test_a_run_has_to_be_there_or_not(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both "must" and "never" say what is wrong; no point goes to a run that was not meant."""
    with pytest.warns(FoldlineWarning, match=r"has no run 'job'[\s\S]*hint: check the id"):
        foldline.Run(id="job", store=store, resume="must").close()
    foldline.Run(id="job", store=store, resume="must").close()
    with pytest.warns(FoldlineWarning, match="there is a run 'job' already"):
        other = foldline.Run(id="job", store=store, resume="never")
    other.track(1.0, "loss")
    other.close()
    assert other.id != "job" and steps(store, other.id) == [[0]]
    foldline.Run(id="new", store=store, resume="never").close()
    assert len(logged(store, "job")) == 2 and len(logged(store, "new")) == 1
    monkeypatch.setenv("FOLDLINE_MODE", "strict")
    with pytest.raises(RunNotFound, match="has no run 'nowhere'"):
        foldline.Run(id="nowhere", store=store, resume="must")
    with pytest.raises(ValueRejected, match="already"):
        foldline.Run(id="job", store=store, resume="never")
    with pytest.raises(ValueRejected, match="no way to resume"):
        foldline.Run(id="job", store=store, resume="perhaps")
    assert not logged(store, "nowhere")


AUTO = """
    import sys, time
    import foldline
    run = foldline.Run(store=sys.argv[1], resume="auto")
    run.track(0.5, name="loss")
    print("ready", flush=True)
    if len(sys.argv) < 3: time.sleep(1_000)
    run.finish(sys.argv[2])
"""


def run_auto(store: Path, *ending: str, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(AUTO), str(store), *ending],
        env={**os.environ, **environment}, check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""


def test_auto_resumes_what_the_same_command_left(store: Path) -> None:
    """The newest run of this command is gone on with if it was killed, and only then."""
    killed(store, AUTO)
    killed(store, AUTO)
    run_auto(store, "finished")  # another command: it has an argument more
    run_auto(store, "finished")
    run_auto(store, "failed")
    run_auto(store, "failed")
    found = sorted(
        [point.step for path in paths for point in walk(path).points]
        for paths in map(
            list, (sorted(folder.glob("log/*")) for folder in (store / "runs").iterdir())
        )
    )
    assert found == [[0], [0], [0, 1], [0, 1]]


def test_auto_knows_a_job_by_its_number(store: Path) -> None:
    """A SLURM job that is queued again goes on; its siblings of one array do not."""
    for task in ("1", "2", "1"):
        run_auto(store, "finished", SLURM_ARRAY_JOB_ID="77", SLURM_ARRAY_TASK_ID=task)
    runs = sorted(len(list(folder.glob("log/*"))) for folder in (store / "runs").iterdir())
    assert runs == [1, 2]


def test_rewinding_goes_back_and_keeps_what_was(store: Path) -> None:
    """After `rewind(step)` counted steps go on behind it; the later points stay in the log."""
    with foldline.Run(id="job", store=store) as run:
        log(run, 10)
        log(run, 3, "short")
        run.track(1.0, "far", step=99)
        run.rewind(4)
        log(run, 2)
        log(run, 1, "short")
        log(run, 1, "far")
        run.rewind(4.5)
        log(run, 1)
    (found,) = logged(store, "job")
    assert steps(store, "job") == [[*range(10), 5, 6, 5]]
    assert steps(store, "job", "short") == [[0, 1, 2, 3]]
    assert steps(store, "job", "far") == [[99, 5]]
    assert found.of_type(21) == [{"step": 4}, {"step": 4.5}]


def test_who_joins_counts_on_from_where_a_rewind_left_it(store: Path) -> None:
    """A rewind of an earlier writer holds, and so does one before the first counted step."""
    with foldline.Run(id="job", store=store) as run:
        log(run, 10)
        run.rewind(4)
        log(run, 2)
    with foldline.Run(id="job", store=store) as run:
        log(run, 1)
    with foldline.Run(id="job", store=store) as run:
        run.rewind(2)
        log(run, 1)
    assert steps(store, "job")[1:] == [[7], [3]]


@pytest.mark.parametrize("fork_from", [("job", 5), ["job", 5.0], "job?_step=5"])
def test_a_fork_goes_on_behind_its_step(store: Path, fork_from: Any) -> None:
    """The fork's lineage is logged, and every series counts on from the step."""
    with foldline.Run(id="job", store=store) as run:
        log(run, 10)
    with foldline.Run(id="fork", store=store, fork_from=fork_from) as run:
        log(run, 2)
        log(run, 1, "new")
    (found,) = logged(store, "fork")
    assert found.of_type(22) == [{"run": "job", "step": 5}]
    assert steps(store, "fork") == [[6, 7]] and steps(store, "fork", "new") == [[6]]


def test_a_fork_of_a_whole_run_goes_on_behind_its_end(store: Path) -> None:
    """Without a step each series counts on from the parent's last one, even of a living parent."""
    with foldline.Run(id="job", store=store) as run:
        log(run, 10)
        log(run, 3, "other")
        with foldline.Run(id="fork", store=store, fork_from="job") as fork:
            log(fork, 1)
            log(fork, 1, "other")
    assert logged(store, "fork")[0].of_type(22) == [{"run": "job"}]
    assert steps(store, "fork") == [[10]] and steps(store, "fork", "other") == [[3]]


@pytest.mark.parametrize("fork_from", [5, ("job",), ("job", "x"), "job?_step=x", ("", 1)])
def test_what_is_no_fork_is_said(store: Path, fork_from: Any) -> None:
    """A fork that names no run and step is a run of its own, with a warning."""
    with pytest.warns(FoldlineWarning, match="names no run and step"):
        run = foldline.Run(store=store, fork_from=fork_from)
    log(run, 1)
    run.close()
    assert steps(store, run.id) == [[0]]


def test_a_read_only_run_writes_nothing(store: Path) -> None:
    """Opened to be read, a run makes no file, and says once that it keeps nothing."""
    with pytest.warns(FoldlineWarning, match="has no run 'job'"):
        foldline.Run("job", repo=store, read_only=True)
    assert not store.exists()
    with foldline.Run(id="job", store=store, params={"lr": 0.1}) as run:
        log(run, 1)
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    with foldline.Run("job", repo=store, read_only=True) as run:
        with pytest.warns(FoldlineWarning, match="read_only=True: nothing is kept") as told:
            log(run, 2)
        run["lr"] = 0.2
        run.name = "new"
        run.rewind(0)
        assert run.flush(durable=True)
    assert len(told) == 1
    assert {path: path.read_bytes() for path in store.rglob("*") if path.is_file()} == before


def test_points_may_be_added_after_the_end(store: Path) -> None:
    """A finished run that is joined again is finished again, with its new points."""
    with foldline.Run(id="job", store=store) as run:
        log(run, 2)
    with foldline.Run(id="job", store=store) as run:
        run.track(0.9, "test accuracy")
    with foldline.open(store) as opened:
        (found,) = opened.runs()
        assert found.status == "finished" and len(found.metrics) == 2


def test_a_repository_of_aim_is_a_store(store: Path) -> None:
    """`repo` may be an object with a path; an address of a server is refused, and says where to."""

    class Repo:
        path = str(store)

    foldline.Run(repo=Repo()).close()
    assert len(segments(store)) == 1
    with pytest.warns(FoldlineWarning, match="is no folder"):
        foldline.Run(repo="aim://127.0.0.1:1").close()
    assert wait_for(lambda: len(segments(store)) == 2, "the default store")
