"""How much of a server's disk experiments may take."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import foldline
from foldline.errors import SegmentRejected, StoreUnwritable
from foldline.layout import Layout, SegmentName
from foldline.shipper import shipment
from foldline.shipper.dispatch import Dispatched, dispatch
from foldline.shipper.hold import remote_of
from foldline_ingest import footprint
from foldline_ingest.affiliation import stated
from foldline_ingest.footprint import FILE_BYTES, footprints, note_owner
from foldline_ingest.incoming import take_blob
from foldline_ui import budget
from foldline_ui.budget import Budget
from foldline_views import quotas
from foldline_views.quotas import Quotas, Share
from tests.auth.test_shipping import segment
from tests.patience import wait_for
from tests.remote.oracle import assert_same
from tests.ui.processes import Server, foldline_command, up

STEPS = 20_000  # of 32 bytes
ROOM = 100_000


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "store")
    layout.create()
    return layout


def log(store: Path, run: str, experiment: str | None, *, steps: int = STEPS) -> None:
    """Log a run that has a blob, and more points than there is room for."""
    with foldline.Run(id=run, store=store, experiment=experiment, capture=False) as one:
        one.track(foldline.Text("said " * 4_000), name="said", step=0)
        for step in range(steps):
            one.track(step / 7, name="loss", step=step)


def ship(store: Path, server: Server) -> Dispatched:
    return dispatch(Layout(store), remote_of(server.url), patience_s=60)


def test_what_is_over_a_quota_waits_until_there_is_room(tmp_path: Path) -> None:
    """Others are taken meanwhile; the rest comes once a person allows more, and all is there."""
    here, there = tmp_path / "here", tmp_path / "there"
    log(here, "run1", "large")
    log(here, "run2", None)
    quota = ("quota", "set", "--store", str(there), "large")
    assert foldline_command(*quota, f"{ROOM}B").status == 0
    with up(there) as server:
        told = ship(here, server)
        assert (told.runs, told.trouble, len(told.refused)) == (1, "", 1)
        assert "'large'" in told.refused[0] and "foldline quota set" in told.refused[0]
        assert footprints(Layout(there))["run1"] <= ROOM
        assert foldline_command(*quota, "1GB").status == 0
        told = ship(here, server)
        assert (told.runs, told.trouble, told.refused) == (2, "", [])
        server.wait_until_live()
        assert_same(here, there)
        wait_for(lambda: used(server) == listed(there)["large"], "the server to have counted")
        (share,) = server.ask("health")["quotas"]
        assert share == {"experiment": "large", "used": used(server), "allowed": 10**9}


def used(server: Server) -> int:
    """Return what Prometheus is told that `large` takes."""
    with urllib.request.urlopen(f"{server.url}api/v1/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith('foldline_quota_used_bytes{experiment="large"}'):
                return int(float(line.rpartition(" ")[2]))
    return -1


def listed(store: Path) -> dict[str, int]:
    """Return what the command line says that experiments take."""
    told = json.loads(foldline_command("quota", "ls", "--json", "--store", str(store)).output)
    return {share["experiment"]: share["used"] for share in told["experiments"]}


def test_a_training_notices_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run for a server that has no room for it is logged whole here, and ends in time."""
    monkeypatch.setenv("FOLDLINE_HOLD", str(tmp_path / "hold"))
    store = tmp_path / "there"
    quotas.put(_made(store), None, 0)
    with up(store) as server:
        with foldline.Run(id="run1", store=server.url, capture=False) as run:
            for step in range(1000):
                run.track(float(step), name="loss", step=step)
        assert run.dropped == 0
        assert not (store / "runs" / "run1").exists()
        quotas.remove(_made(store), None)
        (hold,) = (tmp_path / "hold").iterdir()
        told = ship(hold, server)
        assert (told.refused, told.trouble) == ([], "")
        assert (store / "runs" / "run1").exists()


def _made(store: Path) -> Layout:
    layout = Layout(store)
    layout.create()
    return layout


def test_a_run_counts_for_what_it_says_before_its_blobs_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full `default` keeps no run of another experiment waiting, whose segment says so."""
    here, there = tmp_path / "here", tmp_path / "there"
    log(here, "run1", "large", steps=10)
    quotas.put(_made(there), "default", 0)
    asked: list[tuple[str, Any]] = []
    plain = shipment.Shipment._ship

    def noted(self: Any, path: str, data: bytes, words: Any) -> Any:
        asked.append((path.partition("/")[0], words.get("run")))
        return plain(self, path, data, words)

    monkeypatch.setattr(shipment.Shipment, "_ship", noted)
    with up(there) as server:
        told = ship(here, server)
    assert (told.runs, told.refused) == (1, [])
    assert ("blobs", "run1") in asked and asked[0] == ("log", None)
    assert footprints(Layout(there))["run1"] > 20_000 + 2 * FILE_BYTES


def test_what_a_run_takes_is_its_log_and_its_blobs(layout: Layout) -> None:
    """Whole or not yet; packed or not; each file counts a block more, and what is gone nothing."""
    assert footprints(layout) == {}
    log(layout.root, "run1", None, steps=100)
    size = sum(path.stat().st_size for path in (layout.runs / "run1" / "log").iterdir())
    assert footprints(layout) == {"run1": size + FILE_BYTES}  # what is logged here owns no blob
    digest, other = "a" * 64, "b" * 64
    assert take_blob(layout, digest, 0, b"x" * 100, 1000, run="run1") == 100
    assert take_blob(layout, digest, 100, b"x" * 100, 1000, run="run1") == 200
    assert footprints(layout)["run1"] == size + 200 + 2 * FILE_BYTES
    note_owner(layout, other, "run1")
    with layout.owners.open("ab") as file:
        file.write(b'["torn')
    assert footprints(layout)["run1"] == size + 200 + 2 * FILE_BYTES
    assert len(layout.owners.read_bytes().splitlines()) == 3


def test_notes_of_blobs_that_are_gone_are_let_go(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only grows is made small again, with what is there."""
    monkeypatch.setattr(footprint, "NOTES_SPARE_MAX", 10)
    take_blob(layout, "a" * 64, 0, b"x", 10, run="run1")
    for number in range(20):
        note_owner(layout, f"{number:064x}", "run2")
    assert footprints(layout) == {"run1": 1 + FILE_BYTES}
    assert layout.owners.read_text() == f'["{"a" * 64}","run1"]\n'
    assert layout.owners.stat().st_mode & 0o777 == 0o600


