/** Small changes written into runs on screen. */

import type { Run, SeriesDelta, Summary } from '../../lib/api/types';

function lowered(summary: Summary, delta: SeriesDelta): Summary['min'] {
  const { value, step } = delta;
  if (typeof value !== 'number') return summary.min;
  const known = summary.min?.value ?? null;
  return known === null || value < known ? { value, step } : summary.min;
}

function raised(summary: Summary, delta: SeriesDelta): Summary['max'] {
  const { value, step } = delta;
  if (typeof value !== 'number') return summary.max;
  const known = summary.max?.value ?? null;
  return known === null || value > known ? { value, step } : summary.max;
}

/**
 * The run with a newer last point, or null if it does not have that series yet and has to be read
 * again. Points between two notices are not in them, so min and max are only bounds until then.
 */
export function withDelta(run: Run, delta: SeriesDelta): Run | null {
  const index = run.metrics.findIndex((summary) => summary.series === delta.id);
  const summary = run.metrics[index];
  if (summary === undefined) return null;
  const metrics = [...run.metrics];
  metrics[index] = {
    ...summary,
    count: delta.count,
    last: { value: delta.value, step: delta.step, time: delta.time },
    min: lowered(summary, delta),
    max: raised(summary, delta),
  };
  return { ...run, metrics };
}

/** The query that reads exactly these runs again. */
export function idsQuery(ids: readonly string[]): string {
  return `run.id in (${ids.map((id) => `${JSON.stringify(id)},`).join(' ')})`;
}
