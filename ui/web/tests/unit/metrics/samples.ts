/** Runs, series and their curves that the tests of the Metrics page share. */

import type { Context, Params, RunHead, SeriesHead } from '../../../src/lib/api/types';
import type { CurveData } from '../../../src/lib/curves/arrays';
import type { Spread, Spreads } from '../../../src/lib/curves/spreads';
import type { FacetInput } from '../../../src/pages/metrics/facets';

export function runOf(id: string, params: Params = {}, rest: Partial<RunHead> = {}): RunHead {
  return {
    id, name: `name-${id}`, experiment: 'mnist', description: null, tags: [], status: 'finished',
    created_at: 0, ended_at: 10, duration: 10, archived: false, params, ...rest,
  };
}

export function headOf(
  series: number,
  run: string,
  name = 'loss',
  context: Context = {},
): SeriesHead {
  return {
    series, run, name, context, count: 3, nonfinite: 0, first_nonfinite_step: null,
    first: { value: 1, step: 0, time: 0 }, last: { value: series, step: 2, time: 2 },
    min: { value: series, step: 2 }, max: { value: 9, step: 0 }, mean: 2,
  };
}

export function dataOf(values: readonly number[]): CurveData {
  return {
    coarse: {
      x: Float64Array.from(values, (_, index) => index),
      y: Float32Array.from(values),
      raw: null,
      low: null,
      high: null,
      exact: true,
    },
    detail: null,
  };
}

/** Three runs, two optimizers, two metrics. */
export function inputOf(rest: Partial<FacetInput> = {}): FacetInput {
  const runs = {
    a: runOf('a', { opt: { name: 'sgd' }, lr: 0.1 }),
    b: runOf('b', { opt: { name: 'adam' }, lr: 0.01 }),
    c: runOf('c', { opt: { name: 'adam' }, lr: 0.001 }, { status: 'failed' }),
  };
  return {
    heads: [
      headOf(1, 'a'), headOf(2, 'b'), headOf(3, 'c'), headOf(4, 'a', 'acc'), headOf(5, 'b', 'acc'),
    ],
    runs,
    data: new Map([
      [1, dataOf([9, 5, 1])], [2, dataOf([9, 6, 2])], [3, dataOf([9, 7, 4])],
      [4, dataOf([0, 0.5, 0.9])], [5, dataOf([0, 0.4, 0.8])],
    ]),
    color: ['run.opt.name'],
    facet: ['metric.name'],
    stroke: [],
    spreads: null,
    members: true,
    zoom: null,
    hiddenRuns: new Set(),
    hiddenGroups: new Set(),
    only: null,
    paint: new Map(),
    baseline: null,
    theme: 'light',
    ...rest,
  };
}

/** What the server answers of groups: each with its centre, one below and one above it. */
export function spreadsOf(
  by: string[],
  groups: readonly { by: string[]; members: number; mid: number[] }[],
): Spreads {
  return {
    asked: {
      query: '', by, expressions: [], line: 'mean', band: 'min-max', axis: 'step', points: 256,
      smooth: null,
    },
    groups: groups.map((group): Spread => ({
      by: group.by,
      members: group.members,
      x: Float64Array.from(group.mid, (_, index) => index),
      mid: Float32Array.from(group.mid),
      low: Float32Array.from(group.mid, (value) => value - 1),
      high: Float32Array.from(group.mid, (value) => value + 1),
      counts: Float32Array.from(group.mid, () => group.members),
    })),
  };
}
