"""Words of the query language in requests, beside the query."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from foldline.errors import QueryError
from foldline_views.asked import GroupSort, Sort
from foldline_views.query import sort_key

from .errors import ApiFailure
from .tables import GroupSortBy
from .wire import ApiError, SortBy

__all__ = ["check", "group_sorts", "sorts"]


def check(field: str, words: Iterable[str], code: str = "bad_column") -> None:
    """Refuse a word that names nothing of a run.

    Its mistake is told apart from the query's: the place of that is in another text.
    """
    for number, word in enumerate(words):
        try:
            sort_key(word)
        except QueryError as error:
            message = f"{field}[{number}]: {error.message}"
            failure = ApiError(code, message, hint=error.hint or None)
            raise ApiFailure(HTTPStatus.BAD_REQUEST, failure) from error


def sorts(asked: Iterable[SortBy]) -> list[Sort]:
    """Return keys to sort runs by, which all are ones."""
    keys = list(asked)
    check("sort", (key.by for key in keys), "bad_sort")
    return [Sort(key.by, key.desc) for key in keys]


def group_sorts(asked: Iterable[GroupSortBy], field: str = "sort") -> list[GroupSort]:
    """Return keys to sort groups by, which all are ones."""
    keys = [GroupSort(key.by, key.figure, key.desc) for key in asked]
    check(field, (key.by for key in keys if key.is_column), "bad_sort")
    return keys
