/** The centre and spread of a group of curves. */

import type { Line, Range } from '../../lib/chart/model';

/** What is taken from each line of a group. */
export type Curve = Pick<Line, 'x' | 'y' | 'low' | 'high'>;

/** One group's centre and spread on an even grid; NaN where no curve has a value. */
export interface Spread {
  readonly x: Float64Array;
  readonly mid: Float32Array;
  readonly low: Float32Array;
  readonly high: Float32Array;
}

/** Two per pixel of a usual chart: more would not be seen. */
const GRID_MOST = 512;
const GRID_LEAST = 2;

function evenGrid(range: Range, count: number): Float64Array {
  const x = new Float64Array(count);
  const step = (range[1] - range[0]) / (count - 1);
  for (let i = 0; i < count; i++) x[i] = range[0] + i * step;
  return x;
}

interface Sums {
  readonly count: Float64Array;
  readonly mean: Float64Array;
  /** Sum of squared distances from the running mean: Welford's, which does not cancel. */
  readonly square: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

function finite(value: number): boolean {
  return value - value === 0;
}

/** Put the interpolated height of a curve into each grid place that it spans. */
function addHeights(curve: Curve, grid: Float64Array, sums: Sums): void {
  const { x, y } = curve;
  let after = 0;
  for (let k = 0; k < grid.length; k++) {
    const at = grid[k]!;
    while (after < x.length && x[after]! < at) after++;
    if (after === x.length) break;
    let value = y[after]!;
    if (x[after]! > at) {
      if (after === 0) continue;
      const share = (at - x[after - 1]!) / (x[after]! - x[after - 1]!);
      value = y[after - 1]! + (value - y[after - 1]!) * share;
    }
    if (!finite(value)) continue;
    const count = ++sums.count[k]!;
    const gap = value - sums.mean[k]!;
    sums.mean[k]! += gap / count;
    sums.square[k]! += gap * (value - sums.mean[k]!);
    if (value < sums.low[k]!) sums.low[k] = value;
    if (value > sums.high[k]!) sums.high[k] = value;
  }
}

/** Widen the extremes by every point and bucket near a grid place: no spike falls between two. */
function addExtremes(curve: Curve, grid: Float64Array, sums: Sums): void {
  const step = grid[1]! - grid[0]!;
  const { x, y, low, high } = curve;
  for (let i = 0; i < x.length; i++) {
    const k = Math.round((x[i]! - grid[0]!) / step);
    if (k < 0 || k >= grid.length) continue;
    const least = low && finite(low[i]!) ? low[i]! : y[i]!;
    const most = high && finite(high[i]!) ? high[i]! : y[i]!;
    if (finite(least) && least < sums.low[k]!) sums.low[k] = least;
    if (finite(most) && most > sums.high[k]!) sums.high[k] = most;
  }
}

/**
 * Mean of all curves with their deviation (population) or their extremes, over `range`.
 *
 * Every curve counts once at each place, however many points it has there. A curve takes part only
 * between its first and last point, and not where it is NaN.
 */
export function spreadOf(
  curves: readonly Curve[],
  range: Range,
  kind: 'std' | 'range',
): Spread {
  const longest = curves.reduce((most, curve) => Math.max(most, curve.x.length), GRID_LEAST);
  const size = Math.min(GRID_MOST, longest);
  const x = evenGrid(range, size);
  const sums: Sums = {
    count: new Float64Array(size),
    mean: new Float64Array(size),
    square: new Float64Array(size),
    low: new Float64Array(size).fill(Infinity),
    high: new Float64Array(size).fill(-Infinity),
  };
  for (const curve of curves) {
    addHeights(curve, x, sums);
    if (kind === 'range') addExtremes(curve, x, sums);
  }
  const mid = new Float32Array(size).fill(NaN);
  const low = new Float32Array(size).fill(NaN);
  const high = new Float32Array(size).fill(NaN);
  for (let k = 0; k < size; k++) {
    const count = sums.count[k]!;
    if (!count) continue;
    const deviation = Math.sqrt(sums.square[k]! / count);
    mid[k] = sums.mean[k]!;
    low[k] = kind === 'std' ? sums.mean[k]! - deviation : sums.low[k]!;
    high[k] = kind === 'std' ? sums.mean[k]! + deviation : sums.high[k]!;
  }
  return { x, mid, low, high };
}

/** Mean and deviation of plain numbers, leaving out what is not finite. */
export function meanOf(values: readonly number[]): { mean: number; std: number; count: number } {
  let count = 0;
  let mean = 0;
  let square = 0;
  for (const value of values) {
    if (!finite(value)) continue;
    count++;
    const gap = value - mean;
    mean += gap / count;
    square += gap * (value - mean);
  }
  if (!count) return { mean: NaN, std: NaN, count };
  return { mean, std: Math.sqrt(square / count), count };
}
