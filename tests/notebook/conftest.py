"""Kernels for the tests of notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.notebook.kernel import Kernel


@pytest.fixture
def kernel(kernels: Callable[[], Kernel]) -> Kernel:
    """A kernel that has Foldline imported."""
    started = kernels()
    started.run("import foldline")
    return started


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Kernel]]:
    """Start kernels that leave the home of whoever runs the tests alone."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    started: list[Kernel] = []

    def start() -> Kernel:
        started.append(Kernel(tmp_path))
        return started[-1]

    yield start
    for one in started:
        one.end(now=True)
