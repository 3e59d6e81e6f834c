/** The layer above the lines: a veil, the lines in focus and their points. */

import { drawnArrays, strokeWide } from './lines';
import type { Line, Palette } from './model';
import { type Projection, pixelX, pixelY } from './projection';
import { type Traced, traceLine } from './trace';

/** A line to bring forward, with the index of the point to mark, or -1 for none. */
export interface Focused {
  readonly line: Line;
  readonly index: number;
}

/** How lines in focus are shown. Pins alone leave the others as they are: nothing is veiled. */
export interface FocusLook {
  /** Device pixels per CSS pixel. */
  readonly ratio: number;
  readonly palette: Palette;
  readonly veiled: boolean;
}

const CASING_PX = 5;
const STROKE_PX = 2;
const EXTENT_ALPHA = 0.7;
const DOT_RADIUS_PX = 4.5;
const DOT_RING_PX = 2;

/**
 * Repaint the overlay. `map` must be relative to the overlay's own corner, in device pixels.
 *
 * The chart below is not touched: moving the pointer costs a fill and one or two strokes,
 * whatever the number of lines.
 */
export function paintFocus(
  context: CanvasRenderingContext2D,
  focused: readonly Focused[],
  map: Projection,
  { ratio, palette, veiled }: FocusLook,
): void {
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  if (!focused.length) return;
  if (veiled) {
    context.fillStyle = palette.veil;
    context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  }
  context.lineJoin = 'round';
  context.lineCap = 'round';
  for (const { line } of focused) {
    const arrays = drawnArrays(line);
    const values = { x: arrays.x, y: arrays.y, low: null, high: null };
    context.setLineDash([]);
    if (arrays.low) paintExtents(context, arrays, line.color, map);
    strokeWide(context, values, map, palette.surface, CASING_PX * ratio);
    context.setLineDash(line.dash.map((part) => part * ratio));
    strokeWide(context, values, map, line.color, STROKE_PX * ratio);
  }
  context.setLineDash([]);
  for (const { line, index } of focused) paintDot(context, line, index, map, ratio, palette);
}

/** The extents of buckets as a hairline below the stroke: wide, they would bury the line. */
function paintExtents(
  context: CanvasRenderingContext2D,
  arrays: Traced,
  color: string,
  map: Projection,
): void {
  context.globalAlpha = EXTENT_ALPHA;
  context.lineWidth = 1;
  context.strokeStyle = color;
  const path = new Path2D();
  traceLine(path, arrays, map);
  context.stroke(path);
  context.globalAlpha = 1;
}

function paintDot(
  context: CanvasRenderingContext2D,
  line: Line,
  index: number,
  map: Projection,
  ratio: number,
  palette: Palette,
): void {
  const value = index < 0 ? NaN : line.y[index]!;
  if (!(value - value === 0)) return;
  context.beginPath();
  context.arc(
    pixelX(map, line.x[index]!),
    pixelY(map, value),
    DOT_RADIUS_PX * ratio,
    0,
    Math.PI * 2,
  );
  context.fillStyle = line.color;
  context.fill();
  context.lineWidth = DOT_RING_PX * ratio;
  context.strokeStyle = palette.surface;
  context.stroke();
}
