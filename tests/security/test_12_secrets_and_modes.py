"""Rule 12: secrets stay out, and stores are private."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.capture.trainings import companions
from tests.ui.processes import foldline_command, up

# Made up, each by the rules of its issuer; and each where a training may have one.
SECRETS = {
    "argument": "hf_" + "A1b2C3d4E5" * 4,
    "option": "supersecretoption9",
    "environment": "ghp_" + "Zz11Yy22Xx" * 4,
    "variable": "plainlookingsecret",
    "password": "correct-horse-battery",
    "remote": "glpat-abcdefghij0123456789",
    "parameter": "sk-proj-" + "a1B2c3D4" * 5,
    "nested": "AKIAIOSFODNN7EXAMPLE",
    "printed": "xoxb-1234567890-abcdefghij",
    "message": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl",
    "error": "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Qr7",
    "code": "rk_live_" + "0123456789abcdef",
}

SCRIPT = """
import logging, os, sys, foldline

api_key = "{code}"  # as people leave them in a script
run = foldline.Run(
    params={{
        "api_key": "{parameter}",
        "optimizer": {{"lr": 0.1, "aws": "{nested}"}},
        "database": "postgres://me:{password}@db.example/runs",
    }},
)
run["late"] = {{"hf_token": "{parameter}", "note": "{nested}"}}
run.track(0.5, name="loss", step=0)
run.track(foldline.Text("said " * 5000), name="told", step=0)
print("connected with {printed}", flush=True)
run.log_warning("the header was Authorization: Bearer {message}", token="{message}")
run.alert("failed for {printed} and {nested}", "with postgres://me:{password}@db.example")
run.notes = "use {nested}"
run.description = "with {parameter}"
run.add_tag("tagged {nested}")
run.summary["key"] = "{parameter}"
raise RuntimeError("refused: key={error}")
"""


@pytest.fixture
def loose() -> Iterator[None]:
    """Let everything be made for everybody, as a careless login does."""
    old = os.umask(0)
    yield
    os.umask(old)


def test_a_store_keeps_no_secret_and_lets_nobody_in(tmp_path: Path, loose: None) -> None:
    """Whatever a training has and the umask allows: secrets are masked, and files are private."""
    code = tmp_path / "code"
    code.mkdir()
    script = code / "train.py"
    script.write_text(SCRIPT.format(**SECRETS))
    remote = f"https://user:{SECRETS['remote']}@git.example/repo.git"
    person = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for asked in (["init", "-q"], ["remote", "add", "origin", remote], ["add", "-A"],
                  [*person, "commit", "-qm", "first"]):  # fmt: skip
        subprocess.run(["git", *asked], cwd=code, check=True)
    script.write_text(script.read_text() + f"# hub = '{SECRETS['environment']}'\n")
    environment = {
        **os.environ,
        "FOLDLINE_STORE": str(tmp_path / "store"),
        "FOLDLINE_CAPTURE": "all",
        "FOLDLINE_ENVIRONMENT": "MY_*",
        "MY_SETTING": SECRETS["environment"],
        "MY_SECRET": SECRETS["variable"],
        "MY_PASSWORD_FILE": "/run/secrets/name-only",
    }
    words = [f"--hf-token={SECRETS['argument']}", "--api-key", SECRETS["option"]]
    done = subprocess.run(
        [sys.executable, str(script), *words],
        cwd=code,
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1 and b"refused" in done.stderr
    store = tmp_path / "store"
    companions(store)
    with up(store) as server:
        server.wait_until_live()
        server.ask("bookmarks", {"name": "here", "page": "Runs", "url": "runs"})
        server.ask("tags/describe", {"tag": "good", "description": "it is"})
        server.ask("alerts", {"id": "high", "when": {"type": "nonfinite"}})
    held = {str(path.relative_to(store)): path.read_bytes()
            for path in sorted(store.rglob("*")) if path.is_file()}  # fmt: skip
    found = [
        f"{kind} in {name}"
        for name, data in held.items()
        for kind, secret in SECRETS.items()
        if secret.encode() in data
    ]
    assert found == []
    log = b"".join(data for name, data in held.items() if name.endswith(".fold"))
    assert log.count(b"***") >= len(SECRETS)
    assert b"connected with" in log and b"the header was" in log and b"refused: key=" in log
    assert foldline_command("pack", "--store", str(store)).status == 0
    assert_private(store)


def assert_private(store: Path) -> None:
    """Check that folders are 0700 and files 0600; views lie in such a folder."""
    kinds = {path.relative_to(store).parts[0] for path in store.rglob("*")}
    assert {"runs", "packs", "blobs", "active", "views", "bookmarks.json", "alerts.json"} <= kinds
    open_to_others = [
        f"{path.relative_to(store)}: {path.lstat().st_mode & 0o777:o}"
        for path in (store, *sorted(store.rglob("*")))
        if path.lstat().st_mode & 0o077 and store / "views" not in path.parents
    ]
    assert open_to_others == []
