/** The centre and the spread of groups of series, worked out by the server over all members. */

import { getFrames } from '../api/client';
import { decodeFrames } from '../api/frames';
import type { Aggregate, Json, Smooth } from '../api/types';
import type { Range } from '../chart/model';
import { type AxisWord, axisOf } from './axis';

/** What groups are asked for; `by` are words of the query language. */
export interface SpreadsAsked {
  readonly query: string;
  readonly by: readonly string[];
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

export async function readSpreads(
  asked: SpreadsAsked,
  range: Range | null,
  signal: AbortSignal,
): Promise<Spreads> {
  const { query, by, line, band, axis, points, smooth } = asked;
  const buffer = await getFrames({
    query,
    x: axisOf(axis),
    points,
    range: range && [range[0], range[1]],
    columns: ['last'],
    smooth,
    aggregate: { by: [...by], line, band },
  }, signal);
  const { series, groups } = decodeFrames(buffer);
  return {
    asked,
    groups: series.map(({ x, columns }, at) => {
      const none = new Float32Array(x.length).fill(NaN);
      return {
        by: groups[at]!.by,
        members: groups[at]!.members,
        x,
        mid: columns.smooth ?? columns.line ?? none,
        low: columns.low ?? none,
        high: columns.high ?? none,
        counts: columns.members ?? none,
      };
    }),
  };
}
