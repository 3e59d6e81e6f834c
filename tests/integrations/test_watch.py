"""Watching a real torch module."""

from __future__ import annotations

import copy
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import foldline
from foldline import Run
from foldline.errors import FoldlineWarning
from foldline.pytorch import distribution, track_gradients_dists, track_params_dists


class Net(torch.nn.Module):
    """Two layers, one of them below another module."""

    def __init__(self) -> None:
        super().__init__()
        self.head = torch.nn.Linear(4, 3)
        self.body = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())

    def forward(self, x: Any) -> Any:
        return self.body(self.head(x))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(store=tmp_path / "store")
    yield run
    run.close()


def train(net: Any, batches: int) -> None:
    for _ in range(batches):
        net(torch.ones(5, 4)).sum().backward()


def steps(run: Run) -> dict[str, list[Any]]:
    """Return the steps of each sequence of distributions."""
    return {one.name: one.steps.tolist() for one in run.sequences() if one.kind == "distribution"}


def test_gradients_of_each_batch_that_is_due(run: Run) -> None:
    """Every `log_freq` batches each parameter's gradient is tracked, at the batch as its step."""
    net = Net()
    run.watch(net, log_freq=3)
    train(net, 7)
    assert steps(run) == {
        f"gradients/{name}": [0, 3, 6] for name, _ in net.named_parameters()
    }  # fmt: skip
    sequence = run.get_distribution_sequence("gradients/head.bias")
    assert sequence is not None
    # The gradients add up from batch to batch; what is tracked is what one batch brings.
    first = sequence.values.first_value()
    assert sum(first.counts) == 3


def test_parameters_and_all(run: Run) -> None:
    """`log` chooses gradients, parameters or both; evaluation is not watched."""
    net = Net()
    run.watch(net, log="parameters", log_freq=1)
    train(net, 2)
    net.eval()
    train(net, 2)
    assert steps(run) == {f"parameters/{name}": [0, 1] for name, _ in net.named_parameters()}
    net.train()
    run.watch(net, log="all", log_freq=1)  # counts anew: it is another watch
    train(net, 1)
    assert "gradients/body.0.weight" in steps(run)


def test_unwatch_leaves_no_hook(run: Run) -> None:
    """After `unwatch` the module is as it was, and nothing more is tracked."""
    net, other = Net(), Net()
    run.watch([net, other], log="all", log_freq=1)
    assert len(net._forward_hooks) == 1
    run.unwatch(net)
    assert len(net._forward_hooks) == 0 and len(other._forward_hooks) == 1
    run.unwatch()
    train(other, 1)
    assert len(other._forward_hooks) == 0 and steps(run) == {}


def test_a_finished_run_watches_no_more(tmp_path: Path) -> None:
    """The training goes on after `finish` without a warning, and without points."""
    run = Run(store=tmp_path / "store")
    net = Net()
    run.watch(net, log="all", log_freq=1)
    run.finish()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        train(net, 2)
    assert told == [] and steps(run) == {}


def test_a_run_that_nobody_holds_ends_though_it_watches(tmp_path: Path) -> None:
    """A watched module does not keep its run open."""
    net = Net()
    run = Run(store=tmp_path / "store")
    run.watch(net, log_freq=1)
    del run
    train(net, 1)
    assert foldline.open(tmp_path / "store").runs()[0].status == "finished"


def test_copies_are_not_watched(run: Run) -> None:
    """A copy of a watched module, or one that is saved and loaded, tracks nothing."""
    net = Net()
    run.watch(net, log="all", log_freq=1)
    twin = copy.deepcopy(net)
    train(twin, 2)
    buffer = io.BytesIO()
    torch.save(net, buffer)
    buffer.seek(0)
    loaded = torch.load(buffer, weights_only=False)
    train(loaded, 2)
    assert steps(run) == {}


def test_a_forked_process_does_not_watch(run: Run) -> None:
    """A child has the hooks and keeps quiet: only who watches tracks."""
    net = Net()
    run.watch(net, log="all", log_freq=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it has threads, and only forwards
        child = os.fork()
    if child == 0:
        net(torch.ones(1, 4))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert steps(run) == {}


def test_gradients_that_are_not_finite_are_kept(run: Run) -> None:
    """NaN in a gradient is counted, and does not hurt the backward pass."""
    net = Net()
    run.watch(net, log_freq=1)
    net(torch.full((2, 4), float("nan"))).sum().backward()
    run.flush()
    assert len(steps(run)) == 4


def test_what_can_not_be_watched_is_told(run: Run) -> None:
    """No module, no such `log`, no such frequency: each is a warning, and no hook is left."""
    net = Net()
    wrong: list[tuple[Any, dict[str, Any]]] = [
        ("net", {}),
        (net, {"log": "everything"}),
        (net, {"log_freq": 0}),
    ]
    for module, options in wrong:
        run._notices.forget("watch")
        with pytest.warns(FoldlineWarning, match="watch"):
            run.watch(module, **options)
    assert len(net._forward_hooks) == 0


def test_module_level_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`foldline.watch(model)` speaks to the current run."""
    run = foldline.init(dir=tmp_path)
    net = Net()
    foldline.watch(net, log_freq=1)
    train(net, 1)
    assert len(steps(run)) == 4
    foldline.unwatch(net)
    foldline.finish()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_bins_are_those_of_numpy(dtype: Any) -> None:
    """Counted on the tensor's device the bins agree with numpy's."""
    import numpy as np

    tensor = torch.randn(1000, generator=torch.Generator().manual_seed(1)).to(dtype)
    found = distribution(tensor)
    values = tensor.float().numpy()
    counts, edges = np.histogram(values, bins=64)
    # A value at an edge may fall to either side: of float32 and float64 arithmetic.
    assert abs(np.asarray(found.counts) - counts).sum() <= 8
    assert np.allclose(found.edges, edges, rtol=1e-5)
    assert sum(found.counts) == 1000


def test_odd_tensors() -> None:
    """Constant, empty, integer and sparse tensors have a distribution, or none."""
    assert distribution(torch.empty(0)) is None
    assert sum(distribution(torch.ones(7)).counts) == 7
    assert sum(distribution(torch.arange(7)).counts) == 7
    assert sum(distribution(torch.eye(3).to_sparse()).counts) == 3
    assert sum(distribution(torch.zeros(4, dtype=torch.bool)).counts) == 4


def test_aims_functions(run: Run) -> None:
    """Layers by Aim's names: the path of modules and their types, in Aim's contexts."""
    net = Net()
    track_gradients_dists(net, run)  # there are none yet
    train(net, 1)
    track_params_dists(net, run)
    track_gradients_dists(net, run)
    found = {(one.name, one.context["type"], one.context["params"]) for one in run.sequences()}
    names = ("head.Linear", "body.Sequential__0.Linear")
    assert found == {
        (name, kind, part)
        for name in names
        for kind in ("data", "gradients")
        for part in ("weights", "biases")
    }
