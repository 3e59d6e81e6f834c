"""A store by Aim's name and methods: `foldline.Repo`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import StringIO
from itertools import pairwise
from tokenize import NAME, TokenError, generate_tokens
from typing import TYPE_CHECKING, Any

import numpy as np

import foldline
from foldline.errors import StoreNotFound, Unsupported
from foldline.layout import STORE_DEFAULT, Layout, store_path

from .catalog import Catalog, SeriesTable
from .column import Column, Objects, Path, Rows, column_of
from .query import parse
from .scan import Scan
from .sequences import COLLECTIONS, Sequence, Sequences, metric, sequences_of
from .store import Store
from .stored import Run as StoredRun

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["FoundRuns", "Repo", "RunSequences"]


def _absent(call: str, hint: str) -> Callable[..., Any]:
    """Return a method that raises Unsupported."""

    def absent(*_: Any, **__: Any) -> Any:
        raise Unsupported(f"repo.{call} does not exist: what is in the log stays", hint=hint)

    absent.__doc__ = f"Raise Unsupported: {hint}."
    return absent


class Repo:
    """A store, read as Aim's Repo is.

    `path` is the store's folder, or the folder that `.foldline` is in; `init` makes the store.
    Queries are the same expressions as everywhere: see docs/query.md. Raises StoreNotFound or
    StoreTooNew.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        read_only: bool | None = None,
        init: bool = False,
    ) -> None:
        del read_only  # a Repo only ever reads
        root = store_path(path)
        inner = root / STORE_DEFAULT
        layout = Layout(inner if not Layout(root).store_file.exists() and inner.is_dir() else root)
        if init:
            layout.create()
        layout.check()
        self.path = str(layout.root)
        self._store = Store(layout)

    def __repr__(self) -> str:
        return f"foldline.Repo({self.path!r})"

    @classmethod
    def from_path(
        cls, path: str | os.PathLike[str], read_only: bool | None = None, init: bool = False
    ) -> Repo:
        """Return the Repo of a folder."""
        return cls(path, read_only=read_only, init=init)

    @classmethod
    def default_repo(cls, init: bool = False) -> Repo:
        """Return the Repo of FOLDLINE_STORE, else of `./.foldline`."""
        return cls(init=init)

    @staticmethod
    def default_repo_path() -> str:
        """Return the folder of the default Repo."""
        return str(store_path())

    @staticmethod
    def exists(path: str | os.PathLike[str]) -> bool:
        """Say whether there is a store."""
        try:
            Repo(path)
        except StoreNotFound:
            return False
        return True

    @staticmethod
    def is_remote_path(path: str) -> bool:
        """Say whether a path is an address: there are none here."""
        return "://" in path

    is_remote_repo = False

    def close(self) -> None:
        """Close the files; the next question opens them again."""
        self._store.close()

    # ---------------------------------------------------------------------------------- runs

    def get_run(self, run_hash: str) -> foldline.Run | None:
        """Return a run to read, or None if there is none."""
        return self._opened(run_hash) if self.run_exists(run_hash) else None

    def run_exists(self, run_hash: str) -> bool:
        """Say whether the store has the run."""
        return run_hash in self.list_all_runs()

    def iter_runs(self) -> Iterator[foldline.Run]:
        """Yield the runs to read, the newest first; archived ones too."""
        return map(self._opened, self.list_all_runs())

    iter_runs_from_cache = iter_runs

    def list_all_runs(self) -> list[str]:
        """Return the ids of all runs, the newest first; of archived ones too."""
        return [run.id for run in self._all()]

    def list_active_runs(self) -> list[str]:
        """Return the ids of the runs that go on."""
        return [run.id for run in self._all() if run.status == "running"]

    def list_corrupted_runs(self) -> list[str]:
        """Raise Unsupported: damage is found segment by segment."""
        raise Unsupported(
            "repo.list_corrupted_runs: damage has a place in a file", hint="foldline verify"
        )

    def is_index_corrupted(self) -> bool:
        """Say whether the views can't be used: never, as they are made anew from the log."""
        return False

    def total_runs_count(self) -> int:
        """Return how many runs there are, archived ones too."""
        return len(self._all())

    def _all(self) -> list[StoredRun]:
        return list(self._store.runs("run.archived in (True, False)"))

    def _opened(self, run: str) -> foldline.Run:
        return foldline.Run(run, store=self.path, read_only=True, capture=False)

    # ------------------------------------------------------------------------------- queries

    def query_runs(
        self,
        query: str = "",
        paginated: bool = False,
        offset: str | None = None,
        report_mode: Any = None,
    ) -> FoundRuns:
        """Return the runs that match, the newest first; `offset` is the run to go on behind.

        Raises QueryError.
        """
        del paginated, report_mode
        ids = [run.id for run in self._store.runs(query)]
        if offset in ids:
            ids = ids[ids.index(offset) + 1 :]
        return FoundRuns([self._opened(run) for run in ids])

    def query_metrics(self, query: str = "", report_mode: Any = None) -> Sequences:
        """Return the series that match. Raises QueryError."""
        return self._query("metric", query)

    def query_images(self, query: str = "", report_mode: Any = None) -> Sequences:
        """Return the image sequences that match, as `images.name == "samples"`."""
        return self._query("images", query)

    def query_audios(self, query: str = "", report_mode: Any = None) -> Sequences:
        """Return the audio sequences that match, as `audios.name == "speech"`."""
        return self._query("audios", query)

    def query_texts(self, query: str = "", report_mode: Any = None) -> Sequences:
        """Return the text sequences that match, as `texts.name == "answer"`."""
        return self._query("texts", query)

    def query_figure_objects(self, query: str = "", report_mode: Any = None) -> Sequences:
        """Return the figure sequences that match, as `figures.name == "roc"`."""
        return self._query("figures", query)

    def query_distributions(self, query: str = "", report_mode: Any = None) -> Sequences:
        """Return the distribution sequences that match, as `distributions.name == "weights"`."""
        return self._query("distributions", query)

    def _query(self, collection: str, query: str) -> Sequences:
        asked = _renamed(query, collection)
        parse(asked, "metric")  # raises now, and not when the answer is looked at
        found = self._series if collection == "metric" else partial(self._others, collection)
        return Sequences(partial(found, asked))

    def _series(self, query: str) -> Iterator[Sequence]:
        """Yield the series that match, those of the newest runs first."""
        run, scan = None, None
        for series in self._store.series(query):  # those of one run together
            if run is None or scan is None or run.id != series.run:
                run, scan = self._opened(series.run), Scan(self._store.layout, series.run)
            yield metric(run, scan, series.name, series.context)

    def _others(self, collection: str, query: str) -> Iterator[Sequence]:
        """Yield the sequences of a kind that match, those of the newest runs first."""
        searched = self._store.searched(query, "metric")
        catalog = self._store.catalog()
        newest_first = np.argsort(-catalog.created_at(), kind="stable").tolist()
        rows: list[int] = []
        found: list[Sequence] = []
        for row in newest_first:
            run = self._opened(catalog.ids[row])
            mine = sequences_of(run, self._store.layout, [COLLECTIONS[collection]])
            found += mine
            rows += [row] * len(mine)
        table = _SequenceTable(catalog, rows, found)
        mask = parse(query, "metric").mask(table, search=searched)
        return (found[place] for place in np.flatnonzero(mask).tolist())

    # ------------------------------------------------------------------- what is not done here

    def collect_params_info(self) -> dict[str, Any]:
        """Return the tree of all params that runs have, with an example of each value."""
        tree: dict[str, Any] = {}
        for run in self._all():
            _merge(tree, run.params)
        return tree

    def collect_sequence_info(
        self, sequence_types: str | Iterable[str]
    ) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """Return the names that sequences of each type have, each with its contexts."""
        found: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for word in [sequence_types] if isinstance(sequence_types, str) else sequence_types:
            names = found.setdefault(word, {})
            for run in self.iter_runs():
                for name, context, _ in run.iter_sequence_info_by_type(word):
                    contexts = names.setdefault(name, [])
                    if context not in contexts:
                        contexts.append(context.to_dict())
        return found

    delete_run = _absent("delete_run", "foldline.Run(run_hash).archived = True hides it")
    delete_runs = _absent("delete_runs", "foldline.Run(run_hash).archived = True hides each")
    delete_experiment = _absent(
        "delete_experiment", "set another experiment, or archived = True, on its runs"
    )
    copy_runs = _absent("copy_runs", "cp -r STORE/runs/RUN OTHER/runs/ while it is not written to")
    move_runs = _absent("move_runs", "mv STORE/runs/RUN OTHER/runs/, then foldline rebuild")
    prune = _absent("prune", "nothing dangles here: foldline rebuild makes the views anew")
    check_repo_status = staticmethod(_absent("check_repo_status", "foldline verify"))
    get_version = staticmethod(_absent("get_version", "store.json says the format"))
    rm = staticmethod(_absent("rm", "remove the store's folder"))


