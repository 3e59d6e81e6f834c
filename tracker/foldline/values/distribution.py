"""How many values lie where."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import msgspec

from ..errors import ValueRejected
from .value import Encoded, Keep, Raw, Tracked, caption_of

if TYPE_CHECKING:
    from .arrays import Array

__all__ = ["Distribution"]

BINS_MAX = 512  # more are finer than a page can draw
BINS_DEFAULT = 64
LARGE = 1e150  # numbers whose squares are too large for a float


class Distribution(Tracked):
    """How many samples lie in each of some bins.

    Either `samples`, an array or tensor of any shape, counted here into `bin_count` bins of equal
    width from the smallest to the largest; or `hist`, the counts, with `bin_range` (the outer
    edges) or `bin_edges` (all of them, one more than counts). NaN and the infinities are counted
    apart.

    What can't be kept is told by `track`, not here: building a distribution never raises.
    """

    KIND = "distribution"
    LIGHT = True

    def __init__(
        self,
        samples: Any = None,
        bin_count: int = BINS_DEFAULT,
        *,
        hist: Any = None,
        bin_range: tuple[float, float] | None = None,
        bin_edges: Sequence[float] | None = None,
        caption: str = "",
    ) -> None:
        def make() -> Raw:
            words = caption_of(caption)
            if hist is not None:
                return _given(hist, bin_range, bin_edges, words)
            return _sampled(samples, bin_count, words)

        self._take(make)

    @classmethod
    def from_samples(cls, samples: Any, bin_count: int = BINS_DEFAULT) -> Self:
        """Count samples into bins of equal width."""
        return cls(samples, bin_count)

    @classmethod
    def from_histogram(cls, hist: Any, bin_range: Any) -> Self:
        """Take counts; `bin_range` is the outer edges, or all of them."""
        if len(bin_range) > 2:
            return cls(hist=hist, bin_edges=bin_range)
        return cls(hist=hist, bin_range=bin_range)

    @property
    def counts(self) -> Array:
        """How many samples lie in each bin."""
        import numpy as np

        return np.array(self._kept()["counts"])

    @property
    def edges(self) -> Array:
        """The edges of the bins: one more than there are bins; the last bin has both of its own."""
        import numpy as np

        kept = self._kept()
        if "edges" in kept:
            return np.array(kept["edges"], np.float64)
        low, high = kept["range"]
        # Halved: the difference of the largest floats would overflow.
        half = np.linspace(float(low) / 2, float(high) / 2, len(kept["counts"]) + 1)
        return half * 2 if abs(low) > 1 or abs(high) > 1 else np.linspace(low, high, len(half))

    @property
    def bin_count(self) -> int:
        """How many bins there are."""
        return len(self.counts)

    @property
    def range(self) -> tuple[float, float]:
        """The outer edges."""
        edges = self.edges
        return float(edges[0]), float(edges[-1])

    @property
    def weights(self) -> Array:
        """The counts, by the name that Aim gives them."""
        return self.counts

    @property
    def ranges(self) -> Array:
        """The edges, by the name that Aim gives them."""
        return self.edges

    def to_np_histogram(self) -> tuple[Array, Array]:
        """Return counts and edges, as numpy.histogram does."""
        return self.counts, self.edges

    def _kept(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.data)
        return found

    @classmethod
    def encode(cls, raw: Raw, keep: Keep) -> Encoded:
        """Return the counts and edges as JSON."""
        from .arrays import restored

        words = raw.header
        if words["counted"]:
            kept, attributes = words["kept"], words["attributes"]
        else:
            kept, attributes = _counted(restored(raw), words["bins"])
        caption = caption_of(words.get("caption"))
        return Encoded("application/json", msgspec.json.encode(kept), {**attributes, **caption})


def _sampled(samples: Any, bins: Any, words: dict[str, str]) -> Raw:
    from .arrays import array_of, raw_array

    if samples is None:
        raise ValueRejected("a distribution needs samples or hist=", hint="Distribution(array)")
    if isinstance(bins, bool) or not isinstance(bins, int) or not 1 <= bins <= BINS_MAX:
        raise ValueRejected(
            f"bin_count={str(bins)[:40]} is no number from 1 to {BINS_MAX}", hint="bin_count=64"
        )
    array = array_of(samples).reshape(-1)
    return raw_array(array, counted=False, bins=bins, **words)


def _counted(array: Array, bins: int) -> tuple[dict[str, Any], dict[str, Any]]:
    import numpy as np

    wide = array.astype(np.float64)
    good = wide[np.isfinite(wide)] if array.dtype.kind == "f" else wide
    attributes: dict[str, Any] = {"count": len(wide)}
    if len(good) < len(wide):
        found = {
            "nan": int(np.isnan(wide).sum()),
            "positive_infinite": int((wide == np.inf).sum()),
            "negative_infinite": int((wide == -np.inf).sum()),
        }
        attributes |= {name: count for name, count in found.items() if count}
    if not len(good):
        return {"range": [0.0, 0.0], "counts": [0] * bins}, attributes
    low, high = float(good.min()), float(good.max())
    attributes |= {"min": low, "max": high}
    # In parts of the largest number where that is large: squares would overflow.
    scale = max(abs(low), abs(high))
    unit = scale if scale > LARGE else 1.0
    part = good / unit
    mean, spread = float(part.mean()) * unit, float(part.std()) * unit
    attributes |= {"mean": mean, "std": spread if np.isfinite(spread) else None}
    counts, edges = np.histogram(part, bins, _outer(low / unit, high / unit, bins))
    largest = sys.float_info.max
    outer = [min(max(float(edge) * unit, -largest), largest) for edge in (edges[0], edges[-1])]
    return {"range": outer, "counts": counts.tolist()}, attributes


def _outer(low: float, high: float, bins: int) -> tuple[float, float]:
    """Return outer edges with room for `bins` bins between them."""
    import numpy as np

    least = float(bins * 4 * np.spacing(max(abs(low), abs(high))))
    if low == high:
        least = max(least, 1.0)  # as numpy has it
    if high - low >= least:
        return low, high
    middle = low / 2 + high / 2
    return middle - least / 2, middle + least / 2


def _given(hist: Any, bin_range: Any, bin_edges: Any, words: dict[str, str]) -> Raw:
    import numpy as np

    from .arrays import array_of

    counts = array_of(hist)
    if counts.ndim != 1 or len(counts) > BINS_MAX:
        raise ValueRejected(
            f"hist of shape {counts.shape} is no list of at most {BINS_MAX} counts",
            hint="counts, edges = np.histogram(samples)",
        )
    if not np.isfinite(counts).all() or (counts < 0).any():
        raise ValueRejected("hist has counts that are negative, NaN or infinite")
    outer = bin_edges if bin_edges is not None else bin_range
    if outer is None:
        raise ValueRejected("hist needs bin_range or bin_edges", hint="bin_range=(0.0, 1.0)")
    edges = array_of(outer).astype(np.float64)
    wanted = len(counts) + 1 if bin_edges is not None else 2
    if edges.shape != (wanted,) or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        raise ValueRejected(
            f"the edges of the bins are not {wanted} finite numbers that grow",
            hint="counts, edges = np.histogram(samples)",
        )
    kept = {"edges" if bin_edges is not None else "range": edges.tolist(),
            "counts": counts.tolist()}  # fmt: skip
    total = counts.sum().item()
    return Raw({"counted": True, "kept": kept, "attributes": {"count": total}, **words})
