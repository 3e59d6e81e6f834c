"""Messages, progress, alerts, results."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import foldline
from foldline.errors import FoldlineWarning
from foldline.events import (
    AlertRaised,
    Event,
    MessageLogged,
    MetricDefined,
    ProgressReported,
    SummarySet,
)
from foldline.reports import aspects_of
from foldline.results import Results
from tests.sdk.conftest import facts


def told(store: Path, run: foldline.Run, kind: type[Event]) -> list[Any]:
    run.flush()
    return [fact.event for fact in facts(store, run.id, kind)]


def test_each_level_has_a_call_of_its_own(store: Path) -> None:
    """A message keeps its level, its text, its params and the line that said it."""
    run = foldline.Run()
    run.log_debug("d", layer=3)
    run.log_info("i")
    run.log_warning("w")
    run.log_error("e", loss=float("inf"))
    run.log_critical("c")
    found = told(store, run, MessageLogged)
    assert [one.level for one in found] == [10, 20, 30, 40, 50]
    assert [one.text for one in found] == ["d", "i", "w", "e", "c"]
    assert found[0].params == {"layer": 3}
    assert found[3].params == {"loss": float("inf")}
    file, _, line = found[0].place.rpartition(":")
    assert file == __file__ and line.isdecimal()
    assert {one.logger for one in found} == {""}


def test_messages_read_back(store: Path) -> None:
    """`get_log_records` has what was said so far, in order, by Aim's names; before that None."""
    run = foldline.Run()
    assert run.get_log_records() is None
    run.log_info("begun", lr=0.1)
    run.log_error("odd")
    records = run.get_log_records()
    assert records is not None
    values = records.values.values_list()
    assert [record.message for record in values] == ["begun", "odd"]
    assert [record.level for record in values] == [logging.INFO, logging.ERROR]
    assert values[0].json()["args"] == {"lr": 0.1} and values[0].json()["log_level"] == "INFO"
    assert records.last_step() == 1


def test_no_message_is_refused(store: Path) -> None:
    """What is no text is said all the same."""
    run = foldline.Run()
    run.log_info(12)  # type: ignore[arg-type]  # on purpose
    run.log_info("\ud800 half")
    assert [one.text for one in told(store, run, MessageLogged)] == ["12", "\\ud800 half"]


def test_progress_says_how_far_and_when_to_expect_more(store: Path) -> None:
    """Done of total and a promise are kept; the end takes the promise back."""
    run = foldline.Run()
    run.report_progress(expect_next_in=60)
    run.report_progress(3, 10, expect_next_in=5, block=True)
    run.report_progress(4)
    run.report_successful_finish()
    assert told(store, run, ProgressReported) == [
        ProgressReported(60.0),
        ProgressReported(5.0, 3.0, 10.0),
        ProgressReported(0.0, 4.0, 10.0),
        ProgressReported(0.0, 10.0, 10.0),
    ]


def test_progress_that_is_no_number_is_told(store: Path) -> None:
    """A promise that is no number is not made."""
    run = foldline.Run()
    with pytest.warns(FoldlineWarning, match="expect_next_in"):
        run.report_progress(expect_next_in="soon")  # type: ignore[arg-type]  # on purpose
    assert told(store, run, ProgressReported) == []


def test_alerts_of_one_title_wait(store: Path) -> None:
    """Within `wait_duration` a title is raised once; another title is not held back."""
    run = foldline.Run()
    for _ in range(3):
        run.alert("loss is NaN", "at step 7", "ERROR", wait_duration=300)
    run.alert("slow", level=foldline.AlertLevel.WARN, wait_duration=timedelta(minutes=5))
    run.alert("slow", level="warn")
    assert told(store, run, AlertRaised) == [
        AlertRaised("loss is NaN", "at step 7", 40),
        AlertRaised("slow", "", 30),
        AlertRaised("slow", "", 30),
    ]


def test_an_alert_of_an_unknown_level_is_raised(store: Path) -> None:
    """A wrong level is told, and does not cost the alert."""
    run = foldline.Run()
    with pytest.warns(FoldlineWarning, match="level="):
        run.alert("look", level="loud")
    assert told(store, run, AlertRaised) == [AlertRaised("look")]


def test_a_metric_is_defined_part_by_part(store: Path) -> None:
    """A definition adds to the one before, unless it overwrites it."""
    run = foldline.Run()
    epoch = run.define_metric("epoch", hidden=True)
    run.define_metric("val/*", step_metric=epoch, summary="min,last")
    run.define_metric("val/*", goal="max")
    run.define_metric("val/*", summary=["copy"], overwrite=True)
    assert told(store, run, MetricDefined) == [
        MetricDefined("epoch", hidden=True),
        MetricDefined("val/*", "epoch", ["min", "last"]),
        MetricDefined("val/*", "epoch", ["min", "last"], "maximize"),
        MetricDefined("val/*", "", ["last"]),
    ]


