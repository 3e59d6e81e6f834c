"""A run's settings, words and tags."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from itertools import islice
from types import EllipsisType
from typing import Any

from . import params
from .errors import ValueRejected
from .events import Event, FieldsSet, ParamsRemoved, ParamsSet, TagsChanged
from .notices import Notices, shown
from .secrets import mask_param, mask_text, mask_tree

__all__ = ["EXPERIMENT_DEFAULT", "Key", "Settings", "several"]

EXPERIMENT_DEFAULT = "default"  # of a run that is given none

TAGS_MAX = 1_000  # given at once; more are no tags, and a range may be as long as it likes
TAG_CHARS_MAX = 256  # a longer tag is a note
LARGE_HINT = "keep what is large in a file of its own: run.log_artifact(path)"

Key = str | int | tuple[str | int, ...] | EllipsisType


class Settings:
    """The part of a run that describes it.

    It knows what this process set; `Readback` adds what other writers of the run did.
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

    def flush(self, *, durable: bool = False) -> bool:
        """Hand over what was logged; the run itself does that."""
        raise NotImplementedError

    def __setitem__(self, key: Key, value: Any) -> None:
        """Set a setting or a tree of them; `run[...] = {...}` replaces all."""
        try:
            path = params.path_of(key)
        except ValueRejected as error:
            self._notices.give(f"key {shown(key)}", error)
            return
        tree = self._plain_of(value, f"run[{'...' if key is Ellipsis else shown(key)}]")
        if not path and not isinstance(tree, dict):
            self._notices.give(
                "key ...",
                ValueRejected(
                    f"run[...] takes a dict, not a {type(value).__name__}",
                    hint='run[...] = {"lr": 0.1}',
                ),
            )
            return
        with self._lock:
            if path:
                params.assign(self._params, path, tree)
            elif isinstance(tree, dict):
                self._params = dict(tree)
            # The script reads back what it set; the log never learns a secret.
            self._emit(ParamsSet(path, mask_param(path, tree)))

    def _plain_of(self, value: Any, what: str) -> params.Param:
        """Return `value` as a plain tree, and say what of it could not be kept."""
        tree, loss = params.translated(value)
        if loss:
            self._notices.give(
                f"param {what}",
                ValueRejected(f"{what} is not kept whole: {loss}", hint=LARGE_HINT),
            )
        return tree

    def __getitem__(self, key: Key) -> Any:
        """Return a setting of this process, as it was kept. Raises KeyError.

        A tree is a copy: to change it is to set it, by `run["hparams", "lr"] = 0.1`.
        """
        try:
            return params.copied(params.lookup(self._params, params.path_of(key)))
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
        words: list[str] = []
        for tag in tags:
            word = params.plain(tag)
            if isinstance(word, str) and 0 < len(word) <= TAG_CHARS_MAX:
                words.append(word)
            else:
                self._notices.give(
                    "tags",
                    ValueRejected(
                        f"{shown(tag)} is no tag: a text of 1 to {TAG_CHARS_MAX} characters",
                        hint='run.add_tag("baseline"); what is longer is a note: run.notes = "..."',
                    ),
                )
        if not words:
            return
        with self._lock:
            self._tags = [tag for tag in self._tags if tag not in words]
            if put:
                self._tags += dict.fromkeys(words)
            told = list(map(mask_text, words))
            self._emit(TagsChanged(added=told) if put else TagsChanged(removed=told))

    @property
    def name(self) -> str | None:
        """The run's name, None if it was given none."""
        return self._word("name")

    @name.setter
    def name(self, value: str | None) -> None:
        self._set_fields({"name": value})

    @property
    def experiment(self) -> str:
        """The experiment that the run belongs to."""
        return self._word("experiment") or EXPERIMENT_DEFAULT

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
        return self._field("archived") is True

    @archived.setter
    def archived(self, value: bool) -> None:
        try:
            put_away = bool(value)
        except Exception:  # noqa: BLE001  # an array's truth, say
            self._notices.give(
                "archived",
                ValueRejected(f"archived={shown(value)} is no bool", hint="run.archived = True"),
            )
        else:
            self._set_fields({"archived": put_away})

    def _word(self, field: str) -> str | None:
        value = self._field(field)
        return value if isinstance(value, str) else None

    def _field(self, field: str) -> str | bool | None:
        return self._fields.get(field)

    def _describe(self, words: Mapping[str, Any], params: Any, tags: Any) -> None:
        """Set what a run begins with."""
        self._set_fields({field: word for field, word in words.items() if word is not None})
        if params is not None and not (isinstance(params, dict) and not params):
            self[...] = params
        self.add_tag(*several(tags))

    def _set_fields(self, fields: Mapping[str, Any]) -> None:
        clean: dict[str, str | bool | None] = {}
        for field, value in fields.items():
            kept = self._plain_of(value, f"run.{field}")
            clean[field] = kept if isinstance(kept, str | bool | None) else str(kept)
        if clean:
            with self._lock:
                self._fields.update(clean)
                self._emit(FieldsSet(mask_tree(clean)))


def several(tags: Any) -> tuple[Any, ...]:
    """Return tags as several: one alone is a text, which is iterable too, or is no tag at all."""
    try:
        if tags is None or isinstance(tags, str):
            return () if tags is None else (tags,)
        found = tuple(islice(tags, TAGS_MAX + 1))
        return found if len(found) <= TAGS_MAX else (tags,)
    except Exception:  # noqa: BLE001  # whatever it is, it will be said to be no tag
        return (tags,)
