"""Processes that torchrun starts, as one run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import foldline

STEPS, RANKS = 20, 2
SCRIPT = f"""
import os
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
import foldline

distributed.init_process_group("gloo")
rank = distributed.get_rank()
torch.manual_seed(rank)
run = foldline.Run(experiment="ddp", params={{"ranks": distributed.get_world_size()}})
model = DistributedDataParallel(nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range({STEPS}):
    inputs = torch.randn(8, 4)
    loss = (model(inputs) - inputs.sum(1, keepdim=True)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    run.track(loss, name="loss", step=step, context={{"rank": rank}})
print("trained on rank", rank)
run.finish()
distributed.destroy_process_group()
"""


def test_ranks_of_torchrun_write_one_run(tmp_path: Path) -> None:
    """Each rank's losses are there, its process is labelled, and its console is heard once."""
    (tmp_path / "train.py").write_text(SCRIPT)
    environment = {
        **os.environ,
        "FOLDLINE_RUN": "ddp",
        "FOLDLINE_CAPTURE": "console",
        "OMP_NUM_THREADS": "1",
    }
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*launcher, f"--nproc_per_node={RANKS}", "train.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with foldline.open() as store:
        (run,) = store.runs()
        assert run.status == "finished" and run.params == {"ranks": RANKS}
        found = {series.context["rank"]: series for series in store.series("metric.name == 'loss'")}
        assert {rank: list(series.steps) for rank, series in found.items()} == {
            rank: list(range(STEPS)) for rank in range(RANKS)
        }
        trained = [writer for writer in run.writers if not writer.role]
        assert {writer.rank for writer in trained} == set(range(RANKS)) and len(trained) == RANKS
        told = [(line.rank, line.text) for line in run.lines() if "trained" in line.text]
    assert len(told) == RANKS
    assert set(told) == {(rank, f"trained on rank {rank}") for rank in range(RANKS)}
