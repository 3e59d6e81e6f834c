"""A run's params, read and set as W&B's config."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import params
from .errors import ValueRejected
from .notices import Notices, shown
from .settings import Settings
from .trees import Tree

__all__ = ["Config", "tree_of"]

Current = Callable[[], Settings | None]


class Config(Tree):
    """A run's params: `config.lr`, `config["lr"]`, `config.model.depth`, `config.update(args)`.

    A param may change while the run goes on; the log keeps what it was. `current` finds the run,
    so that `foldline.config` may be imported before there is one.
    """

    def __init__(self, current: Current, notices: Notices) -> None:
        self._current = current
        self._notices = notices

    def _values(self) -> Mapping[str, Any]:
        run = self._current()
        tree = {} if run is None else run[...]
        return tree if isinstance(tree, dict) else {}

    def _assign(self, path: list[str], value: Any) -> None:
        run = self._current()
        if run is None:
            self._absent(f"foldline.config[{shown(path[0])}] = ...")
        else:
            run[tuple(path)] = value

    def _remove(self, key: str) -> None:
        run = self._current()
        if run is not None:
            del run[key]

    def _absent(self, call: str) -> None:
        self._notices.give(
            "config",
            ValueRejected(
                f"{call}: no run has begun, so it is not kept",
                hint="foldline.init(config={...}) first",
            ),
        )

    def update(
        self, d: Any = None, /, *, allow_val_change: bool | None = None, **kwargs: Any
    ) -> None:
        """Set many params, out of a dict or whatever a script keeps its settings in.

        With `allow_val_change=False` a param that is set already stays, and a notice says so.
        """
        try:
            new = {**({} if d is None else tree_of(d)), **kwargs}
        except ValueRejected as error:
            self._notices.give("config.update", error)
            return
        before = self._values()
        for key, value in new.items():
            path = [str(params.plain(key))]
            if allow_val_change is False and key in before and before[key] != params.plain(value):
                kept = ValueRejected(
                    f"config.{key} stays {before[key]!r}, as it may not change",
                    hint="config.update(..., allow_val_change=True)",
                )
                self._notices.give(f"config {key}", kept)
            else:
                self._assign(path, value)

    def setdefaults(self, d: Any) -> None:
        """Set those params of `d` that are not set yet."""
        before = self._values()
        try:
            new = tree_of(d)
        except ValueRejected as error:
            self._notices.give("config.setdefaults", error)
            return
        self.update({key: value for key, value in new.items() if key not in before})

    def persist(self) -> None:
        """Do nothing: each param is in the log once it is set."""


def tree_of(config: Any) -> dict[str, Any]:
    """Return settings as a dict: a mapping, a namespace, a record, absl flags, a file's path.

    A path leads to JSON, or to YAML where PyYAML is installed. Raises ValueRejected.
    """
    if isinstance(config, str | Path):
        config = _read(config)
    try:
        flags = getattr(config, "flag_values_dict", None)
        tree = params.plain(flags() if flags is not None else config)
    except Exception:  # noqa: BLE001  # the user's object may raise anything
        tree = None
    if not isinstance(tree, dict):
        raise ValueRejected(
            f"config takes a dict, not a {type(config).__name__}", hint='config={"lr": 0.1}'
        )
    return tree


def _read(place: str | Path) -> Any:
    try:
        path = Path(place)
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            import json

            return json.loads(text)
        import yaml

        return yaml.safe_load(text)
    except ImportError as error:
        hint = "pip install pyyaml, or write it as JSON"
        raise ValueRejected(f"config={shown(place, 400)} needs PyYAML", hint=hint) from error
    except Exception as error:  # PyYAML's errors have no name where it is not installed
        hint = "config takes a dict, or the path of a JSON or YAML file"
        what = f"config={shown(place, 400)} can't be read: {shown(error)}"
        raise ValueRejected(what, hint=hint) from error
