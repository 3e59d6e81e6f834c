"""Runs of MLflow, in a folder or a database.

A run's folder is `mlruns/<experiment>/<run>` with `meta.yaml`, whose lines are `name: value`, and a
file for each param, tag and metric; a line of a metric is "milliseconds value step". A database
has the same in tables: experiments, runs, params, tags and metrics.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from math import nan
from pathlib import Path
from typing import Any

from foldline.events import (
    ArtifactLogged,
    Event,
    FieldsSet,
    GitCaptured,
    MachineCaptured,
    ParamsSet,
    WriterClosed,
    WriterLost,
)

from .foreign import ForeignRun, Gathered, Item, LeftOut, Told, opened, unreadable

__all__ = ["DATABASES", "NAMES", "runs", "runs_of_database"]

NAMES = "meta.yaml"
DATABASES = "*.db"
TRACKER = "mlflow"
TABLES = {"experiments", "runs", "params", "tags", "metrics"}
WORDS = {"True": True, "False": False, "None": None}
# A run's status, by its name in the database and its number in files.
STATUSES = {"1": "RUNNING", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}


@dataclass
class _Run:
    """A run as both of them have it."""

    id: str
    name: str
    experiment: str
    status: str
    began: float
    ended: float
    artifacts: str = ""  # where they lie
    user: str = ""
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


def runs(folder: Path, files: list[Path]) -> Iterator[ForeignRun]:
    """Yield the runs whose meta.yaml these are; those of experiments are passed over."""
    del folder
    for path in sorted(files):
        meta = _meta(path)
        if "run_id" not in meta or meta.get("lifecycle_stage") == "deleted":
            continue
        there = path.parent
        found = _Run(
            meta["run_id"],
            meta.get("run_name", ""),
            _meta(there.parent / NAMES).get("name", there.parent.name),
            STATUSES.get(meta.get("status", ""), meta.get("status", "")),
            _seconds(meta.get("start_time")),
            _seconds(meta.get("end_time")),
            meta.get("artifact_uri", ""),
            meta.get("user_id", ""),
            dict(_files(there / "params")),
            dict(_files(there / "tags")),
        )
        yield _foreign(found, path, partial(_metrics, there / "metrics"))


def runs_of_database(folder: Path, files: list[Path]) -> Iterator[ForeignRun]:
    """Yield the runs of databases that are MLflow's."""
    del folder
    for path in sorted(files):
        ours = False
        try:
            with closing(opened(path)) as db:
                names = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
                ours = names >= TABLES
                found = list(_read(db)) if ours else []
        except sqlite3.Error as error:
            if ours:  # else it is another program's, or no database
                yield unreadable(TRACKER, path, str(error))
            continue
        for run in found:
            yield _foreign(run, path, partial(_rows, path, run.id))


def _foreign(
    run: _Run, path: Path, metrics: Callable[[], Iterator[tuple[str, int, float, float] | LeftOut]]
) -> ForeignRun:
    def read() -> Iterator[Item]:
        for event in _facts(run):
            yield Told(run.began, event)
        points, last = Gathered(), run.began
        for found in metrics():
            if isinstance(found, LeftOut):
                yield found
            else:
                points.add(*found)
                last = max(last, found[3])
        yield from points.points()
        yield Told(run.ended or last, _end(run.status, run.ended or last))

    source = run.tags.get("mlflow.source.name", "")
    return ForeignRun(
        TRACKER,
        run.id,
        run.began,
        read,
        [path],
        name=run.name or run.tags.get("mlflow.runName", ""),
        experiment="" if run.experiment == "Default" else run.experiment,
        command=[source] if source else [],
    )


