/**
 * The columns of the table.
 *
 * A column knows where its value comes from and how a cell shows it.
 */

import type { Context, Json, MetricColumn, ParamColumn, Params, Run, Summary } from '../api/types';
import { formatSetting, formatValue, NONE } from '../format/number';
import { metricExpression } from '../query/literal';
import { formatAgo, formatDuration, formatMoment } from '../format/time';

export type CellKind = 'name' | 'status' | 'tags' | 'text' | 'number' | 'curve';

export interface Cell {
  text: string;
  /** Longer form for the tooltip. */
  detail?: string;
  /** Shown in the third voice (nothing there) or as a warning (not a number). */
  tone?: 'none' | 'warn';
}

export interface Column {
  /** The expression that sorts by it, which also names it in the address. */
  id: string;
  title: string;
  /** Second voice in the heading: the context of a metric. */
  subtitle: string;
  group: 'Run' | 'Metrics' | 'Curves' | 'Params';
  kind: CellKind;
  sortable: boolean;
  /** A change of its value is worth a flash. */
  live: boolean;
  cell(run: Run, now: number): Cell;
  /** Of a curve: which series it draws. */
  series?(run: Run): Summary | undefined;
}

/** Columns of each sort that show before anybody picks. */
const DEFAULT_METRICS = 5;
const DEFAULT_PARAMS = 8;

export const NAME_COLUMN = 'run.name';

function base(id: string, title: string, kind: CellKind, cell: Column['cell']): Column {
  return {
    id,
    title,
    subtitle: '',
    group: 'Run',
    kind,
    sortable: true,
    live: kind === 'status',
    cell,
  };
}

/** Seconds so far: a running run has grown since the answer was sent. */
export function shownDuration(run: Run, now: number): number {
  return run.status === 'running' ? Math.max(run.duration, now - run.created_at) : run.duration;
}

export function shownName(run: { id: string; name: string | null }): string {
  return run.name ?? run.id;
}

const RUN_COLUMNS: readonly Column[] = [
  base(NAME_COLUMN, 'Run', 'name', (run) => ({ text: shownName(run), detail: run.id })),
  base('run.status', 'Status', 'status', (run) => ({ text: run.status })),
  base('run.experiment', 'Experiment', 'text', (run) => orNone(run.experiment)),
  base('run.duration', 'Duration', 'number', (run, now) => ({
    text: formatDuration(shownDuration(run, now)),
  })),
  base('run.created_at', 'Created', 'number', (run, now) => ({
    text: formatAgo(run.created_at, now),
    detail: formatMoment(run.created_at),
  })),
  {
    ...base('run.tags', 'Tags', 'tags', (run) => ({ text: run.tags.join('\u0000') })),
    sortable: false,
  },
];

function orNone(text: string | null): Cell {
  return text === null || text === '' ? { text: NONE, tone: 'none' } : { text };
}

/** The value at a dotted path. A key may itself hold dots: the longest one that fits wins. */
export function paramAt(params: Params, path: string): Json | undefined {
  if (path in params) return params[path];
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
    const inner = params[path.slice(0, dot)];
    if (inner !== null && typeof inner === 'object' && !Array.isArray(inner)) {
      const value = paramAt(inner, path.slice(dot + 1));
      if (value !== undefined) return value;
    }
  }
  return undefined;
}

/** First keys that say only "here are settings"; a heading does better without them. */
const PLAIN_ROOTS = new Set(['hparams', 'params', 'config', 'args']);

/** "hparams.lr" -> "lr", but "model.name" -> "model" and "name". */
function paramHeading(path: string): { title: string; subtitle: string } {
  const keys = path.split('.');
  const title = keys.pop() ?? path;
  if (keys.length > 0 && PLAIN_ROOTS.has(keys[0] ?? '')) keys.shift();
  return { title, subtitle: keys.join('.') };
}

