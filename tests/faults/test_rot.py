"""Single bits that are wrong beside the log.

What is damaged in the log is the matter of tests/properties/test_log_damage.py.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import anyio
import pytest

from foldline.layout import Layout
from foldline_views.folding import rebuild
from foldline_views.shelves import SHELVES
from tests.faults.stage import Folding

PLACES = 1  # in each file, in `make test`


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Folding:
    """A store whose views are whole."""
    folder = tmp_path_factory.mktemp("stage")
    stage = Folding(folder / "stage")
    stage.check(stage.store, {})
    return stage


def derived(store: Path) -> list[Path]:
    """Return every file of the views that holds more than a name."""
    return sorted(
        file
        for file in Layout(store).views.rglob("*")
        if file.is_file() and file.stat().st_size > 0 and file.name != "lease"
    )


@pytest.mark.parametrize(
    "places", [PLACES, pytest.param(30, marks=[pytest.mark.long, pytest.mark.timeout(1800)])]
)
@pytest.mark.parametrize("shelf", [shelf.name for shelf in SHELVES])
def test_a_bit_that_is_wrong_in_the_views(
    stage: Folding, tmp_path: Path, places: int, shelf: str
) -> None:
    """Nothing crashes; what is found out is made again, and a rebuild makes all right.

    SQLite and the text index have no checksum of every byte, so that a number may be another one
    until then: the log is what is true.
    """
    chance = random.Random(places)
    files = [file for file in derived(stage.store) if shelf in file.parts]
    assert files
    for file in files:
        for _ in range(places):
            store = stage.set(tmp_path / "now")
            hurt = store / file.relative_to(stage.store)
            at = chance.randrange(hurt.stat().st_size)
            data = bytearray(hurt.read_bytes())
            data[at] ^= 1 << chance.randrange(8)
            hurt.write_bytes(data)
            try:
                stage.check(store, {})
            except AssertionError:
                anyio.run(rebuild, Layout(store))
                stage.check(store, {})
            shutil.rmtree(tmp_path / "now")
