"""What SIGKILL of a receiving server costs: nothing."""

from __future__ import annotations

import random
import threading
import time
from functools import partial
from pathlib import Path

import pytest

import foldline
from foldline.layout import Layout
from foldline.shipper.dispatch import dispatch
from foldline.shipper.hold import remote_of
from tests.patience import wait_for
from tests.remote.oracle import assert_same
from tests.remote.servers import free_port
from tests.ui.processes import up

KILLS = 2


def is_past(end: float) -> bool:
    return time.monotonic() > end


@pytest.mark.parametrize(
    "kills", [KILLS, pytest.param(50, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
)
def test_a_server_is_killed_over_and_over_while_a_log_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    """Killed at random while it receives and folds, it has every byte in the end, once."""
    monkeypatch.setattr("foldline.shipper.pace.WAIT_S_MAX", 0.2)
    monkeypatch.setattr("foldline.shipper.pace.PIECE_BYTES_FIRST", 16 << 10)
    monkeypatch.setattr("foldline.shipper.pace.PIECE_BYTES_MAX", 64 << 10)
    here = Layout(tmp_path / "here")
    runs, points = (4, 20_000) if kills == KILLS else (8, 200_000)
    for number in range(runs):
        with foldline.Run(id=f"run{number}", store=here.root, capture=False) as run:
            for step in range(points):
                run.track(step / 7, name="loss", step=step)
    there, port = tmp_path / "there", free_port()
    over = threading.Event()

    def ship() -> None:
        while not over.is_set() or dispatch(here, remote_of(url), patience_s=60).trouble:
            dispatch(here, remote_of(url), patience_s=1)

    url = f"http://127.0.0.1:{port}"
    shipping = threading.Thread(target=ship)
    shipping.start()
    chance = random.Random(kills)
    try:
        for _ in range(kills):
            with up(there, port=port) as server:
                end = time.monotonic() + chance.uniform(0.0, 0.3)
                wait_for(partial(is_past, end), "its moment")
                server.process.kill()
                server.process.wait(20)
        with up(there, port=port) as server:
            over.set()
            shipping.join(90)
            assert not shipping.is_alive()
            server.wait_until_live()
    finally:
        over.set()
        shipping.join(90)
    assert_same(here.root, there)
