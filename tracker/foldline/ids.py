"""Names of runs and writers, safe as paths.

An id is 1 to 16 of the characters `a-z 0-9 _ -`, the first a letter or digit. A generated one is
16 characters of base 32: 45 bits of milliseconds since 1970, then 35 random bits, so that ids
sort by creation and two made in one millisecond collide once in 3e10.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time

__all__ = ["ID_CHARS_MAX", "is_id", "new_id", "run_id"]

ID_CHARS_MAX = 16  # what the segment header has room for
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: in ASCII order, no i l o u
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,15}")


def is_id(text: str) -> bool:
    """Say whether `text` may be used as an id as it stands."""
    return _ID.fullmatch(text) is not None


def new_id() -> str:
    """Return a fresh id."""
    return _base32((time.time_ns() // 1_000_000 << 35) | secrets.randbits(35))


def run_id(text: str) -> str:
    """Return the run id for a name that a user chose: itself if it is an id, else a digest."""
    if is_id(text):
        return text
    named = text.encode("utf-8", "surrogatepass")
    return _base32(int.from_bytes(hashlib.sha256(named).digest()[:10], "big"))


def _base32(number: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(75, -1, -5))
