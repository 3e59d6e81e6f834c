"""The routes about tags."""

from __future__ import annotations

from http import HTTPStatus

import anyio.to_thread
import msgspec
from aiohttp import web

from foldline_views import tagwords
from foldline_views.tags import TagsEdited, TagsPage
from foldline_views.tagwords import TagWord

from ..gate import forbidden, whole
from ..keeping import TagDescribed, TagsEdit
from ..parts import LAYOUT, NOTICES, views_of
from ..route import JSON, RouteTable
from ..wire import Nothing
from .edits import FOLDED_WAIT_S_MAX

__all__ = ["ROUTES"]

ROUTES = RouteTable()


@ROUTES.add(
    "GET",
    "/tags",
    scope="read",
    summary="Every tag: how many runs have it, and what people say of it.",
    request=Nothing,
    response=TagsPage,
)
async def list_tags(request: web.Request, _: Nothing) -> TagsPage:
    """Answer all tags by name."""
    return await views_of(request).tags()


@ROUTES.add(
    "POST",
    "/tags/edit",
    scope="write",
    summary="Rename, merge or remove tags on all runs.",
    request=TagsEdit,
    response=TagsEdited,
)
async def edit_tags(request: web.Request, asked: TagsEdit) -> web.Response:
    """Answer how many runs were changed; 202 if some do not show it yet."""
    edited = await views_of(request).retag(asked.tags, asked.to, FOLDED_WAIT_S_MAX)
    request.app[NOTICES].look()
    status = HTTPStatus.OK if edited.folded else HTTPStatus.ACCEPTED
    return web.Response(status=status, body=msgspec.json.encode(edited), content_type=JSON)


@ROUTES.add(
    "POST",
    "/tags/describe",
    scope="write",
    summary="Say which colour a tag has, and what it means.",
    request=TagDescribed,
    response=TagWord,
)
async def describe_tag(request: web.Request, asked: TagDescribed) -> TagWord:
    """Answer what is said of the tag then; it is said to all."""
    if not whole(request):
        raise forbidden("words about tags are for all runs, and your token is for some experiments")
    layout = request.app[LAYOUT]
    word = await anyio.to_thread.run_sync(tagwords.describe, layout, asked.tag, asked.fields)
    request.app[NOTICES].look()
    return word