function paramColumn(param: ParamColumn): Column {
  return {
    id: `run.${param.path}`,
    ...paramHeading(param.path),
    group: 'Params',
    kind: param.kind === 'number' ? 'number' : 'text',
    sortable: true,
    live: false,
    cell: (run) => {
      const value = paramAt(run.params, param.path);
      if (value === undefined) return { text: NONE, tone: 'none' };
      return { text: formatSetting(value), detail: `${param.path} = ${formatSetting(value)}` };
    },
  };
}

/** {"subset": "val", "fold": 2} -> "val 2", short enough for a heading. */
export function contextWords(context: Context): string {
  return Object.values(context).map(formatSetting).join(' ');
}

function sameContext(one: Context, other: Context): boolean {
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => JSON.stringify(one[key]) === JSON.stringify(other[key]))
  );
}

export function findMetric(run: Run, name: string, context: Context): Summary | undefined {
  return run.metrics.find((one) => one.name === name && sameContext(one.context, context));
}

function metricColumn(metric: MetricColumn): Column {
  return {
    id: `${metricExpression(metric.name, metric.context)}.last`,
    title: metric.name,
    subtitle: contextWords(metric.context),
    group: 'Metrics',
    kind: 'number',
    sortable: true,
    live: true,
    cell: (run) => {
      const summary = findMetric(run, metric.name, metric.context);
      if (summary?.last == null) return { text: NONE, tone: 'none' };
      const { value, step } = summary.last;
      const detail = `last of ${summary.count} points, at step ${step}`;
      const tone = typeof value === 'string' ? ('warn' as const) : undefined;
      return { text: formatValue(value), detail, tone };
    },
  };
}

function curveColumn(metric: MetricColumn): Column {
  return {
    id: `${metricExpression(metric.name, metric.context)}.curve`,
    title: metric.name,
    subtitle: contextWords(metric.context),
    group: 'Curves',
    kind: 'curve',
    sortable: false,
    live: false,
    cell: () => ({ text: '' }),
    series: (run) => findMetric(run, metric.name, metric.context),
  };
}

/** Every column that the answer can fill: the run's own, then metrics, then params. */
export function allColumns(params: ParamColumn[], metrics: MetricColumn[]): Column[] {
  const measured = metrics.map(metricColumn);
  const taken = new Set(measured.map(heading));
  const settings = params.map((param) => {
    const column = paramColumn(param);
    // A learning rate that is both set and tracked: the setting then shows its whole path.
    if (!taken.has(heading(column))) return column;
    return { ...column, subtitle: param.path.split('.').slice(0, -1).join('.') };
  });
  return [...RUN_COLUMNS, ...metrics.map(curveColumn), ...measured, ...settings];
}

function heading(column: Column): string {
  return `${column.subtitle} ${column.title}`;
}

/** Settings that tell these runs apart; all of them if none does, or if there is one run only. */
function telling(settings: Column[], rows: readonly Run[]): Column[] {
  const differs = settings.filter((column) => {
    const texts = new Set(rows.map((run) => column.cell(run, 0).text));
    return texts.size > 1;
  });
  return differs.length > 0 ? differs : settings;
}

/** Names and values first, then what tells runs apart, then times and tags. */
export function defaultColumns(all: readonly Column[], rows: readonly Run[]): Column[] {
  const own = all.filter((column) => column.group === 'Run');
  const settings = all.filter((column) => column.group === 'Params');
  return [
    ...own.slice(0, 3),
    ...all.filter((column) => column.group === 'Curves').slice(0, 1),
    ...all.filter((column) => column.group === 'Metrics').slice(0, DEFAULT_METRICS),
    ...telling(settings, rows).slice(0, DEFAULT_PARAMS),
    ...own.slice(3),
  ];
}

/** The picked columns in the order picked; ids that no run has any more are left out. */
export function pickedColumns(
  all: readonly Column[],
  ids: readonly string[],
  rows: readonly Run[],
): Column[] {
  if (ids.length === 0) return defaultColumns(all, rows);
  const known = new Map(all.map((column) => [column.id, column]));
  const picked = ids.flatMap((id) => known.get(id) ?? []);
  const name = known.get(NAME_COLUMN);
  return name === undefined || picked.includes(name) ? picked : [name, ...picked];
}
