/**
 * What one run holds, by its parts: lines, messages, values, params, what was captured.
 *
 * The shapes are those of docs/http.md.
 */

import { apiUrl, askJson, call, queryOf, sendJson } from './client';
import type {
  Artifact,
  Context,
  Json,
  Params,
  RunDetail,
  RunEdit,
  RunStatus,
  Summary,
  WireNumber,
} from './types';

function partOf(id: string, part: string): string {
  return `runs/${encodeURIComponent(id)}/${part}`;
}

type Words = Record<string, string | number | boolean | undefined>;

function ask<T>(id: string, part: string, words: Words, signal?: AbortSignal): Promise<T> {
  const query = queryOf(words);
  return askJson<T>(`${partOf(id, part)}${query === '' ? '' : `?${query}`}`, signal);
}

/** A run as its page shows it: long params and many series are cut, and their totals told. */
export interface RunWhole extends RunDetail {
  deleted_at?: number | null;
  /** Leaves of the params and of the summary that are here, of all there are. */
  params_shown?: number;
  params_total?: number;
  summary_shown?: number;
  summary_total?: number;
  metrics_total?: number;
  writers_total?: number;
}

export function editRun(id: string, edit: RunEdit): Promise<RunWhole> {
  return sendJson<RunWhole>('PATCH', `runs/${encodeURIComponent(id)}`, edit);
}

// --- params --------------------------------------------------------------------------------------

export interface ParamRow {
  /** Keys from the root on; a key may have dots. */
  path: string[];
  value: Json;
  /** Longer than 4 KiB: `value` is a text's beginning, or null. */
  cut: boolean;
  /** Bytes as JSON. */
  size: number;
}

export interface ParamsPage {
  params: ParamRow[];
  total: number;
  cursor: string | null;
  watermark: number;
}

export function getParams(
  id: string,
  words: {
    like?: string;
    of?: 'params' | 'summary';
    limit?: number;
    cursor?: string;
    /** Keys as JSON: this one alone, and whole. */
    path?: string;
  },
  signal?: AbortSignal,
): Promise<ParamsPage> {
  return ask<ParamsPage>(id, 'params', words, signal);
}

// --- lines ---------------------------------------------------------------------------------------

export interface LineRow {
  writer: string;
  /** From 0, over both streams of the writer. */
  number: number;
  stream: 'stdout' | 'stderr' | 'both';
  time: number;
  text: string;
  /** Else it may still be written over, as a progress bar is. */
  ended: boolean;
}

export interface LineWriter {
  writer: string;
  host: string;
  rank: number | null;
  role: string;
  beside: string;
  total: number;
}

export interface LinesPage {
  lines: LineRow[];
  start: number;
  next: number;
  total: number;
  writers: LineWriter[];
  watermark: number;
}

export interface LineChoice {
  writer?: string;
  rank?: number;
}

export function getLines(
  id: string,
  words: LineChoice & { from?: number; at?: number; limit?: number },
  signal?: AbortSignal,
): Promise<LinesPage> {
  return ask<LinesPage>(id, 'lines', { ...words }, signal);
}

export interface HitsPage {
  lines: LineRow[];
  looked: number;
  cursor: string | null;
  watermark: number;
}

export function searchLines(
  id: string,
  words: LineChoice & { text: string; limit?: number; cursor?: string },
  signal?: AbortSignal,
): Promise<HitsPage> {
  return ask<HitsPage>(id, 'lines/search', { ...words }, signal);
}

export interface StepAt {
  at: number;
  step: number | null;
  series: Summary | null;
}

/** The step that was current at a time. */
export function getStep(id: string, at: number, signal?: AbortSignal): Promise<StepAt> {
  return ask<StepAt>(id, 'step', { at }, signal);
}

export interface StepTime {
  step: number;
  time: number | null;
  series: Summary | null;
}

/** When a step was tracked. */
export function getStepTime(id: string, step: number, signal?: AbortSignal): Promise<StepTime> {
  return ask<StepTime>(id, 'time', { step }, signal);
}

// --- messages ------------------------------------------------------------------------------------

export interface MessageRow {
  time: number;
  level: number;
  text: string;
  logger: string;
  params: Params;
  place: string;
  host: string;
  rank: number | null;
  writer: string;
  seq: number;
}

