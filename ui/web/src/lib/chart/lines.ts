/** The many lines of a chart, as hairlines that a CPU can draw quickly. */

import { marksOf, paintMarks } from './marks';
import type { Line, Palette } from './model';
import { pixelX, pixelY, type Projection } from './projection';
import { scaled } from './scales';
import { type Pen, type Traced, traceLine, visibleSpan } from './trace';

/**
 * A stroke of exactly one device pixel takes the rasteriser's fast path: ten times faster than 1.5.
 * Weight is therefore given by alpha, and by a second hairline half a pixel away.
 */
const HAIRLINE_PX = 1;

/** Up to this many lines each is stroked twice, which reads as a stronger line. */
const DOUBLED_LINES = 64;

/** Wide strokes are cut into paths of this many vertices: the stroker's cost is superlinear. */
const WIDE_CHUNK = 64;

/** Beyond this many lines the end caps and gap marks would be noise. */
const MARKED_LINES = 200;

/** How strongly lines are drawn: weaker the more there are, and weakest below group means. */
export function alphaFor(count: number, belowBands: boolean, dark: boolean): number {
  if (belowBands) return dark ? 0.3 : 0.26;
  if (count <= 16) return 1;
  if (count <= DOUBLED_LINES) return 0.85;
  const fewer = count <= 200 ? 0.55 : count <= 800 ? 0.4 : 0.28;
  return dark ? fewer + 0.08 : fewer;
}

/** How one chart draws its lines. */
export interface LineStyle {
  readonly alpha: number;
  readonly doubled: boolean;
  readonly marked: boolean;
  readonly ratio: number;
  readonly palette: Palette;
}

/** The style that fits a number of lines. `ratio` is device pixels per CSS pixel. */
export function styleFor(
  count: number,
  belowBands: boolean,
  ratio: number,
  palette: Palette,
): LineStyle {
  return {
    alpha: alphaFor(count, belowBands, palette.dark),
    doubled: count <= DOUBLED_LINES && !belowBands,
    marked: count <= MARKED_LINES,
    ratio,
    palette,
  };
}

/** How faint the extent of buckets is beside the values, where lines are few. */
export const EXTENT_SHARE = 0.6;
/** How faint the original is below its smoothed line. */
export const RAW_SHARE = 0.24;

/** Draw one line onto a context already clipped to the plot; returns the points that went in. */
export function drawLine(
  context: CanvasRenderingContext2D,
  line: Line,
  map: Projection,
  style: LineStyle,
): number {
  context.lineWidth = HAIRLINE_PX;
  context.strokeStyle = line.color;
  if (line.raw) {
    context.globalAlpha = style.alpha * RAW_SHARE;
    context.setLineDash([]);
    const under = new Path2D();
    traceLine(under, { x: line.x, y: line.raw, low: line.low, high: line.high }, map);
    context.stroke(under);
  }
  const arrays = drawnArrays(line);
  const points = style.doubled
    ? strokeDoubled(context, arrays, line.dash, map, style)
    : strokeSingle(context, arrays, line.dash, map, style);
  if (style.doubled && !arrays.low) paintDots(context, line, map, style.ratio);
  if (style.marked) {
    const marks = marksOf(line, map);
    if (marks.length) paintMarks(context, marks, line.color, style.palette.bad, style.ratio);
  }
  return points;
}

/** Points farther apart than this are shown as points: between them nothing was tracked. */
const DOTTED_FROM_PX = 9;
export const DOT_RADIUS_PX = 2.2;

/** The places of a line's points where it is sparse on screen: it is seen where it was measured. */
export function dotsOf(line: Line, map: Projection, ratio: number): [number, number][] {
  const [from, to] = visibleSpan(scaled(line.x, map.scaleX), map);
  const apart = map.width / Math.max(1, to - from);
  const dots: [number, number][] = [];
  if (line.raw || line.low || apart < DOTTED_FROM_PX * ratio) return dots;
  for (let i = from; i <= to; i++) {
    const at = pixelY(map, line.y[i]!);
    if (at - at === 0) dots.push([pixelX(map, line.x[i]!), at]);
  }
  return dots;
}

function paintDots(
  context: CanvasRenderingContext2D,
  line: Line,
  map: Projection,
  ratio: number,
): void {
  context.fillStyle = line.color;
  context.beginPath();
  for (const [across, at] of dotsOf(line, map, ratio)) {
    context.moveTo(across, at);
    context.arc(across, at, DOT_RADIUS_PX * ratio, 0, Math.PI * 2);
  }
  context.fill();
}

