"""Tensors as values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import foldline
from foldline.values import Image
from tests.integrations.conftest import THEIR_WARNINGS
from tests.values.store import revived

pytestmark = THEIR_WARNINGS

NOISE = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
EXTREMES = (NOISE > 127) * np.uint8(255)


@pytest.mark.parametrize(
    ("tensor", "pixels"),
    [
        (lambda: torch.from_numpy(NOISE.transpose(2, 0, 1).astype(np.float32) / 255), NOISE),
        (lambda: torch.from_numpy(NOISE.copy()).requires_grad_(False), NOISE),
        (lambda: torch.from_numpy(EXTREMES / 255).to(torch.bfloat16), EXTREMES),
    ],
    ids=["CHW", "HWC", "bfloat16"],
)
def test_a_tensor_is_a_picture(tmp_path: Path, tensor: Callable[[], Any], pixels: Any) -> None:
    """Pixels are the same, whatever type and order of axes they came in."""
    with foldline.Run(store=tmp_path) as run:
        run.track(Image(tensor()), name="picture")
    (image,) = revived(tmp_path, "picture")
    assert np.array_equal(image.to_numpy(), pixels)
