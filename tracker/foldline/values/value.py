"""What each value that is no number offers.

A value is taken when it is made: what it was given is copied, since the script may reuse its
array. That copy is *raw*: a small header and parts of plain bytes, so that it can lie in the
spool. A background thread, or whoever finds it there, turns raw into *encoded*, which is what the
store keeps, and from which the value can be made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

from ..errors import FoldlineError, ValueRejected
from ..unicode import encodable

__all__ = ["Encoded", "Keep", "Raw", "Tracked", "caption_of", "tracked"]

T = TypeVar("T")

CAPTION_CHARS_MAX = 1_000  # it stands below a picture; a longer one is a Text

Part = bytes | bytearray | memoryview | Path
Keep = Callable[[bytes | memoryview], str]  # keeps bytes as a blob, returns its digest


class Raw(NamedTuple):
    """What a value was made from: plain words and numbers, and bytes or a file to copy."""

    header: dict[str, Any]
    parts: tuple[Part, ...] = ()

    def data(self, number: int = 0) -> memoryview:
        """Return a part's bytes: what is encoded has been read from its files."""
        part = self.parts[number]
        assert not isinstance(part, Path)
        return memoryview(part)


class Encoded(NamedTuple):
    """What the store keeps of a value; `note` says what had to be changed for that."""

    media_type: str
    data: bytes | memoryview
    attributes: dict[str, Any] = {}  # noqa: RUF012  # never changed, as in all of this tuple
    note: str = ""


class Tracked:
    """The base of Image, Audio and the other values that `track` takes beside numbers."""

    KIND: ClassVar[str] = ""
    LIGHT: ClassVar[bool] = False  # encoded in no time where it is small

    _raw: Raw | None = None
    _encoded: Encoded | None = None
    _refused: FoldlineError | None = None
    _blob: Callable[[str], bytes]  # gives bytes beside the value's own, such as a mask's

    def _take(self, make: Callable[[], Raw]) -> None:
        """Take what the value is made from."""
        self._raw = self._tried(make)

    def _tried(self, make: Callable[[], T]) -> T | None:
        """Return what is made, or None: what is wrong with it is told by `track`."""
        try:
            return make()
        except ValueRejected as error:
            self._refused = error
        except Exception as error:  # noqa: BLE001  # the user's object may raise anything
            self._refused = ValueRejected(f"{type(error).__name__}: {error}")
        return None

    def raw(self) -> Raw:
        """Return what is to be kept. Raises ValueRejected if the value was made from no such."""
        if self._refused is not None:
            raise self._refused
        if self._raw is None:
            raise ValueRejected(
                f"this {self.KIND} was read from a store",
                hint="make a new one from what its to_... methods give",
            )
        return self._raw

    @classmethod
    def encode(cls, raw: Raw, keep: Keep) -> Encoded:
        """Return the bytes to keep. Raises ValueRejected, or whatever a library raises."""
        raise NotImplementedError

    @classmethod
    def revive(cls, encoded: Encoded, read: Callable[[str], bytes]) -> Self:
        """Make the value again from what was kept; `read` gives the bytes of a blob."""
        value = cls.__new__(cls)
        value._encoded, value._blob = encoded, read
        return value

    def content(self) -> Encoded:
        """Return the value as it is kept, encoded now if it was not. Raises ValueRejected."""
        if self._encoded is None:
            beside: dict[str, bytes] = {}

            def keep(data: bytes | memoryview) -> str:
                digest = hashlib.sha256(data).hexdigest()
                beside[digest] = bytes(data)
                return digest

            header, parts = self.raw()
            loaded = tuple(part.read_bytes() if isinstance(part, Path) else part for part in parts)
            self._encoded = self.encode(Raw(header, loaded), keep)
            self._blob = beside.__getitem__
        return self._encoded

    @property
    def data(self) -> bytes:
        """The bytes as they are kept."""
        return bytes(self.content().data)

    @property
    def media_type(self) -> str:
        """What the bytes are, such as image/png."""
        return self.content().media_type

    @property
    def attributes(self) -> dict[str, Any]:
        """What is known of the value beside its bytes; see VALUES.md."""
        return self.content().attributes

    @property
    def caption(self) -> str:
        """What the script says about the value."""
        words = self.raw().header if self._encoded is None else self._encoded.attributes
        return str(words.get("caption", ""))

    def json(self) -> dict[str, Any]:
        """Return the kind, the type of the bytes and the attributes."""
        encoded = self.content()
        return {"kind": self.KIND, "media_type": encoded.media_type, **encoded.attributes}

    def __repr__(self) -> str:
        """Show the kind and what is known."""
        known = self._encoded.attributes if self._encoded is not None else {}
        words = ", ".join(f"{name}={value!r}" for name, value in known.items())
        return f"foldline.{type(self).__name__}({words})"


def caption_of(caption: Any) -> dict[str, str]:
    """Return the part of a header that holds a caption, if there is one."""
    text = str(caption) if caption is not None else ""
    text = encodable(text[:CAPTION_CHARS_MAX])
    return {"caption": text} if text else {}


def tracked(value: Any) -> list[Tracked] | None:
    """Return the values that a call of `track` was given, one or a list; None if it is neither."""
    if isinstance(value, Tracked):
        return [value]
    if isinstance(value, list | tuple) and value and all(isinstance(x, Tracked) for x in value):
        return list(value)
    return None
