"""Groups of lines, each as one line with a band.

All members of all groups share one grid of buckets, whose width is a power of two. In each bucket
a member counts once, with the mean of its finite values there, however many they are; least and
greatest values are of the points themselves. Nothing is filled in: where a member has no finite
value, because it ended early, logs seldom, or was NaN there, it does not count, and how many did
is told for each bucket. Lines and bands are of all members, never of a sample of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import buckets
from .curves import Curves, all_x, placed
from .smoothing import smoothed, track_of
from .styles import Aggregate, Smooth

__all__ = [
    "CELLS_MAX", "COLUMNS", "Block", "Grid", "aggregated", "grid_of", "smoothed_lines",
]  # fmt: skip

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Buckets of all members together: 8 MB for each figure that is kept of them. Of more than 4,000
# members the grid is wider than asked for.
CELLS_MAX = 1 << 22
# Keys that are marked in an array rather than sorted: a MiB of marks.
MARKS_MAX = 1 << 20

# What is sent of each bucket of a group.
COLUMNS = ("line", "low", "high", "members", "nonfinite")

# The quantile 0.975 of Student's t for 1, 2, 3, ... degrees of freedom (standard tables).
T_975 = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010,
    2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739,
    2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
)  # fmt: skip
Z_975 = 1.959963984540054


class Block(NamedTuple):
    """Buckets of some members, in any order; in that of members and of x they are added fastest."""

    first: int  # the place of the first member among all
    owner: Ints  # of each bucket, counted from the first
    members: int
    x: Floats
    total: Floats  # of the finite values
    finite: Floats  # how many these are
    low: Floats
    high: Floats
    nonfinite: Floats  # how many values are not finite


class Grid(NamedTuple):
    """The buckets that all members share: their numbers, ascending."""

    width: int
    keys: Floats

    def cells(self, x: Floats) -> Ints:
        """Return in which bucket each x lies; -1 for those that lie in none."""
        if not len(self.keys):
            return np.full(len(x), -1)
        keys = buckets.keys_of(x, self.width)
        if self.keys[-1] - self.keys[0] == len(self.keys) - 1:
            at: Ints = np.clip(keys - self.keys[0], -1, len(self.keys)).astype(np.int64)
            at[at == len(self.keys)] = -1
            return at
        near = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[near] == keys, near, -1)


def grid_of(places: Iterable[Floats], width: int, limit: int) -> Grid:
    """Return the finest grid from `width` up whose buckets are at most `limit`, which is positive.

    `places` are the x of all members' buckets, in any order. Where all of them are whole numbers, a
    grid finer than those would be no different, and is not made.
    """
    whole = width < 0
    grid = Grid(0 if whole else width, np.empty(0))
    for x in places:
        if whole and not np.array_equal(x, np.floor(x)):
            whole = False
            if grid.width == 0:  # else it is too coarse for whole numbers already
                grid = Grid(width, np.ldexp(grid.keys, -width))
        if len(x):
            grid = _fitting(Grid(grid.width, _united(grid, x)), limit)
    return grid


def _united(grid: Grid, x: Floats) -> Floats:
    """Return the numbers of the grid's buckets and of those that x lie in, ascending."""
    keys = buckets.keys_of(x, grid.width)
    ends = grid.keys[[0, -1]] if len(grid.keys) else keys[:1]
    low, high = min(keys.min(), ends.min()), max(keys.max(), ends.max())
    if not high - low < MARKS_MAX:
        return np.union1d(grid.keys, keys)
    marks = np.zeros(int(high - low) + 1, dtype=bool)
    marks[(grid.keys - low).astype(np.int64)] = True
    marks[(keys - low).astype(np.int64)] = True
    found: Floats = np.flatnonzero(marks) + low
    return found


