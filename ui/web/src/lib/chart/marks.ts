/** The marks of values that no line can reach: NaN, infinities and broken ends. */

import type { Line } from './model';
import { type Projection, pixelX, pixelY } from './projection';
import { scaled } from './scales';
import { visibleSpan } from './trace';

/** One mark in device pixels. `rug` stands on the edge; `cross` where the line stopped. */
export interface Mark {
  readonly kind: 'rug-low' | 'rug-high' | 'cross' | 'cap';
  readonly x: number;
  readonly y: number;
}

export const CROSS_HALF_PX = 3.5;
export const RUG_PX = 4;
export const RUG_ALPHA = 0.5;
export const CAP_RADIUS_PX = 2.6;

const clean = new WeakMap<Float32Array, boolean>();

/** Whether an array holds a value that is not finite; looked at once per array. */
export function hasHoles(y: Float32Array): boolean {
  const known = clean.get(y);
  if (known !== undefined) return known;
  let found = false;
  for (let i = 0; i < y.length && !found; i++) found = !(y[i]! - y[i]! === 0);
  clean.set(y, found);
  return found;
}

/**
 * The marks of one line inside the visible range.
 *
 * Each run of non-finite values starts with a cross at the last finite height, and each pixel
 * column that holds one stands on the edge: NaN and -Infinity below, +Infinity above.
 */
export function marksOf(line: Line, map: Projection): Mark[] {
  const marks: Mark[] = [];
  // Smoothing skips what is not finite, so the original is asked where there is one.
  const values = line.raw ?? line.y;
  if (line.x.length && hasHoles(values)) holeMarks(marks, line.x, values, map);
  if (line.broken) capMark(marks, line, map);
  return marks;
}

function holeMarks(
  marks: Mark[],
  x: Float64Array,
  values: Float32Array,
  map: Projection,
): void {
  const [from, to] = visibleSpan(scaled(x, map.scaleX), map);
  const bottom = map.top + map.height;
  let lastFinite = NaN;
  let inHole = false;
  let column = NaN;
  for (let i = from; i <= to; i++) {
    const value = values[i]!;
    if (value - value === 0) {
      lastFinite = value;
      inHole = false;
      continue;
    }
    const at = pixelX(map, x[i]!);
    if (!inHole) {
      const height = Number.isNaN(lastFinite) ? bottom : pixelY(map, lastFinite);
      marks.push({ kind: 'cross', x: at, y: Math.min(Math.max(height, map.top), bottom) });
      inHole = true;
    }
    if (Math.floor(at) === column) continue;
    column = Math.floor(at);
    const above = value === Infinity;
    marks.push({ kind: above ? 'rug-high' : 'rug-low', x: at, y: above ? map.top : bottom });
  }
}

function capMark(marks: Mark[], line: Line, map: Projection): void {
  for (let i = line.x.length - 1; i >= 0; i--) {
    const value = line.y[i]!;
    if (!(value - value === 0)) continue;
    marks.push({ kind: 'cap', x: pixelX(map, line.x[i]!), y: pixelY(map, value) });
    return;
  }
}

/** Paint marks in the line's colour, caps in `bad`. `ratio` is device px per CSS px. */
export function paintMarks(
  context: CanvasRenderingContext2D,
  marks: readonly Mark[],
  color: string,
  bad: string,
  ratio: number,
): void {
  context.setLineDash([]);
  context.strokeStyle = color;
  paintRug(context, marks, ratio);
  context.globalAlpha = 1;
  context.lineWidth = 1.5 * ratio;
  context.beginPath();
  for (const mark of marks) {
    if (mark.kind !== 'cross') continue;
    const half = CROSS_HALF_PX * ratio;
    context.moveTo(mark.x - half, mark.y - half);
    context.lineTo(mark.x + half, mark.y + half);
    context.moveTo(mark.x - half, mark.y + half);
    context.lineTo(mark.x + half, mark.y - half);
  }
  context.stroke();
  for (const mark of marks) {
    if (mark.kind !== 'cap') continue;
    context.fillStyle = bad;
    context.beginPath();
    context.arc(mark.x, mark.y, CAP_RADIUS_PX * ratio, 0, Math.PI * 2);
    context.fill();
  }
}

function paintRug(
  context: CanvasRenderingContext2D,
  marks: readonly Mark[],
  ratio: number,
): void {
  context.globalAlpha = RUG_ALPHA;
  context.lineWidth = 1;
  context.beginPath();
  for (const mark of marks) {
    if (mark.kind !== 'rug-low' && mark.kind !== 'rug-high') continue;
    // Half a pixel in: a line between two pixels would be smeared over both.
    const at = Math.floor(mark.x) + 0.5;
    context.moveTo(at, mark.y);
    context.lineTo(at, mark.y + (mark.kind === 'rug-low' ? -RUG_PX : RUG_PX) * ratio);
  }
  context.stroke();
}
