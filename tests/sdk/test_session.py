"""Module-level calls, as W&B has them."""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import ref

import numpy as np
import pytest

import foldline
from foldline import session
from foldline.errors import FoldlineWarning, ValueRejected
from foldline.events import FieldsSet, ParamsSet, StepsRewound, TagsChanged, WriterClosed
from foldline.notices import Notices
from tests.sdk.conftest import facts


def current() -> foldline.Run | None:
    """Return what `foldline.run` is now."""
    return foldline.run


def points(run: foldline.Run, name: str) -> list[tuple[float, float]]:
    series = run.get_metric(name)
    return [] if series is None else list(series.values.items())


def test_a_run_begins_logs_and_ends(store: Path) -> None:
    """`init`, `log`, `finish`: W&B's whole day, with its words in our places."""
    run = foldline.init(
        project="vision",
        name="first",
        config={"lr": 0.1, "model": {"depth": 2}},
        tags=["a"],
        notes="why",
        group="g",
        job_type="train",
        id="my-run",
    )
    assert current() is run and run.id == "my-run"
    assert (run.project, run.name, run.tags, run.notes) == ("vision", "first", ["a"], "why")
    assert (run.group, run.job_type) == ("g", "train")
    foldline.log({"loss": 3.0})
    foldline.log({"loss": 2.0})
    foldline.finish()
    assert current() is None and run.closed
    found = foldline.open(store).runs()[0]
    assert (found.experiment, found.status, found.name) == ("vision", "finished", "first")
    assert found.params == {"lr": 0.1, "model": {"depth": 2}}
    assert found.metrics[0].values.tolist() == [3.0, 2.0]
    fields = [fact.event for fact in facts(store, run.id, FieldsSet, TagsChanged, ParamsSet)]
    assert FieldsSet({
        "experiment": "vision", "name": "first", "notes": "why", "group": "g", "job_type": "train",
    }) in fields  # fmt: skip


@pytest.mark.parametrize(("code", "status"), [(None, "finished"), (0, "finished"), (3, "failed")])
def test_an_exit_code_says_how_it_ended(store: Path, code: int | None, status: str) -> None:
    """`finish(exit_code=3)` is a failure; 0 or none is not."""
    run = foldline.init()
    foldline.finish(exit_code=code)
    (closed,) = [fact.event for fact in facts(store, run.id, WriterClosed)]
    assert isinstance(closed, WriterClosed) and closed.status == status


def test_an_end_that_means_nothing_is_a_failure(store: Path) -> None:
    """What was passed stands with the run, as its error."""
    run = foldline.init()
    with pytest.warns(FoldlineWarning, match="'done'"):
        run.finish("done")
    (stored,) = foldline.open(store).runs()
    assert stored.status == "failed" and stored.error is not None
    assert "finish('done')" in stored.error.message


def test_steps_count_rows(store: Path) -> None:
    """A row is a step; `commit=False` leaves it open, a later step begins the next."""
    run = foldline.init()
    foldline.log({"a": 1.0}, commit=False)
    foldline.log({"b": 2.0})
    foldline.log({"a": 3.0})
    foldline.log({"a": 4.0}, step=10)
    foldline.log({"b": 5.0})  # goes to 10, and is the end of it
    foldline.log({"a": 6.0})
    foldline.log({"a": 7.0}, step=20, commit=True)
    foldline.log({"a": 8.0})
    assert points(run, "a") == [(0, 1.0), (1, 3.0), (10, 4.0), (11, 6.0), (20, 7.0), (21, 8.0)]
    assert points(run, "b") == [(0, 2.0), (10, 5.0)]
    assert run.step == 22


def test_an_earlier_step_is_kept(store: Path) -> None:
    """A step that comes late is not dropped, and the row that is being filled stays."""
    run = foldline.init()
    foldline.log({"a": 1.0}, step=100)
    foldline.log({"late": 2.0}, step=50)
    foldline.log({"late": 3.0}, step=50, commit=True)
    foldline.log({"a": 4.0})
    assert points(run, "late") == [(50, 2.0), (50, 3.0)]
    assert points(run, "a") == [(100, 1.0), (100, 4.0)]


