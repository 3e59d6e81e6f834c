/** In how many of the found runs something is so: what the search can be narrowed to. */

import { asApiError, isAbort, sendJson, type ApiError } from '../api/client';
import { both, findColumns, type FoundColumns } from '../query/columns';
import { literal } from '../query/literal';
import { FACETS, PLACES, queryOfAsked, questionOf, type Asked, type Facet } from './asked';

/** Values told of one facet; the server names the most frequent ones. */
const VALUES = 12;
/** Enough for all fields that runs have. */
const COLUMNS = 100;
/** After this long without another key: who types on wants the hits, not their number. */
const PAUSE_MS = 160;
/** A query has to be shorter; the words stand in it once for each place. */
const QUERY_CHARS_MAX = 4_000;

export interface Count {
  value: string;
  runs: number;
}

interface Explained {
  parts: { at: [number, number]; depth: number; rows: number }[];
}

const COLUMN: Record<Facet, string> = {
  status: 'run.status', experiment: 'run.experiment', tag: 'run.tags',
};

export class Counts {
  /** Exactly how many runs were found; null until it is known. */
  total = $state.raw<number | null>(null);
  facets = $state.raw<Partial<Record<Facet, readonly Count[]>>>({});
  /** By field; a place that is missing was not counted. */
  places = $state.raw<ReadonlyMap<string, number>>(new Map());
  error = $state.raw<ApiError | null>(null);

  private timer: ReturnType<typeof setTimeout> | undefined;
  private abort: AbortController | null = null;

  /** Counts for what is asked, after a pause; what was counted before stands until then. */
  ask(asked: Asked): void {
    this.cancel();
    this.total = null;
    if (asked.q.trim() === '') {
      this.facets = {};
      this.places = new Map();
      return;
    }
    this.timer = setTimeout(() => void this.count(asked), PAUSE_MS);
  }

  cancel(): void {
    clearTimeout(this.timer);
    this.abort?.abort();
    this.abort = null;
  }

  private async count(asked: Asked): Promise<void> {
    const abort = new AbortController();
    this.abort = abort;
    try {
      const [values, places] = await Promise.all([
        this.values(asked, abort.signal),
        countPlaces(asked, abort.signal),
      ]);
      if (this.abort !== abort) return;
      this.facets = values.facets;
      this.total = values.total;
      this.places = places;
      this.error = null;
    } catch (reason) {
      // What is wrong with the words themselves is told with the hits.
      if (!isAbort(reason) && this.abort === abort) this.error = asApiError(reason);
    }
  }

  /** Each facet is counted without what is chosen in itself: choosing more widens the answer. */
  private async values(asked: Asked, signal: AbortSignal) {
    const search = `search(${literal(questionOf(asked))})`;
    const answers = new Map<string, Promise<FoundColumns>>();
    const found = (without: Facet | null) => {
      const query = both(search, queryOfAsked(asked, without));
      const request = { query, sources: ['field' as const], values: VALUES, limit: COLUMNS };
      const answer = answers.get(query) ?? findColumns(request, signal);
      answers.set(query, answer);
      return answer;
    };
    const [all, ...each] = await Promise.all([found(null), ...FACETS.map(found)]);
    const facets = FACETS.map((facet, at) => [facet, countsOf(each[at], COLUMN[facet])] as const);
    return { total: all.runs, facets: Object.fromEntries(facets) as Record<Facet, Count[]> };
  }
}

function countsOf(found: FoundColumns | undefined, column: string): Count[] {
  const values = found?.columns.find((one) => one.column === column)?.values ?? [];
  return values
    .filter((one) => typeof one.value === 'string' && one.value !== '')
    .map(({ value, runs }) => ({ value: value as string, runs }));
}

/**
 * One query that searches each place by itself: its parts say in how many runs each is found.
 *
 * A part counts archived and deleted runs as well, unless it says that it does not mean them.
 */
async function countPlaces(
  asked: Asked,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const bounds = queryOfAsked(asked);
  const sight = /\brun\s*\.\s*(?:archived|deleted)\b/.test(bounds)
    ? ''
    : ' and not run.archived and not run.deleted';
  const beside = bounds === '' ? sight || ' and True' : ` and (${bounds}\n)${sight}`;
  const query = PLACES.map(({ field }) => {
    const search = `search(${literal(questionOf(asked, asked.q, field))})`;
    return `(${search}${beside})`;
  }).join(' or ');
  if (query.length > QUERY_CHARS_MAX) return new Map();
  const { parts } = await sendJson<Explained>('POST', 'explain', { query }, signal);
  const each = parts.filter((part) => part.depth === 1).sort((a, b) => a.at[0] - b.at[0]);
  // Anything else than a part for each place would be counts of something else.
  if (each.length !== PLACES.length) return new Map();
  return new Map(PLACES.map(({ field }, at) => [field, each[at]?.rows ?? 0]));
}
