"""A run of any size, in portions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio
import msgspec
import pytest

import foldline
from foldline.errors import QueryError, RunNotFound
from foldline.layout import Layout
from foldline_views.folding import catch_up
from foldline_views.portions import (
    LEAF_BYTES_MAX,
    PORTION_BYTES_MAX,
    PORTION_SERIES_MAX,
    ParamsPage,
    ParamsRequest,
    RunPortion,
    RunSeriesPage,
    RunSeriesRequest,
)
from foldline_views.reader import Views

T = TypeVar("T")


def asked(store: Path, question: Callable[[Views], Awaitable[T]]) -> T:
    """Return what the views of a store answer."""

    async def ask() -> T:
        await catch_up(Layout(store))
        views = await Views.open(Layout(store).views)
        try:
            return await question(views)
        finally:
            await views.close()

    return anyio.run(ask)


def run_of(store: Path) -> RunPortion:
    return asked(store, lambda views: views.run("one"))


def params_of(store: Path, **question: Any) -> ParamsPage:
    return asked(store, lambda views: views.params("one", ParamsRequest(**question)))


def series_of(store: Path, **question: Any) -> RunSeriesPage:
    return asked(store, lambda views: views.run_series("one", RunSeriesRequest(**question)))


def test_a_small_run_is_whole(tmp_path: Path) -> None:
    """What is small is told at once, and the totals say that it is all."""
    params = {"hparams": {"lr": 0.1, "none": None, "empty": {}}, "seeds": [1, 2]}
    with foldline.Run(id="one", store=tmp_path, params=params, capture=False) as run:
        run.track(1.0, name="loss", step=0)
        run.summary["best"] = {"acc": 0.9}
    found = run_of(tmp_path)
    assert found.params == params
    assert (found.params_shown, found.params_total) == (4, 4)
    assert found.summary == {"best": {"acc": 0.9}}
    assert (found.summary_shown, found.summary_total) == (1, 1)
    assert [metric.name for metric in found.metrics] == ["loss"]
    assert (found.metrics_total, found.writers_total) == (1, 1)


def test_many_params_and_large_ones_come_by_pages(tmp_path: Path) -> None:
    """Of ten thousand params the first are told; a large one is cut, and whole when asked for."""
    many = {f"p{at}": {"value": at, "text": "x" * 40} for at in range(5000)}
    large = {"text": "é" * 60_000, "list": list(range(5000))}
    with foldline.Run(id="one", store=tmp_path, params={**large, **many}, capture=False):
        pass
    found = run_of(tmp_path)
    assert found.params_total == 10_002
    assert 0 < found.params_shown < 3000
    assert "text" not in found.params and found.params["p0"] == many["p0"]
    assert len(msgspec.json.encode(found)) < 3 * PORTION_BYTES_MAX
    page = params_of(tmp_path, limit=2)
    text, numbers = page.params
    assert (text.path, text.cut, text.value) == (["text"], True, "é" * LEAF_BYTES_MAX)
    assert (numbers.path, numbers.cut, numbers.value) == (["list"], True, None)
    assert (text.size, page.total) == (120_002, 10_002)
    (whole,) = params_of(tmp_path, path=["text"]).params
    assert (whole.value, whole.cut) == (large["text"], False)
    (branch,) = params_of(tmp_path, path=["p7"]).params
    assert branch.value == many["p7"]
    assert params_of(tmp_path, path=["p7", "nope"]).params == []
    assert params_of(tmp_path, path=["text", "nope"]).total == 0

    paths: list[str] = []
    cursor: str | None = None
    while not paths or cursor is not None:
        page = params_of(tmp_path, like="*.VALUE", limit=2000, cursor=cursor)
        paths += [".".join(param.path) for param in page.params]
        cursor = page.cursor
    assert paths == [f"p{at}.value" for at in range(5000)]
    assert params_of(tmp_path, like="p12.").total == 2


def test_many_series_come_by_pages(tmp_path: Path) -> None:
    """Of a thousand series the first are told, and others by name, the machine's apart."""
    with foldline.Run(id="one", store=tmp_path, capture=False) as run:
        for at in range(500):
            run.track({f"train/m{at}": 1.0, f"val/m{at}": 2.0}, step=0)
        run.track(1.0, name="__system__/cpu", step=0)
    found = run_of(tmp_path)
    assert (len(found.metrics), found.metrics_total) == (PORTION_SERIES_MAX, 1001)
    page = series_of(tmp_path, like="val/*", limit=300)
    assert (len(page.series), page.total) == (300, 500)
    rest = series_of(tmp_path, like="val/*", limit=300, cursor=page.cursor)
    names = [one.name for one in (*page.series, *rest.series)]
    assert names == [f"val/m{at}" for at in range(500)]
    assert rest.cursor is None
    assert series_of(tmp_path, system=False).total == 1000
    assert [one.name for one in series_of(tmp_path, system=True).series] == ["__system__/cpu"]
    assert series_of(tmp_path, like="M499").total == 2


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    """A run that is none, and a cursor that is none of ours, are errors."""
    with foldline.Run(id="one", store=tmp_path, capture=False):
        pass
    for question in (
        lambda views: views.run("two"),
        lambda views: views.params("two", ParamsRequest()),
        lambda views: views.run_series("two", RunSeriesRequest()),
        lambda views: views.lineage("two"),
    ):
        with pytest.raises(RunNotFound):
            asked(tmp_path, question)
    for cursor in ("x", "kf8=", ""):
        with pytest.raises(QueryError):
            params_of(tmp_path, cursor=cursor)
        with pytest.raises(QueryError):
            series_of(tmp_path, cursor=cursor)
