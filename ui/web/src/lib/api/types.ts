/**
 * The shapes of the HTTP interface.
 *
 * Times are unix seconds, sizes are bytes.
 */

export type RunStatus = 'running' | 'finished' | 'failed' | 'killed' | 'lost';

/** JSON has no NaN or infinity: a single point spells them out, an aggregate becomes null. */
export type WireNumber = number | 'NaN' | 'Infinity' | '-Infinity';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Params = { [key: string]: Json };
/** What tells two series of one name apart, such as {"subset": "val"}. */
export type Context = { [key: string]: Json };

export interface Point {
  value: WireNumber;
  step: number;
  time: number;
}

export interface Extreme {
  value: number | null;
  step: number | null;
}

/** All that is known of one series without its points. */
export interface Summary {
  series: number;
  name: string;
  context: Context;
  count: number;
  /** How many of the points are NaN or infinite. */
  nonfinite: number;
  first_nonfinite_step: number | null;
  first: Point | null;
  last: Point | null;
  min: Extreme | null;
  max: Extreme | null;
  mean: number | null;
}

export interface RunHead {
  id: string;
  name: string | null;
  experiment: string | null;
  description: string | null;
  tags: string[];
  status: RunStatus;
  created_at: number;
  ended_at: number | null;
  /** Seconds; of a running run: up to the answer. */
  duration: number;
  archived: boolean;
  params: Params;
}

export interface Git {
  commit: string;
  branch: string;
  remote: string;
  subject: string;
  dirty: boolean;
  /** The blob of what was changed and not committed, or "". */
  diff: string;
}

export interface Progress {
  done: number | null;
  total: number | null;
  /** Seconds from `time` on; 0 promises nothing. */
  expect_next_in: number;
  time: number;
}

export interface Run extends RunHead {
  metrics: Summary[];
  /** The results that the script stated. */
  summary: Params;
  /** Words about the run that have no place of their own. */
  fields: Params;
  host: string;
  user: string;
  git: Git | null;
  parent: { run: string; step: number | null } | null;
  progress: Progress | null;
  alerts_total: number;
}

export interface Machine {
  system: string;
  user: string;
  cwd: string;
  python: string;
  cpus: number;
  memory_bytes: number;
  gpus: string[];
}

export interface Writer {
  id: string;
  host: string | null;
  pid: number | null;
  rank: number | null;
  opened_at: number | null;
  closed_at: number | null;
  status: string;
  dropped: number;
  /** Empty for a process that trains. */
  role: string;
  signal: string;
  exit_code: number | null;
  reason: string;
  command: string[];
  machine: Machine | null;
}

export interface RunError {
  type: string;
  message: string;
  traceback: string | null;
}

export interface Alert {
  title: string;
  text: string;
  /** As in Python's logging: 20 info, 30 warning, 40 error. */
  level: number;
  time: number;
  /** The rule that raised it; empty where the script did. */
  rule: string;
  series: string;
  context: Record<string, unknown>;
  step: number | null;
  value: number | string | null;
}

export interface Artifact {
  name: string;
  digest: string;
  used: boolean;
  /** The run that made what was used, where it is known. */
  maker: string;
  kind: string;
  files: number;
  size: number;
  aliases: string[];
  uri: string;
  time: number;
}

export interface MetricDefinition {
  name: string;
  step_metric: string;
  summary: string[];
  goal: string;
  hidden: boolean;
}

export interface RunDetail extends Run {
  notes: string | null;
  error: RunError | null;
  writers: Writer[];
  /** The newest ones, the oldest of them first. */
  alerts: Alert[];
  artifacts: Artifact[];
  definitions: MetricDefinition[];
  watermark: number;
}

/** Only what is named is changed; null takes a text away. */
export interface RunEdit {
  name?: string | null;
  experiment?: string | null;
  description?: string | null;
  notes?: string | null;
  archived?: boolean;
  deleted?: boolean;
  tags_added?: string[];
  tags_removed?: string[];
}

export interface Sort {
  by: string;
  desc: boolean;
}

export interface RunsRequest {
  query: string;
  sort: Sort[];
  limit: number;
  cursor: string | null;
}

export type ParamKind = 'number' | 'text' | 'bool' | 'mixed';

export interface ParamColumn {
  /** Dotted, such as "hparams.lr". */
  path: string;
  kind: ParamKind;
  runs: number;
}

export interface MetricColumn {
  name: string;
  context: Context;
  runs: number;
}

export interface RunsResponse {
  rows: Run[];
  total: number;
  cursor: string | null;
  watermark: number;
  warnings: string[];
  columns: { params: ParamColumn[]; metrics: MetricColumn[] };
}

