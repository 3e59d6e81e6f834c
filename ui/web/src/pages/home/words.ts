/** Words and figures about runs, as Home says them. */

import type { Progress, Summary } from '../../lib/api/types';

/** "loss", or with what tells it apart: "val loss". */
export function seriesName(metric: Pick<Summary, 'name' | 'context'>): string {
  return [...Object.values(metric.context).map(String), metric.name].join(' ');
}

/** How much is done, from 0 to 1; null where nobody can know. */
export function partDone(progress: Progress | null): number | null {
  if (progress === null || progress.done === null || !progress.total) return null;
  return Math.min(1, Math.max(0, progress.done / progress.total));
}

const LEVELS: [number, string][] = [
  [50, 'critical'],
  [40, 'error'],
  [30, 'warning'],
  [20, 'info'],
];

/** The name of a level of Python's logging. */
export function levelName(level: number): string {
  return LEVELS.find(([least]) => level >= least)?.[1] ?? 'debug';
}
