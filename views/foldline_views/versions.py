"""Versions of artifacts, as a script finds them again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from foldline.artifact import Artifact
from foldline.errors import ValueRejected
from foldline.ids import run_id
from foldline.layout import Layout

from . import logged
from .answers import ArtifactVersion
from .logged import read_artifacts

__all__ = ["Find", "Version", "find", "made", "used", "version"]


Find = Callable[[str, str, str], Artifact]
"""Returns a version by its name, its digest, and the run that made it."""


class Version(ArtifactVersion, kw_only=True):
    """A version of an artifact over all runs of a store."""

    find: Find

    @classmethod
    def of(cls, told: ArtifactVersion, find: Find) -> Version:
        """Return what a store's answer tells of a version; `find` returns what is downloaded."""
        said = {name: getattr(told, name) for name in ArtifactVersion.__struct_fields__}
        return cls(**said, find=find)

    def download(self, dest: str | os.PathLike[str] | None = None) -> Path:
        """Write the files below `dest`, as foldline.Artifact does; raises what that raises."""
        maker = next(iter(self.made_by), "")
        return self.find(self.name, self.digest, maker).download(dest)


def made(layout: Layout, run: str) -> list[Artifact]:
    """Return the versions of artifacts that a run made, in the order of their times."""
    return [_artifact(layout, one) for one in read_artifacts(layout, run) if not one.used]


def used(layout: Layout, run: str) -> list[Artifact]:
    """Return the versions of artifacts that a run used, in the order of their times.

    Of one that no run of the store made only name and digest are known.
    """
    uses = [one for one in read_artifacts(layout, run) if one.used]
    return [version(layout, one.name, one.digest, one.run) for one in uses]


def find(layout: Layout, name: str, run: str | None = None) -> Artifact:
    """Return a version by its name and perhaps `:v3`, `:alias` or `:digest`; else the newest.

    Versions are numbered from 0 in the order in which the store's runs first made them, and an
    alias is that of the last one who got it. `run` looks at one run alone. The logs are read, not
    the views: it is asked once in a while, and what is not folded yet counts too. Raises
    ValueRejected if there is none.
    """
    all_made = sorted(_made(layout, run), key=lambda one: one.time)
    name, wanted = _asked(name, {one.name for one in all_made})
    versions: dict[str, logged.Artifact] = {}
    for one in all_made:
        if one.name == name:
            versions.setdefault(one.digest, one)
            newest = one
    if not versions:
        raise ValueRejected(
            f"the store {layout.root} has no artifact {name[:200]!r}",
            hint="run.log_artifact(path, name=...) makes one",
        )
    if wanted in ("", "latest"):
        return _artifact(layout, newest)
    number = int(wanted[1:]) if wanted[0] == "v" and wanted[1:].isdecimal() else -1
    if 0 <= number < len(versions):
        return _artifact(layout, list(versions.values())[number])
    for one in reversed(all_made):
        if one.name == name and (wanted in one.aliases or one.digest == wanted):
            return _artifact(layout, one)
    raise ValueRejected(
        f"the artifact {name!r} has no version {wanted[:80]!r}",
        hint=f"v0 to v{len(versions) - 1}, latest, an alias, or a digest",
    )


def _asked(name: str, known: set[str]) -> tuple[str, str]:
    """Return a name and what is asked of it; a name may have a colon of its own."""
    if name in known:
        return name, ""
    before, colon, wanted = name.rpartition(":")
    return (before, wanted) if colon and wanted else (name, "")


def version(layout: Layout, name: str, digest: str, maker: str) -> Artifact:
    """Return a version by its digest, where the run that made it is in the store with its files."""
    try:
        return find(layout, f"{name}:{digest}", maker or None)
    except ValueRejected:
        known = Artifact(name)
        known.digest, known.run = digest, maker
        return known


def _made(layout: Layout, run: str | None) -> list[logged.Artifact]:
    if run is not None:
        runs = [run_id(run)]
    elif layout.runs.is_dir():
        runs = sorted(folder.name for folder in layout.runs.iterdir())
    else:
        runs = []
    return [one for each in runs for one in read_artifacts(layout, each) if not one.used]


def _artifact(layout: Layout, one: logged.Artifact) -> Artifact:
    known = Artifact(one.name, one.kind, aliases=one.aliases, params=one.params)
    return known._kept_as(layout, one.run, one.digest, one.files, one.uri)
