"""What files are, by their first bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import ValueRejected
from .value import Part

__all__ = ["HEAD_BYTES", "file_part", "head_of", "media_type_of", "named"]

HEAD_BYTES = 64  # read to tell what a file is

_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {b"avif": "image/avif", b"qt  ": "video/quicktime", b"M4A ": "audio/mp4"}
_FORMATS = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "m4a": "audio/mp4",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
}


def media_type_of(head: bytes) -> str:
    """Return the type of a file that begins with `head`, or "" if it is none that is known."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    # An MPEG audio frame: eleven bits of sync, then a layer that is not the reserved one.
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06:
        return "audio/mpeg"
    return ""


def named(format: str) -> str:
    """Return the media type that a name such as "png" means. Raises ValueRejected."""
    kind = _FORMATS.get(str(format).lower().lstrip("."))
    if kind is None:
        raise ValueRejected(
            f"format={str(format)[:40]!r} is not known",
            hint=f"one of {', '.join(sorted(_FORMATS))}",
        )
    return kind


def file_part(source: Any) -> Part | None:
    """Return bytes, or a file's path, as a part to keep; None if `source` is neither.

    Raises ValueRejected for a text that names no file.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if hasattr(source, "getvalue"):  # BytesIO
        held = source.getvalue()
        return held if isinstance(held, bytes) else None
    if not isinstance(source, str) and not hasattr(source, "__fspath__"):
        return None
    path = Path(source)
    try:
        found = path.is_file()
    except (OSError, ValueError):  # a name too long, or with a zero byte
        found = False
    if not found:
        raise ValueRejected(f"there is no file {str(source)[:200]!r}", hint="check the path")
    return path.absolute()


def head_of(part: Part) -> bytes:
    """Return the first bytes of a part. Raises OSError."""
    if isinstance(part, Path):
        with part.open("rb") as file:
            return file.read(HEAD_BYTES)
    return bytes(part[:HEAD_BYTES])
