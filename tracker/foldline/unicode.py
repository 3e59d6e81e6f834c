"""Texts that UTF-8 can hold."""

from __future__ import annotations

__all__ = ["encodable"]


def encodable(text: str) -> str:
    """Return a text with lone surrogates, as of undecodable file names, written as escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
