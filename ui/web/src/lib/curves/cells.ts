/** What is asked of the runs of curves beyond their params: any field, any result. */

import { searchSeries } from '../api/client';
import type { Json } from '../api/types';
import type { Range } from '../chart/model';

export interface CellsAsked {
  /** The series whose runs are meant, and how many of them. */
  readonly query: string;
  readonly limit: number;
  /** In the words of the query language. */
  readonly columns: readonly string[];
}

/** By run: a cell for each of the columns. */
export interface RunCells {
  readonly columns: readonly string[];
  readonly runs: Readonly<Record<string, readonly Json[]>>;
}

export async function readCells(
  asked: CellsAsked,
  _range: Range | null,
  signal: AbortSignal,
): Promise<RunCells> {
  const { query, limit, columns } = asked;
  const { cells } = await searchSeries({ query, limit, columns: [...columns] }, signal);
  return { columns, runs: cells };
}
