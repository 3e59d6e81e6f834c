/** The map from values to device pixels. */

import type { Range } from './model';
import { type AxisScale, LINEAR, scaledValue } from './scales';

/** A rectangle in device pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Linear in what the two scales make of x and y.
 * pixelX = left + (scaled(x) - xMin) * kx; pixelY = top + (yMax - scaled(y)) * ky.
 */
export interface Projection extends Box {
  readonly scaleX: AxisScale;
  readonly scaleY: AxisScale;
  /** Both ends of the x axis after scaling. */
  readonly xMin: number;
  readonly xMax: number;
  readonly kx: number;
  /** Top of the y axis after scaling. */
  readonly yMax: number;
  readonly ky: number;
}

/** Beyond this distance from the plot a coordinate is cut: rasterisers lose precision far away. */
export const FAR_PX = 20_000;

/** Build the map of `x` and `y` onto `box`. An empty range is taken as 1: nothing divides by 0. */
export function project(
  box: Box,
  x: Range,
  y: Range,
  scaleX: AxisScale = LINEAR,
  scaleY: AxisScale = LINEAR,
): Projection {
  const [xMin, xMax] = [scaledValue(x[0], scaleX), scaledValue(x[1], scaleX)];
  const [yMin, yMax] = [scaledValue(y[0], scaleY), scaledValue(y[1], scaleY)];
  return {
    ...box,
    scaleX,
    scaleY,
    xMin,
    xMax,
    kx: box.width / (xMax - xMin || 1),
    yMax,
    ky: box.height / (yMax - yMin || 1),
  };
}

function cut(pixel: number): number {
  return pixel > FAR_PX ? FAR_PX : pixel < -FAR_PX ? -FAR_PX : pixel;
}

/** Device pixels from the left edge of the canvas, cut far outside the plot. */
export function pixelX(map: Projection, x: number): number {
  return cut(map.left + (scaledValue(x, map.scaleX) - map.xMin) * map.kx);
}

/** Device pixels from the top of the canvas, cut far outside the plot; NaN for NaN. */
export function pixelY(map: Projection, value: number): number {
  return cut(map.top + (map.yMax - scaledValue(value, map.scaleY)) * map.ky);
}