def _fitting(grid: Grid, limit: int) -> Grid:
    """Return the finest grid that has at most so many of the grid's buckets.

    It may be called before all are known: with more of them it would be no finer.
    """
    width, keys = grid
    # Keys on both sides of zero never become one.
    while len(keys) > limit and not (keys[0] == -1.0 and keys[-1] == 0.0):
        halved = np.floor(keys / 2.0)
        keys = halved[np.concatenate(([True], halved[1:] != halved[:-1]))]
        width += 1
    return Grid(width, keys)


def aggregated(
    blocks: Iterable[Block], grid: Grid, groups: Ints, how: Aggregate
) -> tuple[Curves, dict[str, NDArray[np.float32]]]:
    """Return a curve for each group, without values, and the columns of COLUMNS.

    `groups` is the group of each member, never falling from one member to the next.
    """
    number = int(groups[-1]) + 1 if len(groups) else 0
    sums = _Sums(number, len(grid.keys))
    ordered = how.line == "median" or not isinstance(how.band, str)
    means = np.full((len(groups) if ordered else 0, len(grid.keys)), np.nan, dtype=np.float32)
    last: Block | None = None
    for block in blocks:
        # Runs of one kind have the same steps: then it is known where all of a block goes.
        if last is None or not _goes_alike(block, last):
            places = _placed(block, grid)
        last = block
        cells = _of_members(block, grid, places)
        if ordered:
            means[block.first : block.first + block.members] = cells.mean
        own = groups[block.first : block.first + block.members]
        starts = np.flatnonzero(np.diff(own, prepend=-1))
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(own)], strict=True):
            sums.add(int(own[start]), cells.rows(start, end))
    quantiles = _quantiles(means, groups, how) if ordered else {}
    return _curves(sums, quantiles, grid, how)


def smoothed_lines(curves: Curves, line: NDArray[np.float32], how: Smooth) -> NDArray[np.float32]:
    """Return the lines of groups smoothed: each bucket of one counts as a point."""
    x = all_x(curves)
    found = [np.empty(0)]
    end = 0
    for count in curves.counts.tolist():
        own = slice(end, end + count)
        points = buckets.of_points(x[own], line[own].astype(np.float64), x[own])
        found.append(smoothed(track_of(points), how, np.arange(count)))
        end += count
    return np.concatenate(found).astype(np.float32)


class _Cells(NamedTuple):
    """Figures of members, a row each, in every bucket of the grid."""

    mean: Floats  # of the finite values; NaN where there is none
    low: Floats
    high: Floats
    odd: NDArray[np.bool_]  # whether a value is not finite

    def rows(self, start: int, end: int) -> _Cells:
        """Return some of the members."""
        own = slice(start, end)
        return _Cells(self.mean[own], self.low[own], self.high[own], self.odd[own])


class _Places(NamedTuple):
    """Where the buckets of a block go: in which cell of its members' rows each is counted."""

    at: Ints  # of those that lie in the grid
    inside: NDArray[np.bool_] | None  # which these are; None: all
    starts: Ints | None  # where each cell begins, as far as they ascend; None: each has its own
    ordered: int  # so many come in order; the others anywhere


def _goes_alike(one: Block, other: Block) -> bool:
    return np.array_equal(one.x, other.x) and np.array_equal(one.owner, other.owner)


def _placed(block: Block, grid: Grid) -> _Places:
    at = grid.cells(block.x)
    inside = at >= 0
    at = at + block.owner * len(grid.keys)
    whole = bool(inside.all())
    if not whole:
        at = at[inside]
    kept = None if whole else inside
    if np.all(at[1:] > at[:-1]):
        return _Places(at, kept, None, len(at))
    # Buckets come in order, but for those of a second writer and the newest points.
    falls = np.flatnonzero(at[1:] < at[:-1])
    ordered = int(falls[0]) + 1 if len(falls) else len(at)
    return _Places(at, kept, np.flatnonzero(np.diff(at[:ordered], prepend=-1)), ordered)


