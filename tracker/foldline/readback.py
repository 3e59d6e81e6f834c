"""What a run reads back of itself, by Aim's names."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from .contexts import Context, context_bytes
from .errors import Unsupported
from .series import is_system
from .settings import Key, Settings, several
from .writer import Writer

if TYPE_CHECKING:
    from pandas import DataFrame

    from foldline_views.recall import Recalled
    from foldline_views.sequences import Metric, Sequence, Sequences

    from .run import Run

__all__ = ["Readback"]

RECALL_S = 1.0  # how old what a run that is only read says of itself may be


class Readback(Settings):
    """The part of a run that reads: its series and values, and what other processes set.

    It reads the run's own log, so nothing else has to run, and flushes first. What this process
    sets it knows at once; what others had set is read when it is first asked for, and of a run
    that was opened with `read_only=True` again and again.
    """

    id: str
    _writer: Writer
    _read_only: bool
    _stated: dict[str, Any]
    _recalled: tuple[float, Recalled] | None = None  # when, on the monotonic clock
    _alone = False  # nobody else had written to the run when it was first asked

    # ---------------------------------------------------------------------- words and params

    def __getitem__(self, key: Key) -> Any:
        """Return a setting of the run, as it was kept. Raises KeyError."""
        self._recall()
        return super().__getitem__(key)

    def __delitem__(self, key: Key) -> None:
        """Remove a setting and everything below it. Raises KeyError if there is none."""
        self._recall()
        super().__delitem__(key)

    def get(
        self, key: Key, default: Any = None, strict: bool = True, resolve_objects: bool = False
    ) -> Any:
        """Return a setting of the run, or `default`; the rest is Aim's, and changes nothing."""
        del strict, resolve_objects
        try:
            return self[key]
        except KeyError:
            return default

    def _field(self, field: str) -> str | bool | None:
        self._recall()
        return super()._field(field)

    @property
    def tags(self) -> list[str]:
        """The tags on the run; to set them puts some on and takes the others off."""
        self._recall()
        return list(self._tags)

    @tags.setter
    def tags(self, value: Iterable[str]) -> None:
        words = several(value)
        self.remove_tag(*[tag for tag in self.tags if tag not in words])
        self.add_tag(*words)

    def _recall(self) -> None:
        """Take over what the run's log has, where somebody else may have written to it."""
        if self._alone or not (self._recalled is None or self._read_only):
            return
        if self._recalled is not None and time.monotonic() - self._recalled[0] < RECALL_S:
            return
        if not self._read_only and not self._has_others():
            return
        known = self._whole()
        with self._lock:
            self._recalled = time.monotonic(), known
            mine = {} if self._read_only else self._params
            self._params = _joined(known.params, mine)  # a secret is masked in the log alone
            self._fields = {**known.fields, **({} if self._read_only else self._fields)}
            self._stated = _joined(known.summary, {} if self._read_only else self._stated)
            self._tags = list(dict.fromkeys([*known.head.tags, *self._tags]))

    def _has_others(self) -> bool:
        """Say whether somebody else has written to the run, as far as the disk lets us see."""
        from foldline_views.recall import others

        with suppress(OSError):
            self._alone = not others(self._writer.layout, self.id, self._writer.writer)
            return not self._alone
        return False

    def _whole(self) -> Recalled:
        from foldline_views.recall import recall

        self.flush()
        return recall(self._writer.layout, self.id)

    @property
    def props(self) -> Run:
        """The run itself: it has the props."""
        return cast("Run", self)  # of which this is a part

    @property
    def project(self) -> str:
        """The run's experiment, by W&B's name."""
        return self.experiment

    @property
    def group(self) -> str | None:
        """What the run is grouped by, beside its experiment."""
        return self._word("group")

    @property
    def job_type(self) -> str | None:
        """What the run does in its group, such as train or eval."""
        return self._word("job_type")

    @property
    def creation_time(self) -> float:
        """When the run began, in unix seconds; 0 of a run that is not there."""
        return self._whole().head.created_at

    @property
    def created_at(self) -> datetime:
        """When the run began: as Aim's, UTC without saying so."""
        return _naive(self.creation_time)

    @property
    def end_time(self) -> float | None:
        """When the run ended, in unix seconds; None while it goes on."""
        return self._whole().head.ended_at

    @property
    def finalized_at(self) -> datetime | None:
        """When the run ended: as Aim's, UTC without saying so; None while it goes on."""
        ended = self.end_time
        return None if ended is None else _naive(ended)

    @property
    def duration(self) -> float:
        """How long the run took, or has taken so far, in seconds; 0 of one that is not there."""
        return self._whole().head.duration

    @property
    def active(self) -> bool:
        """Whether the run goes on."""
        return self._whole().head.status == "running"

    # ---------------------------------------------------------------------------- sequences

    def metrics(self) -> Sequences:
        """Return the run's series, to go through; those of the machine are in `system`."""
        return self._metrics(system=False)

    def system(self) -> Sequences:
        """Return the series that were captured of the machine and its load, to go through."""
        return self._metrics(system=True)

    def _metrics(self, *, system: bool) -> Sequences:
        from foldline_views.sequences import Sequences

        return Sequences(
            lambda: [one for one in self._sequences(["number"]) if is_system(one.name) == system]
        )

    def get_metric(self, name: str, context: Mapping[str, Any] | None = None) -> Metric | None:
        """Return the series of a name and exactly this context, or None."""
        from foldline_views.sequences import Metric

        found = self._sequence("number", name, context)
        return found if isinstance(found, Metric) else None

    def get_image_sequence(
        self, name: str, context: Mapping[str, Any] | None = None
    ) -> Sequence | None:
        """Return the images of a name and context, or None."""
        return self._sequence("image", name, context)

    def get_audio_sequence(
        self, name: str, context: Mapping[str, Any] | None = None
    ) -> Sequence | None:
        """Return the audio of a name and context, or None."""
        return self._sequence("audio", name, context)

    def get_text_sequence(
        self, name: str, context: Mapping[str, Any] | None = None
    ) -> Sequence | None:
        """Return the texts of a name and context, or None."""
        return self._sequence("text", name, context)

    def get_figure_sequence(
        self, name: str, context: Mapping[str, Any] | None = None
    ) -> Sequence | None:
        """Return the figures of a name and context, or None."""
        return self._sequence("figure", name, context)

    def get_distribution_sequence(
        self, name: str, context: Mapping[str, Any] | None = None
    ) -> Sequence | None:
        """Return the distributions of a name and context, or None."""
        return self._sequence("distribution", name, context)

    def iter_metrics_info(self) -> Iterator[tuple[str, Context, Run]]:
        """Yield (name, context, run) of each series."""
        return self.iter_sequence_info_by_type("metric")

    def iter_sequence_info_by_type(
        self, dtypes: str | Iterable[str]
    ) -> Iterator[tuple[str, Context, Run]]:
        """Yield (name, context, run) of each sequence of these types, such as "image" or "*".

        Raises ValueRejected if there is no such type.
        """
        from foldline_views.sequences import kinds_of

        for one in self._sequences(kinds_of(dtypes)):
            yield one.name, one.context, one.run

    def collect_sequence_info(
        self, sequence_types: str | Iterable[str], skip_last_value: bool = False
    ) -> dict[str, list[dict[str, Any]]]:
        """Return name and context of each sequence by type, such as "metric" or "images".

        With its first step, last step and last value, unless `skip_last_value`. Raises
        ValueRejected if there is no such type.
        """
        from foldline_views.sequences import kinds_of

        types = [sequence_types] if isinstance(sequence_types, str) else list(sequence_types)
        found: dict[str, list[dict[str, Any]]] = {}
        for word in types:
            found[word] = []
            for one in self._sequences(kinds_of(word)):
                told: dict[str, Any] = {"context": one.context.to_dict(), "name": one.name}
                if not skip_last_value and one:
                    told["values"] = {
                        "dtype": "float" if one.kind == "number" else one.kind,
                        "first_step": one.first_step(),
                        "last_step": one.last_step(),
                        "last": one.values.last_value(),
                    }
                found[word].append(told)
        return found

    def sequences(self) -> list[Sequence]:
        """Return all series and sequences of the run."""
        return self._sequences(None)

    def _sequences(self, kinds: Iterable[str] | None) -> list[Sequence]:
        from foldline_views.sequences import sequences_of

        self.flush()
        return sequences_of(self.props, self._writer.layout, kinds)

    def _sequence(self, kind: str, name: str, context: Mapping[str, Any] | None) -> Sequence | None:
        wanted = context_bytes(context)
        found = (one for one in self._sequences([kind]) if one.name == name)
        return next((one for one in found if context_bytes(one.context) == wanted), None)

    def _figures_of(self, name: str) -> dict[str, float]:
        """Return the first, min, max and mean of the series of a name without a context."""
        series = self.get_metric(name)
        values = [] if series is None else [v for v in series.values if not math.isnan(v)]
        if not values:
            return {}
        mean = sum(values) / len(values)
        return {"first": values[0], "min": min(values), "max": max(values), "mean": mean}

    # ------------------------------------------------------------------- console and messages

    def get_terminal_logs(self) -> Sequence | None:
        """Return the lines that the run's processes printed, or None; each is a text."""
        from foldline_views.recall import lines

        return self._told("lines", lines)

    def get_log_records(self) -> Sequence | None:
        """Return the run's messages, or None: `.message`, `.level`, `.timestamp`, `.args`."""
        from foldline_views.recall import messages

        return self._told("messages", messages)

    def _told(self, kind: str, read: Any) -> Sequence | None:
        from foldline_views.sequences import Sequence

        self.flush()
        found = Sequence(self.props, kind, kind, {}, lambda: read(self._writer.layout, self.id))
        return found or None

    # ------------------------------------------------------------------------------- tables

    def dataframe(self, include_props: bool = True, include_params: bool = True) -> DataFrame:
        """Return the run as a row of a pandas DataFrame. Raises ImportError without pandas."""
        import json

        import pandas as pd

        from foldline_views.sequences import dotted

        known = self._whole()
        row: dict[str, Any] = {"hash": self.id}
        if include_props:
            head = known.head
            row |= {
                "name": head.name,
                "description": head.description,
                "archived": head.archived,
                "creation_time": head.created_at,
                "end_time": head.ended_at,
                "active": head.status == "running",
                "experiment": head.experiment,
                "tags": json.dumps(head.tags),
            }
        if include_params:
            row = {**dotted("", known.params), **row}
        return pd.DataFrame(row, index=[0])

    # ------------------------------------------------------------------ what Aim has for itself

    def check_metrics_version(self) -> bool:
        """Say whether series are stored in an older way than this version's: never."""
        return False

    def update_metrics(self) -> None:
        """Do nothing: no series is stored in an older way."""

    def idx_to_ctx(self, idx: int) -> Context:
        """Raise Unsupported: a series holds its context."""
        raise Unsupported(
            f"run.idx_to_ctx({idx!r}): contexts have no numbers here",
            hint="[metric.context for metric in run.metrics()]",
        )

    @property
    def series_run_trees(self) -> Any:
        """Raise Unsupported: points are in a log."""
        raise Unsupported(
            "run.series_run_trees: points are in a log, not in trees",
            hint="run.get_metric(name, context).data",
        )


def _joined(known: dict[str, Any], mine: dict[str, Any]) -> dict[str, Any]:
    tree = dict(known)
    for key, value in mine.items():
        below = tree.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        tree[key] = _joined(below, value) if both and isinstance(below, dict) else value
    return tree


def _naive(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC).replace(tzinfo=None)
