"""What the tests of callbacks share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import foldline
from tests.segment_walk import segments, walk

# A framework's warnings are about itself and its other packages; ours are errors all the same.
THEIR_WARNINGS = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.filterwarnings("error::foldline.errors.FoldlineWarning"),
]

Floats = NDArray[np.float64]
Key = tuple[str, str]


class Logged(NamedTuple):
    """A run as it is read back: its series by name and subset."""

    id: str
    status: str
    params: dict[str, Any]
    steps: dict[Key, list[float]]
    values: dict[Key, list[float]]
    summary: dict[str, Any]
    error: str
    artifacts: dict[str, list[str]]  # the files of each


@pytest.fixture
def logged(tmp_path: Path) -> Callable[[], list[Logged]]:
    """Read the store's runs, oldest first."""

    def read() -> list[Logged]:
        with foldline.open(tmp_path / "store") as store:
            runs = sorted(store.runs(), key=lambda run: run.created_at)
            return [_logged(tmp_path / "store", run) for run in runs]

    return read


def _logged(store: Path, run: Any) -> Logged:
    series = {(one.name, one.context.get("subset", "")): one for one in run.metrics}
    walks = [walk(path) for path in segments(store) if path.parent.parent.name == run.id]
    return Logged(
        run.id,
        run.status,
        run.params,
        {key: one.steps.tolist() for key, one in series.items()},
        {key: one.values.tolist() for key, one in series.items()},
        {said["path"][0]: said["value"] for found in walks for said in found.of_type(18)},
        "\n".join(end.get("traceback", "") for found in walks for end in found.of_type(8)),
        {
            said["name"]: [file["path"] for file in said["files"]]
            for found in walks
            for said in found.of_type(19)
        },
    )


@pytest.fixture(scope="session")
def table() -> tuple[Floats, Floats]:
    """200 rows of four features, and a target that can be learned from them."""
    random = np.random.default_rng(7)
    rows = random.normal(size=(200, 4))
    return rows, (rows @ [1.0, -2.0, 0.5, 0.0] > 0).astype(float)
