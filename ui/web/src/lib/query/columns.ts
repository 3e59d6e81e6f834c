/** What runs can be asked about, as `POST runs/columns` tells it. */

import { sendJson } from '../api/client';
import type { Json } from '../api/types';

export type ColumnSource = 'field' | 'param' | 'summary' | 'metric';

export interface ColumnsRequest {
  query?: string;
  /** A part of the column's name. */
  like?: string;
  sources?: ColumnSource[];
  /** How many of the most frequent values are told. */
  values?: number;
  limit?: number;
}

export interface FoundColumn {
  /** As a query, a sort or a group takes it. */
  column: string;
  source: ColumnSource;
  kind: string;
  runs: number;
  /** Runs that have none. */
  missing: number;
  distinct: number;
  values: { value: Json; runs: number }[];
}

export interface FoundColumns {
  columns: FoundColumn[];
  /** How many there are, beyond those that are told. */
  total: number;
  runs: number;
}

export function findColumns(request: ColumnsRequest, signal?: AbortSignal): Promise<FoundColumns> {
  return sendJson('POST', 'runs/columns', request, signal);
}

const METRIC_COLUMN = /^run\.metrics\[("(?:[^"\\]|\\.)*")/;

/** The name of the metric that a column is a figure of; null for other columns. */
export function metricName(column: string): string | null {
  const found = METRIC_COLUMN.exec(column)?.[1];
  if (found === undefined) return null;
  try {
    return JSON.parse(found) as string;
  } catch {
    // A name whose spelling is no JSON can't be asked for again by us: it is left out.
    return null;
  }
}

/** Both conditions; a comment at the end of either ends with its line. */
export function both(one: string, other: string): string {
  const parts = [one, other].map((part) => part.trim()).filter((part) => part !== '');
  return parts.length < 2 ? (parts[0] ?? '') : parts.map((part) => `(${part}\n)`).join(' and ');
}
