"""The distributions that a process can import, and their versions."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions

from ..events import PackagesCaptured

__all__ = ["captured"]

PACKAGES_MAX = 10_000  # an environment has hundreds; a broken path must not fill the log

_FIELD = re.compile(r"^(Name|Version):[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)
_SEPARATORS = re.compile(r"[-_.]+")


def captured(sys_path: Iterable[str], cwd: str) -> PackagesCaptured:
    """Return what lies on another process's `sys.path`; nothing of it is imported.

    Of two distributions of one name the first on the path counts, as it does in an import. Names
    of one meaning are one: `ruamel.yaml` is `ruamel-yaml`.
    """
    folders = [os.path.join(cwd, entry) for entry in sys_path]  # noqa: PTH118  # "" and zips too
    found: dict[str, tuple[str, str]] = {}
    for distribution in distributions(path=folders):
        name, version = _named(distribution)
        if name and version and len(found) < PACKAGES_MAX:
            found.setdefault(_SEPARATORS.sub("-", name).lower(), (name, version))
    return PackagesCaptured(dict(sorted(found.values(), key=lambda item: item[0].lower())))


def _named(distribution: Distribution) -> tuple[str, str]:
    """Return a distribution's name and version, or "" for what it does not say."""
    try:
        text = (
            distribution.read_text("METADATA")
            or distribution.read_text("PKG-INFO")
            or distribution.read_text("")  # an egg-info that is a file
            or ""
        )
    except (OSError, UnicodeError):
        return "", ""
    # The header ends at an empty line. All fields would be parsed as an e-mail, which takes ten
    # times as long.
    fields = dict(map(_field, _FIELD.findall(text.partition("\n\n")[0])))
    return fields.get("name", ""), fields.get("version", "")


def _field(found: tuple[str, str]) -> tuple[str, str]:
    return found[0].lower(), found[1]