@pytest.mark.parametrize(
    "wrong",
    [{"summary": "median"}, {"goal": "up"}, {"name": ""}, {"name": 3}, {"step_metric": 4}],
)
def test_a_definition_that_is_none_is_told(store: Path, wrong: dict[str, Any]) -> None:
    """What can't be understood is warned about, and nothing is defined."""
    run = foldline.Run()
    with pytest.warns(FoldlineWarning):
        assert run.define_metric(**{"name": "loss", **wrong}) is None
    assert told(store, run, MetricDefined) == []


def test_the_summary_is_what_was_logged_last(store: Path) -> None:
    """Without a word of the script the summary has the last values; what is stated stays."""
    run = foldline.Run()
    for loss in (3.0, 1.0, 2.0):
        run.log({"loss": loss, "val": {"accuracy": loss / 4}})
    assert dict(run.summary) == {"loss": 2.0, "val/accuracy": 0.5}
    run.summary["loss"] = 0.5
    run.summary.best_epoch = 7
    run.log({"loss": 9.0})
    assert run.summary["loss"] == 0.5 and run.summary.best_epoch == 7
    del run.summary["loss"]
    assert run.summary["loss"] == 9.0
    assert told(store, run, SummarySet) == [
        SummarySet(["loss"], 0.5),
        SummarySet(["best_epoch"], 7),
        SummarySet(["loss"], None),
    ]


def test_the_summary_is_what_was_defined(store: Path) -> None:
    """A definition chooses which figures of a series make its summary, over all its points."""
    run = foldline.Run()
    run.define_metric("loss", summary="min,max,mean,first,last,best")
    run.define_metric("acc*", summary="best", goal="maximize")
    run.define_metric("noise", summary="none")
    for value in (3.0, 1.0, float("nan"), 2.0):
        run.log({"loss": value, "acc@1": value, "noise": value})
    assert run.summary["loss"] == {
        "min": 1.0, "max": 3.0, "mean": 2.0, "first": 3.0, "last": 2.0, "best": 1.0,
    }  # fmt: skip
    assert run.summary["acc@1"] == {"best": 3.0}
    assert "noise" not in run.summary


def test_the_summary_of_a_run_that_is_read(store: Path) -> None:
    """Who opens a run to read it, or joins it, has the results that were stated there."""
    run = foldline.Run()
    run.log({"loss": 3.0})
    run.summary["best"] = {"epoch": 7}
    run.finish()
    read = foldline.Run(run.id, read_only=True)
    assert dict(read.summary) == {"loss": 3.0, "best": {"epoch": 7}}
    joined = foldline.Run(run.id)
    joined.summary.update({"best": {"loss": 1.0}})
    assert joined.summary["best"] == {"epoch": 7, "loss": 1.0}


def test_nested_results_join(store: Path) -> None:
    """`update` puts a nested result beside those that stand there; assignment replaces."""
    run = foldline.Run()
    run.summary.update({"test": {"acc": 0.9}})
    run.summary.update({"test": {"f1": 0.8}})
    run.summary.test.recall = 0.7
    assert run.summary["test"] == {"acc": 0.9, "f1": 0.8, "recall": 0.7}
    assert [one.path for one in told(store, run, SummarySet)] == [
        ["test", "acc"], ["test", "f1"], ["test", "recall"],
    ]  # fmt: skip
    run.summary["test"] = 1
    assert run.summary.as_dict() == {"test": 1}
    with pytest.raises(AttributeError):
        _ = run.summary.nothing
    with pytest.raises(KeyError):
        _ = run.summary["nothing"]


@given(
    st.lists(st.sampled_from(["last", "first", "min", "max", "mean", "best", "none"]), max_size=9)
)
def test_aspects_are_the_same_as_text_and_list(words: list[str]) -> None:
    """A summary in one text with commas means the same as a list."""
    assert aspects_of(", ".join(words) if words else None) == aspects_of(words)


@given(
    st.dictionaries(
        st.text(min_size=1), st.one_of(st.integers(-(2**63), 2**63), st.text(), st.booleans())
    )
)
def test_results_are_read_as_they_were_stated(results: dict[str, Any]) -> None:
    """Any name and any plain value comes back as it was stated."""
    logged: list[Any] = []
    summary = Results({}, lambda path, value: logged.append((path, value)), dict)
    summary.update(results)
    assert len(logged) == len(results)
    assert len(summary) <= len(results)
    for name, value in results.items():
        if name.isprintable():
            assert summary[name] == value