function strokeSingle(
  context: CanvasRenderingContext2D,
  arrays: Traced,
  dash: readonly number[],
  map: Projection,
  style: LineStyle,
): number {
  context.globalAlpha = style.alpha;
  context.setLineDash(dash.map((part) => part * style.ratio));
  const path = new Path2D();
  const points = traceLine(path, arrays, map);
  context.stroke(path);
  return points;
}

/** The extents as a fine hairline, the values over it as a doubled one: noise never buries them. */
function strokeDoubled(
  context: CanvasRenderingContext2D,
  arrays: Traced,
  dash: readonly number[],
  map: Projection,
  style: LineStyle,
): number {
  if (arrays.low) {
    context.globalAlpha = style.alpha * EXTENT_SHARE;
    context.setLineDash([]);
    const extents = new Path2D();
    traceLine(extents, arrays, map);
    context.stroke(extents);
  }
  context.globalAlpha = style.alpha;
  context.setLineDash(dash.map((part) => part * style.ratio));
  const path = new Path2D();
  const points = traceLine(path, { x: arrays.x, y: arrays.y, low: null, high: null }, map);
  context.stroke(path);
  context.translate(0.5, 0.5);
  context.stroke(path);
  context.translate(-0.5, -0.5);
  return points;
}

/** A smoothed line has no extent of its own: the buckets' extents belong to the original. */
export function drawnArrays(line: Line): Traced {
  if (!line.raw) return line;
  return { x: line.x, y: line.y, low: null, high: null };
}

/** Draw lines from index `from` until `ends` (ms clock) has passed; returns the next index. */
export function drawSlice(
  context: CanvasRenderingContext2D,
  lines: readonly Line[],
  from: number,
  map: Projection,
  style: LineStyle,
  ends: number,
): { next: number; points: number } {
  let points = 0;
  let next = from;
  while (next < lines.length) {
    points += drawLine(context, lines[next]!, map, style);
    next++;
    if (performance.now() >= ends) break;
  }
  return { next, points };
}

const STRONG_PX = 2.4;
const STRONG_CASING_PX = 5;

/** Draw the lines that others are compared with once more: wide, and above all others. */
export function drawStrong(
  context: CanvasRenderingContext2D,
  lines: readonly Line[],
  map: Projection,
  ratio: number,
  palette: Palette,
): void {
  for (const line of lines) {
    if (!line.strong) continue;
    const values = { x: line.x, y: line.y, low: null, high: null };
    context.setLineDash([]);
    context.globalAlpha = 1;
    strokeWide(context, values, map, palette.surface, STRONG_CASING_PX * ratio);
    context.setLineDash(line.dash.map((part) => part * ratio));
    strokeWide(context, values, map, line.color, STRONG_PX * ratio);
  }
  context.setLineDash([]);
}

/** Restrict drawing to the plot, so that lines leave at its edge. Pair with `context.restore()`. */
export function clipToPlot(context: CanvasRenderingContext2D, map: Projection): void {
  context.save();
  context.beginPath();
  context.rect(map.left, map.top, map.width, map.height);
  context.clip();
  context.lineJoin = 'round';
  context.lineCap = 'butt';
}

/** A pen that strokes what it has every few vertices, which keeps wide strokes affordable. */
class ChunkedPen implements Pen {
  readonly #context: CanvasRenderingContext2D;
  #vertices = 0;

  constructor(context: CanvasRenderingContext2D) {
    this.#context = context;
    context.beginPath();
  }

  moveTo(x: number, y: number): void {
    this.#context.moveTo(x, y);
  }

  lineTo(x: number, y: number): void {
    this.#context.lineTo(x, y);
    this.#vertices++;
    if (this.#vertices % WIDE_CHUNK !== 0) return;
    this.#context.stroke();
    this.#context.beginPath();
    this.#context.moveTo(x, y);
  }

  finish(): void {
    this.#context.stroke();
  }
}

/** Stroke a line wide, for the few that deserve it: the focused one and group means. */
export function strokeWide(
  context: CanvasRenderingContext2D,
  line: Traced,
  map: Projection,
  color: string,
  width: number,
): void {
  context.strokeStyle = color;
  context.lineWidth = width;
  const pen = new ChunkedPen(context);
  traceLine(pen, line, map);
  pen.finish();
}
