/** Curves that are arithmetic over the series of a run. */

import { getFrames } from '../api/client';
import { decodeFrames } from '../api/frames';
import type { Smooth } from '../api/types';
import type { Range } from '../chart/model';
import { hash32 } from '../color/palettes';
import { arraysOf, type CurveArrays } from './arrays';
import { type AxisWord, axisOf } from './axis';

export interface ExpressionsAsked {
  /** Each expression is worked out for the runs of these series. */
  readonly ids: readonly number[];
  readonly expressions: readonly string[];
  readonly axis: AxisWord;
  readonly points: number;
  readonly smooth: Smooth | null;
}

/** One expression of one run. */
export interface ExpressionCurve {
  readonly run: string;
  readonly expression: string;
  readonly arrays: CurveArrays;
}

export async function readExpressions(
  asked: ExpressionsAsked,
  range: Range | null,
  signal: AbortSignal,
): Promise<ExpressionCurve[]> {
  const { ids, expressions, axis, points, smooth } = asked;
  const buffer = await getFrames({
    ids: [...ids],
    x: axisOf(axis),
    points,
    range: range && [range[0], range[1]],
    columns: ['last', 'min', 'max'],
    smooth,
    expressions: [...expressions],
  }, signal);
  const { series, curves, exact } = decodeFrames(buffer);
  return series.map((frame, at) => ({
    run: curves[at]!.run,
    expression: expressions[curves[at]!.expression]!,
    arrays: arraysOf(frame, exact[at] ?? false),
  }));
}

/** What a curve is told by where series have their numbers: below zero, and the same each time. */
export function expressionNumber(run: string, expression: string): number {
  return -1 - hash32(`${run} ${expression}`);
}
