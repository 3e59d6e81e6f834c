/** The centre and the spread of groups of series, worked out by the server over all members. */

import { getFrames } from '../api/client';
import { decodeFrames, type FrameGroup, type FrameSeries } from '../api/frames';
import type { Aggregate, Json, Smooth } from '../api/types';
import type { Range } from '../chart/model';
import { type AxisWord, axisOf } from './axis';

/** What groups are asked for; `by` are words of the query language. */
export interface SpreadsAsked {
  readonly query: string;
  readonly by: readonly string[];
  /** Worked out for each run, and grouped as well. */
  readonly expressions: readonly string[];
  readonly line: Aggregate['line'];
  readonly band: Aggregate['band'];
  readonly axis: AxisWord;
  readonly points: number;
  readonly smooth: Smooth | null;
}

/** One group on a grid that all groups share; NaN where no member has a value. */
export interface Spread {
  /** What the members have in common, in the order of `by`. */
  readonly by: readonly Json[];
  readonly members: number;
  readonly x: Float64Array;
  readonly mid: Float32Array;
  readonly low: Float32Array;
  readonly high: Float32Array;
  /** How many members had a value in each bucket. */
  readonly counts: Float32Array;
}

/** An answer of the server, of all groups or none. */
export interface Spreads {
  readonly asked: SpreadsAsked;
  readonly groups: readonly Spread[];
}

async function read(
  asked: SpreadsAsked,
  range: Range | null,
  signal: AbortSignal,
  by: readonly string[],
  expressions: readonly string[],
): Promise<{ group: FrameGroup; frame: FrameSeries }[]> {
  const { query, line, band, axis, points, smooth } = asked;
  const buffer = await getFrames({
    query,
    x: axisOf(axis),
    points,
    range: range && [range[0], range[1]],
    columns: ['last'],
    smooth,
    expressions: [...expressions],
    aggregate: { by: [...by], line, band },
  }, signal);
  const { series, groups } = decodeFrames(buffer);
  return series.map((frame, at) => ({ group: groups[at]!, frame }));
}

function spreadOf(by: readonly Json[], members: number, { x, columns }: FrameSeries): Spread {
  const none = new Float32Array(x.length).fill(NaN);
  return {
    by,
    members,
    x,
    mid: columns.smooth ?? columns.line ?? none,
    low: columns.low ?? none,
    high: columns.high ?? none,
    counts: columns.members ?? none,
  };
}

const OF_RUNS = /^run\b/;

/** Groups of expressions: runs alone tell them apart, and each expression by itself. */
async function readExpressed(
  asked: SpreadsAsked,
  range: Range | null,
  signal: AbortSignal,
): Promise<Spread[]> {
  const { by, expressions } = asked;
  if (!expressions.length) return [];
  const words = by.filter((word) => OF_RUNS.test(word));
  const found = await read(asked, range, signal, words, expressions);
  return found.map(({ group, frame }) => {
    const expression = expressions[group.expression ?? 0]!;
    const told = by.map((word): Json => {
      if (OF_RUNS.test(word)) return group.by[words.indexOf(word)] ?? null;
      return word === 'metric.name' ? expression : null;
    });
    return spreadOf(told, group.members, frame);
  });
}

export async function readSpreads(
  asked: SpreadsAsked,
  range: Range | null,
  signal: AbortSignal,
): Promise<Spreads> {
  const [series, expressed] = await Promise.all([
    read(asked, range, signal, asked.by, []),
    // A wrong expression is told of where it is drawn: the groups of series stand without it.
    readExpressed(asked, range, signal).catch(() => []),
  ]);
  const groups = series.map(({ group, frame }) => spreadOf(group.by, group.members, frame));
  return { asked, groups: [...groups, ...expressed] };
}
