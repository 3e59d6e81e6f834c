/** How long a run will go on, from how far it has come. */

import type { Run } from '../../lib/api/types';

/** Below this a guess would be worth nothing. */
const DONE_MIN = 0.01;

/**
 * Seconds that are left if it goes on as it went so far; null where nothing can be said.
 *
 * It is told from the moment of the last report on, so it does not tick between reports.
 */
export function remaining(run: Pick<Run, 'created_at' | 'progress'>): number | null {
  const { done, total, time } = run.progress ?? { done: null, total: null, time: 0 };
  if (done === null || total === null || total <= 0) return null;
  const part = done / total;
  const spent = time - run.created_at;
  if (part < DONE_MIN || part >= 1 || spent <= 0) return null;
  return spent / part - spent;
}
