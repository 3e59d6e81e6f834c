"""Measures, as Prometheus reads them.

The text format of Prometheus, version 0.0.4: for each family of measures what it is, and a line
for each combination of labels. https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Literal

__all__ = ["MEDIA_TYPE", "Exposition", "Histogram"]

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]
Kind = Literal["counter", "gauge", "histogram"]

# Upper ends of the buckets of times, in seconds: from a page of runs to what is given up.
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Histogram:
    """How often something took how long."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one that took so long."""
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds


class Exposition:
    """The text, family by family."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, name: str, kind: Kind, says: str, *samples: tuple[Labels, float]) -> None:
        """Add a family of measures with a value for each combination of labels."""
        self._head(name, kind, says)
        self._lines += [_line(name, labels, value) for labels, value in samples]

    def one(self, name: str, kind: Kind, says: str, value: float | None) -> None:
        """Add a measure without labels; None is not known yet, and left out."""
        if value is not None:
            self.add(name, kind, says, ({}, value))

    def histograms(self, name: str, says: str, found: Iterable[tuple[Labels, Histogram]]) -> None:
        """Add a family of histograms of times in seconds."""
        self._head(name, "histogram", says)
        for labels, histogram in found:
            total = 0
            for end, count in zip((*BUCKETS_S, math.inf), histogram.counts, strict=True):
                total += count
                self._lines.append(_line(f"{name}_bucket", {**labels, "le": _number(end)}, total))
            self._lines.append(_line(f"{name}_sum", labels, histogram.sum_s))
            self._lines.append(_line(f"{name}_count", labels, total))

    def text(self) -> str:
        """Return all of it."""
        return "\n".join([*self._lines, ""])

    def _head(self, name: str, kind: Kind, says: str) -> None:
        self._lines += [f"# HELP {name} {says}", f"# TYPE {name} {kind}"]


def _line(name: str, labels: Labels, value: float) -> str:
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{told}}} {_number(value)}" if told else f"{name} {_number(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(value)
