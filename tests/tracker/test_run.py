"""The calls of a run, and their log."""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foldline
from foldline.errors import FoldlineWarning, ValueRejected
from tests.segment_walk import Point, Walk, segments, walk


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def logged(store: Path) -> Walk:
    (path,) = segments(store)
    found = walk(path)
    assert not found.damage
    return found


def points(store: Path, name: str = "loss", context: dict[str, Any] | None = None) -> list[Point]:
    text = json.dumps(context or {}, sort_keys=True, separators=(",", ":"))
    return logged(store).series()[name, text]


def steps(store: Path, name: str = "loss") -> list[float]:
    return [point.step for point in points(store, name)]


def repeat(times: int, call: Callable[[], object]) -> None:
    for _ in range(times):
        call()


class Tensor:
    """What torch and jax scalars have in common."""

    def __init__(self, value: float, shape: tuple[int, ...] = ()) -> None:
        self.value, self.shape = value, shape

    def item(self) -> float:
        return self.value

    def __float__(self) -> float:
        raise AssertionError("item() goes first: this warns for tensors with a gradient")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (0.5, 0.5),
        (3, 3.0),
        (True, 1.0),
        (False, 0.0),
        (-0.0, -0.0),
        (5e-324, 5e-324),
        (2**60, float(2**60)),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.float64(0.1), 0.1),
        (np.int64(7), 7.0),
        (np.bool_(True), 1.0),
        (np.array(2.5), 2.5),
        (np.array([2.5]), 2.5),
        (np.array([[2.5]], dtype=np.float16), 2.5),
        (Tensor(4.5), 4.5),
        (Tensor(4.5, (1,)), 4.5),
        (Decimal("1.25"), 1.25),
    ],
)
def test_whatever_is_one_number_is_kept(store: Path, value: object, kept: float) -> None:
    """Numbers of Python, numpy and tensor libraries arrive as the same 64-bit float."""
    with foldline.Run(store=store) as run:
        run.track(value, name="loss")
        run.track(value, name="loss")  # the second time by the hot path, where it may
    found = [point.value for point in points(store)]
    assert found == [kept, kept]
    assert [math.copysign(1, value) for value in found] == [math.copysign(1, kept)] * 2


def test_nan_is_a_value(store: Path) -> None:
    """A diverged loss is worth seeing, so NaN is kept as NaN."""
    with foldline.Run(store=store) as run:
        run.track(math.nan, name="loss")
        run.track(np.float32("nan"), name="loss")
    assert all(math.isnan(point.value) for point in points(store))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("0.5", "the text '0.5' is not a number"),
        (None, "None is not a number"),
        (b"x", "a bytes is not a number"),
        ([1.0, 2.0], "a list is not a number"),
        (np.zeros(3), "a numpy.ndarray holds 3 values"),
        (np.zeros((2, 0)), "holds 0 values"),
        (np.array(["a"]), "is not a number"),
        (Tensor(0.0, (2, 2)), "holds 4 values"),
        (1j, "a complex is not a number"),
        (np.complex64(1), "is not a number"),
        (object(), "a object is not a number"),
        (10**400, "too large"),
    ],
)
def test_what_is_no_number_is_counted_and_named(store: Path, value: object, words: str) -> None:
    """The one warning names the metric, what came and what to type; nothing is raised."""
    with foldline.Run(store=store) as run:
        with pytest.warns(FoldlineWarning, match="track.'loss'.") as warned:
            repeat(2, lambda: run.track(value, name="loss"))
        assert len(warned) == 1 and words in str(warned[0].message)
        assert "hint: " in str(warned[0].message)
        assert warned[0].filename == __file__  # the line of the script, not one of ours
        assert run.dropped == 2
    assert logged(store).points == []
    (told,) = logged(store).of_type(7)
    assert told["count"] == 2


def test_a_warning_of_any_part_shows_the_line_of_the_script(store: Path) -> None:
    """What a part in a folder of its own has to say is said of the call that caused it."""
    with pytest.warns(FoldlineWarning, match="consle") as told:
        foldline.Run(store=store, capture="consle").finish()
    assert [warning.filename for warning in told] == [__file__]


