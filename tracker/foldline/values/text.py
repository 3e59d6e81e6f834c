"""Texts."""

from __future__ import annotations

from ..errors import ValueRejected
from .value import Encoded, Keep, Raw, Tracked, caption_of

__all__ = ["Text"]

TEXT_BYTES_MAX = 64 * 1_048_576  # of one text in UTF-8; a longer one is a file: an artifact

_TYPES = {"plain": "text/plain", "markdown": "text/markdown"}


class Text(Tracked):
    """A text; with format="markdown" a page shows it set, otherwise as it is.

    What can't be kept is told by `track`, not here: building a text never raises.
    """

    KIND = "text"
    LIGHT = True

    def __init__(self, text: str, format: str = "plain", caption: str = "") -> None:
        self._take(lambda: _taken(text, format, caption))

    @property
    def text(self) -> str:
        """The text."""
        return bytes(self.content().data).decode()

    @property
    def data(self) -> str:  # type: ignore[override]  # of Aim's values this one's is a text
        """The text, by Aim's name."""
        return self.text

    @property
    def format(self) -> str:
        """How it is meant to be read: plain or markdown."""
        return self.media_type.partition("/")[2]

    def __str__(self) -> str:
        """Return the text."""
        return self.text

    @classmethod
    def encode(cls, raw: Raw, keep: Keep) -> Encoded:
        """Return the text in UTF-8."""
        data = raw.data()
        return Encoded(raw.header["type"], data, caption_of(raw.header.get("caption")))


def _taken(text: str, format: str, caption: str) -> Raw:
    if not isinstance(text, str):
        raise ValueRejected(f"a {type(text).__name__} is no text", hint="Text(str(x))")
    if format not in _TYPES:
        raise ValueRejected(
            f"format={str(format)[:40]!r} is no format of texts", hint='"plain" or "markdown"'
        )
    data = text.encode("utf-8", "backslashreplace")
    if len(data) > TEXT_BYTES_MAX:
        raise ValueRejected(
            f"a text of {len(data)} bytes is too long: at most {TEXT_BYTES_MAX}",
            hint="write it to a file, and run.log_artifact(file)",
        )
    return Raw({"type": _TYPES[format], **caption_of(caption)}, (data,))
