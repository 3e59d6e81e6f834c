"""Workers of PyTorch's data loader beside a run."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import foldline
from tests.segment_walk import segments, walk

SCRIPT = """
    import sys
    import torch
    from torch.utils.data import DataLoader, Dataset
    import foldline

    class Rows(Dataset):
        def __init__(self, run, logs):
            self.run, self.logs = run, logs

        def __len__(self):
            return 400

        def __getitem__(self, number):
            if self.logs:
                self.run.track(float(number), name="loaded", step=number)
            return torch.tensor([float(number)])

    if __name__ == "__main__":
        store, method, logs = sys.argv[1], sys.argv[2], sys.argv[3] == "logs"
        with foldline.Run(store=store) as run:
            loader = DataLoader(
                Rows(run, logs), batch_size=10, num_workers=2, multiprocessing_context=method
            )
            for epoch in range(2):
                for batch in loader:
                    run.track(batch.mean(), name="mean", epoch=epoch)
"""


def load(tmp_path: Path, method: str, logs: str) -> Path:
    script, store = tmp_path / "script.py", tmp_path / "store"
    script.write_text(textwrap.dedent(SCRIPT), encoding="utf-8")
    command = [sys.executable, str(script), str(store), method, logs]
    subprocess.run(command, check=True, capture_output=True, timeout=110)
    return store


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_log_into_the_run_of_their_loader(tmp_path: Path, method: str) -> None:
    """Each of two epochs' two workers writes a file of its own, and every row is counted."""
    store = load(tmp_path, method, "logs")
    with foldline.open(store) as opened:
        (run,) = opened.runs()
        counts = {series.name: series.count for series in opened.series()}
    assert run.status == "finished" and counts == {"loaded": 800, "mean": 80}
    found = [walk(path) for path in segments(store)]
    assert not any(segment.damage for segment in found)
    assert len([segment for segment in found if ("loaded", "{}") in segment.series()]) == 4


def test_workers_that_log_nothing_leave_nothing(tmp_path: Path) -> None:
    """Forked workers that never touch the run make no files, and do not wait for anything."""
    store = load(tmp_path, "fork", "is silent")
    (path,) = segments(store)
    assert walk(path).finished and len(walk(path).points) == 80