export interface MessagesPage {
  messages: MessageRow[];
  total: number;
  levels: Record<string, number>;
  cursor: string | null;
  watermark: number;
}

export function getMessages(
  id: string,
  words: { level?: number; newest?: boolean; limit?: number; cursor?: string },
  signal?: AbortSignal,
): Promise<MessagesPage> {
  return ask<MessagesPage>(id, 'messages', words, signal);
}

// --- values --------------------------------------------------------------------------------------

export interface Value {
  media_type: string;
  size: number;
  blob?: string;
  /** In base64. */
  inline?: string;
  text?: string;
  attributes?: Params;
}

export interface Entry {
  run: string;
  kind: string;
  name: string;
  context: Context;
  step: WireNumber;
  epoch: WireNumber | null;
  time: number;
  values: Value[];
}

export interface Sequence {
  kind: string;
  name: string;
  context: Context;
  count: number;
  first_step: WireNumber;
  last_step: WireNumber;
}

export interface ValuesPage {
  entries: Entry[];
  sequences: Sequence[];
  cursor: string | null;
  watermark: number;
}

export interface ValuesWords {
  kind?: string;
  name?: string;
  /** As JSON. */
  context?: string;
  from_step?: number;
  to_step?: number;
  newest?: boolean;
  each?: number;
  limit?: number;
  cursor?: string;
}

export function getValues(
  id: string,
  words: ValuesWords,
  signal?: AbortSignal,
): Promise<ValuesPage> {
  return ask<ValuesPage>(id, 'values', { ...words }, signal);
}

/** Address of a blob's bytes, to be shown as `type`. */
export function blobUrl(sha256: string, type = ''): string {
  return apiUrl(`blobs/${sha256}${type === '' ? '' : `?${queryOf({ type })}`}`);
}

// --- what was captured, and where the run stands among others ------------------------------------

export interface CapturedGit {
  commit: string;
  branch: string;
  remote: string;
  subject: string;
  author: string;
  committed_at: number | null;
  dirty: boolean;
  /** The blob of what was changed and not committed, or "". */
  diff: string;
  diff_bytes: number;
  untracked: string[];
}

export interface StoredFile {
  path: string;
  blob: string;
  size: number;
}

export interface Sources {
  entry: string;
  files: StoredFile[];
  left_out: number;
}

export interface CapturedProcess {
  writer: string;
  host: string;
  pid: number;
  rank: number | null;
  role: string;
  beside: string;
  time: number;
  git: CapturedGit | null;
  packages: Record<string, string> | null;
  environment: Record<string, string> | null;
  machine: (Params & { attributes?: Params }) | null;
  sources: Sources | null;
}

export interface Captured {
  processes: CapturedProcess[];
  total: number;
  watermark: number;
}

export function getCaptured(id: string, signal?: AbortSignal): Promise<Captured> {
  return ask<Captured>(id, 'captured', {}, signal);
}

export interface LineageRun {
  id: string;
  name: string;
  experiment: string;
  status: RunStatus;
  created_at: number;
  archived: boolean;
  deleted: boolean;
  parent: string | null;
  step: number | null;
}

export interface Lineage {
  runs: LineageRun[];
  total: number;
  watermark: number;
}

export function getLineage(id: string, signal?: AbortSignal): Promise<Lineage> {
  return ask<Lineage>(id, 'lineage', {}, signal);
}

export interface ArtifactWhole extends Artifact {
  /** Its files, the first of them. */
  stored: StoredFile[];
  params: Params;
}

export interface ArtifactsPage {
  artifacts: ArtifactWhole[];
  total: number;
  cursor: string | null;
  watermark: number;
}

export function getArtifacts(
  id: string,
  words: { name?: string; digest?: string; cursor?: string },
  signal?: AbortSignal,
): Promise<ArtifactsPage> {
  return ask<ArtifactsPage>(id, 'artifacts', words, signal);
}

/** A blob that is text, as text. */
export async function getText(sha256: string, signal?: AbortSignal): Promise<string> {
  return (await call(`blobs/${sha256}?type=text/plain`, { signal: signal ?? null })).text();
}
