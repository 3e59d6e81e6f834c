"""One process at a time folds a store."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import anyio
import pytest

from foldline.errors import StoreBusy, StoreUnwritable
from foldline.layout import Layout
from foldline_ingest.lease import Lease
from foldline_ingest.replay import replay
from foldline_views.shelves import CATALOG
from foldline_views.viewstore import SqliteViewStore

HOLDER = """
import sys
from pathlib import Path
from foldline_ingest.lease import Lease
lease = Lease(Path(sys.argv[1]))
print(lease.take(), lease.epoch, flush=True)
sys.stdin.read()
"""


def test_a_lease_is_exclusive(tmp_path: Path) -> None:
    """While one holds it another does not get it; given back, it can be taken again."""
    first, second = Lease(tmp_path), Lease(tmp_path)
    assert first.take()
    assert not second.take()
    with pytest.raises(StoreBusy), second:
        pass
    first.release()
    first.release()
    assert second.take()
    second.release()


def test_the_epoch_rises_with_each_holder(tmp_path: Path) -> None:
    """Each time the lease is taken its epoch is greater than ever before."""
    epochs = []
    for _ in range(12):
        with Lease(tmp_path / "views") as lease:
            epochs.append(lease.epoch)
    assert epochs == sorted(set(epochs)) and len(epochs) == 12


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_dead_holder_gives_it_back_and_a_stopped_one_does_not(
    tmp_path: Path, number: signal.Signals
) -> None:
    """The kernel gives the lease back when its process dies, however it dies; not before."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        taken, epoch = holder.stdout.readline().split()
        assert taken == b"True"
        lease = Lease(tmp_path)
        assert not lease.take()
        holder.send_signal(number)
        if number == signal.SIGSTOP:
            assert not lease.take()
            holder.kill()
        holder.wait()
        assert lease.take() and lease.epoch > int(epoch)
        lease.release()


def test_a_lease_of_a_deleted_folder_is_taken_anew(tmp_path: Path) -> None:
    """The views folder may be deleted at any time; who holds its lease sees it, and ranks lower."""
    with Lease(tmp_path / "views") as lost:
        assert lost.is_held()
        lost.path.unlink()
        assert not lost.is_held()
        with Lease(tmp_path / "views") as lease:
            assert lease.is_held() and not lost.is_held()
            assert lease.epoch > lost.epoch
    assert not lease.is_held()


@pytest.mark.parametrize("left", [b"", bytes(20), b"17"])
def test_a_lease_that_a_power_cut_spoilt_is_taken(tmp_path: Path, left: bytes) -> None:
    """Whatever of its number reached the disk, the next holder has a greater one."""
    (tmp_path / "lease").write_bytes(left)
    with Lease(tmp_path) as lease:
        assert lease.epoch > 17
        assert int((tmp_path / "lease").read_text()) == lease.epoch


def test_a_lease_that_could_not_be_written_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk nobody holds it; with room again the same process takes it."""
    lease = Lease(tmp_path / "views")

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", refuse)
        with pytest.raises(StoreUnwritable, match="No space left"):
            lease.take()
    assert not lease.is_held()
    assert lease.take()
    lease.release()


def test_an_overtaken_holder_cannot_commit(tmp_path: Path) -> None:
    """A holder that was stopped and overtaken is refused when it comes back: nothing is written."""

    async def scenario() -> None:
        old = await SqliteViewStore.open(
            tmp_path / "views.db", CATALOG, 1, partial(replay, Layout(tmp_path))
        )
        new = await SqliteViewStore.open(
            tmp_path / "views.db", CATALOG, 2, partial(replay, Layout(tmp_path))
        )
        try:
            await old.apply([])
            await new.apply([])
            with pytest.raises(StoreBusy, match="took over"):
                await old.apply([])
            await new.apply([])
        finally:
            await old.close()
            await new.close()

    anyio.run(scenario)