def test_nested_names_join(store: Path) -> None:
    """Nested dicts are names with slashes, as everywhere."""
    run = foldline.init()
    row: dict[Any, Any] = {"train": {"loss": 1.0, "acc": {"top1": 0.5}}, 3: 4.0}
    foldline.log(row)
    assert points(run, "train/acc/top1") == [(0, 0.5)] and points(run, "3") == [(0, 4.0)]
    assert run.summary["train/loss"] == 1.0


def test_a_text_is_a_value(store: Path) -> None:
    """What is logged as text is kept as a Text, beside the numbers of its row."""
    run = foldline.init()
    foldline.log({"answer": "forty-two", "loss": 1.0})
    texts = run.get_text_sequence("answer")
    assert texts is not None
    assert [str(text.data) for text in texts.values] == ["forty-two"]
    assert points(run, "loss") == [(0, 1.0)]


def test_log_holds_nothing_that_is_large(store: Path) -> None:
    """Of what `log` is given only numbers stay: a tensor would keep its graph alive."""

    class Tensor:
        def item(self) -> float:
            return 3.0

    run, tensor, picture = foldline.init(), Tensor(), foldline.Image(np.zeros((4, 4), np.uint8))
    foldline.log({"loss": tensor, "count": np.int64(7), "picture": picture, "flag": True})
    assert dict(run.summary) == {"loss": 3.0, "count": 7.0, "flag": 1.0}
    run.flush()
    held: list[ref[Any]] = [ref(tensor), ref(picture)]
    del tensor, picture
    gc.collect()
    assert [one() for one in held] == [None, None]
    images = run.get_image_sequence("picture")
    assert images is not None and len(images) == 1 and points(run, "loss") == [(0, 3.0)]


@pytest.mark.parametrize("data", [3.0, None, [("loss", 1.0)], "loss"])
def test_what_is_no_row_is_told(store: Path, data: Any) -> None:
    """`log` of something else keeps nothing, says so once, and does not count a step."""
    run = foldline.init()
    with pytest.warns(FoldlineWarning, match="log takes a dict"):
        foldline.log(data)
    assert run.step == 0


def test_a_step_that_is_none_is_told(store: Path) -> None:
    """A step that is no number costs its row, with a warning, and not the run."""
    run = foldline.init()
    with pytest.warns(FoldlineWarning, match="step"):
        foldline.log({"a": 1.0}, step="ten")  # type: ignore[arg-type]  # on purpose
    foldline.log({"a": 2.0})
    assert points(run, "a") == [(0, 2.0)]


def test_a_joined_run_counts_on(store: Path) -> None:
    """A run that is taken up again goes on with the row after its last."""
    foldline.init(id="again")
    for _ in range(3):
        foldline.log({"a": 1.0})
    foldline.finish()
    run = foldline.init(id="again", resume="must")
    foldline.log({"a": 2.0})
    assert points(run, "a") == [(0, 1.0), (1, 1.0), (2, 1.0), (3, 2.0)]


def test_a_run_goes_back_to_a_step(store: Path) -> None:
    """`resume_from` hides what came after the step, and rows go on from there."""
    foldline.init(id="back")
    for value in range(5):
        foldline.log({"a": float(value)})
    foldline.finish()
    run = foldline.init(resume_from="back?_step=2")
    foldline.log({"a": 9.0})
    assert points(run, "a") == [(0, 0.0), (1, 1.0), (2, 2.0), (3, 9.0)]
    assert [fact.event for fact in facts(store, "back", StepsRewound)] == [StepsRewound(2)]


def test_a_second_init_returns_the_run_that_is_open(store: Path) -> None:
    """While a run is open it is the run; `reinit` chooses otherwise."""
    first = foldline.init()
    assert foldline.init(project="other") is first
    second = foldline.init(reinit=True)
    assert second is not first and first.closed
    third = foldline.init(reinit="create_new")
    assert third is not second and not second.closed and foldline.run is third
    second.finish()