export interface SeriesRequest {
  query: string;
  limit: number;
  /** Of each run a cell is answered for each, worked out as a group by it would be. */
  columns?: string[];
}

export interface SeriesHead extends Summary {
  run: string;
}

export interface SeriesResponse {
  series: SeriesHead[];
  /** Those that the series belong to, without their metrics. */
  runs: { [id: string]: RunHead };
  /** Of each run one for each of the columns that were asked for. */
  cells: { [id: string]: Json[] };
  total: number;
  watermark: number;
  warnings: string[];
}

/** Along what curves are drawn; another series of the same run is named by its metric. */
export type XAxis =
  | 'step' | 'time' | 'relative' | 'epoch' | 'auto' | { metric: string; context?: Context | null };
/** Of a series; then the one that smoothing adds; then those of a group. */
export type FrameColumn =
  | 'last' | 'min' | 'max' | 'mean' | 'smooth' | 'line' | 'low' | 'high' | 'members' | 'nonfinite';

/** By half-life, standard deviation or whole window in units of x; an ema by weight instead. */
export interface Smooth {
  by: 'ema' | 'gaussian' | 'mean';
  width?: number;
  weight?: number;
}

export type AggregateLine = 'mean' | 'median' | 'min' | 'max';
export type AggregateBand = 'none' | 'min-max' | 'std' | 'stderr' | 'ci95' | [number, number];

/** `by` are words of the query language. */
export interface Aggregate {
  by: string[];
  line: AggregateLine;
  band: AggregateBand;
}

/** Which series: either by query or by number. */
export type FramesTarget = { query: string } | { ids: number[] };

export type FramesRequest = FramesTarget & {
  x: XAxis;
  /** Buckets per series, at most 1,024. */
  points: number;
  range: [number, number] | null;
  columns: ('last' | 'min' | 'max' | 'mean')[];
  smooth?: Smooth | null;
  /** A fork is shown with its parent's points before its own. */
  inherit?: boolean;
  expressions?: string[];
  aggregate?: Aggregate | null;
};

export type HitKind = 'run' | 'message' | 'text' | 'code' | 'line';

/** A place where a question was found. What says nothing is left out. */
export interface Hit {
  kind: HitKind;
  /** What to show of it. */
  text: string;
  /** Ranges of the text to highlight, in code points. */
  marks: [number, number][];
  time?: number;
  /** Of the run's own words: which. */
  field?: string;
  /** A param's path, a text's name, a file's path. */
  name?: string;
  writer?: string;
  rank?: number;
  seq?: number;
  /** Of a console from 0, of code from 1; 0 there is the file's path. */
  line?: number;
  level?: number;
  step?: number;
  blob?: string;
}

export interface FoundRun {
  run: RunHead;
  hits: Hit[];
  /** The run has others. */
  more: boolean;
}

export interface SearchRequest {
  q: string;
  query?: string;
  limit: number;
  hits: number;
}

export interface SearchResponse {
  runs: FoundRun[];
  total: number;
  /** False: the total may be too large. */
  exact: boolean;
  watermark: number;
  warnings: string[];
}

export type FoldState = 'live' | 'catching_up' | 'rebuilding' | 'down';

export interface Damage {
  segment: string;
  offset: number;
  length: number;
  reason: string;
}

export interface Health {
  version: string;
  store: { name: string; path: string };
  /** Log bytes folded so far. */
  watermark: number;
  lag_bytes: number;
  fold: { state: FoldState; progress: number | null; message: string | null };
  /** The same of each set of views that is folded by itself, as it was last heard. */
  shelves: {
    name: string; state: FoldState; watermark: number; lag_bytes: number; progress: number | null;
  }[];
  runs: { total: number; running: number };
  disk: {
    free_bytes: number;
    log_bytes: number;
    views_bytes: number;
    /** Null until it was measured, and at most a minute old. */
    blobs_bytes?: number | null;
  };
  damage: Damage[];
  /** Of the fullest experiments that have a quota, in bytes. */
  quotas?: { experiment: string; used: number; allowed: number | null }[];
}

/** A series that grew, as told by the event stream. */
export interface SeriesDelta {
  id: number;
  run: string;
  name: string;
  context: Context;
  count: number;
  step: number;
  value: WireNumber;
  time: number;
}

export interface Change {
  watermark: number;
  lag_bytes: number;
  runs: string[];
  series: SeriesDelta[];
  /** By set of views, runs of which more has come that is none of the above, such as lines. */
  shelves: Record<string, string[]>;
  /** More series changed than an event may name: read again what is shown. */
  truncated: boolean;
}

export interface ErrorBody {
  code: string;
  message: string;
  hint: string | null;
  /** The wrong part of the query: offsets of its first character and of the one behind it. */
  at: [number, number] | null;
}
