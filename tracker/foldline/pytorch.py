"""Distributions of a torch module's weights and gradients."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, Protocol
from weakref import ref

from .errors import FoldlineError, ValueRejected
from .notices import shown

__all__ = ["Watch", "distribution", "track_gradients_dists", "track_params_dists"]

BINS = 64  # as a Distribution has, where nothing else is said
LOGS = {
    "gradients": ("gradients",),
    "parameters": ("parameters",),
    "all": ("gradients", "parameters"),
}

Tell = Callable[[str, FoldlineError], None]


class _Run(Protocol):
    """What a run offers to this module."""

    @property
    def closed(self) -> bool: ...
    def track(
        self,
        value: Any,
        name: str | None = None,
        step: Any = None,
        epoch: Any = None,
        *,
        context: dict[str, Any] | None = None,
    ) -> None: ...


class Watch:
    """A torch module that is watched: each `log_freq` batches its distributions are tracked.

    A batch is a forward pass in training mode, counted from 0; that count is the step. Gradients
    are those of the backward pass after it, before they are averaged over processes; parameters
    are as the batch found them. The bins are counted where the tensor is, so that 64 numbers
    travel and not the tensor. Names are `gradients/<parameter>` and `parameters/<parameter>`.

    Raises ValueRejected if `log` or `log_freq` is not of use, or `module` is no torch module.
    """

    def __init__(
        self,
        run: _Run,
        module: Any,
        *,
        log: Any = "gradients",
        log_freq: Any = 1000,
        prefix: str = "",
        tell: Tell,
    ) -> None:
        kinds = LOGS.get(log) if type(log) is str else None
        if kinds is None:
            raise ValueRejected(
                f"watch(log={shown(log)})", hint=f"one of {', '.join(LOGS)}, or None"
            )
        if type(log_freq) is not int or log_freq < 1:
            raise ValueRejected(f"watch(log_freq={shown(log_freq)})", hint="log_freq=1000 batches")
        if not hasattr(module, "named_parameters"):
            raise ValueRejected(
                f"watch takes a torch module, not a {type(module).__name__}",
                hint="foldline.watch(model)",
            )
        self.module = module
        self.batch = -1
        self._run = ref(run)  # a run that nobody holds ends, watched or not
        self._freq = log_freq
        self._kinds = kinds
        self._prefix = prefix
        self._tell = tell
        self._pid = os.getpid()
        self._seen: set[str] = set()  # parameters whose gradient of this batch is tracked
        self._handles = [module.register_forward_hook(_Hook(self._after_forward))]
        if "gradients" in kinds:
            for name, parameter in module.named_parameters():
                if parameter.requires_grad:
                    self._handles.append(parameter.register_hook(self._on_gradient(name)))

    def stop(self) -> None:
        """Watch no more."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    @property
    def _due(self) -> bool:
        # A forked process has the hooks and is not who was to be watched.
        run = self._run()
        mine = os.getpid() == self._pid and run is not None and not run.closed
        return mine and self.batch >= 0 and self.batch % self._freq == 0

    def _after_forward(self, module: Any) -> None:
        if not getattr(module, "training", True):
            return
        self.batch += 1
        self._seen.clear()
        if self._due and "parameters" in self._kinds:
            for name, parameter in module.named_parameters():
                self._track("parameters", name, parameter)

    def _on_gradient(self, name: str) -> Callable[[Any], None]:
        def note(gradient: Any) -> None:
            if self._due and name not in self._seen:
                self._seen.add(name)
                self._track("gradients", name, gradient)

        return note

    def _track(self, kind: str, name: str, tensor: Any) -> None:
        try:
            value, run = distribution(tensor), self._run()
            if value is not None and run is not None:
                run.track(value, name=f"{self._prefix}{kind}/{name}", step=self.batch)
        except Exception as error:  # noqa: BLE001  # inside somebody's backward pass nothing raises
            what = f"{type(error).__name__}: {error}"
            self._tell(
                f"watch {kind}", FoldlineError(f"watch can't track {kind} of {name}: {what}")
            )


class _Hook:
    """A forward hook that stays behind when its module is copied or saved."""

    def __init__(self, call: Callable[[Any], None]) -> None:
        self._call = call

    def __call__(self, module: Any, arguments: Any, output: Any) -> None:
        self._call(module)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Hook, (_nothing,)


def _nothing(module: Any) -> None:
    """Do nothing, in a copy of a watched module."""


def distribution(tensor: Any) -> Any:
    """Return the Distribution of a tensor's values, counted where the tensor is; None if empty.

    Values that are not finite have no bin; they are counted apart.
    """
    import torch

    from .values import Distribution

    flat = tensor.detach()
    flat = (flat.coalesce().values() if flat.is_sparse else flat).reshape(-1).float()
    if not flat.numel():
        return None
    finite = flat[torch.isfinite(flat)]
    if finite.numel() < flat.numel():
        # Rare, and worth a copy: the Distribution counts what is not finite.
        return Distribution(flat.cpu().numpy(), bin_count=BINS)
    low, high = (float(end) for end in torch.aminmax(finite))
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts = torch.histc(finite, bins=BINS, min=low, max=high)
    return Distribution(hist=counts.cpu().numpy(), bin_range=(low, high))


# -------------------------------------------------------------------------- Aim's two functions


def track_params_dists(model: Any, run: _Run) -> None:
    """Track the distribution of each layer's weights and biases, by Aim's names and contexts."""
    for layer, part, parameter in _layers(model):
        _track_layer(run, layer, "data", part, parameter)


def track_gradients_dists(model: Any, run: _Run) -> None:
    """Track the distribution of the gradients of each layer's weights and biases."""
    for layer, part, parameter in _layers(model):
        if parameter.grad is not None:
            _track_layer(run, layer, "gradients", part, parameter.grad)


def _track_layer(run: _Run, layer: str, kind: str, part: str, tensor: Any) -> None:
    value = distribution(tensor)
    if value is not None:
        run.track(value, name=layer, context={"type": kind, "params": part})


def _layers(module: Any, above: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield (layer, "weights" or "biases", parameter) of all modules that have none below."""
    for name, child in module.named_children():
        path = f"{above}__{name}" if above else name
        path += f".{type(child).__name__}"
        if next(child.children(), None) is not None:
            yield from _layers(child, path)
            continue
        for attribute, part in (("weight", "weights"), ("bias", "biases")):
            parameter = getattr(child, attribute, None)
            if parameter is not None:
                yield path, part, parameter
