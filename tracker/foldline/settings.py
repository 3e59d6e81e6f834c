"""A run's settings, words and tags."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from types import EllipsisType
from typing import Any

from . import params
from .errors import ValueRejected
from .events import Event, FieldsSet, ParamsRemoved, ParamsSet, TagsChanged
from .notices import Notices

__all__ = ["Settings"]

TAG_CHARS_MAX = 256  # a longer tag is a note

Key = str | int | tuple[str | int, ...] | EllipsisType


class Settings:
    """The part of a run that describes it.

    What is read back is what this process set: a run may have other writers, and only its views
    know all of them.
    """

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._lock = threading.RLock()
        self._fields: dict[str, str | bool | None] = {}
        self._params: dict[str, params.Param] = {}
        self._tags: list[str] = []

    def _emit(self, event: Event) -> None:
        """Log `event`."""
        raise NotImplementedError

    def __setitem__(self, key: Key, value: Any) -> None:
        """Set a setting or a tree of them; `run[...] = {...}` replaces all."""
        try:
            path = params.path_of(key)
            tree = params.plain(value)
            if not path and not isinstance(tree, dict):
                raise ValueRejected(
                    f"run[...] takes a dict, not a {type(value).__name__}",
                    hint='run[...] = {"lr": 0.1}',
                )
        except ValueRejected as error:
            self._notices.give(f"key {key!r}", error)
            return
        with self._lock:
            if path:
                params.assign(self._params, path, tree)
            elif isinstance(tree, dict):
                self._params = dict(tree)
            self._emit(ParamsSet(path, tree))

    def __getitem__(self, key: Key) -> Any:
        """Return a setting of this process, as it was kept. Raises KeyError."""
        try:
            return params.lookup(self._params, params.path_of(key))
        except ValueRejected as error:
            raise KeyError(key) from error

    def __delitem__(self, key: Key) -> None:
        """Remove a setting and everything below it. Raises KeyError if this process has none."""
        with self._lock:
            try:
                path = params.path_of(key)
            except ValueRejected as error:
                raise KeyError(key) from error
            if path:
                params.remove(self._params, path)
            else:
                self._params = {}
            self._emit(ParamsRemoved(path) if path else ParamsSet([], {}))

    def __contains__(self, key: Key) -> bool:
        """Say whether this process set the setting."""
        try:
            self[key]
        except KeyError:
            return False
        return True

    def get(self, key: Key, default: Any = None) -> Any:
        """Return a setting of this process, or `default`."""
        try:
            return self[key]
        except KeyError:
            return default

    def set(self, key: Key, value: Any, strict: bool = True) -> None:
        """Set a setting, as `run[key] = value` does; `strict` is Aim's, and nothing is refused."""
        del strict
        self[key] = value

    # ------------------------------------------------------------------------------- words

    def add_tag(self, *tags: str) -> None:
        """Put tags on the run."""
        self._change_tags(tags, put=True)

    def remove_tag(self, *tags: str) -> None:
        """Take tags off the run."""
        self._change_tags(tags, put=False)

    def _change_tags(self, tags: Iterable[str], *, put: bool) -> None:
        words = [tag for tag in map(params.plain, tags) if isinstance(tag, str)]
        words = [tag[:TAG_CHARS_MAX] for tag in words if tag]
        with self._lock:
            self._tags = [tag for tag in self._tags if tag not in words]
            if put:
                self._tags += dict.fromkeys(words)
            self._emit(TagsChanged(added=words) if put else TagsChanged(removed=words))

    @property
    def tags(self) -> list[str]:
        """The tags that this process put on the run."""
        return list(self._tags)

    @property
    def name(self) -> str | None:
        """The run's name, if this process gave it one."""
        return self._word("name")

    @name.setter
    def name(self, value: str | None) -> None:
        self._set_fields({"name": value})

    @property
    def experiment(self) -> str | None:
        """The experiment that the run belongs to."""
        return self._word("experiment")

    @experiment.setter
    def experiment(self, value: str | None) -> None:
        self._set_fields({"experiment": value})

    @property
    def description(self) -> str | None:
        """What the run is about, in a line."""
        return self._word("description")

    @description.setter
    def description(self, value: str | None) -> None:
        self._set_fields({"description": value})

    @property
    def notes(self) -> str | None:
        """What there is to say about the run, at any length."""
        return self._word("notes")

    @notes.setter
    def notes(self, value: str | None) -> None:
        self._set_fields({"notes": value})

    @property
    def archived(self) -> bool:
        """Whether the run is put away: it is listed only when asked for."""
        return self._fields.get("archived") is True

    @archived.setter
    def archived(self, value: bool) -> None:
        self._set_fields({"archived": bool(value)})

    def _word(self, field: str) -> str | None:
        value = self._fields.get(field)
        return value if isinstance(value, str) else None

    def _set_fields(self, fields: Mapping[str, Any]) -> None:
        clean: dict[str, str | bool | None] = {}
        for field, value in fields.items():
            kept = params.plain(value)
            clean[field] = kept if isinstance(kept, str | bool | None) else str(kept)
        if clean:
            with self._lock:
                self._fields.update(clean)
                self._emit(FieldsSet(clean))
