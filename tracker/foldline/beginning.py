"""Which run a process begins or joins, and from where.

Nothing here raises but in strict mode: what can't be done is said once, and the run that begins
instead never mixes its points into one that was not meant.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from . import origin, packs
from .errors import FoldlineError, RunNotFound, ValueRejected
from .events import RunForked
from .ids import new_id, run_id
from .layout import STORE_DEFAULT, Layout, store_path
from .notices import Notices, shown
from .scalars import step_of
from .series import series_key
from .steps import Earlier, Steps

__all__ = ["Beginning", "begin"]

LOOKUP_S_MAX = 5.0  # for the steps of earlier writers: a hundred million points; once, on resuming
RESUMES = ("must", "allow", "never", "auto")


class Beginning(NamedTuple):
    """What a run begins with."""

    layout: Layout
    run: str
    steps: Steps
    fork: RunForked | None = None


def begin(
    notices: Notices, run: Any, store: Any, resume: Any, fork_from: Any, *, read_only: bool
) -> Beginning:
    """Return which run to write to. Raises FoldlineError in strict mode alone."""
    layout = Layout(_folder(notices, store))
    wanted = _wanted(notices, run)
    how = _how(notices, resume)
    if how == "auto" and not wanted:
        wanted = _unfinished(layout)
    told = wanted or os.environ.get("FOLDLINE_RUN", "")
    chosen = run_id(told) if told else new_id()
    there = bool(told) and _exists(layout, chosen)
    if (how == "must" or read_only) and not there:
        notices.give("resume", _not_there(layout, told))
    if how == "never" and there:
        chosen, there = new_id(), False
        notices.give("resume", _is_there(told, chosen))
    fork = _fork(notices, layout, fork_from)
    # Processes that are started together, by FOLDLINE_RUN, count for themselves.
    joined = there and bool(wanted or how)
    return Beginning(layout, chosen, _steps(notices, layout, chosen, fork, joined=joined), fork)


def _folder(notices: Notices, store: Any) -> Any:
    """Return the store's folder; `store` may be Aim's Repo, which has a path.

    That of a store which is an address is on this machine too: see `shipper.hold`.
    """
    try:
        if not isinstance(store, str | os.PathLike):
            store = getattr(store, "path", store)
        named = os.fspath(store or os.environ.get("FOLDLINE_STORE") or "")
        if "://" in named:
            from .shipper.hold import hold_of, remote_of  # a store on this machine needs neither

            return hold_of(remote_of(named)).root
        path = store_path(store)
        with suppress(OSError):  # it is not there, or can't be read: the writer says so
            path.lstat()  # raises ValueError at what no path can hold
    except Exception as error:  # noqa: BLE001  # whatever was passed: there is a run afterwards
        named = os.environ.get("FOLDLINE_STORE", "")
        path = store_path(STORE_DEFAULT if "://" in named else None)
        reason = error.message if isinstance(error, FoldlineError) else error
        notices.give(
            "store",
            ValueRejected(
                f"store={shown(store)} is no folder: {reason}; this run goes to {path}",
                hint='foldline.Run(store="/data/experiments") or "https://lab.example", or '
                "FOLDLINE_STORE",
            ),
        )
    return path


def _wanted(notices: Notices, run: Any) -> str:
    """Return the run that the script asks for by name, or ""."""
    if run is None:
        return ""
    if issubclass(type(run), str):
        return str.__str__(run)
    notices.give(
        "id",
        ValueRejected(
            f"id={shown(run)} is no id; a new run begins", hint='foldline.Run(id="my-run")'
        ),
    )
    return ""


def _how(notices: Notices, resume: Any) -> str:
    if resume is None or resume is False:
        return ""
    if resume is True:
        return "auto"
    if type(resume) is str and resume in RESUMES:
        return resume
    notices.give(
        "resume",
        ValueRejected(f"resume={shown(resume)} is no way to resume", hint=f"one of {RESUMES}"),
    )
    return ""


def _unfinished(layout: Layout) -> str:
    """Return the run that this same work left unfinished, or ""."""
    job = os.environ.get("SLURM_ARRAY_JOB_ID") or os.environ.get("SLURM_JOB_ID")
    if job:
        # A job that is queued again keeps its number; its command is the same as its siblings'.
        return f"slurm {job} {os.environ.get('SLURM_ARRAY_TASK_ID', '')}"
    try:
        from foldline_views.earlier import unfinished_run

        return unfinished_run(layout, origin.opened(""))
    except Exception:  # noqa: BLE001  # without an answer a new run begins, which harms nothing
        return ""


def _exists(layout: Layout, run: str) -> bool:
    return any(_writers(layout, run))


def _writers(layout: Layout, run: str) -> list[str]:
    """Return the writers that have a segment of the run by now; of a disk that refuses none."""
    with suppress(OSError):
        return [name.writer for name in packs.segments(layout, run)]
    return []


def _fork(notices: Notices, layout: Layout, fork_from: Any) -> RunForked | None:
    """Return the fork that `fork_from` means: (run, step), "run?_step=12" or a run."""
    if fork_from is None:
        return None
    try:
        run, step = _parent(fork_from)
    except ValueRejected as error:
        notices.give("fork_from", error)
        return None
    if not _exists(layout, run):
        notices.give("fork_from", _not_there(layout, run))
    return RunForked(run, step)


def _parent(fork_from: Any) -> tuple[str, int | float | None]:
    try:
        run, step = (fork_from, None) if isinstance(fork_from, str) else fork_from
        if step is None and "?_step=" in run:
            run, _, text = run.partition("?_step=")
            step = int(text)
        if not isinstance(run, str) or not run:
            raise TypeError("a run has a text as its id")
        return run_id(run), None if step is None else step_of(step)
    except Exception as error:  # whatever was passed
        raise ValueRejected(
            f"fork_from={shown(fork_from)} names no run and step; the run is no fork",
            hint='fork_from=("the-run", 100) or fork_from="the-run?_step=100"',
        ) from error


def _steps(
    notices: Notices, layout: Layout, run: str, fork: RunForked | None, *, joined: bool
) -> Steps:
    parent = fork.run if fork is not None and fork.step is None else ""
    start = fork.step if fork is not None and fork.step is not None else -1
    before = {run: _writers(layout, run)} if joined else {}
    if parent:
        before[parent] = _writers(layout, parent)
    if not before:
        return Steps(start)
    return Steps(start, _earlier(notices, layout, before, parent))


def _earlier(
    notices: Notices, layout: Layout, before: dict[str, list[str]], parent: str
) -> Earlier:
    """Return what looks up how far the writers of `before` had come, when it is called."""

    def look_up() -> Mapping[bytes, float]:
        found: dict[bytes, float] = {}
        try:
            from foldline_views.earlier import largest_steps

            for run, writers in before.items():
                steps = largest_steps(
                    layout,
                    run,
                    writers,
                    host=origin.host(),
                    rank=origin.rank(),
                    living=run == parent,
                    s_max=LOOKUP_S_MAX,
                )
                for name, context, step in steps:
                    key = series_key(name, context)
                    found[key] = max(step, found.get(key, step))
        except Exception as error:  # noqa: BLE001  # to count from 0 is better than to stop
            what = f"{type(error).__name__}: {error}"
            notices.give(
                "steps",
                FoldlineError(
                    f"what run {next(iter(before))} had come to can't be read, so steps that "
                    f"are counted for it may overlap: {what}",
                    hint="give each point its step: run.track(loss, name='loss', step=step)",
                ),
            )
        return found

    return look_up


def _not_there(layout: Layout, run: str) -> RunNotFound:
    if not run:
        return RunNotFound("no run is named", hint='foldline.Run(id="my-run", resume="must")')
    return RunNotFound(
        f"the store {layout.root} has no run {shown(run)}",
        hint="check the id and the store; resume='allow' begins the run if it is not there",
    )


def _is_there(run: str, instead: str) -> ValueRejected:
    return ValueRejected(
        f"there is a run {shown(run)} already, and resume='never'; {instead} begins instead",
        hint="another id, or resume='allow' to go on with it",
    )
