"""Whatever a training passes, it goes on."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import foldline
from foldline.errors import FoldlineError, FoldlineWarning
from tests.lifecycle.hostile import CULPRITS, anything, cyclic, saboteur
from tests.segment_walk import segments, walk


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[foldline.Run]:
    """A run in the default mode, for many examples."""
    with foldline.Run(store=tmp_path_factory.mktemp("calm") / "store") as run:
        yield run


def describe(run: foldline.Run, first: Any, second: Any) -> None:
    run.name, run.notes, run.archived = first, second, first
    run.rewind(second)


CALLS: list[Callable[[foldline.Run, Any, Any], object]] = [
    lambda run, a, b: run.track(a, name=b),
    lambda run, a, b: run.track(1.0, name=a, step=b),
    lambda run, a, b: run.track(a, name="loss", step=b),
    lambda run, a, b: run.track(1.0, name="loss", context=a, epoch=b),
    lambda run, a, b: run.track(1.0, name="loss", context={"key": a, "other": b}),
    lambda run, a, b: run.track({"loss": a, "more": {"b": b}}, step=1),
    lambda run, a, b: run.track(a, b, a, b, context=a),
    lambda run, a, b: run.set(a, b),
    lambda run, a, b: run.set("key", {"a": a, "b": [b]}),
    lambda run, a, b: run.set((a, b), 1),
    lambda run, a, b: run.set(..., {"a": a, "b": b}),
    lambda run, a, b: run.get(a, b),
    lambda run, a, b: run.add_tag(a, b),
    lambda run, a, b: run.remove_tag(a, b),
    describe,
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(call=st.sampled_from(CALLS), first=anything(), second=anything())
def test_nothing_raises_into_a_training(
    calm: foldline.Run, call: Callable[..., object], first: Any, second: Any
) -> None:
    """In the default mode no call of a run raises, whatever it is given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call(calm, first, second)
        calm.track(1.0, name="still there")


@settings(max_examples=60, deadline=None)
@given(words=st.dictionaries(
    st.sampled_from(["id", "store", "repo", "name", "params", "tags", "notes", "group", "resume",
                     "fork_from", "experiment", "capture", "read_only"]),
    anything(), max_size=4,
))  # fmt: skip
def test_no_run_fails_to_begin(
    tmp_path_factory: pytest.TempPathFactory, words: dict[str, Any]
) -> None:
    """Whatever the constructor is given, there is a run afterwards, and it takes points."""
    folder = tmp_path_factory.mktemp("begin")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.chdir(folder)  # for what is no folder's name and yet a relative path
        patch.setenv("FOLDLINE_STORE", str(folder / "store"))
        patch.setenv("FOLDLINE_CAPTURE", "none")
        warnings.simplefilter("ignore")
        with foldline.Run(**words) as run:
            run.track(1.0, name="loss")


@pytest.mark.parametrize(
    "make",
    [
        *CULPRITS,
        lambda: saboteur("__class__", "__repr__"),
        lambda: saboteur("__getattribute__", "__hash__"),
    ],
)
def test_what_is_kept_is_whole(tmp_path: Path, make: Callable[[], Any]) -> None:
    """Every culprit leaves a segment without damage, as a value, a name, a step and a param."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with foldline.Run(store=tmp_path / "store") as run:
            run.track(make(), name="value")
            run.track(1.0, name=make())
            run.track(1.0, name="step", step=make())
            run.track(1.0, name="context", context={"it": make()})
            run["param"] = make()
            run.track(2.0, name="last")
    (path,) = segments(tmp_path / "store")
    found = walk(path)
    assert found.finished and not found.damage
    assert found.series()["last", "{}"][0].value == 2.0


@pytest.mark.parametrize(
    ("call", "says", "hint"),
    [
        (lambda run: run.track("x", name="loss"), "track('loss'): the text 'x'", "Text"),
        (lambda run: run.track(1.0, name="n" * 10_000), "no name of a metric", "run.track"),
        (lambda run: run.track(1.0, name=""), "no name of a metric", "run.track"),
        (lambda run: run.track(1.0, name="a", step=math.nan), "step=nan", "step=0"),
        (lambda run: run.track(1.0, name="a", step="7"), "step='7'", "step=0"),
        (lambda run: run.track(1.0, name="a", context="train"), "context='train'", "subset"),
        (lambda run: run.track(1.0, name="a", context=[1]), "context=[1]", "subset"),
        (lambda run: run.track(10**400, name="a"), "too large for a 64-bit float", "log"),
        (lambda run: run.track(saboteur("__float__"), name="a"), "Saboteur is not a n", "float"),
        (lambda run: run.track({"a": cyclic}), "a function is not a number", "dict of name"),
        (lambda run: run.set("p", "x" * 10_000_000), "10,000,000 characters is cut", "artifact"),
        (lambda run: run.set("p", cyclic()), "holds itself", "artifact"),
        (lambda run: run.set("p", 2**64), "more than 64 bits", "artifact"),
        (lambda run: run.set("p", {1: 0, "1": 1}), "two keys are spelled '1'", "artifact"),
        (lambda run: run.set("p", [0] * 200_000), "more than 100,000 values", "artifact"),
        (lambda run: run.set("p", saboteur("__repr__")), "Saboteur can't be read", "artifact"),
        (lambda run: run.set(1.5, 1), "run[1.5] is not a key", "hparams"),
        (lambda run: run.add_tag(5), "5 is no tag", "run.notes"),
        (lambda run: run.add_tag("x" * 300), "no tag", "run.notes"),
        (lambda run: run.rewind("x"), "rewind: step='x'", "step=0"),
        (lambda run: run.finish("done"), "finish('done') is no way to end",
         "finished"),
    ],
)  # fmt: skip
def test_one_warning_names_the_call_and_the_fix(
    tmp_path: Path, call: Callable[[foldline.Run], object], says: str, hint: str
) -> None:
    """What is refused is told once, with what to do; strict mode raises the same."""
    run = foldline.Run(store=tmp_path / "store")

    def twice() -> None:
        call(run)
        if not run._writer.closed:
            call(run)

    with pytest.warns(FoldlineWarning) as told:
        twice()
    (warning,) = told
    text = str(warning.message)
    assert says in text and hint in text.partition("hint:")[2] and warning.filename == __file__
    run.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOLDLINE_MODE", "strict")
        strict = foldline.Run(store=tmp_path / "strict")
        with pytest.raises(FoldlineError) as raised:
            call(strict)
        assert str(raised.value) in text
        strict.close()


def test_what_is_unusual_is_kept_exactly(tmp_path: Path) -> None:
    """NaN, infinities, large ints, NUL and empty things are settings like any other."""
    odd = {
        "nan": math.nan, "inf": -math.inf, "big": 2**64 - 1, "small": -(2**63), "nul": "a\0b",
        "empty": {}, "none": None, "": "no name", "rtl": "\u202e", "list": [[], [None]],
    }  # fmt: skip
    with foldline.Run(store=tmp_path / "store", params=odd) as run:
        assert repr(run[...]) == repr(odd)
    (path,) = segments(tmp_path / "store")
    assert repr(walk(path).of_type(3)[0]["value"]) == repr(odd)


def test_params_of_ten_megabytes_take_a_moment(tmp_path: Path) -> None:
    """A large tree of settings is translated and bounded, not refused."""
    large = {f"group {n}": {f"key {k}": "v" * 90 for k in range(100)} for n in range(900)}
    with foldline.Run(store=tmp_path / "store") as run:
        run["large"] = large
        assert run["large"] == large
    (path,) = segments(tmp_path / "store")
    assert walk(path).of_type(3)[0]["value"] == large
