/**
 * Rows of the table.
 *
 * A run has the cells that were asked for so far; others are asked for as they come into view.
 */

import type { Figures, Group, RunExcerpt } from '../api/tables';
import type { Json, Run, RunHead } from '../api/types';

export interface RunRow extends Run {
  /** Cells by the words of their columns. */
  readonly values: Map<string, Json>;
}

/** What stands in one line of the table. */
export type Line =
  | { readonly kind: 'run'; readonly run: RunRow; readonly depth: number }
  | {
      readonly kind: 'group';
      readonly group: Group;
      readonly open: boolean;
      /** By the words of columns. */
      readonly figures: ReadonlyMap<string, Figures>;
    };

/** An answer's row, with cells in the order of `words`. */
export function rowOf(excerpt: RunExcerpt, words: readonly string[]): RunRow {
  const values = new Map(words.map((word, place) => [word, excerpt.cells[place] ?? null]));
  return { ...excerpt, values };
}

/** The row with what a newer answer says of it; cells that were not asked for again stay. */
export function renewed(row: RunRow, newer: RunRow): RunRow {
  const metrics = new Map(row.metrics.map((summary) => [summary.series, summary]));
  for (const summary of newer.metrics) metrics.set(summary.series, summary);
  return {
    ...newer,
    metrics: [...metrics.values()],
    values: new Map([...row.values, ...newer.values]),
  };
}

export function shownName(run: { id: string; name: string | null }): string {
  return run.name ?? run.id;
}

/** Seconds so far: a running run has grown since the answer was sent. */
export function shownDuration(run: RunHead, now: number): number {
  return run.status === 'running' ? Math.max(run.duration, now - run.created_at) : run.duration;
}
