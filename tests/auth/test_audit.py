"""What is written down of who did what."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

import foldline
from foldline.layout import Layout
from foldline_ui import audit
from foldline_ui.audit import Audit, AuditEvent, events
from tests.ui.processes import foldline_command


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "store")
    layout.create()
    return layout


def test_events_are_listed_in_their_order(layout: Layout) -> None:
    """What one process writes down another lists; a line that was cut short harms no other."""
    for at in range(3):
        Audit(layout).note(AuditEvent(float(at), "edit_run", "ana", of={"id": str(at)}))
    with layout.audit.open("ab") as file:
        file.write(b'{"time": 9, "wh')
    assert [event.of["id"] for event in events(layout)] == ["0", "1", "2"]
    assert stat.S_IMODE(layout.audit.stat().st_mode) == 0o600


def test_what_the_command_line_changes_is_written_down(tmp_path: Path) -> None:
    """Whoever owns the store needs no token, and leaves a line all the same."""
    with foldline.Run(id="one", store=tmp_path / "store", capture="none") as run:
        run.track(1.0, name="loss")
    done = foldline_command(
        "runs", "tag", "one", "--add", "best", "--store", str(tmp_path / "store")
    )
    assert done.status == 0, done.errors
    (event,) = events(Layout(tmp_path / "store"))
    assert (event.what, event.who) == ("edit_runs", "owner")
    assert event.asked["ids"] == ["one"] and event.asked["edit"]["tags_added"] == ["best"]


def test_files_are_bounded(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full file makes room for the next, and the oldest of them goes."""
    monkeypatch.setattr(audit, "AUDIT_BYTES_MAX", 1000)
    log = Audit(layout)
    for at in range(200):
        log.note(AuditEvent(float(at), "edit_run"))
    files = list(layout.root.glob("audit*.jsonl"))
    assert len(files) == audit.AUDIT_FILES_MAX
    assert all(file.stat().st_size <= 1000 for file in files)
    times = [event.time for event in events(layout)]
    assert times == sorted(times) and times[-1] == 199.0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"name": "x", "webhook": "https://secret"}, {"name": "x"}),
        ({"token": "fld_x"}, {}),
        ([1, 2], [1, 2]),
    ],
)
def test_secrets_are_left_out(layout: Layout, asked: Any, told: Any) -> None:
    """Neither a token nor the address of a webhook stands in the file."""
    Audit(layout).note(AuditEvent(1.0, "keep_rule", asked=asked))
    (event,) = events(layout)
    assert event.asked == told


def test_what_is_long_is_cut(layout: Layout) -> None:
    """A note of a run may have megabytes; its beginning tells what was done."""
    Audit(layout).note(AuditEvent(1.0, "edit_run", asked={"notes": "x" * 100_000}))
    (event,) = events(layout)
    assert event.asked.startswith('{"notes":"xxx') and len(event.asked) < 3000


def test_refusals_fill_no_disk(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tries tokens is told of a few times a minute, and then by a number."""
    now = 1000.0
    monkeypatch.setattr("foldline_ui.audit.time.monotonic", lambda: now)
    log = Audit(layout)
    for _ in range(500):
        log.refused(AuditEvent(1.0, "refused"))
    assert len(list(events(layout))) == audit.REFUSED_MAX
    now += 61.0
    log.refused(AuditEvent(2.0, "refused"))
    assert list(events(layout))[-1].more == 500 - audit.REFUSED_MAX
