/**
 * Runs as tables: cells, columns, groups, edits and files.
 *
 * A row has the cells that were asked for and no more.
 */

import { post } from './client';
import type { Context, Json, Run, RunEdit, RunHead, Sort, WireNumber } from './types';

/** The server's bounds of one request. */
export const ROW_CELLS_MAX = 400;
export const METRICS_MAX = 32;
export const FIGURES_MAX = 100;
export const EDITS_MAX = 1_000;
export const RUNS_MAX = 1_000;

export interface MetricOf {
  name: string;
  context: Context;
}

export interface OneGroup {
  by: string[];
  id: string;
}

export interface TableRequest {
  query: string;
  sort: Sort[];
  limit: number;
  cursor: string | null;
  /** Rows to leave out before the first, where no cursor is known. */
  offset: number;
  group: OneGroup | null;
  columns: string[];
  metrics: MetricOf[];
}

/** A run with one cell for each column of the request. */
export type RunExcerpt = Run & { cells: Json[] };

export interface TableResponse {
  rows: RunExcerpt[];
  total: number;
  cursor: string | null;
  watermark: number;
  warnings: string[];
}

export type ColumnKind = 'number' | 'text' | 'bool' | 'time' | 'list' | 'dict' | 'mixed';
export type ColumnSource = 'field' | 'param' | 'summary' | 'metric';

export interface ColumnFound {
  /** The word that a query, a sort, a group or an export takes. */
  column: string;
  source: ColumnSource;
  kind: ColumnKind;
  runs: number;
  missing: number;
  distinct: number;
  min: WireNumber | null;
  max: WireNumber | null;
  values: { value: Json; runs: number }[];
}

export interface ColumnsRequest {
  query: string;
  like?: string;
  sources?: ColumnSource[];
  differing?: boolean;
  values: number;
  limit: number;
  cursor?: string | null;
}

export interface ColumnsResponse {
  columns: ColumnFound[];
  total: number;
  runs: number;
  cursor: string | null;
  watermark: number;
  warnings: string[];
}

export interface Figures {
  count: number;
  missing: number;
  distinct: number;
  mean: number | null;
  std: number | null;
  min: number | null;
  max: number | null;
  median: number | null;
  /** What all members have, if it is the same. */
  value: Json;
}

export interface Group {
  key: Json[];
  id: string;
  runs: number;
  figures: Figures[];
  best: { run: string; value: number } | null;
}

export interface BestBy {
  by: string;
  goal: 'minimize' | 'maximize';
}

export interface GroupsRequest {
  query: string;
  by: string[];
  columns: string[];
  best: BestBy | null;
  sort: { by: string; figure: 'mean'; desc: boolean }[];
  limit: number;
  cursor: string | null;
}

export interface GroupsResponse {
  groups: Group[];
  by: string[];
  columns: string[];
  total: number;
  runs: number;
  cursor: string | null;
  watermark: number;
  warnings: string[];
}

export interface EditedRuns {
  runs: RunHead[];
  /** False: the change is kept, and shows later. */
  folded: boolean;
  watermark: number;
}

export type ExportFormat = 'csv' | 'json' | 'jsonl' | 'latex' | 'parquet';

export interface ExportRequest {
  format: ExportFormat;
  query: string;
  sort?: Sort[];
  columns: string[];
  group_by?: string[];
  best?: BestBy;
  spreadsheet?: boolean;
}

async function answered<T>(response: Promise<Response>): Promise<T> {
  return (await response).json() as Promise<T>;
}

export function searchTable(asked: TableRequest, signal?: AbortSignal): Promise<TableResponse> {
  return answered(post('runs/search', asked, signal));
}

export function searchColumns(
  asked: ColumnsRequest,
  signal?: AbortSignal,
): Promise<ColumnsResponse> {
  return answered(post('runs/columns', asked, signal));
}

export function searchGroups(
  asked: GroupsRequest,
  signal?: AbortSignal,
): Promise<GroupsResponse> {
  return answered(post('runs/groups', asked, signal));
}

/** Changes runs alike, however many, and says after each request how many have been changed. */
export async function editRuns(
  ids: readonly string[],
  edit: RunEdit,
  heard?: (done: number) => void,
): Promise<void> {
  for (let first = 0; first < ids.length; first += EDITS_MAX) {
    const some = ids.slice(first, first + EDITS_MAX);
    await post('runs/edit', { ids: some, edit });
    heard?.(first + some.length);
  }
}

export async function exportRuns(asked: ExportRequest): Promise<Blob> {
  return (await post('runs/export', asked)).blob();
}
