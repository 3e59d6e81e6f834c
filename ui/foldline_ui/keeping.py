"""What travels over HTTP about bookmarks and tags."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from foldline_views.bookmarks import Address, Name, Note, Page
from foldline_views.tagwords import Color, Description, Tag

from .wire import Request

__all__ = ["BookmarkAsked", "BookmarkEdit", "TagDescribed", "TagsEdit"]

TAGS_MAX = 100  # that one request makes one of, or takes away


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


class TagsEdit(Request, frozen=True):
    """Tags that shall be another one on all runs, or gone from them where `to` is null."""

    tags: Annotated[tuple[Tag, ...], Meta(min_length=1, max_length=TAGS_MAX)]
    to: Tag | None = None


class TagDescribed(Request, frozen=True):
    """What to say of a tag: only what is named."""

    tag: Tag
    color: Color | UnsetType = UNSET
    description: Description | UnsetType = UNSET

    @property
    def fields(self) -> dict[str, Any]:
        """The words that are named."""
        said = {"color": self.color, "description": self.description}
        return {name: word for name, word in said.items() if word is not UNSET}
