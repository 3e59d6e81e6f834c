"""The runs view: all of a run but its points.

A run's state is folded from the events of all its writers, in whatever order they arrive: each
fact carries a stamp (time, writer, seq), and the greatest stamp wins. So any interleaving of the
writers gives the same state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from foldline.events import (
    AlertRaised,
    ArtifactLogged,
    ArtifactUsed,
    Event,
    FieldsSet,
    GitCaptured,
    MetricDefined,
    ParamsRemoved,
    ParamsSet,
    ProgressReported,
    RunForked,
    SummarySet,
    TagsChanged,
)
from foldline_ingest.batch import Batch, Fact, Stamp, facts

from . import artifacts
from .database import BULK_INSERT, bulk
from .patches import Patch, visible
from .session import Session
from .writers import WriterState, fold_writer

__all__ = ["RunState", "RunsView", "decode_state", "encode_state", "fold_run"]

T = TypeVar("T")

# States held in memory; more are read again from the file.
STATES_MAX = 4096
# Alerts of a run held in memory, where thousands of runs are; the log has all of them.
ALERTS_MAX = 20
# Names of artifacts of a run, as a query asks for them. A run that keeps its checkpoints under one
# name has one, however many there are.
ARTIFACT_NAMES_MAX = 100


class RunState(msgspec.Struct):
    """Everything folded of one run but what is large: that is read from the log when it is asked.

    Tables are kept in the order of their keys, so that a state's bytes don't tell which writer's
    facts arrived first.
    """

    seen_at: float = float("inf")  # the time of the earliest thing that was logged
    fields: dict[str, tuple[Any, Stamp]] = {}
    tags: dict[str, tuple[bool, Stamp]] = {}
    # Patches in the order of their stamps; none is hidden by a later one.
    params: list[Patch] = []
    summary: list[Patch] = []
    writers: dict[str, WriterState] = {}
    metrics: dict[str, tuple[MetricDefined, Stamp]] = {}
    forked: tuple[RunForked, Stamp] | None = None
    git: tuple[GitCaptured, Stamp] | None = None  # without its list of untracked files
    progress: tuple[ProgressReported, Stamp] | None = None
    alerts: list[tuple[AlertRaised, Stamp]] = []  # the newest, in the order of their stamps
    alerts_total: int = 0
    artifacts: list[str] = []  # names


encode_state = msgspec.msgpack.Encoder().encode  # what a row of `run_state` holds
decode_state = msgspec.msgpack.Decoder(RunState).decode


def fold_run(state: RunState, new: Iterable[Fact]) -> RunState:
    """Return the state with facts folded in; `state` itself is used up."""
    patches = len(state.params), len(state.summary)
    for fact in new:
        state.seen_at = min(state.seen_at, fact.time)
        _fold(state, fact.event, fact.stamp)
        fold_writer(state.writers, fact)
    if patches != (len(state.params), len(state.summary)):
        state.params, state.summary = visible(state.params), visible(state.summary)
    state.fields = dict(sorted(state.fields.items()))
    state.tags = dict(sorted(state.tags.items()))
    state.metrics = dict(sorted(state.metrics.items()))
    state.writers = dict(sorted(state.writers.items()))
    return state


def _fold(state: RunState, event: Event, stamp: Stamp) -> None:
    match event:
        case FieldsSet():
            for name, value in event.fields.items():
                _keep_latest(state.fields, name, value, stamp)
        case TagsChanged():
            for tag in event.added:
                _keep_latest(state.tags, tag, True, stamp)
            for tag in event.removed:
                _keep_latest(state.tags, tag, False, stamp)
        case ParamsSet():
            state.params.append(Patch(stamp, event.path, event.value))
        case ParamsRemoved():
            state.params.append(Patch(stamp, event.path, removed=True))
        case SummarySet():
            state.summary.append(Patch(stamp, event.path, event.value))
        case AlertRaised():
            newest = sorted([*state.alerts, (event, stamp)], key=lambda alert: tuple(alert[1]))
            state.alerts = newest[-ALERTS_MAX:]
            state.alerts_total += 1
        case ArtifactLogged() | ArtifactUsed():
            state.artifacts = sorted({*state.artifacts, event.name})[:ARTIFACT_NAMES_MAX]
        case _:
            _fold_latest(state, event, stamp)


def _fold_latest(state: RunState, event: Event, stamp: Stamp) -> None:
    """Fold the facts of which only the latest counts."""
    match event:
        case MetricDefined():
            _keep_latest(state.metrics, event.name, event, stamp)
        case RunForked():
            state.forked = _latest(state.forked, (event, stamp))
        case GitCaptured():
            brief = msgspec.structs.replace(event, untracked=[])
            state.git = _latest(state.git, (brief, stamp))
        case ProgressReported():
            state.progress = _latest(state.progress, (event, stamp))


def _keep_latest(table: dict[str, tuple[T, Stamp]], name: str, value: T, stamp: Stamp) -> None:
    table[name] = _latest(table.get(name), (value, stamp))


def _latest(held: tuple[T, Stamp] | None, new: tuple[T, Stamp]) -> tuple[T, Stamp]:
    return new if held is None or tuple(held[1]) < new[1] else held


class RunsView:
    """Folds events into one row a run, and one for each version of an artifact that it names."""

    name = "runs"
    version = 3
    schema = (
        artifacts.SCHEMA
        + """
        CREATE TABLE run_state (run INTEGER PRIMARY KEY, revision INTEGER NOT NULL, data BLOB);
        CREATE INDEX run_state_revision ON run_state (revision);
    """
    )

    def __init__(self) -> None:
        self._states: dict[int, RunState] = {}

    def apply(self, session: Session, batches: Sequence[Batch]) -> None:
        """Fold the batches' events and write the runs that they change."""
        changed: dict[int, str] = {}
        for batch in batches:
            run = session.runs[batch.segment.run]
            new = list(facts(batch))
            state = self._states.get(run) or self._load(session, run)
            # Damage may have taken the first events; the points still say when it was.
            first = float(batch.points.time.min()) if len(batch.points) else state.seen_at
            if not new and first >= state.seen_at < float("inf"):
                continue
            state.seen_at = min(state.seen_at, first)
            self._states[run] = fold_run(state, new)
            artifacts.save(session.db, run, new)
            changed[run] = batch.segment.run
        rows = [(run, session.revision, encode_state(self._states[run])) for run in changed]
        session.db.execute(BULK_INSERT.format(table="run_state"), bulk(rows))
        session.told.runs.update(dict.fromkeys(changed.values()))
        while len(self._states) > STATES_MAX:
            del self._states[next(iter(self._states))]

    def forget(self) -> None:
        """Drop what is in memory: all of it can be read again, as of the last commit."""
        self._states.clear()

    def _load(self, session: Session, run: int) -> RunState:
        row = session.db.execute("SELECT data FROM run_state WHERE run = ?", (run,)).fetchone()
        return decode_state(row[0]) if row else RunState()
