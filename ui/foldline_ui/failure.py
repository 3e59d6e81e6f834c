"""From what went wrong to the answer that says so.

Every error answer has one shape, `{"error": {code, message, hint, at}}`. What nobody foresaw is
logged with an id, and the caller is told the id and nothing else.
"""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from foldline.errors import (
    BlobMissing,
    BookmarkUnknown,
    FoldlineError,
    QueryError,
    QuestionError,
    QuotaReached,
    RuleRejected,
    RuleUnknown,
    RunNotFound,
    SegmentConflict,
    SegmentRejected,
    StoreBusy,
    StoreLinked,
    StoreNotFound,
    StoreTooNew,
    StoreUnwritable,
    ViewDamaged,
    WordsRejected,
)

from .errors import ApiFailure
from .route import API_PREFIX, BODY_BYTES_MAX, JSON
from .wire import ApiError, ErrorBody

__all__ = ["answered", "failed", "failures"]

log = logging.getLogger(__name__)

RETRY_S = 5  # seconds after which what is unavailable may be asked for again
ROOM_S = 30  # seconds after which there may be room for an experiment: people make it

AGAIN_S = {HTTPStatus.SERVICE_UNAVAILABLE: RETRY_S, HTTPStatus.TOO_MANY_REQUESTS: ROOM_S}
# The first class that fits counts; what is not listed is a failure of ours.
STATUS_OF: tuple[tuple[type[FoldlineError], HTTPStatus, str], ...] = (
    (QuestionError, HTTPStatus.BAD_REQUEST, "bad_question"),
    (QueryError, HTTPStatus.BAD_REQUEST, "bad_query"),
    (RunNotFound, HTTPStatus.NOT_FOUND, "run_not_found"),
    (RuleRejected, HTTPStatus.BAD_REQUEST, "bad_rule"),
    (WordsRejected, HTTPStatus.BAD_REQUEST, "bad_words"),
    (BookmarkUnknown, HTTPStatus.NOT_FOUND, "bookmark_not_found"),
    (RuleUnknown, HTTPStatus.NOT_FOUND, "rule_not_found"),
    (BlobMissing, HTTPStatus.NOT_FOUND, "blob_not_found"),
    (QuotaReached, HTTPStatus.TOO_MANY_REQUESTS, "quota_reached"),
    (SegmentConflict, HTTPStatus.CONFLICT, "segment_conflict"),
    (SegmentRejected, HTTPStatus.BAD_REQUEST, "bad_segment"),
    (StoreBusy, HTTPStatus.SERVICE_UNAVAILABLE, "store_busy"),
    (StoreLinked, HTTPStatus.SERVICE_UNAVAILABLE, "store_linked"),
    (StoreNotFound, HTTPStatus.SERVICE_UNAVAILABLE, "store_not_found"),
    (StoreTooNew, HTTPStatus.SERVICE_UNAVAILABLE, "store_too_new"),
    (StoreUnwritable, HTTPStatus.SERVICE_UNAVAILABLE, "store_unwritable"),
    (ViewDamaged, HTTPStatus.SERVICE_UNAVAILABLE, "view_damaged"),
    (FoldlineError, HTTPStatus.INTERNAL_SERVER_ERROR, "failed"),
)


@web.middleware
async def failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a route raises into an error answer."""
    try:
        return await handler(request)
    except ApiFailure as failure:
        return failed(failure.status, failure.error, failure.headers)
    except FoldlineError as error:
        return _foreseen(error)
    except msgspec.ValidationError as error:
        return failed(
            HTTPStatus.BAD_REQUEST,
            ApiError(
                "bad_request",
                str(error),
                hint=f"{API_PREFIX}/openapi.json describes what {request.path} takes",
            ),
        )
    except msgspec.DecodeError as error:
        return failed(
            HTTPStatus.BAD_REQUEST, ApiError("bad_json", f"the body is not JSON: {error}")
        )
    except web.HTTPException as error:
        return _http(request, error)
    except ConnectionResetError:
        raise  # the client went away: there is nobody to answer
    except Exception:
        # A mistake of ours: the caller gets an id, and the terminal gets the rest beside it.
        number = secrets.token_hex(4)
        log.exception("%s %s failed; error id %s", request.method, request.path, number)
        return failed(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            ApiError(
                "internal",
                f"the server failed to answer; error id {number}",
                hint="the server's terminal shows what happened beside this id",
            ),
        )


def failed(
    status: HTTPStatus, error: ApiError, headers: dict[str, str] | None = None
) -> web.Response:
    """Return an error answer."""
    body = msgspec.json.encode(ErrorBody(error))
    return web.Response(status=status, body=body, content_type=JSON, headers=headers)


def answered(error: FoldlineError) -> tuple[HTTPStatus, ApiError]:
    """Return the status and the body that tell of an error that Foldline raised on purpose."""
    status, code = next(row[1:] for row in STATUS_OF if isinstance(error, row[0]))
    at = error.at if isinstance(error, QueryError) else None
    return status, ApiError(code, error.message, hint=error.hint or None, at=at)


def _foreseen(error: FoldlineError) -> web.Response:
    status, body = answered(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s", error)
    after = AGAIN_S.get(status)
    return failed(status, body, None if after is None else {"Retry-After": str(after)})


def _http(request: web.Request, error: web.HTTPException) -> web.Response:
    status = HTTPStatus(error.status)
    code = status.name.lower()
    hint: str | None = None
    headers: dict[str, str] = {}
    if status == HTTPStatus.NOT_FOUND:
        message = f"there is nothing at {request.path}"
        hint = f"{API_PREFIX}/openapi.json lists every route"
    elif isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        message = f"{request.path} does not take {request.method}"
        hint = f"it takes {allowed}"
        headers["Allow"] = allowed
    elif status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        code = "too_large"
        message = f"the body is larger than {BODY_BYTES_MAX:,} bytes"
        hint = "ask for fewer series at once, or name them by a query"
    else:
        message = error.reason
    return failed(status, ApiError(code, message, hint=hint), headers)