def _facts(run: _Run) -> Iterator[Event]:
    own = {name: value for name, value in run.tags.items() if not name.startswith("mlflow.")}
    params: dict[str, Any] = {name: _typed(value) for name, value in run.params.items()}
    if params or own:
        yield ParamsSet([], params | ({"tags": own} if own else {}))
    if note := run.tags.get("mlflow.note.content"):
        yield FieldsSet({"notes": note})
    if commit := run.tags.get("mlflow.source.git.commit"):
        yield GitCaptured(
            commit,
            run.tags.get("mlflow.source.git.branch", ""),
            run.tags.get("mlflow.source.git.repoURL", ""),
        )
    if user := run.tags.get("mlflow.user") or run.user:
        yield MachineCaptured("unknown", user)
    if run.artifacts:
        # Their bytes stay where they are: perhaps in somebody's cloud.
        digest = hashlib.sha256(run.artifacts.encode()).hexdigest()
        yield ArtifactLogged("mlflow", digest, uri=run.artifacts)


def _typed(text: str) -> Any:
    """Return a param as the number that it was: MLflow keeps nothing but texts."""
    if text in WORDS:
        return WORDS[text]
    for number in (int, float):
        with suppress(ValueError):
            if text.isascii() and "_" not in text:  # else Python has more numbers than were written
                return number(text)
    return text


def _end(status: str, time: float) -> Event:
    if status in {"FINISHED", "FAILED"}:
        return WriterClosed(status.lower())
    killed = status == "KILLED"
    return WriterLost("", time, f"MLflow says {status or 'nothing'}", silent=not killed)


# ------------------------------------------------------------------------------------------- files


def _meta(path: Path) -> dict[str, str]:
    """Return the lines of a meta.yaml: all that MLflow writes there is flat."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(": ")[::2] for line in lines)
    return {name: _unquoted(value.strip()) for name, value in pairs if name and value.strip()}


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1].replace("''", "'")
    return "" if value in {"null", "''", '""'} else value.strip('"')


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the files below a folder, by their names, which may have parts, and what they hold.

    Links are passed over: a folder that somebody else made could lead to any file of this machine.
    """
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink():
            yield file.relative_to(folder).as_posix(), file.read_text("utf-8", "replace")


def _metrics(folder: Path) -> Iterator[tuple[str, int, float, float] | LeftOut]:
    for name, text in _files(folder):
        for line in text.splitlines():
            try:
                time, value, *step = line.split(" ")
                yield name, int(step[0]) if step else 0, float(value), _seconds(time)
            except ValueError:
                yield LeftOut(f"a line of the metric {name!r} that is no point")


# ---------------------------------------------------------------------------------------- database


def _read(db: sqlite3.Connection) -> Iterator[_Run]:
    params = _pairs(db, "SELECT run_uuid, key, value FROM params")
    tags = _pairs(db, "SELECT run_uuid, key, value FROM tags")
    rows = db.execute(
        "SELECT run_uuid, runs.name, experiments.name, status, start_time, end_time, artifact_uri,"
        " user_id FROM runs LEFT JOIN experiments USING (experiment_id)"
        " WHERE runs.lifecycle_stage <> 'deleted' ORDER BY start_time"
    )
    for run, name, experiment, status, began, ended, artifacts, user in rows:
        yield _Run(
            run, name or "", experiment or "", status or "", _seconds(began), _seconds(ended),
            artifacts or "", user or "", params.get(run, {}), tags.get(run, {}),
        )  # fmt: skip


def _pairs(db: sqlite3.Connection, sql: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for run, key, value in db.execute(sql):
        found.setdefault(run, {})[key] = value or ""
    return found


def _rows(path: Path, run: str) -> Iterator[tuple[str, int, float, float]]:
    with closing(opened(path)) as db:
        rows = db.execute(
            "SELECT key, step, value, timestamp, is_nan FROM metrics WHERE run_uuid = ?"
            " ORDER BY timestamp",
            (run,),
        )
        for key, step, value, time, is_nan in rows:
            yield key, step or 0, nan if is_nan else value, _seconds(time)


def _seconds(milliseconds: str | int | None) -> float:
    """Return MLflow's milliseconds in seconds; 0.0 if there are none."""
    return int(milliseconds or 0) / 1000