def test_who_imports_a_kernel_is_no_notebook(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that starts notebooks imports `ipykernel` too; its run is not finished for that."""
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    first = foldline.init()
    assert foldline.init() is first and not first.closed


def test_there_may_be_nothing_to_end(store: Path) -> None:
    """Who finishes or unwatches without a run has what was asked for, so nothing is said."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        foldline.finish()
        foldline.unwatch()
    run = foldline.init()
    run.finish()
    foldline.finish()
    assert foldline.run is None


def test_calls_before_init_warn_and_keep_nothing(store: Path) -> None:
    """Each call warns once, says what to type, and never raises into a training."""
    for call in (
        lambda: foldline.log({"a": 1.0}),
        lambda: foldline.alert("x"),
        lambda: foldline.define_metric("x"),
        lambda: foldline.watch(None),
        lambda: foldline.summary.update(x=1),
        lambda: foldline.config.update(x=1),
        lambda: foldline.save("*.py"),
        lambda: foldline.log_artifact("x"),
        lambda: foldline.use_artifact("x"),
    ):
        with pytest.warns(FoldlineWarning, match="foldline.init"):
            call()
        with warnings.catch_warnings(record=True) as again:
            warnings.simplefilter("always")
            call()
        assert again == []
    assert foldline.run is None and dict(foldline.config) == {} and not store.exists()
    with pytest.raises(AttributeError):
        _ = foldline.config.lr


def test_strict_mode_raises_before_init(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asked for errors gets one for a call without a run."""
    monkeypatch.setattr(session, "_notices", Notices(strict=True))
    with pytest.raises(ValueRejected, match=r"foldline\.log"):
        foldline.log({"a": 1.0})
    monkeypatch.setattr(session, "_notices", Notices())


def test_a_disabled_run_does_nothing(store: Path) -> None:
    """`mode="disabled"` keeps a script's calls and writes no file."""
    run = foldline.init(mode="disabled", config={"lr": 0.1})
    foldline.log({"a": 1.0})
    foldline.summary["x"] = 1
    assert foldline.config.lr == 0.1 and run.step == 1
    foldline.finish()
    assert foldline.run is None and not store.exists()


def test_keywords_without_meaning_are_told_once(store: Path) -> None:
    """W&B's accounts are left out in silence; what would change a run is told, once."""
    with pytest.warns(FoldlineWarning) as told:
        foldline.init(entity="me", anonymous="allow", save_code=True, sync_tensorboard=True)
    assert len(told) == 1 and "sync_tensorboard" in str(told[0].message)


def test_an_unknown_mode_is_told(store: Path) -> None:
    """A mode that is none leaves tracking on."""
    with pytest.warns(FoldlineWarning, match="mode"):
        run = foldline.init(mode="quick")
    foldline.log({"a": 1.0})
    assert points(run, "a") == [(0, 1.0)]


def test_a_folder_holds_the_store(tmp_path: Path) -> None:
    """`dir` is the folder that the store's folder is in."""
    foldline.init(dir=tmp_path / "here")
    assert (tmp_path / "here" / ".foldline" / "store.json").exists()


def test_a_with_block_ends_the_run(store: Path) -> None:
    """`with foldline.init() as run` ends the run, and the bare calls have none any more."""
    with foldline.init() as run:
        foldline.log({"a": 1.0})
    assert run.closed and foldline.run is None


# -------------------------------------------------------------------------------------- config


@dataclass
class Options:
    """Settings as many a script has them."""

    lr: float = 0.1
    layers: tuple[int, ...] = (1, 2)


class Flags:
    """What absl's flags offer."""

    def flag_values_dict(self) -> dict[str, Any]:
        return {"lr": 0.3, "steps": 7}


def test_config_reads_and_sets(store: Path) -> None:
    """Items and attributes are the run's params, nested ones too, and reach the log."""
    run = foldline.init(config={"lr": 0.1, "model": {"depth": 2, "norm": "batch"}})
    config = foldline.config
    config.lr = 0.2
    config["batch"] = 32
    config.model.depth = 3
    config["model"]["width"] = 64
    assert config.lr == 0.2 and config["model"] == {"depth": 3, "norm": "batch", "width": 64}
    assert json.dumps(config.model) == '{"depth": 3, "norm": "batch", "width": 64}'
    assert dict(**config.model) == config.as_dict()["model"]
    assert set(config) == {"lr", "model", "batch"} and "lr" in config and len(config) == 3
    assert config.get("nothing", 5) == 5 and run["model", "width"] == 64
    del config["batch"]
    assert "batch" not in run.config
    run.finish()
    assert foldline.open(store).runs()[0].params == {
        "lr": 0.2, "model": {"depth": 3, "norm": "batch", "width": 64},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"lr": 1}, {"lr": 1}),
        (argparse.Namespace(lr=1, sizes=[2, 3]), {"lr": 1, "sizes": [2, 3]}),
        (Options(), {"lr": 0.1, "layers": [1, 2]}),
        (Flags(), {"lr": 0.3, "steps": 7}),
    ],
    ids=["dict", "argparse", "dataclass", "absl"],
)
def test_config_takes_what_scripts_have(store: Path, given: Any, kept: dict[str, Any]) -> None:
    """Settings come out of whatever a script keeps them in."""
    foldline.init(config=given)
    assert foldline.config.as_dict() == kept
    foldline.config.update(given)
    assert foldline.config.as_dict() == kept


