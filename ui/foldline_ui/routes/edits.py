"""The routes by which people change runs."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import msgspec
from aiohttp import web
from msgspec import UNSET

from foldline.ids import run_id
from foldline.settings import EXPERIMENT_DEFAULT
from foldline_views.answers import EditedRuns
from foldline_views.asked import Edit
from foldline_views.portions import RunPortion

from ..gate import PRINCIPAL, forbidden
from ..parts import LAYOUT, views_of
from ..principals import Principal
from ..route import JSON, RouteTable
from ..tables import RunEdit, RunsEdit

__all__ = ["ROUTES"]

ROUTES = RouteTable()

# How long a change waits until it is folded, and so until an answer shows it, in seconds. A fold
# takes hundredths of one; where it takes longer the change is kept all the same.
FOLDED_WAIT_S_MAX = 5.0


@ROUTES.add(
    "PATCH",
    "/runs/{id}",
    scope="write",
    summary="Change a run's words and tags; archive, delete or restore it.",
    request=RunEdit,
    response=RunPortion,
)
async def edit_run(request: web.Request, asked: RunEdit) -> web.Response:
    """Answer the run as it is then; 202 if the change is kept and does not show yet."""
    run = run_id(request.match_info["id"])
    edited = await _edit(request, [run], asked)
    detail = await views_of(request).run(run)
    return _answer(detail, folded=edited.folded)


@ROUTES.add(
    "POST",
    "/runs/edit",
    scope="write",
    summary="Change many runs alike.",
    request=RunsEdit,
    response=EditedRuns,
)
async def edit_runs(request: web.Request, asked: RunsEdit) -> web.Response:
    """Answer the runs as they are then; 202 if some do not show it yet."""
    runs = list(dict.fromkeys(map(run_id, asked.ids)))
    edited = await _edit(request, runs, asked.edit)
    return _answer(edited, folded=edited.folded)


async def _edit(request: web.Request, runs: Sequence[str], asked: RunEdit) -> EditedRuns:
    reader = views_of(request)
    _check(request[PRINCIPAL], asked)
    edit = Edit(asked.fields, list(asked.tags_added), list(asked.tags_removed))
    changes = await reader.edit(request.app[LAYOUT], runs, edit)
    return await reader.edited(changes, FOLDED_WAIT_S_MAX)


def _check(who: Principal, asked: RunEdit) -> None:
    """Refuse what the role may not, and what would put runs where who asks has no rights."""
    if asked.deleted is not UNSET and not who.may("admin"):
        raise forbidden("only an admin deletes runs and has them back; archiving is anybody's")
    if asked.experiment is not UNSET:
        experiment = asked.experiment or EXPERIMENT_DEFAULT
        if not who.reach.has(experiment):
            raise forbidden(f"the experiment {experiment!r} is not among those of your token")


def _answer(body: RunPortion | EditedRuns, *, folded: bool) -> web.Response:
    status = HTTPStatus.OK if folded else HTTPStatus.ACCEPTED
    return web.Response(status=status, body=msgspec.json.encode(body), content_type=JSON)
