/** The loaded curves: their arrays at two levels of detail, and how live points join them. */

import type { FrameSeries } from '../api/frames';
import type { SeriesDelta, WireNumber } from '../api/types';
import type { Range } from '../chart/model';
import type { AxisWord } from './axis';

/** The arrays of one curve at one level of detail. */
export interface CurveArrays {
  readonly x: Float64Array;
  /** What is drawn: the values, or what smoothing made of them. */
  readonly y: Float32Array;
  /** The values as they are, where they are smoothed; else null. */
  readonly raw: Float32Array | null;
  /** The true extent of each bucket; null where no bucket holds more than one point. */
  readonly low: Float32Array | null;
  readonly high: Float32Array | null;
  /** Each point is one step, as it was tracked. */
  readonly exact: boolean;
}

/** A series as loaded: whole, and finer over the part that is zoomed into. */
export interface CurveData {
  readonly coarse: CurveArrays;
  readonly detail: (CurveArrays & { readonly range: Range }) | null;
}

/** Take the columns of a frame. Extents that add nothing are left out: drawing is then cheaper. */
export function arraysOf(frame: FrameSeries, exact: boolean): CurveArrays {
  const { last, min, max, smooth } = frame.columns;
  const values = last ?? new Float32Array(frame.x.length).fill(NaN);
  const extent = min && max && hasExtent(min, max);
  return {
    x: frame.x,
    y: smooth ?? values,
    raw: smooth ? values : null,
    low: extent ? min : null,
    high: extent ? max : null,
    exact,
  };
}

function hasExtent(low: Float32Array, high: Float32Array): boolean {
  for (let i = 0; i < low.length; i++) if (low[i]! < high[i]!) return true;
  return false;
}

/** The finest arrays that cover what is visible: never a level with a hole at its edge. */
export function visibleArrays(data: CurveData, zoom: Range | null): CurveArrays {
  const { coarse, detail } = data;
  if (!zoom || !detail) return coarse;
  const covers = detail.range[0] <= zoom[0] && detail.range[1] >= zoom[1];
  // A zoom between two points of a sparse curve holds none of its own: the line still crosses it.
  return covers && detail.x.length > 1 ? detail : coarse;
}

/** A value as JSON spells it, as a number. */
export function wireValue(value: WireNumber): number {
  return typeof value === 'number' ? value : Number(value);
}

/** Where a live point stands on this x axis; null where the event cannot tell. */
export function deltaX(delta: SeriesDelta, axis: AxisWord): number | null {
  if (axis === 'step') return delta.step;
  return axis === 'time' ? delta.time : null;
}

function extended(values: Float32Array, value: number): Float32Array {
  const longer = new Float32Array(values.length + 1);
  longer.set(values);
  longer[values.length] = value;
  return longer;
}

/**
 * The arrays with one more point at the end, shown until the true ones arrive a moment later.
 * Late and repeated points are left to the server, and so are smoothed ones: the same arrays come
 * back.
 */
export function appended(arrays: CurveArrays, x: number, value: number): CurveArrays {
  const count = arrays.x.length;
  if (arrays.raw || (count && x <= arrays.x[count - 1]!)) return arrays;
  const longerX = new Float64Array(count + 1);
  longerX.set(arrays.x);
  longerX[count] = x;
  return {
    x: longerX,
    y: extended(arrays.y, value),
    raw: null,
    low: arrays.low && extended(arrays.low, value),
    high: arrays.high && extended(arrays.high, value),
    exact: arrays.exact,
  };
}
