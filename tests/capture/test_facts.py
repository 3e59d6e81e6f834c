"""What is told of packages, sources, a machine, an environment."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path

import msgspec
import psutil
import pytest

from foldline import blobs
from foldline.capture import environment, facts, git, machine, packages, sources
from foldline.capture.choice import Choice
from foldline.capture.subject import Subject
from foldline.events import (
    EnvironmentCaptured,
    Event,
    GitCaptured,
    MachineCaptured,
    MessageLogged,
    PackagesCaptured,
    SourcesCaptured,
    decode,
    encode,
)
from foldline.layout import Layout

HUB_TOKEN = "hf" + "_aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH"  # made up
ALL = Choice(git=True, packages=True, sources=True, machine=True, environment=True)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path / "store")
    found.create()
    return found


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with a script and two modules."""
    path = tmp_path / "code"
    (path / "models").mkdir(parents=True)
    (path / "train.py").write_text("import models.net\n")
    (path / "models" / "net.py").write_text("width = 8\n")
    (path / "models" / "__init__.py").write_text("")
    return path


def subject(cwd: Path, **fields: object) -> Subject:
    plain = Subject(
        pid=os.getpid(), host="h", store="", run="r", writer="w", cwd=str(cwd),
        executable=sys.executable, sys_path=sys.path,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **fields)


def kept(found: SourcesCaptured | None) -> list[str]:
    assert found is not None
    return [file.path for file in found.files]


# --------------------------------------------------------------------------------- packages


def test_packages_are_what_the_interpreter_would_import() -> None:
    """Names and versions are those that `importlib.metadata` tells, without its cost."""
    told = packages.captured(sys.path, "/").packages
    expected: dict[str, str] = {}
    for distribution in distributions():
        expected.setdefault(distribution.metadata["Name"], distribution.version)
    assert told == expected
    assert list(told) == sorted(told, key=str.lower)


def install(folder: Path, name: str, version: str, file: str = "METADATA") -> None:
    below = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    below.mkdir(parents=True)
    (below / file).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nText")


def test_the_first_of_two_versions_counts(tmp_path: Path) -> None:
    """What shadows another distribution on the path is the one that is told, however spelled."""
    install(tmp_path / "a", "some-thing", "1")
    install(tmp_path / "b", "Some.Thing", "2")
    told = packages.captured([str(tmp_path / "a"), str(tmp_path / "b")], "/")
    assert told.packages == {"some-thing": "1"}


def test_the_path_is_read_as_that_process_reads_it(tmp_path: Path) -> None:
    """An empty and a relative entry are below the folder where the training stands."""
    install(tmp_path, "here", "1")
    install(tmp_path / "sub", "below", "2")
    assert packages.captured(["", "sub"], str(tmp_path)).packages == {"below": "2", "here": "1"}


def test_packages_of_every_form_are_found_and_broken_ones_passed_over(tmp_path: Path) -> None:
    """Eggs, zips and old files count; what has no name, or can't be read, stops nothing."""
    install(tmp_path, "good", "1")
    (tmp_path / "nameless-1.dist-info").mkdir()
    (tmp_path / "broken-1.dist-info").mkdir()
    (tmp_path / "broken-1.dist-info" / "METADATA").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "old-2.egg-info").write_text("Name: old\nVersion: 2\n")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("zipped-3.dist-info/METADATA", "Name: zipped\nVersion: 3\n\nVersion: 9")
    path = [str(tmp_path), str(tmp_path / "z.zip"), str(tmp_path / "missing")]
    assert packages.captured(path, "/").packages == {"good": "1", "old": "2", "zipped": "3"}


# ---------------------------------------------------------------------------------- sources


def test_the_script_and_its_modules_are_kept(code: Path, layout: Layout) -> None:
    """Each is a blob under its name below the script's folder, and the script is marked."""
    told = sources.captured(
        subject(
            code.parent,
            main_file=str(code / "train.py"),
            modules=[str(code / "models/net.py"), str(code / "models/__init__.py")],
        ),
        layout,
        top="",
        environ={},
    )
    assert kept(told) == ["train.py", "models/__init__.py", "models/net.py"]
    assert told is not None and told.entry == "train.py" and told.left_out == 0
    assert blobs.read(layout, told.files[2].blob) == b"width = 8\n"
    assert [file.size for file in told.files] == [18, 0, 10]


def test_names_are_relative_to_the_repository(code: Path, layout: Layout) -> None:
    """With a repository above, names start there; what lies outside starts at its `sys.path`."""
    (code.parent / "lib").mkdir()
    (code.parent / "lib" / "own.py").write_text("z = 1\n")
    (code.parent / "odd.py").write_text("z = 1\n")
    told = sources.captured(
        subject(
            code,
            main_file=str(code / "models/net.py"),
            modules=[str(code.parent / "lib/own.py"), str(code.parent / "odd.py")],
            sys_path=["", str(code.parent / "lib")],
        ),
        layout,
        top=str(code),
        environ={},
    )
    assert kept(told) == ["models/net.py", "own.py", "odd.py"]


