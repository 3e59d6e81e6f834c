"""How runs show in a notebook."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.notebook.kernel import Kernel, Output
from tests.ui.processes import up


def shown(kernel: Kernel) -> Output:
    """Return the card that a cell shows; those of other cells may be shown anew meanwhile."""
    return next(output for output in kernel.run("run") if output.type == "display_data")


def test_a_run_shows_a_card_that_grows_while_a_cell_trains(kernel: Kernel, tmp_path: Path) -> None:
    """The card of an earlier cell has a training's newest series before its cell is done."""
    [card] = kernel.run(
        'run = foldline.Run(name="<b>bold</b>")\nrun.track(0.5, "loss<script>")\nrun'
    )
    assert card.type == "display_data"
    assert "&lt;b&gt;bold" in card.html and "<b>bold" not in card.html
    assert "loss&lt;script&gt;" in card.html and "<script" not in card.html
    assert "running" in card.html and "foldline up --store" in card.html
    training = kernel.begin(
        "from pathlib import Path\n"
        "step = 0\n"
        'while not Path("enough").exists():\n'
        '    run.track(1 / (1 + step), "accuracy", step, context={"subset": "val"})\n'
        "    step += 1\n"
    )
    later = kernel.outputs(until="accuracy")[-1]
    assert later.type == "update_display_data" and later.display == card.display
    assert "subset=val" in later.html and "<path" in later.html
    (tmp_path / "enough").touch()
    kernel.outputs(training)
    last = kernel.outputs(kernel.begin("run.finish()"), until="· ended ·")[-1]
    assert last.display == card.display


def test_a_card_links_to_where_the_run_is_served(kernel: Kernel, tmp_path: Path) -> None:
    """Where a server serves the store, the card leads to the run's page."""
    kernel.run('run = foldline.Run(id="linked")')
    with up(tmp_path / "store") as server:
        card = shown(kernel)
        assert f'href="{server.url}runs/linked"' in card.html
        texts = [output.text for output in kernel.run("print(run._repr_html_())")]
        assert any(f'href="{server.url}runs/linked"' in text for text in texts)
    card = shown(kernel)
    assert "href" not in card.html


def test_a_terminal_shows_a_line(tmp_path: Path) -> None:
    """IPython in a terminal, where nothing can be drawn, shows what `repr` says."""
    code = "import foldline; run = foldline.Run(id='plain')"
    command = [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "-i", "-c", code]
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path)}
    done = subprocess.run(
        command, input="run\n", capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.count("foldline.Run(id='plain'") == 1, done.stderr
