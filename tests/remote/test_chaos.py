"""Whatever befalls the way, all is there in the end, once."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

import foldline
from foldline.layout import Layout
from foldline.shipper.dispatch import dispatch
from foldline.shipper.hold import remote_of
from foldline.shipper.link import Link
from foldline.shipper.pace import Backoff, Pieces, Rate
from foldline_ingest.sweep import sweep
from tests.remote.chaos import FAULTS, Chaos
from tests.remote.oracle import assert_same
from tests.ui.processes import up

SEEDS = (1, 2, 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_all_arrives_once_whatever_befalls_the_way(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests are cut, doubled, late or lost, and answers too: both sides have the same bytes."""
    monkeypatch.setattr("foldline.shipper.pace.WAIT_S_FIRST", 0.01)
    monkeypatch.setattr("foldline.shipper.pace.WAIT_S_MAX", 0.05)
    monkeypatch.setattr("foldline.shipper.pace.PIECE_BYTES_FIRST", 16 << 10)
    monkeypatch.setattr("foldline.shipper.pace.PIECE_BYTES_MAX", 32 << 10)
    monkeypatch.setattr("foldline.shipper.link.ANSWER_S_MAX", 0.7)
    chance = random.Random(seed)
    for number in range(3):
        with foldline.Run(id=f"run{number}", store=tmp_path / "here", capture=False) as run:
            for step in range(chance.randint(100, 20_000)):
                run.track(chance.random(), name="loss", step=step)
            for step in range(3):
                run.track(foldline.Text(f"{seed} {step} " * 5000), name="said", step=step)
    here = Layout(tmp_path / "here")
    with up(tmp_path / "there") as server, Chaos(server.port, seed) as way:
        told = dispatch(here, remote_of(way.url), patience_s=60)
        assert (told.runs, told.trouble, told.refused) == (3, "", [])
        met = {fault for fault, times in way.met.items() if times}
        server.wait_until_live()
    assert len(met & set(FAULTS)) >= 5, way.met  # or nothing is shown by it
    assert_same(here.root, tmp_path / "there")
    blobs = {path.name for path in here.blobs.glob("??/*")}
    assert blobs == {path.name for path in (tmp_path / "there/blobs").glob("??/*")}


def test_a_server_knows_of_a_writer_before_of_its_blobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever frees blobs there sees a writer live, before one comes that nobody names yet."""
    with foldline.Run(id="run1", store=tmp_path / "here", capture=False) as run:
        run.track(foldline.Text("said " * 5000), name="said", step=1)
    asked: list[str] = []
    ask = Link._ask

    def note(link: Link, method: str, path: str, *rest: Any) -> Any:
        asked.append(f"{method} {path.partition('?')[0]}")
        if path.startswith("blobs"):
            assert sweep(Layout(tmp_path / "there")).kept_because
        return ask(link, method, path, *rest)

    monkeypatch.setattr(Link, "_ask", note)
    with up(tmp_path / "there") as server:
        told = dispatch(Layout(tmp_path / "here"), remote_of(server.url))
        assert (told.runs, told.trouble) == (1, "")
    kinds = [one.rpartition("/")[0].partition("/run1")[0] for one in asked]
    assert kinds[:4] == ["GET log", "POST log", "POST blobs", "POST blobs"]
    assert_same(tmp_path / "here", tmp_path / "there")


def test_waits_are_random_and_bounded() -> None:
    """A thousand that fail together do not come back together, nor later than they must."""
    waits = []
    for seed in range(1000):
        backoff = Backoff(random.Random(seed))
        several = [backoff.failed() for _ in range(12)]
        assert several[0] <= 0.5 and max(several) <= 30.0 and several[-1] >= 7.5
        assert Backoff(random.Random(seed)).failed(after_s=5.0) >= 5.0
        waits.append(several[-1])
    assert max(waits) - min(waits) > 20
    backoff.worked()
    assert backoff.failed() <= 0.5


def test_pieces_fit_the_line() -> None:
    """They grow on a fast line, shrink on a slow one, and stay within their bounds."""
    pieces = Pieces()
    for _ in range(20):
        pieces.took(pieces.size, 0.01)
    assert pieces.size == 4 << 20
    pieces.took(pieces.size, 9.0)
    assert pieces.size == 2 << 20
    for _ in range(40):
        pieces.failed()
    assert pieces.size == 4 << 10


def test_the_rate_is_kept() -> None:
    """However it is cut, no more goes in a minute than is allowed, but for a second's worth."""
    now = 0.0
    rate, sent = Rate(1000.0, clock=lambda: now), 0
    while now < 60:
        sent += 250
        now += rate.wait_s(250)
    assert 59_000 <= sent <= 61_500
    assert Rate(0).wait_s(1 << 30) == 0.0


def test_a_token_is_sent_only_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over https or on this machine it is sent; elsewhere only if the user says so."""
    from foldline.errors import ServerRefused
    from foldline.shipper.link import token_for

    monkeypatch.setenv("FOLDLINE_TOKEN", "abc")
    for url in ("https://lab.example", "http://127.0.0.1:1", "http://localhost", "http://[::1]:9"):
        assert token_for(remote_of(url)) == "abc"
    for url in ("http://lab.example", "http://10.0.0.1", "http://localhost.example"):
        with pytest.raises(ServerRefused, match="is not sent"):
            Link(remote_of(url)).get("health")
    monkeypatch.setenv("FOLDLINE_TOKEN_OVER_HTTP", "allow")
    assert token_for(remote_of("http://lab.example")) == "abc"
