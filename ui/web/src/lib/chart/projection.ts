/** The map from values to device pixels. */

import type { Range } from './model';

/** A rectangle in device pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Linear in x; linear in `scaled(y)`, which is y itself or its logarithm.
 * pixelX = left + (x - xMin) * kx; pixelY = top + (yMax - scaled(y)) * ky.
 */
export interface Projection extends Box {
  readonly xMin: number;
  readonly xMax: number;
  readonly kx: number;
  /** Top of the axis after scaling. */
  readonly yMax: number;
  readonly ky: number;
  readonly log: boolean;
}

/** A logarithm for values that have none: far below any axis, so that the line leaves downwards. */
const LOG_OF_NOTHING = -400;

/** Beyond this distance from the plot a coordinate is cut: rasterisers lose precision far away. */
export const FAR_PX = 20_000;

const logarithms = new WeakMap<Float32Array, Float32Array>();

/** The logarithm to base 10 of one value, defined (far down) for zero and below. */
export function log10(value: number): number {
  if (value > 0) return Math.log10(value);
  return value === value ? LOG_OF_NOTHING : NaN;
}

/** The values a projection multiplies: themselves, or their logarithms, computed once an array. */
export function scaled(values: Float32Array, log: boolean): Float32Array {
  if (!log) return values;
  let known = logarithms.get(values);
  if (!known) {
    known = new Float32Array(values.length);
    for (let i = 0; i < values.length; i++) known[i] = log10(values[i]!);
    logarithms.set(values, known);
  }
  return known;
}

/** Build the map of `x` and `y` onto `box`. An empty range is taken as 1: nothing divides by 0. */
export function project(box: Box, x: Range, y: Range, log: boolean): Projection {
  const yLow = log ? log10(y[0]) : y[0];
  const yHigh = log ? log10(y[1]) : y[1];
  return {
    ...box,
    xMin: x[0],
    xMax: x[1],
    kx: box.width / (x[1] - x[0] || 1),
    yMax: yHigh,
    ky: box.height / (yHigh - yLow || 1),
    log,
  };
}

/** Device pixels from the left edge of the canvas. */
export function pixelX(map: Projection, x: number): number {
  return map.left + (x - map.xMin) * map.kx;
}

/** Device pixels from the top of the canvas, cut far outside the plot; NaN for NaN. */
export function pixelY(map: Projection, value: number): number {
  const at = map.top + (map.yMax - (map.log ? log10(value) : value)) * map.ky;
  return at > FAR_PX ? FAR_PX : at < -FAR_PX ? -FAR_PX : at;
}
