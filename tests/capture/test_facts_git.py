"""What is told of a repository in any state."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from foldline import blobs
from foldline.capture import git
from foldline.events import GitCaptured
from foldline.layout import Layout

HUB_TOKEN = "gh" + "p_16C7e42F292c6912E7710c838347Ae178B4a"  # made up


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep git away from the settings of whoever runs the tests."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path / "store")
    found.create()
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with one commit of `a.py` and `b.py`."""
    path = tmp_path / "code"
    path.mkdir()
    run(path, "init", "--quiet", "--initial-branch=main")
    (path / "a.py").write_text("x = 1\n")
    (path / "b.py").write_text("y = 1\n")
    commit(path, "Begin")
    return path


def run(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=A Person", "-c", "user.email=a@b", *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return done.stdout.decode()


def commit(folder: Path, subject: str) -> str:
    run(folder, "add", "--all")
    run(folder, "commit", "--quiet", "-m", f"{subject}\n\nMore of it.")
    return run(folder, "rev-parse", "HEAD").strip()


def captured(folder: Path, layout: Layout) -> GitCaptured:
    found = git.captured(str(folder), layout)
    assert found is not None
    return found


def diff_of(found: GitCaptured, layout: Layout) -> str:
    text = blobs.read(layout, found.diff)
    assert len(text) == found.diff_bytes
    return text.decode("utf-8", "surrogateescape")


def test_a_clean_repository_is_its_commit(folder: Path, layout: Layout) -> None:
    """Commit, branch, subject, author and time are told, and nothing is changed."""
    (folder / "below").mkdir()
    found = captured(folder / "below", layout)
    assert found.commit == run(folder, "rev-parse", "HEAD").strip()
    assert (found.branch, found.subject, found.author) == ("main", "Begin", "A Person <a@b>")
    assert 0 <= time.time() - found.committed_at < 600
    assert not found.dirty and not found.diff and not found.untracked and not found.remote
    assert git.top(str(folder / "below")) == str(folder)


def test_changes_are_kept_staged_or_not(folder: Path, layout: Layout) -> None:
    """The diff holds what is staged and what is not; new files are named; the index stays."""
    (folder / "a.py").write_text("x = 2\n")
    run(folder, "add", "a.py")
    (folder / "b.py").write_text("y = 3\n")
    (folder / "new folder").mkdir()
    (folder / "new folder" / "c.py").write_text("z")
    (folder / "ü.py").write_text("z")
    index = (folder / ".git/index").read_bytes()
    found = captured(folder, layout)
    assert found.dirty
    text = diff_of(found, layout)
    assert "-x = 1\n+x = 2" in text and "-y = 1\n+y = 3" in text
    assert sorted(found.untracked) == ["new folder/", "ü.py"]
    assert (folder / ".git/index").read_bytes() == index


def test_the_diff_applies(folder: Path, layout: Layout) -> None:
    """With the commit and the diff the code is there again, bytes of no encoding included."""
    (folder / "a.py").write_bytes(b"x = '\xff\xfe'\r\n")
    (folder / "b.py").unlink()
    found = captured(folder, layout)
    run(folder, "stash", "--quiet")
    patch = layout.blob(found.diff)
    run(folder, "apply", str(patch))
    assert (folder / "a.py").read_bytes() == b"x = '\xff\xfe'\r\n"
    assert not (folder / "b.py").exists()


def test_a_head_without_a_branch_has_none(folder: Path, layout: Layout) -> None:
    """A detached head is told by its commit alone."""
    first = run(folder, "rev-parse", "HEAD").strip()
    (folder / "a.py").write_text("x = 2\n")
    commit(folder, "Go on")
    run(folder, "checkout", "--quiet", first)
    found = captured(folder, layout)
    assert (found.commit, found.branch) == (first, "")


@pytest.mark.parametrize("objects", ["sha1", "sha256"])
def test_a_repository_without_a_commit_is_all_change(
    tmp_path: Path, layout: Layout, objects: str
) -> None:
    """Before the first commit the diff is what is staged, against nothing."""
    path = tmp_path / "empty"
    path.mkdir()
    run(path, "init", "--quiet", "--initial-branch=trunk", f"--object-format={objects}")
    found = captured(path, layout)
    assert (found.commit, found.branch, found.dirty) == ("", "trunk", False)
    (path / "a.py").write_text("x = 1\n")
    run(path, "add", "a.py")
    found = captured(path, layout)
    assert found.dirty and "+x = 1" in diff_of(found, layout)


def test_a_bare_repository_has_no_changes(folder: Path, tmp_path: Path, layout: Layout) -> None:
    """Where there is no working tree the commit is told, and nothing else can be."""
    run(folder, "clone", "--quiet", "--bare", str(folder), str(tmp_path / "bare"))
    found = captured(tmp_path / "bare", layout)
    assert found.commit and not found.dirty and not found.untracked
    assert git.top(str(tmp_path / "bare")) == ""


def test_a_worktree_is_its_own(folder: Path, tmp_path: Path, layout: Layout) -> None:
    """In a linked working tree its branch and its changes count, not the main one's."""
    run(folder, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    (folder / "a.py").write_text("x = 'main'\n")
    (tmp_path / "side" / "b.py").write_text("y = 'side'\n")
    found = captured(tmp_path / "side", layout)
    assert found.branch == "side"
    assert "side" in diff_of(found, layout) and "main" not in diff_of(found, layout)


def test_a_repository_that_a_hook_points_to_is_not_this_one(
    folder: Path, tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables that git leaves to its hooks do not lead the capture elsewhere."""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert captured(folder, layout).branch == "main"


def test_without_a_repository_or_git_nothing_is_told(
    tmp_path: Path, folder: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No repository, no folder, a name that is none, no git: no event, and no error."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for path in (tmp_path, tmp_path / "missing", "", "a\0b"):
        assert git.captured(str(path), layout) is None
        assert git.top(str(path)) == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git.captured(str(folder), layout) is None


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://person:pa55word@host/a/b.git", "https://host/a/b.git"),
        ("https://sometoken@host:8443/a/b.git", "https://host:8443/a/b.git"),
        ("ssh://git@host/a/b.git", "ssh://git@host/a/b.git"),
        ("git@host:a/b.git", "git@host:a/b.git"),
        ("ssh://person:pa55word@host/b.git", "ssh://person:***@host/b.git"),
        (f"../{HUB_TOKEN}/b", "../***/b"),
        ("http://[broken@x", "http://[broken@x"),
    ],
)
def test_a_remote_is_told_without_a_password(
    folder: Path, layout: Layout, address: str, told: str
) -> None:
    """Whatever stands before the host of a web address is left out; a name for SSH stays."""
    run(folder, "remote", "add", "origin", address)
    assert captured(folder, layout).remote == told


def test_the_remote_of_the_branch_counts(folder: Path, layout: Layout) -> None:
    """Of several remotes it is the branch's own, else `origin`, else the first."""
    run(folder, "remote", "add", "fork", "https://h/fork")
    assert captured(folder, layout).remote == "https://h/fork"
    run(folder, "remote", "add", "origin", "https://h/origin")
    assert captured(folder, layout).remote == "https://h/origin"
    run(folder, "config", "branch.main.remote", "fork")
    assert captured(folder, layout).remote == "https://h/fork"


def test_nothing_of_the_repositorys_programs_is_run(
    folder: Path, tmp_path: Path, layout: Layout
) -> None:
    """No monitor, hook, external diff or converter runs, whatever the settings ask for."""
    trap, trace = tmp_path / "trap.sh", tmp_path / "was-run"
    trap.write_text(f"#!/bin/sh\necho $0 $* >> {trace}\n")
    trap.chmod(0o755)
    for hook in ("post-index-change", "fsmonitor-watchman"):
        (folder / ".git/hooks" / hook).symlink_to(trap)
    run(folder, "config", "core.fsmonitor", str(trap))
    run(folder, "config", "diff.external", str(trap))
    run(folder, "config", "diff.odd.textconv", str(trap))
    run(folder, "config", "diff.odd.command", str(trap))
    run(folder, "config", "core.pager", str(trap))
    run(folder, "config", "log.showSignature", "true")
    run(folder, "config", "gpg.program", str(trap))
    (folder / ".gitattributes").write_text("*.py diff=odd\n")
    (folder / "a.py").write_text("x = 2\n")
    trace.unlink(missing_ok=True)
    found = captured(folder, layout)
    assert "+x = 2" in diff_of(found, layout)
    assert not trace.exists(), trace.read_text()


def test_a_lock_of_somebody_else_is_not_waited_for(folder: Path, layout: Layout) -> None:
    """While another git holds the index, its state is told all the same."""
    (folder / "a.py").write_text("x = 2\n")
    (folder / ".git/index.lock").touch()
    assert "+x = 2" in diff_of(captured(folder, layout), layout)
    assert (folder / ".git/index.lock").exists()


def test_a_long_diff_is_cut_and_says_so(
    folder: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A diff over the bound ends with a whole line, and with a line that says it goes on."""
    monkeypatch.setattr(git, "DIFF_BYTES_MAX", 10_000)
    (folder / "a.py").write_text("x = 'some line'\n" * 5_000)
    found = captured(folder, layout)
    *_, last, note = diff_of(found, layout).splitlines()
    assert last == "+x = 'some line'"
    assert note.startswith("\\ cut by foldline after 99") and note.endswith("the changes go on")
    assert found.diff_bytes < 10_100


def test_a_repository_that_takes_too_long_is_not_waited_for(
    folder: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not compared in time is not said to be clean, and the commit is told."""
    run(folder, "config", "filter.slow.clean", "sleep 600")
    (folder / ".git/info/attributes").write_text("*.py filter=slow\n")
    (folder / "a.py").write_text("x = 2\n")
    monkeypatch.setattr(git, "GIT_S_MAX", 1.5)
    start = time.monotonic()
    found = captured(folder, layout)
    assert time.monotonic() - start < 15
    assert found.commit and found.dirty
    assert "git took over 1.5 s" in diff_of(found, layout)


def test_untracked_files_are_counted_no_further_than_the_bound(
    folder: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of outputs does not fill the log, and the store itself is not one of them."""
    inside = Layout(folder / ".foldline")
    inside.create()
    for number in range(30):
        (folder / f"out{number:02}").touch()
    assert len(captured(folder, inside).untracked) == 30
    monkeypatch.setattr(git, "UNTRACKED_MAX", 10)
    assert len(captured(folder, inside).untracked) == 10


def test_secrets_in_a_diff_are_masked(folder: Path, layout: Layout) -> None:
    """A token that was pasted into the code does not reach the store."""
    (folder / "a.py").write_text(f"login('{HUB_TOKEN}')\npassword = 'hunter22'\nx = 2\n")
    text = diff_of(captured(folder, layout), layout)
    assert "+login('***')\n+password = '***'\n+x = 2\n" in text


def test_submodules_are_not_looked_into(folder: Path, tmp_path: Path, layout: Layout) -> None:
    """A change inside a submodule is that repository's affair."""
    (tmp_path / "other").mkdir()
    run(tmp_path / "other", "init", "--quiet")
    (tmp_path / "other" / "c.py").write_text("z = 1\n")
    commit(tmp_path / "other", "Begin")
    allow = ("-c", "protocol.file.allow=always")
    run(folder, *allow, "submodule", "--quiet", "add", str(tmp_path / "other"), "sub")
    commit(folder, "Add it")
    (folder / "sub" / "c.py").write_text("z = 2\n")
    assert not captured(folder, layout).dirty
