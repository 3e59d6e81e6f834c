/** Which point and which line lie under the crosshair. */

import type { Line } from './model';
import type { Projection } from './projection';
import { scaled } from './scales';

/** First index whose x is not below `value`; the array's length when there is none. */
export function lowerBound(x: Float64Array, value: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (x[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the x closest to `value`, the earlier one on a tie; -1 in an empty array. */
export function nearestIndex(x: Float64Array, value: number): number {
  const after = lowerBound(x, value);
  if (after === 0) return x.length ? 0 : -1;
  if (after === x.length) return after - 1;
  return value - x[after - 1]! <= x[after]! - value ? after - 1 : after;
}

/** Is every value there to draw? False for NaN and both infinities. */
function isFinite32(value: number): boolean {
  return value - value === 0;
}

/**
 * The value of a line at `x`, at the nearest point; NaN outside the line's own extent.
 * A line that ended earlier has no value here, so it takes no part in a ranking at the crosshair.
 */
export function valueAt(line: Pick<Line, 'x' | 'y'>, x: number): number {
  const count = line.x.length;
  if (!count) return NaN;
  const first = line.x[0]!;
  const last = line.x[count - 1]!;
  const slack = count > 1 ? (last - first) / (count - 1) : Math.abs(first) * 1e-9;
  if (x < first - slack || x > last + slack) return NaN;
  return line.y[nearestIndex(line.x, x)]!;
}

/** A line found near a place, with the index of its nearest point. */
export interface Hit {
  readonly line: Line;
  readonly index: number;
  /** Vertical distance in device pixels. */
  readonly distance: number;
}

/** How far beside its end a line can still be picked, in device pixels. */
const REACH_PX = 14;

/**
 * The line whose drawn stroke passes closest, vertically, to a place in device pixels.
 *
 * The height is interpolated between points, so that a sparse line is found where the eye sees it.
 * Lines that share one x array are searched once.
 */
export function nearestLine(
  lines: readonly Line[],
  map: Projection,
  atX: number,
  atY: number,
): Hit | null {
  const x = map.xMin + (atX - map.left) / map.kx;
  const reach = REACH_PX / map.kx;
  const target = map.yMax - (atY - map.top) / map.ky;
  let best: Hit | null = null;
  let knownX: Float64Array | null = null;
  let after = 0;
  for (const line of lines) {
    const count = line.x.length;
    const xs = scaled(line.x, map.scaleX);
    if (!count || x < xs[0]! - reach || x > xs[count - 1]! + reach) continue;
    if (xs !== knownX) {
      knownX = xs;
      after = lowerBound(knownX, x);
    }
    const y = scaled(line.y, map.scaleY);
    const index = closest(xs, y, after, x);
    if (index < 0) continue;
    const distance = Math.abs(heightAt(xs, y, after, x, index) - target) * map.ky;
    if (!best || distance < best.distance) best = { line, index, distance };
  }
  return best;
}

/** Of the two points around `x`, the nearer one that is finite; -1 when neither is. */
function closest(x: Float64Array, y: Float32Array, after: number, value: number): number {
  const before = after - 1;
  const hasBefore = before >= 0 && isFinite32(y[before]!);
  const hasAfter = after < x.length && isFinite32(y[after]!);
  if (hasBefore && hasAfter) return value - x[before]! <= x[after]! - value ? before : after;
  if (hasBefore) return before;
  return hasAfter ? after : -1;
}

function heightAt(
  x: Float64Array,
  y: Float32Array,
  after: number,
  value: number,
  fallback: number,
): number {
  const before = after - 1;
  if (before < 0 || after >= x.length) return y[fallback]!;
  const from = y[before]!;
  const to = y[after]!;
  if (!isFinite32(from) || !isFinite32(to)) return y[fallback]!;
  const share = (value - x[before]!) / (x[after]! - x[before]! || 1);
  return from + (to - from) * share;
}

/** The lines that have a value at `x`, highest first: what up and down walk through. */
export function stackAt(lines: readonly Line[], x: number): Line[] {
  const heights: { line: Line; value: number }[] = [];
  for (const line of lines) {
    const value = valueAt(line, x);
    if (isFinite32(value)) heights.push({ line, value });
  }
  heights.sort((a, b) => b.value - a.value || a.line.id - b.line.id);
  return heights.map((entry) => entry.line);
}
