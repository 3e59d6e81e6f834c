"""Searches of the text index, grouped by run.

Runs come by their best hit, and hits within a run likewise: what is found in names, tags and
experiments before params, these before notes, these before git, host and the like, and all of them
before what was said, printed or captured. Among equals the newest comes first.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Collection, Sequence

from .documents import ConsoleLines, Document, RunWords, SourceLines
from .hits import TIERS, Found, Hit, RunHits, hit_of, hits_of_run
from .index import TextIndex
from .plan import Plan, Query, both, either
from .question import Question
from .schema import KINDS, milliseconds
from .terms import Term, Words, is_about_run, positive
from .unit import Unit, needles, units

__all__ = ["Fetch", "search", "search_ids"]

# Blocks of lines that are read for a list of hits. Each costs some 0.2 ms, so this bounds an
# answer to a fraction of a second.
READ_MAX = 400

# Blocks that are read to count runs whose words have to be on one line. A query's filter is exact
# for longer than the number above a list of hits: it is asked less often.
COUNT_READ_MAX = 100
FILTER_READ_MAX = 2_000

# Documents of one run that are looked through for its hits: the newest ones.
DOCUMENTS_MAX = 32

# Returns the lines of a block, which the index does not keep; none where they are gone.
Fetch = Callable[[SourceLines | ConsoleLines], Sequence[str]]


def search(
    index: TextIndex, question: Question, fetch: Fetch, *, limit: int = 20, hits: int = 3
) -> Found:
    """Return the best `limit` runs that a question finds, with at most `hits` hits of each."""
    warnings = list(question.warnings)
    if question.term is None:
        return Found([], 0, warnings=warnings)
    look = _Look(index, question.term, fetch)
    runs = look.groups(max(0, limit), max(1, hits))
    sure, unsure = look.having(question.term, COUNT_READ_MAX)
    if look.cut_short:
        warnings.append(
            f"{READ_MAX} blocks of lines were read and more may hold all words: add a word"
        )
    return Found(runs, len(sure) + len(unsure), exact=not unsure, warnings=warnings)


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
    sure, unsure = _Look(index, question.term, fetch).having(question.term, FILTER_READ_MAX)
    if unsure:
        warnings.append(
            f"{len(unsure)} of the runs have all words within 64 lines, perhaps not on one line"
        )
    return sure | unsure, warnings


class _Look:
    """One look at the index, for one question."""

    def __init__(self, index: TextIndex, term: Term, fetch: Fetch | None) -> None:
        self.reader = index.reader
        self.term = term
        self.cut_short = False
        self.plan = Plan(index.reader, self._having)
        self._fetch = fetch
        self._lines: dict[str, Sequence[str]] = {}
        self._runs = self.plan.kind(KINDS[RunWords])

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
        left = read_max if self._fetch else 0
        for run in sorted(unsure, reverse=True):
            documents = self.reader.newest(both(blocks, self.plan.within([run])), left + 1)
            readable, more = documents[:left], len(documents) > left
            for document in readable:
                left -= 1
                if self._found_in(document, term):
                    sure.add(run)
                    break
            else:
                if more:
                    break
            unsure.discard(run)
        return sure, unsure

    def _having(self, term: Term) -> set[int]:
        sure, unsure = self.having(term, FILTER_READ_MAX)
        return sure | unsure

    # --- their hits -------------------------------------------------------------------------------

    def groups(self, limit: int, hits: int) -> list[RunHits]:
        """Return the best runs with their hits."""
        own = {run.run: self._own_hits(run) for run in self._found_by_words(limit)}
        if is_about_run(self.term):
            return [RunHits(run, found[:hits], len(found) > hits) for run, found in own.items()]
        texts = both(self.plan.query(self.term), but=[self._runs])
        for run, found in own.items():
            if len(found) <= hits:
                found.extend(self._text_hits(texts, run, hits + 1 - len(found)))
        own |= self._said(texts, limit - len(own), hits, own)
        return [RunHits(run, found[:hits], len(found) > hits) for run, found in own.items()]

    def _said(
        self, texts: Query, count: int, hits: int, but: Collection[int]
    ) -> dict[int, list[Hit]]:
        """Return the newest runs by what was said in them, with one hit more than is shown."""
        said: list[tuple[int, int, list[Hit]]] = []  # by when the newest hit was, negated
        for run, newest in self._newest_runs(texts, count, but):
            # Texts that only may hold are as new or newer than those that do.
            if len(said) >= count and -said[count - 1][0] >= newest:
                break
            if len(self._lines) >= READ_MAX:
                self.cut_short = True
                break
            if found := self._text_hits(texts, run, hits + 1):
                insort(said, (-milliseconds(found[0].time), run, found), key=lambda one: one[0])
        return {run: found for _, run, found in said[:count]}

    def _found_by_words(self, limit: int) -> list[RunWords]:
        """Return the runs that are found by their own words, by tier and then the newest."""
        term = self.term
        query = self.plan.run_query(term) if is_about_run(term) else self.plan.query(term)
        query = both(query, self._runs)
        found: dict[int, RunWords] = {}
        if self.reader.count(query) == 0:
            return []
        for tier in (*TIERS, None):
            if len(found) >= limit:
                break
            wanted = query if tier is None else both(query, self._in_tier(tier))
            if found:
                wanted = both(wanted, but=[self.plan.within(found)])
            for document in self.reader.newest(wanted, limit - len(found)):
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
        (unit,) = units(run, ())
        return hits_of_run(unit, self.term)

    def _newest_runs(self, texts: Query, count: int, but: Collection[int]) -> list[tuple[int, int]]:
        """Return runs by their newest text: more than asked for where some may not hold."""
        if count < 1:
            return []
        if but:
            texts = both(texts, but=[self.plan.within(but)])
        return self.reader.newest_runs(
            texts, count if self.plan.settles(self.term) else count + READ_MAX
        )

    def _text_hits(self, texts: Query, run: int, count: int) -> list[Hit]:
        found: list[Hit] = []
        for document in self.reader.newest(both(texts, self.plan.within([run])), DOCUMENTS_MAX):
            for unit in self._found_in(document, self.term):
                marked = [(value, value.marks(self.term)) for value in unit.values]
                value, marks = next((pair for pair in marked if pair[1]), marked[0])
                found.append(hit_of(unit, value, marks))
            if len(found) >= count:
                break
        return found[:count]

    def _found_in(self, document: Document, term: Term) -> list[Unit]:
        """Return the units of a document in which a part holds."""
        lines: Sequence[str] = ()
        if isinstance(document, SourceLines | ConsoleLines) and self._fetch:
            if document.key not in self._lines:
                self._lines[document.key] = self._fetch(document)
            lines = self._lines[document.key]
        return [
            unit
            for unit in units(document, lines, needles(term))
            if unit.holds(term, self.plan.of_runs)
        ]
