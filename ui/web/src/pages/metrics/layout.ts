/** How charts share the canvas. */

/** A chart narrower than this shows no more than a sparkline would. */
const CARD_LEAST_PX = 330;
const COLUMNS_MOST = 4;

/** Columns for a number of charts in a width of CSS pixels: squarish, never too narrow. */
export function gridColumns(charts: number, width: number): number {
  const fitting = Math.max(1, Math.min(COLUMNS_MOST, Math.floor(width / CARD_LEAST_PX)));
  const square = charts <= 1 ? 1 : charts <= 4 ? 2 : charts <= 9 ? 3 : COLUMNS_MOST;
  return Math.min(fitting, square);
}
