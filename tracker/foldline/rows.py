"""Rows of values that were logged together, one a step."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from contextlib import suppress
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .artifacts import Artifacts
from .configuration import Config
from .errors import ValueRejected
from .events import MetricDefined
from .notices import Notices, shown
from .readback import Readback
from .reports import Reports
from .results import Results
from .scalars import scalar, step_of
from .series import SERIES_MAX
from .tracking import leaves
from .values.value import Tracked
from .writer import Writer

if TYPE_CHECKING:
    from .pytorch import Watch

__all__ = ["Rows"]


class Rows(Artifacts, Readback, Reports):
    """The part of a run that logs as W&B does: a dict at a step that counts by itself.

    A value is kept when `log` returns, whether its row is whole or not. So a row that is logged
    in parts needs no buffer, an earlier step may be logged late, and of a name that is logged
    twice in a row both points are kept.
    """

    def __init__(self, notices: Notices, writer: Writer, *, disabled: bool) -> None:
        super().__init__(notices, writer, disabled=disabled)
        self._next: int | None = None  # not known until `log` is called: a run may be joined
        self._last: dict[str, Any] = {}
        self._watches: list[Watch] = []

    @property
    def closed(self) -> bool:
        """Whether this process's part in the run has ended."""
        return self._writer.closed

    @property
    def step(self) -> int:
        """The step of the row that `log` writes to next; a run that is joined goes on."""
        if self._next is None:
            self._next = self._steps.reached() + 1
        return self._next

    def rewind(self, step: float) -> None:
        """Hide what was tracked at later steps, and go on with the row after `step`."""
        super().rewind(step)
        with suppress(ValueRejected):  # said above
            self._next = min(self.step, math.floor(step_of(step)) + 1)

    @property
    def config(self) -> Config:
        """The run's params, as W&B's config."""
        return Config(lambda: self, self._notices)

    @config.setter
    def config(self, value: Any) -> None:
        self.config.update(value)

    def log(
        self,
        data: Mapping[str, Any],
        step: float | None = None,
        commit: bool | None = None,
        sync: bool | None = None,
    ) -> None:
        """Log values by name, nested names joined by `/`, at one step.

        Without `step` they go to the current row, which is then done; with `commit=False` more is
        to follow. With `step`, a later one becomes the current row, and stays it unless `commit`.
        A text becomes a Text. Contexts are for `track`.
        """
        del sync
        given: object = data
        if not isinstance(given, Mapping):
            kind = type(given).__name__
            self._notices.give(
                "log",
                ValueRejected(
                    f"log takes a dict, not a {kind}; it is not kept", hint='log({"loss": loss})'
                ),
            )
            return
        at: Any = self.step
        if step is not None:
            try:
                at = step_of(step)
            except ValueRejected:
                self.track(data, step=step)  # which refuses it, and says so
                return
            self._next = max(self.step, math.floor(at))
        try:
            done = step is None if commit is None else bool(commit)
            row = _flat(data)
        except Exception as error:  # noqa: BLE001  # a mapping of the user's may do anything
            what = f"log: what it was given can't be read: {shown(error)}"
            self._notices.give("log", ValueRejected(what, hint='log({"loss": loss})'))
            return
        if done:
            self._next = max(self.step, math.floor(at) + 1)
        self.track(row, step=at)
        if len(self._last) < SERIES_MAX:
            # Numbers alone: a tensor would keep the graph of its training alive.
            self._last.update({name: x for name, x in row.items() if isinstance(x, float | int)})

    # ----------------------------------------------------------------------------- watching

    def watch(
        self,
        models: Any,
        criterion: Any = None,
        log: str | None = "gradients",
        log_freq: int = 1000,
        idx: int | None = None,
        log_graph: bool = False,
    ) -> None:
        """Track distributions of a torch module's gradients, parameters or "all".

        That is each `log_freq` batches; `models` is one module or several. `pytorch.Watch` says
        which names and steps they get. `criterion` is not looked at, and no graph is drawn.
        """
        del criterion, log_graph
        if self._disabled or log is None:
            return
        from .pytorch import Watch

        modules = list(models) if type(models) in (list, tuple) else [models]
        try:
            for at, module in enumerate(modules, start=idx if type(idx) is int else 0):
                self.unwatch(module)
                prefix = f"graph_{at}/" if at else ""
                self._watches.append(
                    Watch(self, module, log=log, log_freq=log_freq, prefix=prefix,
                          tell=self._notices.give)
                )  # fmt: skip
        except ValueRejected as error:
            self._notices.give("watch", error)
        except Exception as error:  # noqa: BLE001  # a module of the user's may do anything
            what = f"watch: the module can't be watched: {shown(error)}"
            self._notices.give("watch", ValueRejected(what, hint="foldline.watch(model)"))

    def unwatch(self, models: Any = None) -> None:
        """Stop watching a torch module, or several, or all of them."""
        modules = list(models) if type(models) in (list, tuple) else [models]
        for watch in tuple(self._watches):
            if models is None or any(watch.module is module for module in modules):
                watch.stop()
                self._watches.remove(watch)

    # -------------------------------------------------------------------------------- files

    def save(
        self,
        glob_str: str | os.PathLike[str],
        base_path: str | os.PathLike[str] | None = None,
        policy: str = "live",
    ) -> list[str]:
        """Keep the files that a glob matches with the run, and return their paths.

        Each is an artifact by its name, below `base_path` by its path from there. They are kept as
        they are now: who changes one calls again, and has both versions; `policy` is W&B's.
        """
        del policy
        try:
            base = None if base_path is None else Path(base_path).resolve()
            matching = sorted(glob(os.fspath(glob_str)))  # noqa: PTH207  # it may be absolute
            found = [Path(path).resolve() for path in matching]
            files = {path: _name(path, base) for path in found if path.is_file()}
        except (TypeError, ValueError) as error:
            hint = 'save("checkpoints/*.pt")'
            self._notices.give("save", ValueRejected(f"save: {error}; nothing is kept", hint=hint))
            return []
        for path, name in files.items():
            self.log_artifact(path, name)
        return [str(path) for path in files]

    # ------------------------------------------------------------------------------ summary

    @property
    def summary(self) -> Results:
        """The run's results: what a script stated, and the last value of all else it logged."""
        self._recall()
        if self._read_only:
            series = [one for one in self.metrics() if one and not one.context]
            self._last = {one.name: one.values.last_value() for one in series}
        return super().summary

    def _last_logged(self) -> dict[str, Any]:
        """Return the last value of each name that `log` was given, or what was defined instead."""
        found = {}
        for name, value in self._last.items():
            definition = self._definition_of(name)
            shown = value if definition is None else self._figures(name, definition, value)
            if shown is not None:
                found[name] = shown
        return found

    def _figures(self, name: str, definition: MetricDefined, last: Any) -> Any:
        """Return what a metric's definition makes of its series: a number, a dict, or nothing."""
        aspects = definition.summary or ["last"]
        if aspects == ["last"]:
            return last
        figures = {"last": last, **self._figures_of(name)}
        lowest = definition.goal != "maximize"
        figures["best"] = figures.get("min" if lowest else "max")
        return {aspect: figures.get(aspect) for aspect in aspects if aspect != "none"} or None


def _name(path: Path, base: Path | None) -> str:
    inside = base is not None and path.is_relative_to(base)
    return path.relative_to(base).as_posix() if inside and base is not None else path.name


def _flat(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a row by name: what is one number as a float, and texts as Text."""
    row: dict[str, Any] = {}
    for name, value in leaves(None, data):
        row[str(name)] = value if type(value) in (float, int) else _plain(value)
    return row


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        from .values import Text

        return Text(value)
    if isinstance(value, Tracked | list):
        return value
    try:
        return scalar(value)
    except ValueRejected:
        return value  # which `track` refuses, and says why
