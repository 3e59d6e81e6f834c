/** How far lines reach, and the axis range that shows them. */

import type { Band, Line, Range } from './model';
import { lowerBound } from './nearest';

const wholeExtents = new WeakMap<Float32Array, Range>();

/** Lowest and highest finite value between two indices; [Infinity, -Infinity] for none. */
export function extentOf(values: Float32Array, from: number, to: number): Range {
  const whole = from === 0 && to === values.length - 1;
  const known = whole ? wholeExtents.get(values) : undefined;
  if (known) return known;
  let low = Infinity;
  let high = -Infinity;
  for (let i = from; i <= to; i++) {
    const value = values[i]!;
    if (!(value - value === 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (whole) wholeExtents.set(values, [low, high]);
  return [low, high];
}

/** The smallest positive value, which is where a logarithmic axis may start. */
function leastPositive(values: Float32Array, from: number, to: number): number {
  let least = Infinity;
  for (let i = from; i <= to; i++) {
    const value = values[i]!;
    if (value > 0 && value < least) least = value;
  }
  return least;
}

/** The x range that holds every line, or null when there is no point at all. */
export function xExtent(lines: readonly Pick<Line, 'x'>[]): Range | null {
  let low = Infinity;
  let high = -Infinity;
  for (const { x } of lines) {
    if (!x.length) continue;
    if (x[0]! < low) low = x[0]!;
    if (x[x.length - 1]! > high) high = x[x.length - 1]!;
  }
  if (low > high) return null;
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

/** A start this close to zero, as a share of the range, is meant to be zero. */
const NEAR_ZERO_SHARE = 0.05;

/** The x range of steps or seconds of a run, from zero where the data starts next to it. */
export function fromZero(range: Range | null): Range | null {
  if (!range || range[0] <= 0) return range;
  return range[0] < (range[1] - range[0]) * NEAR_ZERO_SHARE ? [0, range[1]] : range;
}

const MARGIN_SHARE = 0.05;
/** A logarithmic axis without a single positive value still needs two ends. */
const EMPTY_LOG: Range = [0.1, 10];
const EMPTY: Range = [0, 1];

/** The y range for what is visible between `x[0]` and `x[1]`, with a small margin. */
export function yRange(
  lines: readonly Line[],
  bands: readonly Band[],
  x: Range,
  log: boolean,
): Range {
  let low = Infinity;
  let high = -Infinity;
  const include = (values: Float32Array, from: number, to: number): void => {
    const [least, most] = extentOf(values, from, to);
    const start = log && !(least > 0) ? leastPositive(values, from, to) : least;
    if (start < low) low = start;
    if (most > high) high = most;
  };
  for (const line of lines) {
    const from = lowerBound(line.x, x[0]);
    let to = lowerBound(line.x, x[1]);
    if (to === line.x.length || line.x[to]! > x[1]) to--;
    if (to < from) continue;
    for (const values of [line.y, line.raw, line.low, line.high]) {
      if (values) include(values, from, to);
    }
  }
  if (!lines.length) for (const band of bands) include(band.mid, 0, band.mid.length - 1);
  return log ? withLogMargin(low, high) : withMargin(low, high);
}

function withMargin(low: number, high: number): Range {
  if (low > high) return EMPTY;
  const span = high - low || Math.abs(high) * 0.2 || 1;
  const bottom = low - span * MARGIN_SHARE;
  // A curve that never falls below zero should not have an axis that does.
  return [low >= 0 && bottom < 0 ? 0 : bottom, high + span * MARGIN_SHARE];
}

function withLogMargin(low: number, high: number): Range {
  if (!(high > 0) || !(low <= high)) return EMPTY_LOG;
  const ratio = high / low > 1.0001 ? Math.pow(high / low, MARGIN_SHARE) : 1.2;
  return [low / ratio, high * ratio];
}
