/** How charts share the canvas. */

import type { ChartSize } from './view';

/** A chart narrower than this shows no more than a sparkline would. */
const CARD_LEAST_PX = 330;
/** Where somebody asked for a number of charts, they may be this narrow. */
const ASKED_LEAST_PX = 200;
const COLUMNS_MOST = 4;

/** Heights below which rows of charts scroll instead, in CSS pixels. */
export const ROW_PX: Readonly<Record<ChartSize, number>> = { s: 160, m: 210, l: 340 };

/** Columns for a number of charts in a width of CSS pixels: as asked, or squarish. */
export function gridColumns(charts: number, width: number, asked = 0): number {
  const least = asked ? ASKED_LEAST_PX : CARD_LEAST_PX;
  const fitting = Math.max(1, Math.floor(width / least));
  const square = charts <= 1 ? 1 : charts <= 4 ? 2 : charts <= 9 ? 3 : COLUMNS_MOST;
  return Math.min(fitting, asked || Math.min(COLUMNS_MOST, square));
}
