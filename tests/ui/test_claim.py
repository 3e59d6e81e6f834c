"""Whether one store has one server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from foldline.errors import StoreBusy, StoreUnwritable
from foldline.layout import Layout
from foldline_ui.claim import Claim
from tests.patience import wait_for

HOLD = """
import sys, pathlib
from foldline.layout import Layout
from foldline_ui.claim import Claim
with Claim(Layout(pathlib.Path(sys.argv[1]))) as claim:
    claim.publish("http://127.0.0.1:1/")
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A fresh store."""
    layout = Layout(tmp_path / "store")
    layout.create()
    return layout


def test_a_second_claim_is_told_where_the_first_is(layout: Layout) -> None:
    """Who comes second learns the address and how to stop the first."""
    with Claim(layout) as first:
        first.publish("http://127.0.0.1:43800/")
        with pytest.raises(StoreBusy) as caught, Claim(layout):
            pass
        assert "http://127.0.0.1:43800/" in caught.value.message
        assert str(os.getpid()) in caught.value.hint
    with Claim(layout):
        pass


def test_a_server_that_is_still_starting_is_told_of(layout: Layout) -> None:
    """Before the first server knows its address the second one hears that it is starting."""
    with Claim(layout), pytest.raises(StoreBusy, match="just starting"), Claim(layout):
        pass


def test_a_killed_server_leaves_no_claim(layout: Layout) -> None:
    """The claim goes with the process, however it ends."""
    command = [sys.executable, "-c", HOLD, str(layout.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreBusy, match=r"127\.0\.0\.1:1/"), Claim(layout):
            pass
        holder.send_signal(signal.SIGKILL)
        wait_for(lambda: holder.poll() is not None, "the holder to die")
    with Claim(layout) as claim:
        claim.publish("http://127.0.0.1:2/")
    assert (layout.views / "server.json").read_bytes() == b""


def test_views_that_cannot_be_written_are_told(layout: Layout) -> None:
    """A store that can't be served says why, without a traceback."""
    layout.views.write_text("a file, not a folder")
    with pytest.raises(StoreUnwritable) as caught, Claim(layout):
        pass
    assert caught.value.hint


def test_views_may_be_deleted_beside_a_claim(layout: Layout) -> None:
    """The claim is of the file that is there now, not of one that was removed."""
    with Claim(layout):
        (layout.views / "server.json").unlink()
        with Claim(layout) as fresh:
            fresh.publish("http://127.0.0.1:3/")
            assert b":3/" in (layout.views / "server.json").read_bytes()