def _of_members(block: Block, grid: Grid, places: _Places) -> _Cells:
    shape = (block.members, len(grid.keys))
    size = block.members * len(grid.keys)
    figures: _Figures = (block.total, block.finite, block.low, block.high, block.nonfinite)
    if places.inside is not None:
        figures = tuple(figure[places.inside] for figure in figures)
    if places.starts is None:
        total, finite, low, high, nonfinite = _spread(places.at, figures, size)
    else:
        total, finite, low, high, nonfinite = _added(places, places.starts, figures, size)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / finite  # 0 / 0 is NaN
    odd = nonfinite > 0
    return _Cells(mean.reshape(shape), low.reshape(shape), high.reshape(shape), odd.reshape(shape))


_NOTHING = (0.0, 0.0, np.inf, -np.inf, 0.0)  # of each figure, where a cell has no bucket
_ADD = (np.add, np.add, np.minimum, np.maximum, np.add)  # how two buckets become one
_Figures = tuple[Floats, ...]


def _spread(at: Ints, figures: _Figures, size: int) -> _Figures:
    """Return the figures in their cells, of which each has one bucket at most."""
    if len(at) == size:
        return figures
    found = [np.full(size, nothing) for nothing in _NOTHING]
    for cells, figure in zip(found, figures, strict=True):
        cells[at] = figure
    return tuple(found)


def _added(places: _Places, starts: Ints, figures: _Figures, size: int) -> _Figures:
    """Return the figures in their cells, added up where several buckets are in one."""
    at, ordered = places.at, places.ordered
    if len(starts) == size and ordered == len(at):
        return tuple(
            _reduced(ufunc, figure, starts) for figure, ufunc in zip(figures, _ADD, strict=True)
        )
    found = tuple(np.full(size, nothing) for nothing in _NOTHING)
    for cells, figure, ufunc in zip(found, figures, _ADD, strict=True):
        if len(starts):
            cells[at[starts]] = _reduced(ufunc, figure[:ordered], starts)
        if ordered < len(at):
            ufunc.at(cells, at[ordered:], figure[ordered:])
    return found


def _reduced(ufunc: np.ufunc, figure: Floats, starts: Ints) -> Floats:
    """Return `ufunc.reduceat`, which takes several times as long for equal stretches."""
    several = len(figure) // len(starts)
    if not np.array_equal(starts, np.arange(0, len(figure), several)):
        return np.asarray(ufunc.reduceat(figure, starts))
    found = figure[::several].copy()
    for place in range(1, several):
        rest = figure[place::several]
        found[: len(rest)] = ufunc(found[: len(rest)], rest)
    return found


class _Sums:
    """Figures of groups, a row each, while their members are added."""

    def __init__(self, groups: int, cells: int) -> None:
        self.members = np.zeros((groups, cells))
        self.nonfinite = np.zeros((groups, cells))
        self.mean = np.zeros((groups, cells))
        self.squares = np.zeros((groups, cells))  # of the distances from the mean
        self.low = np.full((groups, cells), np.inf)
        self.high = np.full((groups, cells), -np.inf)

    def add(self, group: int, cells: _Cells) -> None:
        """Add members to a group.

        Means and squares are merged as Chan, Golub and LeVeque describe (Updating Formulae and a
        Pairwise Algorithm for Computing Sample Variances, 1979): no large sums are subtracted.
        """
        there = np.isfinite(cells.mean)
        whole = bool(there.all())
        means = cells.mean if whole else np.where(there, cells.mean, 0.0)
        count = there.sum(axis=0).astype(np.float64)
        mean = means.sum(axis=0) / np.maximum(count, 1.0)
        off = means - mean
        if not whole:
            off[~there] = 0.0
        before = self.members[group]
        both = np.maximum(before + count, 1.0)
        apart = np.where(count > 0, mean - self.mean[group], 0.0)
        squares = np.einsum("ij,ij->j", off, off)
        self.squares[group] += squares + apart * apart * before * count / both
        self.mean[group] += apart * count / both
        self.members[group] += count
        self.nonfinite[group] += cells.odd.sum(axis=0)
        self.low[group] = np.minimum(self.low[group], cells.low.min(axis=0))
        self.high[group] = np.maximum(self.high[group], cells.high.max(axis=0))


