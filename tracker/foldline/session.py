"""The run that a script's module-level calls speak to.

`foldline.init` begins it; `foldline.log` and the like are its methods. Before that they warn once
and keep nothing, as there is no run that they could be meant for. To end nothing is no mistake.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .capture.subject import is_kernel
from .configuration import Config, tree_of
from .errors import ValueRejected
from .events import MetricDefined
from .layout import STORE_DEFAULT
from .notices import Notices, shown
from .results import Results
from .run import Run
from .settings import several

__all__ = [
    "alert",
    "config",
    "current",
    "define_metric",
    "finish",
    "init",
    "log",
    "log_artifact",
    "save",
    "summary",
    "unwatch",
    "use_artifact",
    "watch",
]

MODES = {"online": "", "offline": "", "shared": "", "dryrun": "", "run": "", "disabled": "disabled"}

# Keywords of W&B that change nothing here: there is no account, and the code is captured anyway.
_IDLE = {
    "allow_val_change",
    "anonymous",
    "entity",
    "force",
    "magic",
    "monitor_gym",
    "save_code",
    "settings",
}

_run: Run | None = None
_notices = Notices(strict=os.environ.get("FOLDLINE_MODE") == "strict")


def current() -> Run | None:
    """Return the run that `init` began and nobody has finished, or None."""
    return _run if _run is not None and not _run.closed else None


def init(
    *,
    project: str | None = None,
    name: str | None = None,
    config: Any = None,
    tags: Iterable[str] | None = None,
    notes: str | None = None,
    group: str | None = None,
    job_type: str | None = None,
    id: str | None = None,
    resume: bool | str | None = None,
    mode: str | None = None,
    dir: str | os.PathLike[str] | None = None,
    reinit: bool | str | None = None,
    config_include_keys: Iterable[str] | None = None,
    config_exclude_keys: Iterable[str] | None = None,
    fork_from: str | None = None,
    resume_from: str | None = None,
    **others: Any,
) -> Run:
    """Begin the run that `foldline.log` and the like speak to, and return it.

    The keywords are those of `wandb.init`: `project` is the experiment, `config` the params,
    `dir` the folder that the store's folder is in. Modes but "disabled" mean the same: nothing is
    sent anywhere. Keywords of Run may be given too; one that has no meaning is told once.

    While a run is open it is returned, in a notebook it is finished first; `reinit` decides:
    "return_previous", "finish_previous" or "create_new".
    """
    global _run  # noqa: PLW0603  # the module's purpose: one run for a script's bare calls
    previous = current()
    if previous is not None:
        if reinit in (True, "finish_previous") or (reinit is None and is_kernel()):
            previous.finish()
        elif reinit != "create_new":
            return previous
    known: object = mode
    if not (known is None or (isinstance(known, str) and known in MODES)):
        _give("mode", f"init(mode={shown(mode)}) is no mode", f"one of {', '.join(MODES)}")
        mode = None
    resumed, step = (id, None) if resume_from is None else _place(resume_from)
    run = Run(
        id=resumed,
        experiment=others.pop("experiment", None) if project is None else project,
        name=name,
        tags=tags,
        notes=notes,
        group=group,
        job_type=job_type,
        store=_folder(dir) or others.pop("store", None),
        resume=resume,
        fork_from=fork_from,
        mode=MODES.get(mode or ""),
        **_known(others),
    )
    if config is not None:
        run.config.update(_chosen(config, config_include_keys, config_exclude_keys))
    if step is not None:
        run.rewind(step)
    _run = run
    return run


def _known(others: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords that a run takes; of the rest those are told that would change it."""
    takes = {"capture", "description", "params", "read_only", "repo", "run_hash"}
    for word in sorted(set(others) - takes - _IDLE):
        _give(
            f"init {word}",
            f"init({word}=...) has no meaning here and is left out",
            "see docs/coming-from.md for what there is instead",
        )
    return {word: value for word, value in others.items() if word in takes}


def _folder(dir: Any) -> Path | None:
    """Return the store's folder in `dir`; None if that is none."""
    try:
        return None if dir is None else Path(dir) / STORE_DEFAULT
    except Exception:  # noqa: BLE001  # the user's object may raise anything
        _give("dir", f"init(dir={shown(dir)}) is no folder", 'init(dir="/data/experiments")')
        return None