class FoundRuns:
    """The runs that a query found."""

    def __init__(self, runs: list[foldline.Run]) -> None:
        self._runs = runs

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        return f"<FoundRuns: {len(self)} runs>"

    def iter_runs(self) -> Iterator[RunSequences]:
        """Yield each run, as `.run`, with its sequences to go through."""
        return map(RunSequences, self._runs)

    def iter(self) -> Iterator[Sequence]:
        """Yield all sequences of all runs."""
        for run in self.iter_runs():
            yield from run

    def __iter__(self) -> Iterator[Sequence]:
        return self.iter()

    def dataframe(
        self, include_props: bool = True, include_params: bool = True, **others: Any
    ) -> DataFrame | None:
        """Return a row for each run as a pandas DataFrame, None if there are none.

        Raises ImportError without pandas.
        """
        del others  # Aim's, of series
        import pandas as pd

        rows = [run.dataframe(include_props, include_params) for run in self._runs]
        return pd.concat(rows, ignore_index=True) if rows else None


class RunSequences(Sequences):
    """A run, and all its series and sequences."""

    def __init__(self, run: foldline.Run) -> None:
        super().__init__(run.sequences)
        self._run = run

    @property
    def run(self) -> foldline.Run:
        """The run."""
        return self._run


class _SequenceTable(SeriesTable):
    """Sequences that are no series, as a query sees them: by name and context."""

    def __init__(self, catalog: Catalog, runs: list[int], found: list[Sequence]) -> None:
        super().__init__(catalog)
        self._of = np.array(runs, dtype=np.int64)
        self._found = found

    @property
    def rows(self) -> int:
        """How many sequences there are."""
        return len(self._found)

    def column(self, path: Path) -> Column | None:
        """Return the column at a path, or None if no sequence has it."""
        if path[0] != "metric":
            return super().column(path)
        if path[1] == "name":
            return column_of([one.name for one in self._found])
        if path[1] != "context":
            return None
        cells = [_at(one.context, path[2:]) for one in self._found]
        if all(cell is None for cell in cells):
            return None
        return Objects(cells) if len(path) == 2 else column_of(cells)

    def _runs(self) -> Rows:
        return self._of


def _at(tree: Any, path: Iterable[str]) -> Any:
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _renamed(query: str, variable: str) -> str:
    """Return a query that says `metric` where Aim's says `images` or the like."""
    if variable == "metric":
        return query
    try:
        tokens = list(generate_tokens(StringIO(query).readline))
    except (TokenError, SyntaxError):
        return query  # the parser says better what is wrong
    lines = query.splitlines(keepends=True)
    for before, token in reversed(list(pairwise([None, *tokens]))):
        if token is None or token.type != NAME or token.string != variable:
            continue
        if before is None or before.string != ".":
            (row, start), (_, end) = token.start, token.end
            lines[row - 1] = lines[row - 1][:start] + "metric" + lines[row - 1][end:]
    return "".join(lines)


def _merge(tree: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        below = tree.setdefault(key, {} if isinstance(value, dict) else value)
        if isinstance(below, dict) and isinstance(value, dict):
            _merge(below, value)
