"""How curves may be drawn."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

__all__ = ["Aggregate", "OtherSeries", "Smooth", "Style"]

GROUP_KEYS_MAX = 12  # to group by: four fields for each role of a chart
NAME_CHARS_MAX = 4096  # of a series in a request: as long as a query may be

Key = Annotated[str, Meta(max_length=NAME_CHARS_MAX)]


class OtherSeries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A series of the same run whose values are the x axis.

    Without a context it is the one in the curve's own context, else the one without any.
    """

    metric: Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]
    context: dict[str, Any] | None = None


class Smooth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How curves are smoothed: see `smoothing`."""

    by: Literal["ema", "gaussian", "mean"] = "ema"
    width: Annotated[float, Meta(gt=0)] | None = None
    """In units of x: the half-life, the standard deviation, the whole window."""
    weight: Annotated[float, Meta(ge=0, lt=1)] | None = None
    """Of an ema in place of the half-life: how much a point counts at the next one."""

    def __post_init__(self) -> None:
        """Refuse what no single field can tell."""
        if (self.width is None) == (self.weight is None):
            raise ValueError("Expected exactly one of `width` and `weight`")
        if self.weight is not None and self.by != "ema":
            raise ValueError("Expected `width`: a `weight` is for an ema")
        if self.width is not None and not math.isfinite(self.width):
            raise ValueError("Expected a finite `width`")


class Aggregate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the curves of a group become one line with a band: see `aggregate`."""

    by: Annotated[tuple[Key, ...], Meta(max_length=GROUP_KEYS_MAX)] = ()
    """In the words of the query language; without any, all curves are one group."""
    line: Literal["mean", "median", "min", "max"] = "mean"
    band: Literal["none", "min-max", "std", "stderr", "ci95"] | tuple[float, float] = "min-max"
    """A pair is two quantiles, such as [0.25, 0.75]."""

    def __post_init__(self) -> None:
        """Refuse what no single field can tell."""
        if not isinstance(self.band, str) and not 0.0 <= self.band[0] <= self.band[1] <= 1.0:
            raise ValueError("Expected quantiles as [low, high] with 0 <= low <= high <= 1")


class Style(msgspec.Struct):
    """What is drawn of the series that are asked for, other than what was tracked."""

    expressions: tuple[str, ...] = ()
    aggregate: Aggregate | None = None
    smooth: Smooth | None = None
    inherit: bool = False