def _chosen(config: Any, include: Iterable[str] | None, exclude: Iterable[str] | None) -> Any:
    if include is None and exclude is None:
        return config
    try:
        tree = tree_of(config)
    except ValueRejected as error:
        _notices.give("config", error)
        return {}
    wanted = tree if include is None else _keys(include)
    left_out = _keys(exclude)
    return {key: value for key, value in tree.items() if key in wanted and key not in left_out}


def _keys(words: Any) -> set[str]:
    return {word for word in several(words) if type(word) is str}


def _place(text: Any) -> tuple[str, int | None]:
    """Return the run and the step that "run?_step=12" means."""
    run, _, step = text.partition("?_step=") if isinstance(text, str) else ("", "", "")
    return run, int(step) if step.isdecimal() else None


# ------------------------------------------------------------------------- what a script calls


def log(
    data: Mapping[str, Any],
    step: float | None = None,
    commit: bool | None = None,
    sync: bool | None = None,
) -> None:
    """Log values by name at one step: `Run.log` of the current run."""
    if (run := _begun("log")) is not None:
        run.log(data, step, commit, sync)


def define_metric(
    name: str | MetricDefined,
    step_metric: str | MetricDefined | None = None,
    step_sync: bool | None = None,
    hidden: bool | None = None,
    summary: str | Iterable[str] | None = None,
    goal: str | None = None,
    overwrite: bool | None = None,
) -> MetricDefined | None:
    """Say how a metric is to be read: `Run.define_metric` of the current run."""
    run = _begun("define_metric")
    if run is None:
        return None
    return run.define_metric(name, step_metric, step_sync, hidden, summary, goal, overwrite)


def alert(title: str, text: str = "", level: Any = None, wait_duration: Any = None) -> None:
    """Ask somebody to look: `Run.alert` of the current run."""
    if (run := _begun("alert")) is not None:
        run.alert(title, text, level, wait_duration)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """End the current run, if there is one: with an `exit_code` that is not 0 it failed."""
    global _run  # noqa: PLW0603  # see `init`
    if (run := current()) is not None:
        run.finish(exit_code=exit_code, quiet=quiet)
        _run = None


def watch(
    models: Any,
    criterion: Any = None,
    log: str | None = "gradients",
    log_freq: int = 1000,
    idx: int | None = None,
    log_graph: bool = False,
) -> None:
    """Track the distributions of a torch module: `Run.watch` of the current run."""
    if (run := _begun("watch")) is not None:
        run.watch(models, criterion, log, log_freq, idx, log_graph)


def unwatch(models: Any = None) -> None:
    """Stop watching a torch module, or all of them."""
    if (run := current()) is not None:
        run.unwatch(models)


def log_artifact(artifact_or_path: Any, name: str | None = None, **others: Any) -> Any:
    """Keep a file or a folder with the run: `Run.log_artifact` of the current run."""
    run = _begun("log_artifact")
    return None if run is None else run.log_artifact(artifact_or_path, name, **others)


def use_artifact(artifact_or_name: Any, **others: Any) -> Any:
    """Note that the run uses an artifact, and return it: `Run.use_artifact`."""
    run = _begun("use_artifact")
    return None if run is None else run.use_artifact(artifact_or_name, **others)


def save(glob_str: Any, base_path: Any = None, policy: str = "live") -> list[str]:
    """Keep files with the run: `Run.save` of the current run."""
    run = _begun("save")
    return [] if run is None else run.save(glob_str, base_path, policy)


def _begun(call: str) -> Run | None:
    run = current()
    if run is None and os.environ.get("FOLDLINE_MODE") != "disabled":
        _give(
            call,
            f"foldline.{call}: no run is open, so it is not kept",
            'foldline.init(project="my-experiment") before it',
        )
    return run


def _give(subject: str, message: str, hint: str) -> None:
    _notices.give(subject, ValueRejected(message, hint=hint))


def _without_run(_: list[str], __: Any) -> None:
    _begun("summary")


config = Config(current, _notices)
_no_summary = Results({}, _without_run, dict)


def summary() -> Results:
    """Return the current run's summary; without a run one that keeps nothing."""
    run = current()
    return _no_summary if run is None else run.summary
