/**
 * What the columns in view want to know of a run.
 *
 * Words that the server answers with cells, and metrics whose small curves are drawn.
 */

import { METRICS_MAX, ROW_CELLS_MAX, type MetricOf, type RunExcerpt } from '../../lib/api/tables';
import type { Column } from '../../lib/grid/columns';
import { rowOf, type RunRow } from '../../lib/grid/rows';
import { metricKey } from '../../lib/grid/words';

export interface Wanted {
  words: string[];
  curves: { id: string; metric: MetricOf }[];
  /** Words of which a group has figures. */
  grouped: string[];
  /** By name and context: the figures of it that are shown. */
  figures: Map<string, { word: string; figure: string }[]>;
}

export const NOTHING: Wanted = { words: [], curves: [], grouped: [], figures: new Map() };

export function wantedOf(columns: readonly Column[]): Wanted {
  const wanted: Wanted = { words: [], curves: [], grouped: [], figures: new Map() };
  for (const { id, asked, kind, metric, figure } of columns) {
    if (asked !== null) wanted.words.push(asked);
    if (kind !== 'curve' && kind !== 'name' && kind !== 'tags') wanted.grouped.push(id);
    if (metric === null) continue;
    if (kind === 'curve') wanted.curves.push({ id, metric });
    const key = metricKey(metric.name, metric.context);
    const known = wanted.figures.get(key) ?? [];
    wanted.figures.set(key, [...known, { word: id, figure: kind === 'curve' ? '' : figure }]);
  }
  return wanted;
}

/** As much of it as one request may ask. */
export function oneRequest(wanted: Wanted): { words: string[]; curves: Wanted['curves'] } {
  return {
    words: wanted.words.slice(0, ROW_CELLS_MAX),
    curves: wanted.curves.slice(0, METRICS_MAX),
  };
}

/** An answered row: its cells, and a mark for each curve that was asked for. */
export function rowFrom(
  excerpt: RunExcerpt,
  asked: { words: readonly string[]; curves: Wanted['curves'] },
): RunRow {
  const row = rowOf(excerpt, asked.words);
  for (const { id } of asked.curves) row.values.set(id, null);
  return row;
}

/** What of all that is wanted a row lacks. */
export function lacking(
  row: RunRow,
  wanted: Wanted,
): { words: string[]; curves: Wanted['curves'] } {
  return {
    words: wanted.words.filter((word) => !row.values.has(word)),
    curves: wanted.curves.filter(({ id }) => !row.values.has(id)),
  };
}
