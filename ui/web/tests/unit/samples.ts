/** Runs and series to test with. */

import type { Context, Run, Summary, WireNumber } from '../../src/lib/api/types';

export function aSummary(
  series: number,
  name: string,
  context: Context,
  value: WireNumber,
): Summary {
  const bound = typeof value === 'number' ? { value, step: 9 } : null;
  return {
    series,
    name,
    context,
    count: 10,
    nonfinite: 0,
    first_nonfinite_step: null,
    first: { value: 1, step: 0, time: 0 },
    last: { value, step: 9, time: 9 },
    min: bound,
    max: bound,
    mean: null,
  };
}

export function aRun(id: string, parts: Partial<Run> = {}): Run {
  return {
    id,
    name: id,
    experiment: null,
    description: null,
    tags: [],
    status: 'finished',
    created_at: 0,
    ended_at: 10,
    duration: 10,
    archived: false,
    params: {},
    metrics: [],
    summary: {},
    fields: {},
    host: 'node7',
    user: '',
    git: null,
    parent: null,
    progress: null,
    alerts_total: 0,
    ...parts,
  };
}
