"""Nothing that a script says raises into it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

import foldline
from foldline.events import MessageLogged
from tests.lifecycle.hostile import anything
from tests.sdk.conftest import facts

CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {  # each takes a run and two objects
    "log": lambda run, a, b: run.log(a, step=b),
    "log a value": lambda run, a, b: run.log({"a": a, "b": {"c": b}}),
    "commit": lambda run, a, b: run.log({"a": a}, commit=b),
    "log_info": lambda run, a, b: run.log_info(a, what=b),
    "report_progress": lambda run, a, b: run.report_progress(a, b, expect_next_in=b),
    "alert": lambda run, a, b: run.alert(a, b, level=a, wait_duration=b),
    "define_metric": lambda run, a, b: run.define_metric(a, step_metric=b),
    "define_metric of a name": lambda run, a, b: run.define_metric("x", summary=a, goal=b),
    "summary": lambda run, a, b: run.summary.update({"a": a, "b": {"c": b}}),
    "summary of anything": lambda run, a, b: run.summary.update(a, x=b),
    "config": lambda run, a, b: run.config.update(a, allow_val_change=b),
    "config of a value": lambda run, a, b: run.config.__setitem__(a, b),
    "config of defaults": lambda run, a, b: run.config.setdefaults({"x": a, "y": b}),
    "tags": lambda run, a, b: setattr(run, "tags", [a, b]),
    "watch": lambda run, a, b: run.watch(a, log=b),
    "save": lambda run, a, b: run.save(a, b),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_call_raises(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever a call is given, the run goes on, and what came before and after is kept."""
    folder = tmp_path_factory.mktemp("hostile")
    run = foldline.Run(store=folder / "store")

    @settings(max_examples=25, deadline=None)
    @given(first=anything(), second=anything())
    def check(first: Any, second: Any) -> None:
        with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            warnings.simplefilter("ignore")
            CALLS[name](run, first, second)

    check()
    run.log_error("still there")
    run.finish()
    last = facts(folder / "store", run.id, MessageLogged)[-1].event
    assert isinstance(last, MessageLogged) and last.text == "still there"


@settings(max_examples=25, deadline=None)
@given(first=anything(), second=anything(), third=anything())
def test_no_init_raises(
    tmp_path_factory: pytest.TempPathFactory, first: Any, second: Any, third: Any
) -> None:
    """Whatever `init` is given, there is a run that logs."""
    folder: Path = tmp_path_factory.mktemp("init")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.chdir(folder)
        patch.setenv("FOLDLINE_STORE", str(folder / "store"))
        patch.setenv("FOLDLINE_CAPTURE", "none")
        warnings.simplefilter("ignore")
        run = foldline.init(
            project=first, config=second, tags=third, dir=second, mode=first, resume_from=third,
            config_include_keys=first, config_exclude_keys=third, reinit="create_new", magic=first,
        )  # fmt: skip
        foldline.log({"a": 1.0})
        assert run.step == 1 or first is not None
        foldline.finish()
