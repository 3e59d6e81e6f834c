"""Whether docs/operations.md tells of a service that runs."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from foldline.errors import StoreTooNew
from foldline.layout import STORE_FORMAT, Layout
from foldline_ingest.backup import back_up
from foldline_ui.cli import parser
from foldline_ui.cli.exits import Exit
from foldline_ui.ending import END_S_MAX
from foldline_ui.serving import ADDRESS_BYTES_MAX
from foldline_ui.shipments import PIECE_BYTES_MAX
from tests.operations.stores import bytes_of, fold, log
from tests.ui.processes import foldline_command

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs/operations.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_the_unit_starts_a_server_that_can_be_stopped(tmp_path: Path) -> None:
    """Its command is one of ours, one process gets the signal, and has more time than it takes."""
    unit = configparser.ConfigParser(strict=True, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's have capitals
    unit.read_string(block("ini"))
    service = unit["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert Path(program).name == "foldline"
    arguments = parser().parse_args(words)
    assert arguments.module == "up" and arguments.host == "127.0.0.1"
    assert arguments.store.startswith("/var/lib/" + service["StateDirectory"])
    assert service["KillMode"] == "mixed"
    assert float(service["TimeoutStopSec"]) > 2 * END_S_MAX
    assert service["UMask"] == "0077" and service["NoNewPrivileges"] == "yes"
    if analyze := shutil.which("systemd-analyze"):
        text = block("ini").replace(service["ExecStart"], "/bin/true")
        file = tmp_path / "foldline.service"
        file.write_text(text.replace("User=foldline\n", ""))
        done = subprocess.run(
            [analyze, "verify", str(file)], capture_output=True, text=True, check=False
        )
        assert "foldline.service" not in done.stderr, done.stderr


def test_proxies_are_told_what_we_take() -> None:
    """Both examples pass streams on at once, and nginx takes bodies as large as ours."""
    nginx, caddy = block("nginx"), block("caddyfile")
    assert "proxy_buffering off" in nginx and "flush_interval -1" in caddy
    assert f"client_max_body_size {PIECE_BYTES_MAX >> 20}m" in nginx
    assert f"addresses {ADDRESS_BYTES_MAX >> 10} KiB" in DOCUMENT
    (line,) = re.findall(r"^    foldline (up --prefix .*)$", DOCUMENT, re.MULTILINE)
    assert parser().parse_args(shlex.split(line)).prefix == "/lab"


def test_the_line_that_is_shown_is_one() -> None:
    """The example of a log is a line as it is written."""
    line = json.loads(block("json"))
    assert list(line) == ["time", "level", "event", "method", "route", "status", "ms"]


COMMANDS = [
    ("runs", "ls"), ("verify",), ("rebuild",), ("doctor",), ("gc",), ("pack",), ("up",),
    ("backup", "elsewhere"), ("query", ""), ("runs", "archive", "one"),
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_newer_store_is_refused_whole(tmp_path: Path, words: tuple[str, ...]) -> None:
    """An older program says so, and changes no byte of a store that a newer one made."""
    store = tmp_path / "store"
    log(store, "one", points=5)
    fold(store)
    Layout(store).store_file.write_text(f'{{"format": {STORE_FORMAT + 1}}}')
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    said = foldline_command(*words, "--store", str(store))
    assert said.status == Exit.STORE
    assert "format 2" in said.errors and "pip install --upgrade foldline" in said.errors
    after = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    assert after == before


def test_a_newer_backup_is_refused_whole(tmp_path: Path) -> None:
    """The same holds for a backup that a newer program made."""
    store, copy = tmp_path / "store", tmp_path / "copy"
    log(store, "one", points=5)
    back_up(Layout(store), copy)
    (copy / "backup.json").write_bytes(msgspec.json.encode({"format": 2}))
    before = bytes_of(copy)
    log(store, "two", points=5)
    with pytest.raises(StoreTooNew):
        back_up(Layout(store), copy)
    assert bytes_of(copy) == before


def test_every_finding_of_the_doctor_is_explained() -> None:
    """The page has a row for each thing that the doctor says, in its own words."""
    sources = [
        (ROOT / file).read_text()
        for file in ("views/foldline_views/examination.py", "ingest/foldline_ingest/reader.py",
                     "tracker/foldline/packs.py")
    ]  # fmt: skip
    rows = DOCUMENT[DOCUMENT.index("| it says |") :].splitlines()[2:]
    phrases = [phrase for row in rows for phrase in re.findall("`([^`]+)`", row.split("|")[1])]
    assert [phrase for phrase in phrases if not any(phrase in text for text in sources)] == []
    told = re.findall(r'(?:message = f?|digest, f?|f)"([^"]+)"', sources[0])
    messages = [
        text for text in told if " " in text and not text.startswith(("rm", "SQLite", "{RE"))
    ]
    assert len(messages) > 10
    assert [text for text in messages if not any(phrase in text for phrase in phrases)] == []
