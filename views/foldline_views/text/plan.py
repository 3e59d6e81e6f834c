"""A question as a query to the index.

The index knows documents, a question is about single lines. For a block of lines the query says
where they may be: all its words are somewhere in the block. `Plan.settles` says whether that is
already the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import tantivy

from .documents import ConsoleLines, Message, RunWords, SourceLines, Text
from .reader import Reader
from .schema import BODY, KINDS, index_field, milliseconds
from .terms import (
    RUN_FIELDS,
    Absent,
    All,
    Any,
    Level,
    Not,
    Period,
    Setting,
    Term,
    Words,
    is_about_run,
)

__all__ = ["OF_RUNS", "Plan", "both", "either"]

BLOCKS = (KINDS[SourceLines], KINDS[ConsoleLines])
FIELD_KINDS = {
    "line": KINDS[ConsoleLines],
    "code": KINDS[SourceLines],
    "message": KINDS[Message],
    "text": KINDS[Text],
}

OF_RUNS = tuple(map(index_field, RUN_FIELDS))

MUST, SHOULD, MUST_NOT = tantivy.Occur.Must, tantivy.Occur.Should, tantivy.Occur.MustNot
Query = tantivy.Query


class Plan:
    """Makes queries of the parts of one question, to one state of the index.

    `having` returns the runs in which a part holds for some text.
    """

    def __init__(self, reader: Reader, having: Callable[[Term], set[int]]) -> None:
        self.reader = reader
        self.schema = reader.schema
        self.having = having
        self.of_runs: dict[Term, frozenset[int]] = {}  # where a part about runs holds

    def query(self, term: Term, fields: Sequence[str] = (*OF_RUNS, BODY)) -> Query:
        """Return the query of a part: documents in which it may hold.

        `fields` are those where words without a field may be: all of them, or fewer where only
        the words of runs, or only other texts, are asked for.
        """
        if is_about_run(term):
            return self.within(self.runs_where(term))
        match term:
            case Words(field=""):
                return either(self._words(term, field) for field in fields)
            case Words(field=field):
                return both(self._words(term, BODY), self.kind(FIELD_KINDS[field]))
            case Level(level=level):
                return self._range("level", level, None)
            case Period(since=since, until=until):
                # A block counts from its first line to its last.
                if since is not None:
                    return self._range("time_ms", milliseconds(since), None)
                return self._range("since_ms", None, milliseconds(until or 0.0))
            case Any(parts=parts):
                return either(self.query(part, fields) for part in parts)
            case All(parts=parts):
                return self._all(parts, fields)
            case Not():
                return self._all((term,), fields)
            case _:
                raise AssertionError(term)

    def settles(self, term: Term) -> bool:
        """Whether a block in which the part may hold has a line in which it does."""
        match term:
            case All(parts=parts):
                searched = [part for part in parts if not is_about_run(part)]
                lines = [part for part in searched if not isinstance(part, Level | Period)]
                return len(lines) <= 1 and all(map(self.settles, searched))
            case Any(parts=parts):
                return all(self.settles(part) for part in parts)
            case Not():
                return is_about_run(term)
            case _:
                return True

    def runs_where(self, term: Term) -> frozenset[int]:
        """Return the runs for which a part about runs holds."""
        if term not in self.of_runs:
            self.of_runs[term] = frozenset(self.reader.runs(self.run_query(term)))
        return self.of_runs[term]

    def run_query(self, term: Term) -> Query:
        """Return the query of a part about runs: the words of these runs, no other texts."""
        runs = self.kind(KINDS[RunWords])
        match term:
            case Words(field=field):
                return self._words(term, index_field(field))
            case Setting(pair=pair):
                return Query.term_query(self.schema, "pair", pair)
            case All(parts=parts):
                return both(*map(self.run_query, parts))
            case Any(parts=parts):
                return either(map(self.run_query, parts))
            case Not(part=part):
                return both(runs, but=[self.run_query(part)])
            case Absent(part=part):
                return both(runs, but=[self.within(self.having(part))])
            case _:
                raise AssertionError(term)

    def words_in(self, term: Words, fields: Iterable[str]) -> Query:
        """Return the query of words in any of these fields of runs."""
        return either(self._words(term, index_field(field)) for field in fields)

    def kind(self, number: int) -> Query:
        """Return the query of all documents of a kind."""
        return Query.term_query(self.schema, "kind", number)

    def blocks(self) -> Query:
        """Return the query of all blocks of lines."""
        return either(map(self.kind, BLOCKS))

    def within(self, runs: Iterable[int]) -> Query:
        """Return the query of all documents of these runs."""
        found = list(runs)
        return Query.term_set_query(self.schema, "run", found) if found else Query.empty_query()

    def _all(self, parts: Sequence[Term], fields: Sequence[str]) -> Query:
        wanted, denied = [], []
        for part in parts:
            if isinstance(part, Not) and not is_about_run(part):
                # Another line of a block may still do, so no block is left out for this.
                denied.append(both(self.query(part.part, fields), but=[self.blocks()]))
            else:
                wanted.append(self.query(part, fields))
        return both(*(wanted or [Query.all_query()]), but=denied)

    def _words(self, term: Words, field: str) -> Query:
        words = list(term.words)
        if term.match == "fuzzy":
            return Query.fuzzy_term_query(self.schema, field, words[0], term.edits)
        if term.match == "prefix":
            # Words are letters and digits: nothing in them means anything to a pattern.
            # `phrase_prefix_query` looks at fifty words that begin so, and says nothing of others.
            words[-1] += ".*"
            if len(words) == 1:
                return Query.regex_query(self.schema, field, words[0])
            return Query.regex_phrase_query(self.schema, field, list(words))
        if len(words) == 1:
            return Query.term_query(self.schema, field, words[0])
        return Query.phrase_query(self.schema, field, list(words))  # of one word it panics

    def _range(self, field: str, least: int | None, below: int | None) -> Query:
        most = None if below is None else below - 1
        return Query.range_query(self.schema, field, tantivy.FieldType.Integer, least, most)


def both(*queries: Query, but: Iterable[Query] = ()) -> Query:
    """Return the query of what all of these find, and none of `but`."""
    parts = [(MUST, query) for query in queries] + [(MUST_NOT, query) for query in but]
    return parts[0][1] if len(parts) == 1 else Query.boolean_query(parts)


def either(queries: Iterable[Query]) -> Query:
    """Return the query of what one of these finds."""
    parts = [(SHOULD, query) for query in queries]
    return parts[0][1] if len(parts) == 1 else Query.boolean_query(parts)
