/** The path of one line: reduced to pixels, never losing a spike. */

import { lowerBound } from './nearest';
import { FAR_PX, type Projection } from './projection';
import { scaled } from './scales';

/** What a path is written to: a Path2D, a canvas context or a test's recorder. */
export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
}

/** The arrays of one line that a trace reads. */
export interface Traced {
  readonly x: Float64Array;
  readonly y: Float32Array;
  readonly low: Float32Array | null;
  readonly high: Float32Array | null;
}

/** More points than this in a pixel column, and the column is drawn by its extremes instead. */
const DENSE_POINTS_PER_PX = 2;

/** Half the length of the dash that stands for a lone point, in device pixels. */
const LONE_HALF_PX = 2;

/**
 * First and last index to draw: the visible ones and one neighbour on each side. `x` is on the
 * scale of the map.
 */
export function visibleSpan(x: Float64Array, map: Projection): [number, number] {
  const from = Math.max(0, lowerBound(x, map.xMin) - 1);
  const to = Math.min(x.length - 1, lowerBound(x, map.xMax) + 1);
  return [from, to];
}

/**
 * Write the visible part of a line to `pen` and return how many source points went into it.
 *
 * Where points are denser than pixels each column draws its first, lowest, highest and last value;
 * elsewhere each point is drawn, with the true extent of its bucket. A value that is not finite
 * lifts the pen.
 */
export function traceLine(pen: Pen, line: Traced, map: Projection): number {
  const x = scaled(line.x, map.scaleX);
  const [from, to] = visibleSpan(x, map);
  if (to < from) return 0;
  const spanPx = Math.min(map.width, (x[to]! - x[from]!) * map.kx);
  const dense = to - from > Math.max(1, spanPx) * DENSE_POINTS_PER_PX;
  const y = scaled(line.y, map.scaleY);
  const low = line.low ? scaled(line.low, map.scaleY) : y;
  const high = line.high ? scaled(line.high, map.scaleY) : y;
  if (dense) traceColumns(pen, x, y, low, high, map, from, to);
  else tracePoints(pen, x, y, low, high, map, from, to);
  return to - from + 1;
}

function cut(pixel: number): number {
  return pixel > FAR_PX ? FAR_PX : pixel < -FAR_PX ? -FAR_PX : pixel;
}

function tracePoints(
  pen: Pen,
  x: Float64Array,
  y: Float32Array,
  low: Float32Array,
  high: Float32Array,
  map: Projection,
  from: number,
  to: number,
): void {
  const { left, xMin, kx, top, yMax, ky } = map;
  let length = 0;
  let lastX = 0;
  let lastY = 0;
  for (let i = from; i <= to; i++) {
    const value = y[i]!;
    if (!(value - value === 0)) {
      if (length === 1) markLone(pen, lastX, lastY);
      length = 0;
      markExtent(pen, map, x[i]!, low[i]!, high[i]!);
      continue;
    }
    lastX = cut(left + (x[i]! - xMin) * kx);
    const at = cut(top + (yMax - value) * ky);
    if (length === 0) pen.moveTo(lastX, at);
    if (low[i]! < high[i]!) {
      const bottom = cut(top + (yMax - low[i]!) * ky);
      const peak = cut(top + (yMax - high[i]!) * ky);
      // Going to the nearer end first keeps the stroke from crossing the bucket twice.
      const peakFirst = Math.abs(lastY - peak) < Math.abs(lastY - bottom);
      pen.lineTo(lastX, peakFirst ? peak : bottom);
      pen.lineTo(lastX, peakFirst ? bottom : peak);
      length++;
    }
    if (length > 0) pen.lineTo(lastX, at);
    length++;
    lastY = at;
  }
  if (length === 1) markLone(pen, lastX, lastY);
}

/** A bucket that ends in NaN still shows the finite values it held, detached from the line. */
function markExtent(pen: Pen, map: Projection, x: number, low: number, high: number): void {
  if (!(low - low === 0 && high - high === 0)) return;
  const at = cut(map.left + (x - map.xMin) * map.kx);
  const bottom = cut(map.top + (map.yMax - low) * map.ky);
  const peak = cut(map.top + (map.yMax - high) * map.ky);
  pen.moveTo(at, bottom === peak ? bottom + 1 : bottom);
  pen.lineTo(at, peak);
}

/** A path of one point has no length and would leave no ink. */
function markLone(pen: Pen, x: number, y: number): void {
  pen.moveTo(x - LONE_HALF_PX, y);
  pen.lineTo(x + LONE_HALF_PX, y);
}

/** The open pixel column of a dense trace, in scaled values. */
interface Column {
  at: number;
  first: number;
  min: number;
  max: number;
  last: number;
  points: number;
}

function traceColumns(
  pen: Pen,
  x: Float64Array,
  y: Float32Array,
  low: Float32Array,
  high: Float32Array,
  map: Projection,
  from: number,
  to: number,
): void {
  const { left, xMin, kx } = map;
  const column: Column = { at: NaN, first: 0, min: 0, max: 0, last: 0, points: 0 };
  let drawing = false;
  for (let i = from; i <= to; i++) {
    const value = y[i]!;
    if (!(value - value === 0)) {
      if (column.points) flush(pen, column, map, drawing);
      column.points = 0;
      drawing = false;
      markExtent(pen, map, x[i]!, low[i]!, high[i]!);
      continue;
    }
    const at = Math.floor(cut(left + (x[i]! - xMin) * kx));
    if (column.points && at !== column.at) {
      flush(pen, column, map, drawing);
      column.points = 0;
      drawing = true;
    }
    // A bucket may hold a non-finite value beside finite ones: comparisons then fall back to y.
    const least = low[i]! < value ? low[i]! : value;
    const most = high[i]! > value ? high[i]! : value;
    if (column.points === 0) {
      column.at = at;
      column.first = value;
      column.min = least;
      column.max = most;
    } else {
      if (least < column.min) column.min = least;
      if (most > column.max) column.max = most;
    }
    column.last = value;
    column.points++;
  }
  if (column.points) flush(pen, column, map, drawing);
}

function flush(pen: Pen, column: Column, map: Projection, drawing: boolean): void {
  const { top, yMax, ky } = map;
  const at = column.at + 0.5;
  const first = cut(top + (yMax - column.first) * ky);
  if (drawing) pen.lineTo(at, first);
  else pen.moveTo(at, first);
  if (column.points === 1 && column.min === column.max) {
    if (!drawing) pen.lineTo(at + 1, first);
    return;
  }
  pen.lineTo(at, cut(top + (yMax - column.min) * ky));
  pen.lineTo(at, cut(top + (yMax - column.max) * ky));
  pen.lineTo(at, cut(top + (yMax - column.last) * ky));
}
