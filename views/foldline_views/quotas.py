"""How much room each experiment has at a server.

Quotas stand in `quotas.json`, beside the log and not in it. The file may be edited by hand; a
server reads it again when it changes. What is logged on the server's own machine is counted, and
never refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from foldline.errors import WordsRejected
from foldline.layout import Layout
from foldline.settings import EXPERIMENT_DEFAULT
from foldline_ingest.footprint import footprints

from . import register

__all__ = ["Quotas", "Share", "measured", "nearly", "put", "read", "remove", "shares"]

QUOTAS_MAX = 10_000  # experiments with one of their own: the rest have the default
FILE_BYTES_MAX = 16 << 20  # of quotas.json: as many have 11 MB with the longest names
QUOTA_BYTES_MAX = 1 << 53  # beyond it JavaScript has no whole numbers
EXPERIMENT_CHARS_MAX = 1000  # as of a run's fields
NEARLY = 0.9  # of a quota, from which on it is worth saying

Bytes = Annotated[int, Meta(ge=0, le=QUOTA_BYTES_MAX)]
Experiment = Annotated[str, Meta(min_length=1, max_length=EXPERIMENT_CHARS_MAX)]


class Quotas(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The quotas of a store, in bytes; `default` is of each experiment that has none."""

    default: Bytes | None = None
    experiments: dict[Experiment, Bytes] = {}

    @property
    def are_set(self) -> bool:
        """Whether there is any."""
        return self.default is not None or bool(self.experiments)

    def of(self, experiment: str) -> int | None:
        """Return how many bytes an experiment may take, None for any number."""
        return self.experiments.get(experiment, self.default)


class Share(msgspec.Struct, frozen=True):
    """What an experiment takes, and may, in bytes."""

    experiment: str
    used: int
    allowed: int | None

    @property
    def part(self) -> float:
        """How much of what it may it takes: 1 is all, 0 where it may any."""
        if self.allowed is None:
            return 0.0
        return self.used / self.allowed if self.allowed else float(self.used > 0)


def read(layout: Layout) -> Quotas:
    """Return the quotas of a store. Raises WordsRejected if the file says something else."""
    try:
        return register.read(layout.quotas, Quotas, FILE_BYTES_MAX)
    except ValueError as error:
        raise WordsRejected(
            f"the quotas in {layout.quotas} are wrong: {error}",
            hint="mend the file, or move it away and set them by `foldline quota set`",
        ) from error


def put(layout: Layout, experiment: str | None, size: int) -> None:
    """Let an experiment have `size` bytes, or each that has no quota of its own if it is None.

    Raises WordsRejected and StoreUnwritable.
    """
    with register.alone(layout, "quotas"):
        kept = read(layout)
        if experiment is None:
            kept = Quotas(size, kept.experiments)
        else:
            kept = Quotas(kept.default, {**kept.experiments, experiment: size})
        if len(kept.experiments) > QUOTAS_MAX:
            raise WordsRejected(
                f"there are {QUOTAS_MAX} quotas already",
                hint="`foldline quota set --default` is of all that have none of their own",
            )
        try:
            msgspec.convert(msgspec.to_builtins(kept), Quotas)
        except msgspec.ValidationError as error:
            raise WordsRejected(
                f"the quota can't be kept: {error}",
                hint="`foldline quota set --help` has an example",
            ) from error
        register.replace(layout.quotas, kept)


def remove(layout: Layout, experiment: str | None) -> None:
    """Take a quota away, or the default. Raises WordsRejected and StoreUnwritable."""
    with register.alone(layout, "quotas"):
        kept = read(layout)
        if experiment is None and kept.default is not None:
            kept = Quotas(None, kept.experiments)
        elif experiment in kept.experiments:
            rest = {name: size for name, size in kept.experiments.items() if name != experiment}
            kept = Quotas(kept.default, rest)
        else:
            whose = "for those without one" if experiment is None else f"of {experiment!r}"
            raise WordsRejected(f"there is no quota {whose}", hint="`foldline quota ls` lists them")
        register.replace(layout.quotas, kept)


def shares(
    kept: Quotas, footprints: Mapping[str, int], experiments: Mapping[str, str]
) -> list[Share]:
    """Return what each experiment takes, the fullest first; a run that is of none is of `default`.

    `footprints` are bytes, and `experiments` names, each by run.
    """
    used = Counter(dict.fromkeys(kept.experiments, 0))
    for run, size in footprints.items():
        used[experiments.get(run, EXPERIMENT_DEFAULT)] += size
    found = [Share(name, size, kept.of(name)) for name, size in used.items()]
    return sorted(found, key=lambda share: (-share.part, -share.used, share.experiment))


def measured(layout: Layout, experiments: Mapping[str, str]) -> list[Share]:
    """Return the same by a walk through the store. Raises WordsRejected."""
    return shares(read(layout), footprints(layout), experiments)


def nearly(among: Iterable[Share]) -> Iterator[Share]:
    """Yield those that have little room left."""
    return (share for share in among if share.part > NEARLY)
