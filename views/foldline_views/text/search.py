"""Searches of the text index, grouped by run.

Runs come by their best hit, and hits within a run likewise: what is found in names, tags and
experiments before params, these before notes, these before git, host and the like, and all of them
before what was said, printed or captured. Among equals the newest comes first.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from foldline.errors import QueryError, QuestionError

from .documents import ConsoleLines, Document, RunWords, SourceLines
from .hits import TIERS, Found, Hit, RunHits, hit_of, hits_of_run
from .index import TextIndex
from .plan import OF_RUNS, Plan, Query, both, either
from .question import Question
from .reader import Place
from .schema import BODY, KINDS, milliseconds
from .terms import Setting, Term, Words, is_about_run, positive, said
from .unit import Unit, units

__all__ = ["ALL", "Among", "Fetch", "search", "search_ids"]

# Blocks of lines that are read for a list of hits. Each costs some 0.2 ms, so this bounds an
# answer to a tenth of a second or so.
READ_MAX = 200

# Blocks that are read to count runs whose words have to be on one line. A query's filter is exact
# for longer than the number above a list of hits: it is asked less often.
COUNT_READ_MAX = 50
FILTER_READ_MAX = 2_000

# Documents of one run that are looked through for its hits: the newest ones.
DOCUMENTS_MAX = 32

# Documents that are found at once, to be looked through as far as need be; finding is cheap.
PLACES_MAX = 2_000

RUNS_AT_ONCE = 20  # whose texts are found together: a list of hits has as many

# Returns the lines of a block, which the index does not keep; none where they are gone.
Fetch = Callable[[SourceLines | ConsoleLines], Sequence[str]]


class Among(NamedTuple):
    """Which runs are looked at: these, or all but these."""

    runs: Collection[int]
    but: bool = False

    def has(self, run: int) -> bool:
        """Whether a run is looked at."""
        return (run in self.runs) != self.but


ALL = Among(frozenset(), but=True)


def search(
    index: TextIndex,
    question: Question,
    fetch: Fetch,
    *,
    limit: int = 20,
    hits: int = 3,
    among: Among = ALL,
) -> Found:
    """Return the best `limit` runs that a question finds, with at most `hits` hits of each.

    Raises QuestionError for a phrase that may end in too many ways, and ViewDamaged.
    """
    warnings = list(question.warnings)
    if question.term is None:
        return Found([], 0, warnings=warnings)
    look = _Look(index, question.term, fetch, among)
    with _blamed(question):
        runs = look.groups(max(0, limit), max(1, hits))
        total, exact = look.total()
    if look.cut_short:
        warnings.append(
            f"{READ_MAX} blocks of lines were read and more may hold all words: add a word"
        )
    return Found(runs, total, exact, warnings)


def search_ids(
    index: TextIndex, question: Question, fetch: Fetch | None = None
) -> tuple[set[int], list[str]]:
    """Return the numbers of all runs that a question finds, and warnings.

    Where several words have to be on one line, `fetch` gives the lines to look at. Beyond
    FILTER_READ_MAX blocks, or without it, runs that have the words within 64 lines are taken for
    found, and a warning says how many these are.
    """
    warnings = list(question.warnings)
    if question.term is None:
        return set(), warnings
    with _blamed(question):
        sure, unsure = _Look(index, question.term, fetch).having(question.term, FILTER_READ_MAX)
    if unsure:
        warnings.append(
            f"{len(unsure)} of the runs have all words within 64 lines, perhaps not on one line"
        )
    return sure | unsure, warnings


@contextmanager
def _blamed(question: Question) -> Iterator[None]:
    """Say of what the index refuses that it is the question."""
    try:
        yield
    except QueryError as error:
        at = (0, len(question.text))
        raise QuestionError(error.message, at=at, hint=error.hint) from error


class _Look:
    """One look at the index, for one question."""

    def __init__(
        self, index: TextIndex, term: Term, fetch: Fetch | None, among: Among = ALL
    ) -> None:
        self.reader = index.reader
        self.term = term
        self.said = said(term)
        self.cut_short = False
        self.plan = Plan(index.reader, self._having)
        self._fetch = fetch
        self._lines: dict[str, Sequence[str]] = {}
        self._among = among
        self._words = self.plan.kind(KINDS[RunWords])
        self._runs = self._asked(self._words)

    # --- which runs -------------------------------------------------------------------------------

    def having(self, term: Term, read_max: int) -> tuple[set[int], set[int]]:
        """Return the runs in which a part holds, and others in which it may."""
        if is_about_run(term):
            return set(self.plan.runs_where(term)), set()
        query = self.plan.query(term)
        if self.plan.settles(term):
            return self.reader.runs(query), set()
        sure = self.reader.runs(both(query, but=[self.plan.blocks()]))
        blocks = both(query, self.plan.blocks())
        unsure = self.reader.runs(blocks) - sure
        if not unsure or self._fetch is None:
            return sure, unsure
        places = self.reader.newest(blocks, PLACES_MAX)
        for place in places:
            if place.run in sure:
                continue
            if read_max == 0:
                return sure, unsure - sure
            read_max -= 1
            if any(self._found_in(self.reader.document(place), term)):
                sure.add(place.run)
        return sure, unsure - sure if len(places) == PLACES_MAX else set()

    def total(self) -> tuple[int, bool]:
        """Return how many runs there are, and whether it is certain."""
        if is_about_run(self.term) or (self.by_words and not self.reader.count(self._texts)):
            return self.by_words, True  # of a run's words there is one document
        sure, unsure = (
            set(filter(self._among.has, runs)) for runs in self.having(self.term, COUNT_READ_MAX)
        )
        return len(sure | unsure), not unsure

    @cached_property
    def by_words(self) -> int:
        """How many runs are found by their own words."""
        return self.reader.count(both(self._of_runs(), self._runs))

    def _of_runs(self) -> Query:
        """Return the query for the runs that are found by their own words."""
        about_run = is_about_run(self.term)
        return self.plan.run_query(self.term) if about_run else self.plan.query(self.term, OF_RUNS)

    @cached_property
    def _texts(self) -> Query:
        """The query for everything else in which the question may hold."""
        return self._asked(both(self.plan.query(self.said, [BODY]), but=[self._words]))

    def _asked(self, query: Query) -> Query:
        """Return what a query finds among the runs that are looked at."""
        runs, but = self._among
        if not runs and but:
            return query
        within = self.plan.within(runs)
        return both(query, but=[within]) if but else both(query, within)

    def _having(self, term: Term) -> set[int]:
        sure, unsure = self.having(term, FILTER_READ_MAX)
        return sure | unsure

    # --- their hits -------------------------------------------------------------------------------

    def groups(self, limit: int, hits: int) -> list[RunHits]:
        """Return the best runs with their hits."""
        own = {run.run: self._own_hits(run) for run in self._found_by_words(limit)}
        if is_about_run(self.term):
            return [RunHits(run, found[:hits], len(found) > hits) for run, found in own.items()]
        short = [run for run, found in own.items() if len(found) <= hits]
        for run, documents in self._texts_of(short):
            own[run] += self._hits_in(documents, hits + 1 - len(own[run]))
        own |= self._newest_said(limit - len(own), hits, own)
        return [RunHits(run, found[:hits], len(found) > hits) for run, found in own.items()]

    def _newest_said(self, count: int, hits: int, but: Collection[int]) -> dict[int, list[Hit]]:
        """Return the newest runs by what was said in them, with one hit more than is shown."""
        best: list[tuple[int, int, list[Hit]]] = []  # by when the newest hit was, negated
        candidates = dict(self._newest_runs(count, but))
        for run, documents in self._texts_of(list(candidates)):
            # Texts that only may hold are as new or newer than those that do.
            if len(best) >= count and -best[count - 1][0] >= candidates[run]:
                break
            if len(self._lines) >= READ_MAX:
                self.cut_short = True
                break
            if found := self._hits_in(documents, hits + 1):
                insort(best, (-milliseconds(found[0].time), run, found), key=lambda one: one[0])
        return {run: found for _, run, found in best[:count]}

    def _texts_of(self, runs: Sequence[int]) -> Iterator[tuple[int, list[Place]]]:
        """Yield the places of the newest texts of each run.

        One search for many runs: what a query costs is mostly the same for one run and for all.
        """
        for some in (runs[at : at + RUNS_AT_ONCE] for at in range(0, len(runs), RUNS_AT_ONCE)):
            of_run: dict[int, list[Place]] = {run: [] for run in some}
            places = self.reader.newest(both(self._texts, self.plan.within(some)), PLACES_MAX)
            for place in places:
                of_run[place.run].append(place)
            for run in some:
                found = of_run[run]
                if len(found) < DOCUMENTS_MAX and len(places) == PLACES_MAX:
                    # Others have said so much since that not all of this run's was seen.
                    query = both(self._texts, self.plan.within([run]))
                    found = self.reader.newest(query, DOCUMENTS_MAX)
                yield run, found[:DOCUMENTS_MAX]

    def _found_by_words(self, limit: int) -> list[RunWords]:
        """Return the runs that are found by their own words, by tier and then the newest."""
        query = both(self._of_runs(), self._runs)
        found: dict[int, RunWords] = {}
        if self.by_words == 0:
            return []
        for tier in (*TIERS, None):
            if len(found) >= limit:
                break
            wanted = query
            if tier is not None:
                # Of a single word, that it stands in one of these fields is all there is to ask.
                alone = isinstance(self.term, Words | Setting)
                wanted = both(self._in_tier(tier), self._runs if alone else query)
            if found:
                wanted = both(wanted, but=[self.plan.within(found)])
            for place in self.reader.newest(wanted, limit - len(found)):
                document = self.reader.document(place)
                assert isinstance(document, RunWords)
                found[document.run] = document
        return list(found.values())

    def _in_tier(self, tier: Sequence[str]) -> Query:
        queries = []
        for words in positive(self.term):
            if not isinstance(words, Words):
                if "param" in tier:
                    queries.append(self.plan.run_query(words))
            elif fields := [field for field in tier if words.field in {"", field}]:
                queries.append(self.plan.words_in(words, fields))
        return either(queries) if queries else Query.empty_query()

    def _own_hits(self, run: RunWords) -> list[Hit]:
        (unit,) = units(run, (), self.term)
        return hits_of_run(unit, self.term)

    def _newest_runs(self, count: int, but: Collection[int]) -> list[tuple[int, int]]:
        """Return runs by their newest text: more than asked for where some may not hold."""
        if count < 1:
            return []
        texts = both(self._texts, but=[self.plan.within(but)]) if but else self._texts
        return self.reader.newest_runs(
            texts, count if self.plan.settles(self.said) else count + READ_MAX
        )

    def _hits_in(self, places: list[Place], count: int) -> list[Hit]:
        documents = map(self.reader.document, places)
        found = (unit for document in documents for unit in self._found_in(document, self.said))
        return [self._hit(unit) for unit in islice(found, count)]

    def _hit(self, unit: Unit) -> Hit:
        marked = ((value, value.marks(self.term)) for value in unit.values)
        value, marks = next((pair for pair in marked if pair[1]), (unit.values[0], []))
        return hit_of(unit, value, marks)

    def _found_in(self, document: Document, term: Term) -> Iterator[Unit]:
        """Yield the units of a document in which a part holds."""
        lines: Sequence[str] = ()
        if isinstance(document, SourceLines | ConsoleLines) and self._fetch:
            if document.key not in self._lines:
                self._lines[document.key] = self._fetch(document)
            lines = self._lines[document.key]
        for unit in units(document, lines, term):
            if unit.holds(term, self.plan.of_runs):
                yield unit