def _quantiles(
    means: NDArray[np.float32], groups: Ints, how: Aggregate
) -> dict[float, NDArray[np.float32]]:
    """Return the quantiles that are asked for, a row a group, linear between two members."""
    wanted = {0.5} if how.line == "median" else set()
    wanted |= set() if isinstance(how.band, str) else set(how.band)
    number = int(groups[-1]) + 1 if len(groups) else 0
    found = {q: np.full((number, means.shape[1]), np.nan, dtype=np.float32) for q in wanted}
    bounds = np.searchsorted(groups, np.arange(number + 1)).tolist()
    for group in range(number):
        own = np.sort(means[bounds[group] : bounds[group + 1]], axis=0)  # NaN comes last
        last = np.count_nonzero(~np.isnan(own), axis=0) - 1
        for q, rows in found.items():
            place = np.maximum(last, 0) * q
            below = np.floor(place).astype(np.int64)
            above = np.minimum(below + 1, np.maximum(last, 0))
            columns = np.arange(own.shape[1])
            low, high = own[below, columns], own[above, columns]
            rows[group] = np.where(last >= 0, low + (high - low) * (place - below), np.nan)
    return found


def _curves(
    sums: _Sums, quantiles: dict[float, NDArray[np.float32]], grid: Grid, how: Aggregate
) -> tuple[Curves, dict[str, NDArray[np.float32]]]:
    some = sums.members > 0
    line: NDArray[np.floating] = {"mean": sums.mean, "min": sums.low, "max": sums.high}.get(
        how.line, sums.mean
    )
    if how.line == "median":
        line = quantiles[0.5]
    low, high = _band(sums, quantiles, how)
    shown = some | (sums.nonfinite > 0)
    with np.errstate(over="ignore"):
        x = np.ldexp(grid.keys, grid.width)
        columns = {
            name: np.where(some, figure, np.nan)[shown].astype(np.float32)
            for name, figure in (("line", line), ("low", low), ("high", high))
        }
    columns["members"] = sums.members[shown].astype(np.float32)
    columns["nonfinite"] = sums.nonfinite[shown].astype(np.float32)
    counts = shown.sum(axis=1)
    places = np.broadcast_to(x, shown.shape)[shown]
    return placed(counts, places, np.empty((len(places), 0), dtype=np.float32)), columns


def _band(
    sums: _Sums, quantiles: dict[float, NDArray[np.float32]], how: Aggregate
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the lower and the upper edge: NaN where a band of that sort has no meaning."""
    if not isinstance(how.band, str):
        return quantiles[how.band[0]], quantiles[how.band[1]]
    if how.band == "min-max":
        return sums.low, sums.high
    if how.band == "none":
        nothing = np.full_like(sums.mean, np.nan)
        return nothing, nothing
    count = sums.members
    with np.errstate(invalid="ignore", divide="ignore"):
        # Of one member nothing is known about how far members lie apart: 0 / 0 is NaN.
        away = np.sqrt(sums.squares / (count - 1.0))
        away = np.where(count > 1, away, np.nan)
        if how.band != "std":
            away = away / np.sqrt(count)
        if how.band == "ci95":
            away = away * _student(count - 1.0)
    return sums.mean - away, sums.mean + away


def _student(freedom: Floats) -> Floats:
    """Return the quantile 0.975 of Student's t.

    Beyond the table by the expansion of Cornish and Fisher (Abramowitz and Stegun, 26.7.5), which
    is right to five digits there.
    """
    table = np.array([np.nan, *T_975])
    z, n = Z_975, np.maximum(freedom, 1.0)
    far = z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
    near = table[np.clip(freedom, 0, len(T_975)).astype(np.int64)]
    return np.where(freedom > len(T_975), far, near)
