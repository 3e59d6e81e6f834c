/** How charts share the canvas. */

import type { Facet } from './facets';
import { compareLabels } from './fields';
import { keyOf } from './labels';
import type { ChartColumns, ChartSize } from './view';

/** A chart narrower than this shows no more than a sparkline would. */
const CARD_LEAST_PX = 330;
/** Where somebody asked for a number of charts, they may be this narrow. */
const ASKED_LEAST_PX = 200;
/** Columns by a field are as many as it has values: those beyond the width are scrolled to. */
const MATRIX_LEAST_PX = 170;
const COLUMNS_MOST = 4;

/** Heights below which rows of charts scroll instead, in CSS pixels. */
export const ROW_PX: Readonly<Record<ChartSize, number>> = { s: 160, m: 210, l: 340 };

/** Where a chart stands; both count from 1. */
export interface Place {
  readonly row: number;
  readonly column: number;
}

/** Columns of the grid of charts, and where each chart stands unless one follows the other. */
export interface Grid {
  readonly columns: number;
  readonly least: number;
  readonly places: ReadonlyMap<string, Place> | null;
}

/** The grid for some charts in a width of CSS pixels: as asked, or squarish. */
export function gridOf(facets: readonly Facet[], width: number, asked: ChartColumns): Grid {
  if (asked === 'field' && (facets[0]?.parts.length ?? 0) > 1) return matrixOf(facets);
  const columns = gridColumns(facets.length, width, asked === 'field' ? 0 : asked);
  return { columns, least: 0, places: null };
}

/** A column for each value of the last field, a row for each of those before it. */
function matrixOf(facets: readonly Facet[]): Grid {
  const across = [...new Set(facets.map(({ parts }) => parts.at(-1)!))].sort(compareLabels);
  const down = [...new Set(facets.map(({ parts }) => keyOf(parts.slice(0, -1))))];
  const places = new Map(facets.map(({ key, parts }): [string, Place] => [key, {
    row: down.indexOf(keyOf(parts.slice(0, -1))) + 1,
    column: across.indexOf(parts.at(-1)!) + 1,
  }]));
  return { columns: across.length, least: MATRIX_LEAST_PX, places };
}

function gridColumns(charts: number, width: number, asked: number): number {
  const least = asked ? ASKED_LEAST_PX : CARD_LEAST_PX;
  const fitting = Math.max(1, Math.floor(width / least));
  const square = charts <= 1 ? 1 : charts <= 4 ? 2 : charts <= 9 ? 3 : COLUMNS_MOST;
  return Math.min(fitting, asked || Math.min(COLUMNS_MOST, square));
}
