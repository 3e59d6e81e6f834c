"""The two dozen trainings of the demo."""

from __future__ import annotations

from itertools import product
from typing import Any, Literal

import msgspec

from .digits import CLASSES, NOISE

__all__ = ["TRIALS", "Trial"]


class Trial(msgspec.Struct, frozen=True):
    """One training: what is trained, how, and from which random numbers."""

    model: str  # softmax, mlp: by hand; linear, perceptron: scikit-learn's
    lr: float
    optimizer: str = "sgd"
    schedule: str = "constant"
    hidden: tuple[int, ...] = ()
    alpha: float = 0.0
    softmax: Literal["safe", "plain"] = "safe"
    overflow: Literal["ignore", "raise"] = "ignore"
    batch: int = 64
    seed: int = 0
    tags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the run is called."""
        size = "x".join(map(str, self.hidden))
        words = (self.model, size, self.optimizer, self.schedule, f"{self.lr:g}", f"s{self.seed}")
        return "-".join(str(word) for word in words if word)

    def params(self, steps: int) -> dict[str, Any]:
        """Return what the run keeps as its params."""
        return {
            "hparams": {
                "lr": self.lr,
                "optimizer": self.optimizer,
                "schedule": self.schedule,
                "batch": self.batch,
                "steps": steps,
                "seed": self.seed,
                "alpha": self.alpha,
                "overflow": self.overflow,
            },
            "model": {
                "kind": self.model,
                "hidden": list(self.hidden),
                "depth": len(self.hidden) + 1,
                "softmax": self.softmax,
                "library": "numpy" if self.model in {"softmax", "mlp"} else "scikit-learn",
            },
            "data": {"name": "digits", "noise": NOISE, "classes": CLASSES},
        }


def _by_hand() -> list[Trial]:
    networks = [
        Trial("mlp", rates[optimizer], optimizer, schedule, hidden=(48, 24), seed=seed)
        for rates in ({"sgd": 0.1, "momentum": 0.03, "adam": 0.003},)
        for optimizer, schedule, seed in product(rates, ("cosine", "warm-up"), (0, 1))
    ]
    linear = [
        Trial("softmax", 0.3, "sgd", "constant", tags=("baseline",)),
        Trial("softmax", 0.3, "sgd", "drops"),
        Trial("softmax", 0.02, "adam", "constant"),
        Trial("softmax", 0.02, "adam", "drops"),
    ]
    return networks + linear


def _by_library() -> list[Trial]:
    return [
        Trial("linear", 0.01, schedule="constant", alpha=1e-4, tags=("baseline",)),
        Trial("linear", 0.01, schedule="cosine", alpha=1e-4),
        Trial("linear", 0.003, schedule="cosine", alpha=1e-2),
        Trial("perceptron", 0.003, "adam", hidden=(32,)),
        Trial("perceptron", 0.003, "adam", hidden=(64, 32)),
        Trial("perceptron", 0.05, "sgd", hidden=(32,)),
    ]


# Both are real: their learning rate is simply too large. The first goes on with NaN for a loss, as
# trainings do that nobody looks at; the second was told to stop at the first overflow.
DIVERGES = Trial("mlp", 0.5, "momentum", "warm-up", (48, 24), softmax="plain", tags=("too-fast",))
RAISES = Trial(
    "mlp", 0.3, "momentum", "constant", (48, 24), softmax="plain", overflow="raise",
    tags=("too-fast",),
)  # fmt: skip


def _interleaved() -> tuple[Trial, ...]:
    # Every kind comes early, so that the first seconds already show something to compare.
    by_hand, by_library = _by_hand(), _by_library()
    trials = [by_hand.pop(0), by_library.pop(0), DIVERGES, RAISES]
    while by_hand or by_library:
        trials += [pile.pop(0) for pile in (by_hand, by_hand, by_library) if pile]
    return tuple(trials)


TRIALS = _interleaved()