def test_a_blob_that_is_refused_leaves_nothing(layout: Layout) -> None:
    """No draft and no note: whoever has no room makes no files either."""

    def refuse(size: int) -> None:
        assert size == 100 + FILE_BYTES
        raise SegmentRejected("no room", hint="wait")

    with pytest.raises(SegmentRejected):
        take_blob(layout, "a" * 64, 0, b"x" * 100, 1000, heed=refuse)
    assert not layout.owners.exists() and not layout.blobs.exists()


def fail(counted: Budget) -> None:
    with counted.account("run1") as count:
        count(900)
        raise StoreUnwritable("full", hint="free some")


def test_what_was_not_kept_counts_no_more(layout: Layout) -> None:
    """A piece that a full disk did not take is not counted, however often it comes."""
    quotas.put(layout, "default", 1000)
    counted = Budget(layout)
    for _ in range(50):
        with pytest.raises(StoreUnwritable):
            fail(counted)
    with counted.account("run1") as count:
        count(900)
    assert counted.shares() == [Share("default", 900, 1000)]


def test_a_register_that_is_damaged_refuses_nothing_more(layout: Layout) -> None:
    """While the file says nothing, the quotas are those that it had before."""
    quotas.put(layout, "default", 1000)
    counted = Budget(layout)
    assert counted.shares() == [Share("default", 0, 1000)]
    layout.quotas.write_text("{")
    assert counted.shares() == [Share("default", 0, 1000)]
    assert foldline_command("quota", "ls", "--store", str(layout.root)).status == 1


def test_runs_that_nobody_knows_yet_are_remembered_within_a_bound(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last of them; of the others the views know."""
    monkeypatch.setattr(budget, "FRESH_RUNS_MAX", 3)
    quotas.put(layout, None, 1 << 20)
    counted = Budget(layout)
    for number in range(5):
        name = SegmentName(f"run{number}", "w9")
        counted.learn(name, segment(name.run, "mine"))
    assert list(counted._stated) == ["run2", "run3", "run4"]


def test_the_first_bytes_of_a_segment_state_an_experiment(layout: Layout) -> None:
    """The last one that is whole; none where nothing is said, or the bytes are no segment."""
    name = SegmentName("run1", "w9")
    data = segment("run1", "mine", "theirs")
    assert stated(layout, name, data) == "theirs"
    assert stated(layout, name, segment("run1", None)) == "default"
    assert {stated(layout, name, data[:cut]) for cut in range(len(data))} == {
        None,
        "mine",
        "theirs",
    }
    assert stated(layout, name, b"x" * 4096) is None


def test_the_fullest_come_first() -> None:
    """A run that is of none counts to `default`; one may take nothing, or any number."""
    kept = Quotas(None, {"a": 100, "b": 10, "none": 0})
    found = quotas.shares(kept, {"1": 50, "2": 9, "3": 7}, {"1": "a", "2": "b"})
    assert found == [
        Share("b", 9, 10), Share("a", 50, 100), Share("default", 7, None), Share("none", 0, 0),
    ]  # fmt: skip
    assert [share.experiment for share in quotas.nearly([*found, Share("c", 1, 0)])] == ["c"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["set", "mnist"], "no size"), (["set"], "no size"), (["rm"], "one quota"),
        (["rm", "mnist"], "no quota of 'mnist'"), (["rm", "--default"], "no quota for"),
        (["set", "m" * 2000, "1GB"], "can't be kept"), (["set", "--default", "9999999TB"], "kept"),
        (["set", "mnist", "much"], "no size such as"),
    ],
)  # fmt: skip
def test_what_is_no_quota_is_told(layout: Layout, words: list[str], told: str) -> None:
    """With what to type instead; nothing is changed."""
    done = foldline_command("quota", *words, "--store", str(layout.root))
    assert done.status in {1, 2} and told in done.errors
    assert not layout.quotas.exists()


def test_quotas_are_listed_and_the_doctor_tells_of_full_ones(layout: Layout) -> None:
    """With used, allowed and percent; what is set and removed is written down."""
    log(layout.root, "run1", "mnist", steps=10)
    store = ("--store", str(layout.root))
    room = str(listed(layout.root)["mnist"] * 20 // 19)
    done = foldline_command("quota", "set", "mnist", room, "--default", "2GiB", *store)
    assert done.status == 0
    lines = foldline_command("quota", "ls", *store).output.splitlines()
    assert lines[0].split() == ["EXPERIMENT", "USED", "ALLOWED", "FULL"]
    assert lines[1].split()[0] == "mnist" and lines[1].endswith("95%")
    assert lines[2].split() == ["(default)", "-", f"{2 << 30:,}", "-"]
    told = foldline_command("doctor", *store)
    assert told.status == 0 and "quotas" in told.output and f"of {int(room):,}" in told.output
    assert foldline_command("quota", "rm", "mnist", *store).status == 0
    assert "quotas" not in foldline_command("doctor", *store).output
    audit = foldline_command("audit", *store).output
    assert "quota_set" in audit and "quota_removed" in audit
