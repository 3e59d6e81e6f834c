"""What answers say of a run, made from its state."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from foldline.events import AlertRaised, MachineCaptured
from foldline.settings import EXPERIMENT_DEFAULT

from .answers import (
    Alert,
    Git,
    Machine,
    MetricDefinition,
    Parent,
    Progress,
    RunDetail,
    RunError,
    RunHead,
    RunRow,
    Summary,
    Writer,
    plain,
)
from .column import Path
from .leaves import Leaves
from .patches import tree
from .runs import RunState
from .words import RUN_BRANCHES, RUN_FIELDS
from .writers import WriterState, outcome, status, trainers

__all__ = ["cells", "detail", "gather", "head", "row", "shown_alert"]

# Of a run's head, what is a column as it stands.
_SHOWN = [(name,) for name in RunHead.__struct_fields__ if name not in {"params", "deleted_at"}]

# Fields that have a place of their own in an answer, and names that a field can't have in a query.
TAKEN = (RUN_FIELDS | RUN_BRANCHES | {"metrics", "params"}) - {"group", "job_type", "project"}


def head(run: str, state: RunState, now: float | None = None) -> RunHead:
    """Return a run without its series, as of `now` in unix seconds, or of this moment."""
    return _head(run, state, time.time() if now is None else now, plain(tree(state.params)))


def _head(run: str, state: RunState, now: float, params: dict[str, Any]) -> RunHead:
    words = {name: value for name, (value, _) in state.fields.items() if value is not None}
    trained = trainers(state.writers.values())
    stands = status(trained)
    seen = state.seen_at if state.seen_at < float("inf") else 0.0
    deleted, stamp = state.fields.get("deleted", (False, (0.0, "", 0)))
    created = min((w.opened_at for w in trained if w.opened_at is not None), default=seen)
    ended = None
    if stands != "running":
        closed = [end for writer in trained if (end := outcome(writer).closed_at) is not None]
        ended = max(closed, default=None)
    return RunHead(
        id=run,
        name=str(words.get("name") or run),
        experiment=str(words.get("experiment") or EXPERIMENT_DEFAULT),
        description=str(words.get("description") or ""),
        tags=sorted(tag for tag, (on, _) in state.tags.items() if on),
        status=stands,
        created_at=created,
        ended_at=ended,
        duration=max(0.0, (ended if ended is not None else now) - created),
        archived=bool(words.get("archived", False)),
        params=params,
        deleted_at=stamp[0] if deleted else None,
    )


def gather(leaves: Leaves, row: int, run: str, state: RunState, now: float) -> None:
    """Put what a query may ask of a run into the leaves, as cells of a row."""
    for path, value in _fields(_head(run, state, now, {}), state).items():
        leaves.put(row, path, value)
    leaves.put_tree(row, ("params",), tree(state.params))
    leaves.put_tree(row, ("summary",), tree(state.summary))


def cells(run: str, state: RunState, now: float) -> dict[Path, Any]:
    """Return what a query may ask of a run, by path; None is missing."""
    found = _fields(_head(run, state, now, {}), state)
    found.update(_leaves(("params",), tree(state.params)))
    found.update(_leaves(("summary",), tree(state.summary)))
    return found


def _fields(head: RunHead, state: RunState) -> dict[Path, Any]:
    """Return the cells that are neither params nor results."""
    found: dict[Path, Any] = {path: getattr(head, path[0]) for path in _SHOWN}
    found["deleted",] = head.deleted_at is not None
    notes, _ = state.fields.get("notes", ("", None))
    found["notes",] = notes or None
    found["host",] = _host(state) or None
    found["user",] = _user(state) or None
    found["parent",] = state.forked[0].run if state.forked else None
    found["forked_step",] = state.forked[0].step if state.forked else None
    found["alerts",] = state.alerts_total
    found["goals",] = _goals(state) or None
    if (ended := _error(head.status, state)) is not None:
        found["error", "type"], found["error", "message"] = ended.type, ended.message
    found["artifacts",] = state.artifacts or None
    if state.git is not None:
        git, _ = state.git
        for name in ("commit", "branch", "remote", "dirty"):
            found["git", name] = getattr(git, name)
    found.update(((name,), value) for name, value in _other_fields(state).items())
    return found


def _goals(state: RunState) -> dict[str, str]:
    """Return what is best of metrics, by name or glob, what was said last at the end."""
    said = sorted(state.metrics.values(), key=lambda told: tuple(told[1]))
    return {metric.name: metric.goal for metric, _ in said if metric.goal}


def row(head: RunHead, state: RunState, metrics: list[Summary]) -> RunRow:
    """Return a run with the figures of its series."""
    git = progress = parent = None
    if state.git is not None:
        at, _ = state.git
        git = Git(at.commit, at.branch, at.remote, at.subject, at.dirty, at.diff)
    if state.progress is not None:
        said, (told, *_) = state.progress
        progress = Progress(said.done, said.total, said.expect_next_in, told)
    if state.forked is not None:
        parent = Parent(state.forked[0].run, state.forked[0].step)
    return RunRow(
        **msgspec.structs.asdict(head),
        metrics=metrics,
        summary=plain(tree(state.summary)),
        fields=_other_fields(state),
        host=_host(state),
        user=_user(state),
        git=git,
        parent=parent,
        progress=progress,
        alerts_total=state.alerts_total,
    )


def detail(row: RunRow, state: RunState, watermark: int) -> RunDetail:
    """Return a run, whole but for its artifacts."""
    notes, _ = state.fields.get("notes", ("", None))
    return RunDetail(
        **msgspec.structs.asdict(row),
        notes=notes or "",
        error=_error(row.status, state),
        writers=[_writer(name, writer) for name, writer in sorted(state.writers.items())],
        alerts=[
            shown_alert(alert, told)
            for alert, (told, *_) in state.alerts
        ],
        definitions=[
            MetricDefinition(m.name, m.step_metric, m.summary, m.goal, m.hidden)
            for m, _ in state.metrics.values()
        ],
        watermark=watermark,
    )  # fmt: skip


def shown_alert(raised: AlertRaised, told: float) -> Alert:
    """Return an alert as answers have it."""
    return Alert(
        raised.title,
        raised.text,
        raised.level,
        told,
        raised.rule,
        raised.series,
        plain(raised.context),
        raised.step,
        plain(raised.value),
    )


def _error(status: str, state: RunState) -> RunError | None:
    """Return what ended the run: of several processes that ended so, the last one's end."""
    if status in ("running", "finished"):
        return None
    ends = [(outcome(writer), writer) for writer in trainers(state.writers.values())]
    end, writer = max(
        ((end, writer) for end, writer in ends if end.status == status),
        key=lambda pair: pair[0].closed_at or 0.0,
    )
    if writer.closed is not None:
        closed, _ = writer.closed
        return RunError(closed.error_type, closed.error_message, closed.traceback)
    code = "" if end.exit_code is None else f"exit code {end.exit_code}"
    return RunError(end.signal or code, end.reason, "")


