/**
 * The least and the greatest number of a column, over all runs that match: what bars are drawn to.
 */

import { isAbort } from '../../lib/api/client';
import { FIGURES_MAX, searchGroups } from '../../lib/api/tables';
import type { Column } from '../../lib/grid/columns';

/** Puts all runs that match in one group, or in two where deleted ones are among them. */
const ALL_ALIKE = 'run.deleted';

export class Bounds {
  /** Counts up as others are known. */
  version = $state(0);

  private known = new Map<string, [number, number]>();
  private abort = new AbortController();

  of(column: Column): [number, number] | null {
    return this.known.get(column.id) ?? null;
  }

  async load(query: string, words: readonly string[]): Promise<void> {
    this.abort.abort();
    this.abort = new AbortController();
    if (words.length === 0) return;
    const columns = words.slice(0, FIGURES_MAX);
    try {
      const answer = await searchGroups(
        { query, by: [ALL_ALIKE], columns, best: null, sort: [], limit: 2, cursor: null },
        this.abort.signal,
      );
      const known = new Map<string, [number, number]>();
      columns.forEach((word, place) => {
        const low = answer.groups.flatMap(({ figures }) => figures[place]?.min ?? []);
        const high = answer.groups.flatMap(({ figures }) => figures[place]?.max ?? []);
        if (low.length > 0) known.set(word, [Math.min(...low), Math.max(...high)]);
      });
      this.known = known;
      this.version += 1;
    } catch (reason) {
      // Without them there are no bars, and the numbers stand as they are.
      if (!isAbort(reason)) this.known = new Map();
    }
  }
}
