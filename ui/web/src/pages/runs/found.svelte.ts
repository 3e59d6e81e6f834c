/**
 * The columns that matching runs have: what can be shown, and what tells runs apart.
 */

import { asApiError, isAbort, type ApiError } from '../../lib/api/client';
import { searchColumns, type ColumnFound } from '../../lib/api/tables';
import { columnOf, type Column } from '../../lib/grid/columns';
import { metricKey, placeOf } from '../../lib/grid/words';

/** Columns in one answer, the server's own bound; more are told as "n of m". */
const COLUMNS_MAX = 10_000;
/** While new columns pour in they are asked for at most this often. */
const REFRESH_MS = 5_000;
/** And rest so many times as long as the last answer took. */
const REST = 10;

export class FoundColumns {
  list = $state.raw<readonly ColumnFound[]>([]);
  /** How many there are, listed or not. */
  total = $state(0);
  ready = $state(false);
  error = $state.raw<ApiError | null>(null);
  readonly byWord: ReadonlyMap<string, ColumnFound> = $derived(
    new Map(this.list.map((found) => [found.column, found])),
  );
  /** Metrics that some run has, by their keys. */
  readonly metrics: ReadonlySet<string> = $derived.by(() => {
    const keys = this.list.flatMap(({ source, column }) => {
      const place = source === 'metric' ? placeOf(column) : null;
      return place?.kind === 'metric' ? [metricKey(place.name, place.context)] : [];
    });
    return new Set(keys);
  });

  private query = '';
  private abort = new AbortController();
  private askedAt = 0;
  private took = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private columns = new Map<string, { found: ColumnFound | null; column: Column }>();

  /** Asks anew; what is known stays until the answer is here. */
  async load(query: string): Promise<void> {
    this.stop();
    this.query = query;
    this.askedAt = Date.now();
    try {
      const answer = await searchColumns(
        { query, values: 0, limit: COLUMNS_MAX },
        this.abort.signal,
      );
      this.list = answer.columns;
      this.total = answer.total;
      this.ready = true;
      this.took = Date.now() - this.askedAt;
      this.error = null;
    } catch (reason) {
      // A query that is wrong is told by the table; which columns there are is not known then.
      if (!isAbort(reason)) this.error = asApiError(reason);
    }
  }

  /** Asks anew before long, because something came that no column may show. */
  refreshSoon(): void {
    const wait = Math.max(REFRESH_MS, REST * this.took);
    this.timer ??= setTimeout(() => {
      this.timer = null;
      void this.load(this.query);
    }, Math.max(0, this.askedAt + wait - Date.now()));
  }

  stop(): void {
    this.abort.abort();
    this.abort = new AbortController();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  /** The column of an id, the same object as long as nothing new is known of it. */
  column(id: string): Column {
    // Of a small curve, or another figure of a metric, the last value's column tells what there is.
    const found = this.byWord.get(id) ?? null;
    const known = this.columns.get(id);
    if (known !== undefined && known.found === found) return known.column;
    const column = columnOf(id, found);
    this.columns.set(id, { found, column });
    return column;
  }
}
