/** Curves of expressions, told like series, so that they are grouped, drawn and listed alike. */

import type { SeriesHead } from '../../lib/api/types';
import { extentOf } from '../../lib/chart/extent';
import type { CurveData } from '../../lib/curves/arrays';
import { type ExpressionCurve, expressionNumber } from '../../lib/curves/expressions';

/** A head for each curve: its name is the expression, its figures are of the points shown. */
export function expressionHeads(curves: readonly ExpressionCurve[]): SeriesHead[] {
  return curves.map(({ run, expression, arrays }) => {
    const { x, y, raw, low, high } = arrays;
    const values = raw ?? y;
    const end = values.length - 1;
    const least = extentOf(low ?? values, 0, end)[0];
    const most = extentOf(high ?? values, 0, end)[1];
    const point = (at: number) => (
      at < 0 ? null : { value: spelled(values[at]!), step: x[at]!, time: 0 }
    );
    return {
      run, series: expressionNumber(run, expression), name: expression, context: {},
      count: values.length, nonfinite: 0, first_nonfinite_step: null,
      first: end < 0 ? null : point(0), last: point(end),
      min: { value: Number.isFinite(least) ? least : null, step: null },
      max: { value: Number.isFinite(most) ? most : null, step: null },
      mean: null,
    };
  });
}

/** The curves by the numbers of their heads. */
export function expressionData(curves: readonly ExpressionCurve[]): [number, CurveData][] {
  return curves.map(({ run, expression, arrays }) => (
    [expressionNumber(run, expression), { coarse: arrays, detail: null }]
  ));
}

/** A number as the wire spells it. */
function spelled(value: number): number | 'NaN' | 'Infinity' | '-Infinity' {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? value : value > 0 ? 'Infinity' : '-Infinity';
}