def test_strict_mode_raises(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FOLDLINE_MODE=strict turns the warning into an error at the very call."""
    monkeypatch.setenv("FOLDLINE_MODE", "strict")
    with foldline.Run(store=store) as run:
        with pytest.raises(ValueRejected, match="loss"):
            run.track("x", name="loss")
        with pytest.raises(ValueRejected, match="not a key"):
            run[1.5] = 1  # type: ignore[index]  # the mistake under test


def test_disabled_mode_does_nothing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FOLDLINE_MODE=disabled leaves no trace on disk, and every call still works."""
    monkeypatch.setenv("FOLDLINE_MODE", "disabled")
    with foldline.Run(store=store, params={"lr": 1}, tags=["a"], name="n") as run:
        run.track(1.0, name="loss")
        run.track({"a": 1.0})
        run["x"] = 1
        assert run["lr"] == 1 and run.tags == ["a"] and run.name == "n"
        assert run.flush(durable=True)
    assert not store.exists()


def test_steps_count_on_from_the_largest(store: Path) -> None:
    """Without a step a series counts from 0, and after explicit steps from the largest one."""
    with foldline.Run(store=store) as run:
        for step in (None, None, 10, None, 5, None, 20.5, None, -3, None):
            run.track(1.0, name="loss", step=step)
        run.track(1.0, name="other")
        run.track(1.0, name="loss", context={"subset": "val"})
    assert steps(store) == [0, 1, 10, 11, 5, 12, 20.5, 21, -3, 22]
    assert [p.auto for p in points(store)] == [
        s is None for s in (None, None, 10, None, 5, None, 20.5, None, -3, None)
    ]
    assert steps(store, "other") == [0]
    assert [p.step for p in points(store, "loss", {"subset": "val"})] == [0]


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        (7, 7), (-7, -7), (7.0, 7), (1.5, 1.5), (np.int32(7), 7), (np.float32(1.5), 1.5),
        (2**63 - 1, 2**63 - 1), (-(2**63), -(2**63)), (2**63, float(2**63)), (True, 1),
        (np.array(3), 3), (2**53 + 1, 2**53 + 1),
    ],
)  # fmt: skip
def test_any_number_is_a_step(store: Path, step: Any, kept: float) -> None:
    """Whole steps stay exact up to 64 bits; others are floats."""
    with foldline.Run(store=store) as run:
        run.track(1.0, name="loss", step=step)
        run.track(1.0, name="loss", step=step)
    assert steps(store) == [kept, kept]


@pytest.mark.parametrize("step", ["7", math.nan, math.inf, [1], object()])
def test_what_is_no_step_is_refused(store: Path, step: Any) -> None:
    """A point without a place on the axis is not kept, and the warning says why."""
    with foldline.Run(store=store) as run, pytest.warns(FoldlineWarning, match="step="):
        run.track(1.0, name="loss", step=step)
    assert logged(store).points == []


def test_epochs_travel_with_their_points(store: Path) -> None:
    """Usual epochs lie in the cell; fractional, negative and huge ones make the point an event."""
    with foldline.Run(store=store) as run:
        for epoch in (0, 1, np.int64(2), 3.0, 65_534):
            run.track(1.0, name="loss", epoch=epoch)
        for epoch in (0.5, -1, 70_000):
            run.track(2.0, name="loss", epoch=epoch)
        with pytest.warns(FoldlineWarning, match="epoch='x' is not"):
            run.track(3.0, name="loss", epoch="x")
    assert [(p.value, p.epoch) for p in points(store)] == [
        *((1.0, epoch) for epoch in (0, 1, 2, 3, 65_534)),
        (3.0, None),
    ]
    assert [(e["value"], e["step"], e["epoch"]) for e in logged(store).of_type(6)] == [
        (2.0, 5, 0.5),
        (2.0, 6, -1.0),
        (2.0, 7, 70_000.0),
    ]


def test_a_dict_tracks_each_of_its_values(store: Path) -> None:
    """Names of nested dicts join with a slash; all points of a call share its time and step."""
    with foldline.Run(store=store) as run:
        run.track({"loss": 1.0, "acc": {"top1": 2, "top5": np.float32(3)}}, step=4, epoch=1)
        run.track({"loss": 5.0}, name="val", context={"subset": "val"})
        with pytest.warns(FoldlineWarning, match="acc/bad"):
            run.track({"acc": {"bad": "x", "top1": 6.0}}, step=5)
    series = logged(store).series()
    assert {name: [(p.value, p.step) for p in found] for (name, _), found in series.items()} == {
        "loss": [(1.0, 4)],
        "acc/top1": [(2.0, 4), (6.0, 5)],
        "acc/top5": [(3.0, 4)],
        "val/loss": [(5.0, 0)],
    }
    first = [found[0].time for (name, _), found in series.items() if name != "val/loss"]
    assert len(set(first)) == 1