def test_installed_and_standard_modules_are_not_sources(code: Path, layout: Layout) -> None:
    """Of site-packages, the standard library and what is no source nothing is kept."""
    (code / ".venv/lib/site-packages").mkdir(parents=True)
    (code / ".venv/lib/site-packages/x.py").write_text("x = 1\n")
    (code / "fast.so").write_bytes(b"\x7fELF")
    modules = [os.__file__, pytest.__file__, str(code / ".venv/lib/site-packages/x.py")]
    told = sources.captured(
        subject(code, modules=[*modules, str(code / "fast.so"), str(code / "gone.py")]),
        layout,
        top=str(code),
        environ={},
    )
    assert told is None


def test_a_file_is_kept_once(code: Path, layout: Layout) -> None:
    """A module by two names, or by a link, is one file, and known ones are not read again."""
    (code / "link.py").symlink_to(code / "train.py")
    modules = [str(code / "link.py"), str(code / "train.py"), str(code / "models/net.py")]
    whom = subject(code, main_file=str(code / "train.py"), modules=modules)
    told = sources.captured(whom, layout, top=str(code), environ={})
    assert kept(told) == ["train.py", "models/net.py"]
    told = sources.captured(whom, layout, str(code), {}, known={*modules[:2]})
    assert kept(told) == ["models/net.py"]


def test_large_and_secret_files_are_left_out_and_counted(
    code: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the bounds, or with a token in it, a file is not kept, and the event says how many."""
    (code / "large.py").write_text("x" * 200)
    (code / "token.py").write_text(f"login('{HUB_TOKEN}')\n")
    (code / "many.py").write_text("x = 1\n" * 10)
    (code / ".env").write_text("A=1\n")
    monkeypatch.setattr(sources, "FILE_BYTES_MAX", 100)
    monkeypatch.setattr(sources, "SOURCES_BYTES_MAX", 50)
    names = ["large.py", "many.py", "token.py", "train.py"]
    told = sources.captured(
        subject(code, main_file=str(code / ".env"), modules=[str(code / name) for name in names]),
        layout,
        top=str(code),
        environ={},
    )
    assert kept(told) == ["train.py"]
    assert told is not None and told.left_out == 4 and told.entry == ""
    monkeypatch.setattr(sources, "SOURCES_MAX", 0)
    told = sources.captured(
        subject(code, main_file=str(code / "train.py")), layout, str(code), environ={}
    )
    assert told is not None and (told.files, told.left_out) == ([], 1)


@pytest.mark.parametrize("named", ["note.ipynb", "missing.ipynb", "", "train.py"])
def test_a_notebook_is_its_own_source(code: Path, layout: Layout, named: str) -> None:
    """Where the server told the kernel the notebook's file, that is the entry."""
    (code / "note.ipynb").write_text('{"cells": []}')
    told = sources.captured(
        subject(code, notebook=True), layout, top="", environ={"JPY_SESSION_NAME": named}
    )
    assert (kept(told) if told else []) == (["note.ipynb"] if named == "note.ipynb" else [])


# ---------------------------------------------------------------------------------- machine


def test_the_machine_is_this_one(code: Path) -> None:
    """System, user, processors and memory are what this process can use."""
    told = machine.captured(subject(code), os.environ)
    assert told.system.startswith(os.uname().sysname)
    assert (told.cwd, told.python) == (str(code), sys.executable)
    assert 1 <= told.cpus <= len(os.sched_getaffinity(0))
    assert 0 < told.memory_bytes <= psutil.virtual_memory().total
    assert told.user


def test_processors_are_those_of_the_affinity(code: Path) -> None:
    """A process that is bound to one processor has one, whatever the machine has."""
    only = min(os.sched_getaffinity(0))
    wait = f"import os; os.sched_setaffinity(0, [{only}]); print(flush=True); input()"
    command = [sys.executable, "-c", wait]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert machine.captured(subject(code, pid=process.pid), {}).cpus == 1
        process.communicate(b"\n")


@pytest.mark.parametrize(
    ("environ", "attributes"),
    [
        ({"SLURM_JOB_ID": "7"}, {"slurm_job": "7"}),
        ({"SLURM_JOBID": "7"}, {"slurm_job": "7"}),
        ({"SLURM_ARRAY_TASK_ID": "3"}, {"slurm_array_task": "3"}),
        ({"PBS_JOBID": "7.host"}, {"pbs_job": "7.host"}),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, {"container": "kubernetes"}),
        ({"APPTAINER_CONTAINER": "/x.sif"}, {"container": "apptainer"}),
        ({"COLAB_RELEASE_TAG": "x"}, {"notebook": "colab"}),
        ({"CONDA_DEFAULT_ENV": "torch"}, {"conda": "torch"}),
    ],
)  # fmt: skip
def test_where_a_process_was_started_is_told(
    code: Path, environ: Mapping[str, str], attributes: Mapping[str, str]
) -> None:
    """A scheduler's job, a container and a notebook are attributes of the machine."""
    told = machine.captured(subject(code), environ).attributes
    assert {name: told.get(name) for name in attributes} == attributes


