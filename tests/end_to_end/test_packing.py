"""A server over runs that are packed beneath it."""

from __future__ import annotations

import shutil
from pathlib import Path

import foldline
from foldline.layout import Layout
from tests.patience import wait_for
from tests.ui.processes import foldline_command, log_run, up


def test_a_server_goes_on_while_its_runs_are_packed(tmp_path: Path) -> None:
    """Packed beside a server, runs answer as before, live ones go on, and views heal from packs."""
    store = tmp_path / "store"
    layout = Layout(store)
    for run in ("one", "two", "three"):
        log_run(store, run)
    with up(store) as server, foldline.Run(id="live", store=store) as live:
        live.track(1.0, name="loss", step=0)
        wait_for(
            lambda: (
                {row["id"] for row in server.ask("runs/search", {})["rows"]}
                == {"one", "two", "three", "live"}
            ),
            "the runs to be shown",
        )
        wait_for(lambda: len(list(layout.active.iterdir())) == 1, "ended runs to be folded")
        done = foldline_command("pack", "--now", "--store", str(store))
        assert "packed 3 segments" in done.output, done.output + done.errors
        assert len(list(layout.runs.glob("*/log/*.fold"))) == 1
        live.track(2.0, name="loss", step=1)
        wait_for(
            lambda: server.ask("runs/live")["metrics"][0]["count"] == 2, "the live run to go on"
        )
        before = server.ask("runs/one")["metrics"]
        shutil.rmtree(layout.views)
        wait_for(
            lambda: (
                len(server.ask("runs/search", {})["rows"]) == 4
                and server.ask("health")["fold"]["state"] == "live"
                and server.ask("health")["lag_bytes"] == 0
            ),
            "the views to be made again",
        )
        found = server.ask("runs/one")["metrics"]
        assert [(m["name"], m["count"], m["last"]) for m in found] == [
            (m["name"], m["count"], m["last"]) for m in before
        ]
        assert foldline_command("doctor", "--store", str(store)).status == 0
