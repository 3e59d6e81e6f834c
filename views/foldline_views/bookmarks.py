"""Bookmarks, as people keep them in a store.

A bookmark is the state of a page under a name. They stand in `bookmarks.json`, beside the log and
not in it. The file may be edited by hand; it is read again when it changes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from foldline.errors import BookmarkUnknown, WordsRejected
from foldline.ids import new_id
from foldline.layout import Layout

from . import register
from .reach import EVERYTHING, Reach

__all__ = ["Bookmark", "Bookmarks", "add", "change", "read", "remove"]

BOOKMARKS_MAX = 1000  # more than a list that somebody looks through
FILE_BYTES_MAX = 16 << 20  # of bookmarks.json: a thousand with the longest addresses and notes
BOOKMARK_NAME_CHARS_MAX = 200  # a line of a list
BOOKMARK_URL_CHARS_MAX = 8192  # a page's state is in its address, and servers take no longer ones
BOOKMARK_NOTE_CHARS_MAX = 4000  # a few paragraphs
BOOKMARK_PAGE_CHARS_MAX = 32  # the word by which the rail calls a page

Name = Annotated[str, Meta(min_length=1, max_length=BOOKMARK_NAME_CHARS_MAX)]
Page = Annotated[str, Meta(min_length=1, max_length=BOOKMARK_PAGE_CHARS_MAX)]
Address = Annotated[str, Meta(max_length=BOOKMARK_URL_CHARS_MAX)]
Note = Annotated[str, Meta(max_length=BOOKMARK_NOTE_CHARS_MAX)]

# A scheme, a host, a way out of the app: "javascript:", "//host", "/", "..".
FOREIGN = re.compile(r"[^/?#]*:|/|(?:[^?#]*/)?\.{1,2}(?:[/?#]|$)")
UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")  # browsers drop some of these, and turn \ into /


class Bookmark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The state of a page, by a name."""

    id: str
    name: Name
    page: Page
    url: Address  # relative to where the app is: path, query and fragment
    pinned: bool = False
    note: Note = ""
    created_at: float = 0.0
    updated_at: float = 0.0
    experiments: list[str] | None = None
    """Those that its keeper could see: whoever sees them all sees it. None is all."""


class Bookmarks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All bookmarks of a store: the pinned ones first, then what was changed last."""

    bookmarks: list[Bookmark] = []


def read(layout: Layout, reach: Reach = EVERYTHING) -> Bookmarks:
    """Return the bookmarks of a store within a reach.

    Raises WordsRejected if the file says something else.
    """
    try:
        found = register.read(layout.bookmarks, Bookmarks, FILE_BYTES_MAX)
        for bookmark in found.bookmarks:
            _check(bookmark)
    except (ValueError, WordsRejected) as error:
        what = error.message if isinstance(error, WordsRejected) else str(error)
        raise WordsRejected(
            f"the bookmarks in {layout.bookmarks} are wrong: {what}",
            hint="mend the file, or move it away",
        ) from error
    return Bookmarks([bookmark for bookmark in found.bookmarks if _is_seen(bookmark, reach)])


def add(
    layout: Layout, reach: Reach = EVERYTHING, *, name: str, page: str, url: str, **more: Any
) -> Bookmark:
    """Keep a bookmark, `pinned` and with a `note` if it has one, and return it.

    Raises WordsRejected and StoreUnwritable.
    """
    now = time.time()
    among = None if reach.experiments is None else sorted(reach.experiments)
    bookmark = Bookmark(
        new_id(), name, page, url, **more, created_at=now, updated_at=now, experiments=among
    )
    _check(bookmark)
    with _changing(layout) as bookmarks:
        if len(bookmarks) >= BOOKMARKS_MAX:
            raise WordsRejected(
                f"there are {BOOKMARKS_MAX} bookmarks already", hint="remove those of no more use"
            )
        bookmarks.append(bookmark)
    return bookmark


def change(
    layout: Layout, id: str, fields: Mapping[str, Any], reach: Reach = EVERYTHING
) -> Bookmark:
    """Change what is named of a bookmark, and return it.

    Raises BookmarkUnknown, WordsRejected and StoreUnwritable.
    """
    with _changing(layout) as bookmarks:
        place = _place(bookmarks, id, reach)
        changed = msgspec.structs.replace(bookmarks[place], **fields, updated_at=time.time())
        _check(changed)
        bookmarks[place] = changed
    return changed


def remove(layout: Layout, id: str, reach: Reach = EVERYTHING) -> Bookmarks:
    """Remove a bookmark, and return those that are left.

    Raises BookmarkUnknown, WordsRejected and StoreUnwritable.
    """
    with _changing(layout) as bookmarks:
        del bookmarks[_place(bookmarks, id, reach)]
    return read(layout, reach)


def _check(bookmark: Bookmark) -> None:
    """Raise WordsRejected if a bookmark leads out of the app."""
    if FOREIGN.match(bookmark.url) or UNSAFE.search(bookmark.url):
        raise WordsRejected(
            f"the bookmark {bookmark.name!r} leads out of the app: {bookmark.url[:80]!r}",
            hint="an address begins with a page of the app, such as runs?q=run.tags",
        )


def _is_seen(bookmark: Bookmark, reach: Reach) -> bool:
    """Say whether somebody sees all that a bookmark's keeper could see."""
    if reach.experiments is None:
        return True
    among = bookmark.experiments
    return among is not None and reach.experiments.issuperset(among)


def _place(bookmarks: list[Bookmark], id: str, reach: Reach) -> int:
    for place, bookmark in enumerate(bookmarks):
        if bookmark.id == id and _is_seen(bookmark, reach):
            return place
    raise BookmarkUnknown(f"there is no bookmark {id!r}", hint="somebody may have removed it")


@contextmanager
def _changing(layout: Layout) -> Iterator[list[Bookmark]]:
    with register.alone(layout, "bookmarks"):
        bookmarks = list(read(layout).bookmarks)
        yield bookmarks
        bookmarks.sort(key=lambda kept: (not kept.pinned, -kept.updated_at, kept.id))
        register.replace(layout.bookmarks, Bookmarks(bookmarks))