# ------------------------------------------------------------------------------ environment


def test_only_allowed_variables_are_told() -> None:
    """What is on the list is told, secrets among it are masked, and all else is private."""
    told = environment.captured(
        {
            "CUDA_VISIBLE_DEVICES": "0,1", "OMP_NUM_THREADS": "4", "RANK": "3", "HOME": "/x",
            "HF_TOKEN": "abc", "HF_HOME": "/h", "SLURM_JOB_ID": "7", "SLURM_JWT": "abc",
            "AWS_SECRET_ACCESS_KEY": "abc", "TF_VAR_password": "abc", "MY_SETTING": "1",
            "NCCL_X": HUB_TOKEN, "TRANSFORMERS_CACHE": "https://u:p@h/c", "RANKING": "1",
        }
    )  # fmt: skip
    assert told.variables == {
        "CUDA_VISIBLE_DEVICES": "0,1", "OMP_NUM_THREADS": "4", "RANK": "3", "HF_TOKEN": "***",
        "HF_HOME": "/h", "SLURM_JOB_ID": "7", "SLURM_JWT": "***", "NCCL_X": "***",
        "TRANSFORMERS_CACHE": "https://u:***@h/c",
    }  # fmt: skip


def test_more_variables_are_told_by_name() -> None:
    """FOLDLINE_ENVIRONMENT adds names and beginnings of names; secrets stay masked."""
    asked = {"FOLDLINE_ENVIRONMENT": " MY_* ,DEBUG,, "}
    given = {"MY_SETTING": "1", "MY_API_KEY": "abc", "DEBUG": "x" * 9_999, "DEBUGGER": "1"}
    told = environment.captured(asked | given).variables
    assert set(told) == {"FOLDLINE_ENVIRONMENT", "MY_SETTING", "MY_API_KEY", "DEBUG"}
    assert (told["MY_SETTING"], told["MY_API_KEY"]) == ("1", "***")
    assert told["DEBUG"].endswith("... (9999 characters)") and len(told["DEBUG"]) < 4_200


def test_a_flood_of_variables_is_cut() -> None:
    """However many variables there are, the event stays small, and bytes of any kind are text."""
    told = environment.captured({f"NCCL_{n:05}": "\udcff" for n in range(2_000)}).variables
    assert len(told) == environment.VARIABLES_MAX
    assert set(told.values()) == {"\\udcff"}


# ------------------------------------------------------------------------------ all of them


def gathered(choice: Choice, whom: Subject, layout: Layout) -> list[Event]:
    found = list(facts.gather(choice, whom, layout))
    for event in found:
        assert decode(event.TYPE, encode(event)) == event
    return found


def test_each_fact_comes_as_chosen(code: Path, layout: Layout) -> None:
    """All that is chosen is told, the quick ones first, and what is not chosen is not looked at."""
    subprocess.run(["git", "init", "--quiet"], cwd=code, check=True)
    whom = subject(code.parent, main_file=str(code / "train.py"))
    assert [type(event) for event in gathered(ALL, whom, layout)] == [
        MachineCaptured, EnvironmentCaptured, GitCaptured, PackagesCaptured, SourcesCaptured,
    ]  # fmt: skip
    assert [type(event) for event in gathered(Choice(git=True), whom, layout)] == [GitCaptured]
    assert gathered(Choice(console=True, system=True), whom, layout) == []


def test_a_fact_that_fails_is_told_and_stops_no_other(
    code: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store without room, or any bug, costs its own fact alone; the run says which and why."""
    subprocess.run(["git", "init", "--quiet"], cwd=code, check=True)

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device \udcff")

    monkeypatch.setattr(blobs, "put", full)
    found = gathered(ALL, subject(code, main_file=str(code / "train.py")), layout)
    told = [event for event in found if isinstance(event, MessageLogged)]
    assert [event.text[:30] for event in told] == ["sources could not be captured:"]
    assert "No space left" in told[0].text and told[0].level == 30
    assert len(found) == 5


def test_the_scripts_repository_counts_before_the_folders(code: Path, layout: Layout) -> None:
    """Started from elsewhere a script is known by its own repository; without one, by the cwd."""
    for folder, branch in ((code, "script"), (code.parent / "other", "here")):
        folder.mkdir(exist_ok=True)
        subprocess.run(
            ["git", "init", "--quiet", f"--initial-branch={branch}"], cwd=folder, check=True
        )
    other = code.parent / "other"
    (code.parent / "loose.py").write_text("")

    def branch_of(script: Path) -> str:
        whom = subject(other, main_file=str(script))
        (event,) = gathered(Choice(git=True), whom, layout)
        assert isinstance(event, GitCaptured)
        return event.branch

    assert branch_of(code / "train.py") == "script"
    assert branch_of(code.parent / "loose.py") == "here"
    assert git.top(str(code)) == str(code)