def test_a_context_is_what_it_says(store: Path) -> None:
    """Order of keys does not matter; 1, 1.0, True and "1" are four contexts."""
    contexts: list[dict[str, Any]] = [
        {"a": "x", "b": "y"}, {"b": "y", "a": "x"}, {"k": 1}, {"k": 1.0}, {"k": True}, {"k": "1"},
        {"k": {"deep": [1, 2]}}, {}, {"k": np.int64(1)},
    ]  # fmt: skip
    with foldline.Run(store=store) as run:
        for _ in range(2):
            for number, context in enumerate(contexts):
                run.track(number, name="loss", context=context)
        run.track(7, name="loss")
    found = logged(store)
    defined = [(fields.get("context", {}), fields["series"]) for fields in found.of_type(5)]
    assert [json.dumps(context, sort_keys=True) for context, _ in defined] == [
        '{"a": "x", "b": "y"}', '{"k": 1}', '{"k": 1.0}', '{"k": true}', '{"k": "1"}',
        '{"k": {"deep": [1, 2]}}', "{}",
    ]  # fmt: skip
    values = {
        number: [p.value for p in found.points if p.series == number] for _, number in defined
    }
    assert list(values.values()) == [
        [0, 1, 0, 1], [2, 8, 2, 8], [3, 3], [4, 4], [5, 5], [6, 6], [7, 7, 7],
    ]  # fmt: skip


@pytest.mark.parametrize("name", [None, "", 5, "x" * 2_000, ("a",)])
def test_a_point_without_a_name_is_refused(store: Path, name: Any) -> None:
    """The warning shows how a metric is named."""
    with foldline.Run(store=store) as run, pytest.warns(FoldlineWarning, match='name="loss"'):
        run.track(1.0, name)
    assert logged(store).points == []


@pytest.mark.parametrize("name", ["a/b", "../../x", "損失", "a\0b", "__proto__", "<b>", "\ud800"])
def test_any_text_is_a_name(store: Path, name: str) -> None:
    """Names are never paths or markup to the log; what is no Unicode is escaped."""
    with foldline.Run(store=store) as run:
        run.track(1.0, name)
        run.track(2.0, name)
    ((found, _),) = logged(store).series()
    assert found == name.encode("utf-8", "backslashreplace").decode()
    assert [point.value for point in logged(store).points] == [1.0, 2.0]


def test_a_context_that_is_no_dict_is_refused(store: Path) -> None:
    """The warning shows what a context looks like."""
    with foldline.Run(store=store) as run, pytest.warns(FoldlineWarning, match="subset"):
        run.track(1.0, name="loss", context="train")  # type: ignore[arg-type]  # the mistake


def test_settings_are_read_back_and_logged(store: Path) -> None:
    """Settings are set by key, by path or whole, and each change is one event."""
    with foldline.Run(store=store, params={"lr": 0.1}) as run:
        run["hparams"] = {"batch": 64, "sizes": (1, 2)}
        run["hparams", "batch"] = 32
        run["new", "deep"] = None
        assert run["hparams"] == {"batch": 32, "sizes": [1, 2]}
        assert run["hparams", "batch"] == run.get(("hparams", "batch")) == 32
        assert "lr" in run and "nothing" not in run
        assert run.get("nothing", 5) == 5
        del run["hparams", "sizes"]
        assert run[...] == {"lr": 0.1, "hparams": {"batch": 32}, "new": {"deep": None}}
        run.set("lr", 0.2)
        run[...] = {"only": 1}
        assert run[...] == {"only": 1}
        with pytest.raises(KeyError):
            run["lr"]
        with pytest.raises(KeyError):
            del run["lr"]
        with pytest.warns(FoldlineWarning, match="takes a dict"):
            run[...] = 5
    found = logged(store)
    assert [(e["path"], e["value"]) for e in found.of_type(3)] == [
        ([], {"lr": 0.1}),
        (["hparams"], {"batch": 64, "sizes": [1, 2]}),
        (["hparams", "batch"], 32),
        (["new", "deep"], None),
        (["lr"], 0.2),
        ([], {"only": 1}),
    ]
    assert found.of_type(10) == [{"path": ["hparams", "sizes"]}]


