"""Where an answer ended, as a text to go on with."""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeVar

import msgspec

from foldline.errors import QueryError

__all__ = ["read_placemark", "write_placemark"]

T = TypeVar("T")


def write_placemark(place: tuple[Any, ...]) -> str:
    """Return a place as a text that can travel."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).decode()


def read_placemark(text: str, kind: type[T]) -> T:
    """Return the place of a text. Raises QueryError if it is none of that kind."""
    try:
        return msgspec.msgpack.decode(base64.urlsafe_b64decode(text), type=kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise QueryError(
            "the cursor is not one of ours", at=(0, 0), hint="ask for the first page again"
        ) from error
