/** Queries that lead from a run to its curves. */

import type { Summary } from '../../lib/api/types';
import { literal } from '../../lib/query/literal';

export function runQuery(id: string): string {
  return `run.id == ${JSON.stringify(id)}`;
}

/** This series of this run and no other. A key that is no Python name cannot be asked for. */
export function metricQuery(runId: string, metric: Pick<Summary, 'name' | 'context'>): string {
  const where = Object.entries(metric.context)
    .filter(([key]) => /^[A-Za-z_]\w*$/.test(key))
    .map(([key, value]) => `metric.context.${key} == ${literal(value)}`);
  return [runQuery(runId), `metric.name == ${JSON.stringify(metric.name)}`, ...where].join(' and ');
}