def test_settings_read_back_as_they_were_logged(store: Path) -> None:
    """Whoever changes what was read changes a copy: a run never says what its log does not."""
    with foldline.Run(store=store, params={"model": {"sizes": [1, 2]}}) as run:
        run["model"]["sizes"].append(3)
        run["model"]["depth"] = 4
        run[...]["lr"] = 0.1
        run.config["model"]["sizes"].append(3)
        assert run[...] == {"model": {"sizes": [1, 2]}}
        run.summary["best"] = {"epochs": [1]}
        run.summary["best"]["epochs"].append(2)
        assert run.summary["best"] == {"epochs": [1]}
    stored = foldline.open(store).run(run.id)
    assert (stored.params, stored.summary) == (
        {"model": {"sizes": [1, 2]}},
        {"best": {"epochs": [1]}},
    )


def test_words_and_tags_are_logged(store: Path) -> None:
    """Name, experiment, description, notes, archived and tags are read back and logged."""
    with foldline.Run(
        store=store, name="a", experiment="e", description="d", notes="n", tags=["x", "y"]
    ) as run:
        run.name = "b"
        run.archived = True
        run.add_tag("z", "x")
        run.remove_tag("y")
        assert (run.name, run.experiment, run.description, run.notes) == ("b", "e", "d", "n")
        assert run.archived and run.tags == ["z", "x"]
    found = logged(store)
    assert [e["fields"] for e in found.of_type(2)] == [
        {"experiment": "e", "name": "a", "description": "d", "notes": "n"},
        {"name": "b"},
        {"archived": True},
    ]
    assert found.of_type(4) == [
        {"added": ["x", "y"]},
        {"added": ["z", "x"]},
        {"removed": ["y"]},
    ]


def test_a_run_is_joined_by_its_id(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Run(id)`, Aim's first argument, FOLDLINE_RUN and a pickle all lead to the same run."""
    with foldline.Run(store=store) as run:
        monkeypatch.setenv("FOLDLINE_RUN", run.id)
        again = [
            foldline.Run(run.id, store=store),
            foldline.Run(id=run.id, repo=store),
            foldline.Run(store=store),
            pickle.loads(pickle.dumps(run)),  # noqa: S301  # our own bytes
        ]
    for other in again:
        other.track(1.0, name="loss")
        other.close()
    assert {walk(path).run for path in segments(store)} == {run.id} == {run.hash}
    assert len(segments(store)) == 5


def test_a_run_may_be_called_anything(store: Path) -> None:
    """An id that would not be safe in a path is mapped to one that is, the same each time."""
    with foldline.Run("../../My Run!", store=store) as run, foldline.Run("../../My Run!") as twin:
        assert run.id == twin.id and len(run.id) == 16


def test_ranks_are_noted(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each writer says which of the processes that train together it is."""
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("RANK", "13")
    foldline.Run(store=store).close()
    (opened,) = logged(store).of_type(1)
    assert opened["rank"] == 13 and opened["foldline"] == foldline.__version__


def test_after_finish_nothing_is_kept(store: Path) -> None:
    """A finished run warns once and counts; how to join it again is said."""
    run = foldline.Run(store=store)
    run.finish()
    run.finish()
    with pytest.warns(FoldlineWarning, match="joins it again"):
        repeat(2, lambda: run.track(1.0, name="loss"))
    run["x"] = 1
    found = logged(store)
    assert found.finished and not found.points
    assert found.of_type(8) == [{"status": "finished"}]


def test_a_run_that_nobody_holds_is_finished(store: Path) -> None:
    """A notebook's cell that is run again does not leave the first run running."""
    foldline.Run(store=store).track(1.0, name="loss")
    assert logged(store).finished


@pytest.mark.filterwarnings("error")
def test_a_warning_as_an_error_does_not_stop_a_training(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where warnings are errors, ours is printed instead of raised."""
    with foldline.Run(store=store) as run:
        run.track("x", name="loss")
    assert "is not a number" in capsys.readouterr().err


def test_many_bad_names_do_not_flood(store: Path, recwarn: pytest.WarningsRecorder) -> None:
    """Distinct warnings of a run are bounded."""
    with foldline.Run(store=store) as run:
        for number in range(200):
            run.track("x", name=f"m{number}")
        assert run.dropped == 200
    assert len(recwarn) == 50


IMPORTED = """
import sys
import foldline
print(*sorted(name for name in sys.modules if name in {
    "asyncio", "numpy", "logging", "multiprocessing", "subprocess", "foldline_views", "aiohttp"}))
"""


def test_the_import_is_light() -> None:
    """Importing the SDK loads nothing that a training does not need."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == []


@pytest.fixture(autouse=True)
def _no_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the ranks of a cluster that runs these tests out of them."""
    for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"):
        monkeypatch.delenv(name, raising=False)
