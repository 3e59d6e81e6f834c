"""What travels over HTTP about bookmarks and tags."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from foldline_views.bookmarks import Address, Name, Note, Page

from .wire import Request

__all__ = ["BookmarkAsked", "BookmarkEdit"]


class BookmarkAsked(Request, frozen=True):
    """A bookmark to be kept: which page, in which state, by which name."""

    name: Name
    page: Page
    url: Address
    pinned: bool = False
    note: Note = ""


class BookmarkEdit(Request, frozen=True):
    """What to change of a bookmark: only what is named."""

    name: Name | UnsetType = UNSET
    page: Page | UnsetType = UNSET
    url: Address | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    note: Note | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse what changes nothing."""
        if not self.fields:
            raise ValueError("Expected something to change")

    @property
    def fields(self) -> dict[str, Any]:
        """The fields that are named, with their new values."""
        whole = msgspec.structs.asdict(self)
        return {name: value for name, value in whole.items() if value is not UNSET}
