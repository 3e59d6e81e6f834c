"""Addresses that are too long to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import schemathesis

from foldline_ui.serving import ADDRESS_BYTES_MAX


@schemathesis.hook
def filter_query(context: Any, query: Mapping[str, Any] | None) -> bool:
    """Say whether what stands behind the question mark has room in an address.

    A longer one is refused by the library that reads it, in its words, before it is any route's.
    """
    return len(urlencode(query or {}, doseq=True)) < ADDRESS_BYTES_MAX - 1000
