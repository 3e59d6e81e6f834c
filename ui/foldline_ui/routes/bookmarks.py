"""The routes about bookmarks."""

from __future__ import annotations

from functools import partial

import anyio.to_thread
import msgspec
from aiohttp import web

from foldline_views import bookmarks
from foldline_views.bookmarks import Bookmark, Bookmarks
from foldline_views.reach import Reach

from ..gate import PRINCIPAL
from ..keeping import BookmarkAsked, BookmarkEdit
from ..parts import LAYOUT, NOTICES
from ..route import RouteTable
from ..wire import Nothing

__all__ = ["ROUTES"]

ROUTES = RouteTable()


@ROUTES.add(
    "GET",
    "/bookmarks",
    scope="read",
    summary="The bookmarks of the store: pinned ones first, then what was changed last.",
    request=Nothing,
    response=Bookmarks,
)
async def list_bookmarks(request: web.Request, _: Nothing) -> Bookmarks:
    """Answer all bookmarks."""
    return await anyio.to_thread.run_sync(bookmarks.read, request.app[LAYOUT], _reach(request))


@ROUTES.add(
    "POST",
    "/bookmarks",
    scope="write",
    summary="Keep the state of a page under a name.",
    request=BookmarkAsked,
    response=Bookmark,
)
async def keep_bookmark(request: web.Request, asked: BookmarkAsked) -> Bookmark:
    """Answer the bookmark as it is kept."""
    keep = partial(
        bookmarks.add, request.app[LAYOUT], _reach(request), **msgspec.structs.asdict(asked)
    )
    kept = await anyio.to_thread.run_sync(keep)
    request.app[NOTICES].look()
    return kept


@ROUTES.add(
    "PATCH",
    "/bookmarks/{id}",
    scope="write",
    summary="Change a bookmark's name, page, address, pin or note.",
    request=BookmarkEdit,
    response=Bookmark,
)
async def change_bookmark(request: web.Request, asked: BookmarkEdit) -> Bookmark:
    """Answer the bookmark as it is then."""
    layout, which = request.app[LAYOUT], request.match_info["id"]
    change = partial(bookmarks.change, layout, which, asked.fields, _reach(request))
    changed = await anyio.to_thread.run_sync(change)
    request.app[NOTICES].look()
    return changed


@ROUTES.add(
    "DELETE",
    "/bookmarks/{id}",
    scope="write",
    summary="Remove a bookmark.",
    request=Nothing,
    response=Bookmarks,
)
async def remove_bookmark(request: web.Request, _: Nothing) -> Bookmarks:
    """Answer the bookmarks that are left."""
    layout, which = request.app[LAYOUT], request.match_info["id"]
    remove = partial(bookmarks.remove, layout, which, _reach(request))
    left = await anyio.to_thread.run_sync(remove)
    request.app[NOTICES].look()
    return left


def _reach(request: web.Request) -> Reach:
    return request[PRINCIPAL].reach
