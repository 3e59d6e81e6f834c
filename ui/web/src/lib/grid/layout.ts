/**
 * Where rows and columns of the table lie.
 *
 * All in CSS pixels; and which of them are in view.
 */

import { groupCell, type Column } from './columns';
import { CURVE_WIDTH } from './curves.svelte';
import type { Pick } from './picks';
import type { Line } from './rows';

/** Height of the headings, and of the bands above them. */
export const HEAD_PX = 32;
export const BAND_PX = 22;

/** Rows drawn above and below the view, so that a quick scroll does not show a gap. */
const ROWS_BEYOND = 6;
/** Firefox clips elements beyond 17.9 million pixels; taller tables scroll in coarser steps. */
export const CANVAS_MAX_PX = 16_000_000;

export interface PlacedColumn {
  column: Column;
  pick: Pick;
  left: number;
  width: number;
}

/** Columns side by side, the first `pins` of which stay at the left. */
export interface Placed {
  columns: PlacedColumn[];
  pins: number;
  /** Where the pinned ones end. */
  pinnedWidth: number;
  width: number;
}

/** Rows `first` to `last`, the end not included. */
export interface Span {
  first: number;
  last: number;
}

/** How many rows of which height there are, and how much of them is seen. */
export interface View {
  rows: number;
  rowPx: number;
  scrollTop: number;
  height: number;
}

/** Height of the scrolled canvas for so many rows. */
export function canvasHeight(rows: number, rowPx: number): number {
  return Math.min(rows * rowPx, CANVAS_MAX_PX);
}

/** How far the rows lie above their place in a canvas that is too low for all of them. */
export function rowShift({ rows, rowPx, scrollTop, height }: View): number {
  const missing = rows * rowPx - CANVAS_MAX_PX;
  if (missing <= 0) return 0;
  const way = CANVAS_MAX_PX - height;
  return (Math.min(scrollTop, way) / way) * missing;
}

export function rowsInView(view: View): Span {
  const top = view.scrollTop + rowShift(view);
  return {
    first: Math.max(0, Math.floor(top / view.rowPx) - ROWS_BEYOND),
    last: Math.min(view.rows, Math.ceil((top + view.height) / view.rowPx) + ROWS_BEYOND),
  };
}

/** The first place in `low` to `high` for which `holds`, which stays true from there on. */
function firstOf(low: number, high: number, holds: (place: number) => boolean): number {
  let from = low;
  let to = high;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** Columns that touch the view, by index. Pinned ones are never among them. */
export function columnsInView(placed: Placed, scrollLeft: number, viewWidth: number): Span {
  const { columns, pins, pinnedWidth } = placed;
  const start = scrollLeft + pinnedWidth;
  const end = scrollLeft + viewWidth;
  const first = firstOf(pins, columns.length, (place) => edge(columns[place]) > start);
  const last = firstOf(first, columns.length, (place) => (columns[place]?.left ?? 0) >= end);
  return { first, last };
}

function edge(placed: PlacedColumn | undefined): number {
  return placed === undefined ? 0 : placed.left + placed.width;
}

/** Average advance of Inter at 12.5 px, and what a cell has beside its text. */
const CHAR_PX = 7;
const HEADING_CHAR_PX = 6.4;
/** What a figure's name has around it. */
const FIGURE_PX = 12;
const CELL_PADDING_PX = 26;
const SORT_ARROW_PX = 24;
/** Rows looked at for a column's width. */
export const ROWS_MEASURED = 40;

const LIMITS: Record<Column['kind'], [number, number]> = {
  name: [230, 360],
  status: [92, 110],
  tags: [120, 260],
  text: [70, 200],
  number: [72, 190],
  curve: [CURVE_WIDTH + 24, CURVE_WIDTH + 24],
};

/** A measured value may turn into the longest form that there is, such as -1.234e-12. */
const MEASURED_LEAST_PX = 94;
/** What stands before a name: the box, the dot. */
const NAME_MARKS_PX = 50;

function textIn(column: Column, line: Line, now: number): string {
  if (line.kind === 'run') return column.cell(line.run, now).text;
  return groupCell(column, line.figures.get(column.id), now).text;
}

/** A width that fits the heading and the first rows, within reason. */
function fittingWidth(column: Column, lines: readonly Line[], now: number): number {
  const [shortest, most] = LIMITS[column.kind];
  const least = column.metric !== null ? Math.max(shortest, MEASURED_LEAST_PX) : shortest;
  const words = [column.subtitle, column.title, column.figure].filter(Boolean).join(' ');
  const figure = column.figure === '' ? 0 : FIGURE_PX;
  let widest = words.length * HEADING_CHAR_PX + figure + SORT_ARROW_PX;
  for (const line of lines) {
    widest = Math.max(widest, textIn(column, line, now).length * CHAR_PX);
  }
  const marks = column.kind === 'name' ? NAME_MARKS_PX : 0;
  return Math.round(Math.min(most, Math.max(least, widest + CELL_PADDING_PX + marks)));
}

function isHere(column: Column, line: Line): boolean {
  return line.kind === 'group' || column.value(line.run) !== undefined;
}

/**
 * Gives each new column its width by the rows at hand. A width is settled once: columns must not
 * breathe as values change.
 */
export function settleWidths(
  widths: Map<string, number>,
  columns: readonly Column[],
  lines: readonly Line[],
): void {
  const now = Date.now() / 1000;
  for (const column of columns) {
    if (widths.has(column.id)) continue;
    const here = lines.filter((line) => isHere(column, line));
    if (here.length > 0) widths.set(column.id, fittingWidth(column, here, now));
  }
}

/** Pinned columns leave the larger part of a narrow window to the rest. */
const NAME_SHARE = 0.45;
const PINNED_SHARE = 0.6;

/** Columns side by side, from the left; of a narrow window only the first stays pinned. */
export function place(
  columns: readonly { column: Column; pick: Pick }[],
  widths: ReadonlyMap<string, number>,
  windowWidth: number,
): Placed {
  let left = 0;
  let pins = 0;
  let pinnedWidth = 0;
  const placed = columns.map(({ column, pick }, index) => {
    const most = column.kind === 'name' ? windowWidth * NAME_SHARE : Number.POSITIVE_INFINITY;
    const fitting = widths.get(column.id) ?? fittingWidth(column, [], 0);
    const width = Math.min(most, pick.width ?? fitting);
    const one = { column, pick, left, width };
    left += width;
    if (pick.pinned && pins === index && (pins === 0 || left <= windowWidth * PINNED_SHARE)) {
      pins += 1;
      pinnedWidth = left;
    }
    return one;
  });
  return { columns: placed, pins, pinnedWidth, width: left };
}

/** Neighbours that share a band, as one heading. */
export interface Band {
  text: string;
  left: number;
  width: number;
  pinned: boolean;
}

/** The bands over columns `first` to `last`; none has a band of its own cut at the pinned edge. */
export function bandsOver(placed: Placed, spans: readonly Span[]): Band[] {
  const bands: Band[] = [];
  for (const span of spans) {
    let open: Band | null = null;
    for (let index = span.first; index < span.last; index++) {
      const one = placed.columns[index];
      if (one === undefined) continue;
      if (open !== null && open.text === one.column.band) {
        open.width += one.width;
        continue;
      }
      const pinned = index < placed.pins;
      open = { text: one.column.band, left: one.left, width: one.width, pinned };
      bands.push(open);
    }
  }
  return bands.filter((band) => band.text !== '');
}