def _writer(name: str, writer: WriterState) -> Writer:
    end = outcome(writer)
    return Writer(
        id=name,
        host=writer.host,
        pid=writer.pid,
        rank=writer.rank,
        opened_at=writer.opened_at,
        closed_at=end.closed_at,
        status=end.status,
        dropped=writer.dropped,
        role=writer.role,
        signal=end.signal,
        exit_code=end.exit_code,
        reason=end.reason,
        command=writer.command,
        machine=_machine(writer.machine),
    )


def _machine(found: MachineCaptured | None) -> Machine | None:
    if found is None:
        return None
    names = Machine.__struct_fields__
    return Machine(**{name: getattr(found, name) for name in names})


def _host(state: RunState) -> str:
    return next((w.host for w in trainers(state.writers.values()) if w.host), "")


def _user(state: RunState) -> str:
    users = ((w.opened_at or 0.0, w.machine.user) for w in state.writers.values() if w.machine)
    return min(users, default=(0.0, ""))[1]


def _other_fields(state: RunState) -> dict[str, Any]:
    return {
        name: value
        for name, (value, _) in state.fields.items()
        if name not in TAKEN and value is not None
    }


def _leaves(path: Path, branch: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    for key, value in branch.items():
        if isinstance(value, dict) and value:
            yield from _leaves((*path, key), value)
        else:
            yield (*path, key), value
