"""Pages of HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import ValueRejected
from . import media_types
from .value import Encoded, Keep, Part, Raw, Tracked, caption_of

__all__ = ["Html"]

HTML_BYTES_MAX = 256 * 1_048_576  # of one page; a browser hardly opens a larger one
PATH_CHARS_MAX = 4_096  # a text that is longer is HTML, and no path; as in Linux


class Html(Tracked):
    """A page of HTML: its text, or a file's path, or an open file.

    What can't be kept is told by `track`, not here: building a page never raises.
    """

    KIND = "html"
    LIGHT = True

    def __init__(self, data: Any, caption: str = "") -> None:
        self._take(lambda: Raw(dict(caption_of(caption)), (_part(data),)))

    @property
    def html(self) -> str:
        """The page's text."""
        return self.data.decode("utf-8", "replace")

    @classmethod
    def encode(cls, raw: Raw, keep: Keep) -> Encoded:
        """Return the page's bytes."""
        data = raw.data()
        if len(data) > HTML_BYTES_MAX:
            raise ValueRejected(
                f"a page of {len(data)} bytes is too long: at most {HTML_BYTES_MAX}",
                hint="run.log_artifact(file)",
            )
        return Encoded("text/html", data, caption_of(raw.header.get("caption")))


def _part(data: Any) -> Part:
    if hasattr(data, "read"):
        data = data.read()
    if isinstance(data, bytes):
        return data
    if isinstance(data, str):
        short = len(data) < PATH_CHARS_MAX and "<" not in data and "\0" not in data
        if not (short and Path(data).is_file()):
            return data.encode("utf-8", "backslashreplace")
    part = media_types.file_part(data)
    if part is None:
        raise ValueRejected(
            f"a {type(data).__name__} is no HTML", hint="its text, or a file's path"
        )
    return part
