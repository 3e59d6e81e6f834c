/** How far lines reach, and the axis range that shows them. */

import type { Band, Line, Range } from './model';
import { lowerBound } from './nearest';
import type { ScaleKind } from './scales';

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

/** Where a logarithmic axis of x begins: at the first x that has a logarithm. */
export function fromPositive(range: Range, lines: readonly Pick<Line, 'x'>[]): Range {
  if (range[0] > 0) return range;
  let least = Infinity;
  for (const { x } of lines) {
    const first = x[upperBound(x, 0)];
    if (first !== undefined && first < least) least = first;
  }
  return least < range[1] ? [least, range[1]] : [range[1] / 10 || 1, range[1] || 10];
}

/** First index whose x is above `value`. */
function upperBound(x: Float64Array, value: number): number {
  let at = lowerBound(x, value);
  while (at < x.length && x[at] === value) at++;
  return at;
}

const MARGIN_SHARE = 0.05;
/** A logarithmic axis without a single positive value still needs two ends. */
const EMPTY_LOG: Range = [0.1, 10];
const EMPTY: Range = [0, 1];

/** First and last index between the ends of `x`; the last one below the first for none. */
function within(values: Float64Array, x: Range): [number, number] {
  const from = lowerBound(values, x[0]);
  let to = lowerBound(values, x[1]);
  if (to === values.length || values[to]! > x[1]) to--;
  return [from, to];
}

/** How a y range is found where nobody set it. */
export interface YChoice {
  readonly scale: ScaleKind;
  /** Share of the values that may lie outside on either side: 0 shows all, 0.01 drops outliers. */
  readonly trim: number;
}

/** The y range for what is visible between `x[0]` and `x[1]`, with a small margin. */
export function yRange(
  lines: readonly Line[],
  bands: readonly Band[],
  x: Range,
  { scale, trim }: YChoice,
): Range {
  const log = scale === 'log';
  let low = Infinity;
  let high = -Infinity;
  const include = (values: Float32Array, from: number, to: number): void => {
    if (to < from) return;
    const [least, most] = extentOf(values, from, to);
    const start = log && !(least > 0) ? leastPositive(values, from, to) : least;
    if (start < low) low = start;
    if (most > high) high = most;
  };
  if (trim > 0 && lines.length) [low, high] = trimmed(lines, x, trim, log);
  else for (const line of lines) {
    const [from, to] = within(line.x, x);
    for (const values of [line.y, line.raw, line.low, line.high]) {
      if (values) include(values, from, to);
    }
  }
  for (const band of bands) {
    const [from, to] = within(band.x, x);
    // Where a band reaches down to zero a logarithmic axis would show nothing else.
    const edges = log ? [band.mid, band.high] : [band.mid, band.low, band.high];
    for (const values of edges) include(values, from, to);
  }
  return log ? withLogMargin(low, high) : withMargin(low, high);
}

/** Values that a percentile is worked out of at most: sorting more would be felt at each zoom. */
const TRIMMED_MAX = 200_000;

/** The range that leaves out a share of the visible values on either side. */
function trimmed(lines: readonly Line[], x: Range, share: number, log: boolean): Range {
  const spans = lines.map((line) => within(line.x, x));
  const total = spans.reduce((sum, [from, to]) => sum + Math.max(0, to - from + 1), 0);
  const stride = Math.max(1, Math.ceil(total / TRIMMED_MAX));
  const values = new Float32Array(Math.ceil(total / stride) + lines.length);
  let count = 0;
  lines.forEach(({ y }, index) => {
    const [from, to] = spans[index]!;
    for (let i = from; i <= to; i += stride) {
      const value = y[i]!;
      if (value - value === 0 && (!log || value > 0)) values[count++] = value;
    }
  });
  if (!count) return [Infinity, -Infinity];
  const sorted = values.subarray(0, count).sort();
  const skipped = Math.floor(count * share);
  return [sorted[skipped]!, sorted[count - 1 - skipped]!];
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
