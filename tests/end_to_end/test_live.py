"""From a script's `track` to a browser's line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.browser.page import Page

from .conftest import Script, Serve

# Tracks as many points as each line of its input says, so that the test sets the pace.
TRAINING = """
import sys
import foldline

run = foldline.Run(experiment="watched", name="the-run", params={"lr": 0.25})
step = 0
for line in sys.stdin:
    for _ in range(int(line)):
        run.track({"loss": 1 / (1 + step)}, step=step, context={"subset": "train"})
        step += 1
    print(step, flush=True)
run.finish()
"""

# Whether a line was really painted: pixels of a strong colour, which neither grid nor labels have.
PAINTED = """
[...document.querySelectorAll('[data-testid="chart"] canvas')].some(canvas => {
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let strong = 0;
  for (let i = 0; i < data.length; i += 4) {
    const spread = Math.max(data[i], data[i + 1], data[i + 2])
      - Math.min(data[i], data[i + 1], data[i + 2]);
    if (data[i + 3] > 128 && spread > 64) strong++;
  }
  return strong > 50;
})
"""

# When the page asked for series, in ms.
SEARCHED = (
    "performance.getEntriesByType('resource')"
    ".filter(entry => entry.name.endsWith('series/search')).map(entry => entry.startTime)"
)

FAILING = """
import foldline

with foldline.Run(experiment="watched", name="doomed") as run:
    run.track(1.0, name="loss", step=0)
    raise ZeroDivisionError("the learning rate was zero")
"""


def track(training: subprocess.Popen[str], points: int) -> int:
    """Let the script track some more points; return how many it has tracked in all."""
    assert training.stdin
    assert training.stdout
    training.stdin.write(f"{points}\n")
    training.stdin.flush()
    return int(training.stdout.readline())


def test_a_run_and_its_points_appear_while_it_trains(
    page: Page, serve: Serve, script: Script, tmp_path: Path
) -> None:
    """A script in one process tracks, a server in another folds, and the page draws, unasked.

    Groups by what is no param cost no requests of their own: cells come with the series.
    """
    server = serve(tmp_path / "store")
    page.goto(f"{server.url}runs")
    training = script(TRAINING)
    assert track(training, 10) == 10
    page.wait_for("body", "the-run")
    page.goto(f"{server.url}metrics")
    page.wait_for('[data-testid="chart"]')
    page.wait_until("""document.querySelector('[data-testid="chart"]').dataset.points >= 10""")
    assert track(training, 15) == 25
    page.wait_until("""document.querySelector('[data-testid="chart"]').dataset.points >= 25""")
    ((step, value),) = json.loads(
        page.attribute('[data-testid="chart"]', "data-last") or ""
    ).values()
    assert step == 24
    assert abs(value - 1 / 25) < 1e-6  # frames carry 32-bit floats
    page.wait_until(PAINTED)
    page.goto(f"{server.url}metrics?q=metric.name+%3D%3D+%22loss%22&color=run.host")
    page.wait_for("aside .row")
    page.evaluate("performance.clearResourceTimings()")
    for searches in (1, 2):
        track(training, 1)
        page.wait_until(f"{SEARCHED}.length === {searches}")
    first, second = page.evaluate(SEARCHED)
    assert second - first > 1_500  # ms: heads are read again every two seconds
    training.communicate("", timeout=30)
    assert training.returncode == 0


def test_a_failed_run_is_shown_as_failed(
    page: Page, serve: Serve, script: Script, tmp_path: Path
) -> None:
    """An exception in the training ends its run honestly, with the exception's own words."""
    server = serve(tmp_path / "store")
    doomed = script(FAILING)
    doomed.communicate(timeout=60)
    assert doomed.returncode == 1
    page.goto(f"{server.url}runs")
    page.wait_for("[role=row]", "doomed")
    page.wait_for("[role=row]", "failed")


def test_a_killed_run_is_shown_as_killed(
    page: Page, serve: Serve, script: Script, tmp_path: Path
) -> None:
    """A run whose process was killed is not shown as running for ever."""
    server = serve(tmp_path / "store")
    training = script(TRAINING)
    track(training, 3)
    page.goto(f"{server.url}runs")
    page.wait_for("[role=row]", "running")
    training.kill()
    training.communicate()
    page.wait_for("[role=row]", "killed")


def test_an_empty_store_says_what_to_type(page: Page, serve: Serve, tmp_path: Path) -> None:
    """A newcomer sees the lines of Python that make the first run."""
    server = serve(tmp_path / "store")
    page.goto(f"{server.url}runs")
    page.wait_for("body", "import foldline")
    page.wait_for("body", "Run(")
