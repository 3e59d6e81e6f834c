"""The demo, trained for real and in short."""

from __future__ import annotations

import math
import re
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

import foldline
from foldline_ui.demo.sweep import TRIALS
from foldline_views.stored import Run, Series
from tests.browser.page import Page
from tests.browser.serving import begin, read_until

# The first four trainings are one of each sort: by hand, by scikit-learn, one that diverges, one
# that raises; the last does so within 500 steps.
SHORT = ["--runs", "4", "--steps", "800", "--seconds", "0", "--port", "0"]
TRAINED_S = 100.0


@pytest.mark.timeout(200)
def test_the_demo_trains_serves_and_stops(page: Page, processes: ExitStack, tmp_path: Path) -> None:
    """It prints a URL at once, trains for real, serves on when trained, and ends on Ctrl-C."""
    store = tmp_path / "demo"
    demo = begin(processes, "demo", "--store", str(store), *SHORT, cwd=tmp_path)
    said = read_until(demo, "Open http", TRAINED_S)
    (url,) = re.findall(r"Open (http\S+)", said)
    page.goto(f"{url.rstrip('/')}/runs")
    page.wait_for("[role=row]", TRIALS[0].name)
    said = read_until(demo, "Press Ctrl-C", TRAINED_S)
    assert "4 of 4 models trained" in said
    assert f"{TRIALS[3].name}: failed" in said
    page.wait_for("[role=row]", "failed")
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=30)
    assert demo.returncode == 0
    assert "foldline up --store" in rest
    check_models(store)
    assert [file.name for file in tmp_path.iterdir()] == ["demo"], "it left something elsewhere"


def check_models(store: Path) -> None:
    """Check that models learned, diverged and failed by themselves."""
    with foldline.open(store) as opened:
        runs = {run.name: run for run in opened.runs()}
    assert set(runs) == {trial.name for trial in TRIALS[:4]}
    learned, library, diverged, raised = (runs[trial.name] for trial in TRIALS[:4])
    assert [run.status for run in (learned, library, diverged)] == ["finished"] * 3
    assert raised.status == "failed"
    for run in (learned, library):
        loss, accuracy = (validation(run, name) for name in ("loss", "accuracy"))
        assert accuracy.last > 0.8
        assert loss.last < loss.first / 2
    assert math.isnan(validation(diverged, "loss").last)
    assert validation(diverged, "loss").count == validation(learned, "loss").count


def validation(run: Run, name: str) -> Series:
    """Return what a run tracked on the images that it did not learn from."""
    context = {"subset": "val"}
    (found,) = (
        metric for metric in run.metrics if (metric.name, metric.context) == (name, context)
    )
    return found


def test_the_sweep_is_two_dozen_different_models() -> None:
    """Every training has a name of its own, and one of them each diverges and raises."""
    assert len(TRIALS) == 24
    assert len({trial.name for trial in TRIALS}) == 24
    assert {trial.model for trial in TRIALS} == {"softmax", "mlp", "linear", "perceptron"}
    assert {trial.optimizer for trial in TRIALS} == {"sgd", "momentum", "adam"}