def test_config_comes_from_a_file(store: Path, tmp_path: Path) -> None:
    """A path is a file of settings; one that is not there is told, and the run begins."""
    (tmp_path / "c.json").write_text('{"lr": 0.5, "name": "x"}')
    run = foldline.init(config=str(tmp_path / "c.json"), config_exclude_keys=["name"])
    assert run.config.as_dict() == {"lr": 0.5}
    with pytest.warns(FoldlineWarning, match=r"none\.json"):
        run.config.update(tmp_path / "none.json")


def test_config_keeps_what_may_not_change(store: Path) -> None:
    """Values may change; where a script forbids it, the old one stays and that is told."""
    run = foldline.init(config={"lr": 0.1})
    run.config.update({"lr": 0.2})
    with pytest.warns(FoldlineWarning, match=r"config\.lr stays 0\.2"):
        run.config.update({"lr": 0.3, "new": 1}, allow_val_change=False)
    run.config.setdefaults({"lr": 9, "seed": 7})
    assert run.config.as_dict() == {"lr": 0.2, "new": 1, "seed": 7}


@pytest.mark.parametrize("config", [3, [1, 2], object()])
def test_config_that_is_no_tree_is_told(store: Path, config: Any) -> None:
    """What is no settings at all is warned about."""
    with pytest.warns(FoldlineWarning, match="config takes a dict"):
        run = foldline.init(config=config)
    assert run.config.as_dict() == {}


# -------------------------------------------------------------------------------- the package


def test_names_come_when_they_are_asked_for() -> None:
    """`import foldline` brings no session, no reader and no value; every public name is there."""
    script = (
        "import sys, foldline; "
        "heavy = {'foldline.session', 'foldline.pytorch', 'foldline_views', 'numpy', 'pandas'}; "
        "found = sorted(heavy & set(sys.modules)); "
        "assert not found, found; "
        "import foldline.run; "
        "assert foldline.run is None; "
        "missing = [name for name in foldline.__all__ if not hasattr(foldline, name)]; "
        "assert not missing, missing; "
        "assert set(foldline.__all__) <= set(dir(foldline)); "
        "from foldline import run, config, log, Image; "
        "from foldline.run import Run; "
        "assert run is None and Run is foldline.Run"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ})


def test_no_other_name_is_there() -> None:
    """A name that does not exist is an AttributeError that says so."""
    with pytest.raises(AttributeError, match="sweep"):
        _ = foldline.sweep
