"""Catalogs made by hand, without a log and a fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from foldline.events import FieldsSet, ParamsSet, WriterClosed, WriterOpened
from foldline_ingest.batch import Fact
from foldline_views.catalog import Catalog
from foldline_views.changes import Changes, NewSeries
from foldline_views.runs import RunState, encode_state, fold_run
from foldline_views.summaries import fresh

START = 1_700_000_000.0


def state_of(params: Mapping[str, Any], created: float, **fields: str | bool) -> RunState:
    """Return the state of a run that took a minute."""
    facts = [
        Fact(created, "w", 0, WriterOpened("lab1", 7)),
        Fact(created, "w", 1, ParamsSet([], dict(params))),
        Fact(created, "w", 2, FieldsSet(dict(fields))),
        Fact(created + 60, "w", 3, WriterClosed("finished")),
    ]
    return fold_run(RunState(), facts)


def put(catalog: Catalog, runs: Mapping[str, RunState]) -> None:
    """Commit new states of runs, which may be new themselves."""
    fresh_ones = [run for run in runs if run not in catalog.row_of]
    row_of = {
        **catalog.row_of,
        **{run: len(catalog.row_of) + n for n, run in enumerate(fresh_ones)},
    }
    catalog.take(
        Changes(
            catalog.revision + 1,
            catalog.watermark + 32,
            fresh_ones,
            [(row_of[run] + 1, encode_state(state)) for run, state in runs.items()],
            NewSeries.of([]),
            np.empty((2, 0), np.int64),
            0,
            np.empty(0, np.int64),
            fresh(0),
        )
    )


def catalog_of(params: Sequence[Mapping[str, Any]]) -> Catalog:
    """Return a catalog of the runs r0, r1, ... with these params, a second after one another."""
    catalog = Catalog()
    put(
        catalog,
        {f"r{n}": state_of(one, START + n, name=f"run {n}") for n, one in enumerate(params)},
    )
    return catalog
