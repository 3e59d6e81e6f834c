"""How far somebody's questions reach: which experiments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

__all__ = ["EVERYTHING", "Reach"]


class Reach(NamedTuple):
    """The experiments whose runs somebody may ask about; None is all, those to come among them."""

    experiments: frozenset[str] | None

    @classmethod
    def of(cls, experiments: Iterable[str] | None) -> Self:
        """Return the reach of somebody who may see these experiments, or all."""
        return cls(None if experiments is None else frozenset(experiments))

    @property
    def is_all(self) -> bool:
        """Whether nothing is out of reach."""
        return self.experiments is None

    def has(self, experiment: str) -> bool:
        """Say whether an experiment is within reach."""
        return self.experiments is None or experiment in self.experiments


EVERYTHING = Reach(None)
