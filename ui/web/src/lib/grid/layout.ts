/**
 * Where rows and columns of the table lie.
 *
 * All in CSS pixels; and which of them are in view.
 */

import type { Run } from '../api/types';
import type { Column } from './columns';
import { CURVE_WIDTH } from './curves.svelte';

export const ROW_PX = 30;
export const HEAD_PX = 32;

/** Rows drawn above and below the view, so that a quick scroll does not show a gap. */
const ROWS_BEYOND = 6;
/** Firefox clips elements beyond 17.9 million pixels; taller tables scroll in coarser steps. */
export const CANVAS_MAX_PX = 16_000_000;

export interface PlacedColumn {
  column: Column;
  left: number;
  width: number;
}

/** Rows `first` to `last`, the end not included. */
export interface Span {
  first: number;
  last: number;
}

/** Height of the scrolled canvas for so many rows. */
export function canvasHeight(rows: number): number {
  return Math.min(rows * ROW_PX, CANVAS_MAX_PX);
}

/** How far the rows lie above their place in a canvas that is too low for all of them. */
export function rowShift(rows: number, scrollTop: number, viewHeight: number): number {
  const missing = rows * ROW_PX - CANVAS_MAX_PX;
  if (missing <= 0) return 0;
  const way = CANVAS_MAX_PX - viewHeight;
  return (Math.min(scrollTop, way) / way) * missing;
}

export function rowsInView(rows: number, scrollTop: number, viewHeight: number): Span {
  const top = scrollTop + rowShift(rows, scrollTop, viewHeight);
  return {
    first: Math.max(0, Math.floor(top / ROW_PX) - ROWS_BEYOND),
    last: Math.min(rows, Math.ceil((top + viewHeight) / ROW_PX) + ROWS_BEYOND),
  };
}

/** Columns that touch the view, by index. The first, which is sticky, is never among them. */
export function columnsInView(
  placed: readonly PlacedColumn[],
  scrollLeft: number,
  viewWidth: number,
): Span {
  let first = 1;
  while (first < placed.length - 1 && edge(placed[first]) < scrollLeft) first += 1;
  let last = first;
  while (last < placed.length && (placed[last]?.left ?? 0) < scrollLeft + viewWidth) last += 1;
  return { first, last };
}

function edge(placed: PlacedColumn | undefined): number {
  return placed === undefined ? 0 : placed.left + placed.width;
}

/** Average advance of Inter at 12.5 px, and what a cell has beside its text. */
const CHAR_PX = 7;
const CELL_PADDING_PX = 26;
const SORT_ARROW_PX = 24;
/** Rows looked at for a column's width. */
export const ROWS_MEASURED = 40;

const LIMITS: Record<Column['kind'], [number, number]> = {
  name: [180, 340],
  status: [92, 92],
  tags: [120, 260],
  text: [70, 200],
  number: [72, 150],
  curve: [CURVE_WIDTH + 24, CURVE_WIDTH + 24],
};

/** A measured value may turn into the longest form that there is, such as -1.234e-12. */
const MEASURED_LEAST_PX = 94;

/** A width that fits the heading and the first rows, within reason. */
function fittingWidth(column: Column, rows: readonly Run[], now: number): number {
  const [shortest, most] = LIMITS[column.kind];
  const measured = column.group === 'Metrics';
  const least = measured ? Math.max(shortest, MEASURED_LEAST_PX) : shortest;
  const heading = `${column.title} ${column.subtitle}`.trim().length * CHAR_PX + SORT_ARROW_PX;
  let widest = heading;
  for (const run of rows) {
    widest = Math.max(widest, column.cell(run, now).text.length * CHAR_PX);
  }
  const dot = column.kind === 'name' ? 24 : 0;
  return Math.round(Math.min(most, Math.max(least, widest + CELL_PADDING_PX + dot)));
}

/**
 * Gives each new column its width by the rows at hand. A width is settled once: columns must not
 * breathe as values change.
 */
export function settleWidths(
  widths: Map<string, number>,
  columns: readonly Column[],
  rows: readonly Run[],
): void {
  if (rows.length === 0) return;
  const now = Date.now() / 1000;
  for (const column of columns) {
    if (!widths.has(column.id)) widths.set(column.id, fittingWidth(column, rows, now));
  }
}

/** The name, which never scrolls away, leaves the larger part of a narrow window to the rest. */
const NAME_SHARE = 0.45;

/** Columns side by side, from the left. */
export function place(
  columns: readonly Column[],
  widths: ReadonlyMap<string, number>,
  windowWidth: number,
): PlacedColumn[] {
  let left = 0;
  return columns.map((column) => {
    const most = column.kind === 'name' ? windowWidth * NAME_SHARE : Number.POSITIVE_INFINITY;
    const width = Math.min(most, widths.get(column.id) ?? LIMITS[column.kind][0]);
    const placed = { column, left, width };
    left += width;
    return placed;
  });
}

export function totalWidth(placed: readonly PlacedColumn[]): number {
  return edge(placed.at(-1));
}
