"""The answers of the views, until they have them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = ["FramesRequest", "RunDetail", "RunsPage", "SeriesPage", "Sort", "Totals"]


class Sort(msgspec.Struct, frozen=True):
    """."""

    by: str
    desc: bool = False


class FramesRequest(msgspec.Struct, frozen=True):
    """."""

    query: str | None
    ids: tuple[int, ...] | None
    x: Literal["step", "time", "relative"]
    points: int
    range: tuple[float, float] | None
    columns: tuple[str, ...]


class RunsPage(msgspec.Struct, frozen=True):
    """."""

    rows: list[dict[str, Any]]
    total: int
    cursor: str | None
    watermark: int
    warnings: list[str]
    columns: dict[str, Any]


class RunDetail(msgspec.Struct, frozen=True):
    """."""

    id: str
    status: str
    watermark: int
    name: str | None = None


class SeriesPage(msgspec.Struct, frozen=True):
    """."""

    series: list[dict[str, Any]]
    runs: dict[str, Any]
    total: int
    watermark: int
    warnings: list[str]


class Totals(msgspec.Struct, frozen=True):
    """."""

    total: int
    running: int
