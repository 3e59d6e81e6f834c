/**
 * The columns of the table.
 *
 * A column knows where its value comes from and how a cell shows it, of a run and of a group.
 */

import type { ColumnFound, Figures } from '../api/tables';
import type { Context, Json, Summary } from '../api/types';
import { formatBytes, formatCount, formatSetting, formatValue, NONE } from '../format/number';
import { formatAgo, formatDuration, formatMoment } from '../format/time';
import { shownDuration, shownName, type RunRow } from './rows';
import { contextKey, placeOf } from './words';

export { shownDuration, shownName } from './rows';

/** Always shown, and the one that opens a run. */
export const NAME_COLUMN = 'run.name';

export type CellKind = 'name' | 'status' | 'tags' | 'text' | 'number' | 'curve';
export type ColumnGroup = 'Run' | 'Results' | 'Params' | 'Metrics' | 'System';
export type Editable = 'name' | 'tags' | 'notes' | 'description' | 'experiment';

export interface Cell {
  text: string;
  /** Longer form for the tooltip. */
  detail?: string;
  /** Shown in the third voice (nothing there) or as a warning (not a number). */
  tone?: 'none' | 'warn';
}

export interface Column {
  /** Names it in the address; but for curves the word that sorts by it. */
  id: string;
  /** The word that is asked of the server, or null if it sends this with every run. */
  asked: string | null;
  title: string;
  /** Second voice in the heading: the context of a metric. */
  subtitle: string;
  /** Third voice: which figure of a metric. */
  figure: string;
  /** Neighbours with the same band share a heading above theirs. */
  band: string;
  group: ColumnGroup;
  kind: CellKind;
  sortable: boolean;
  /** A change of its value is worth a flash. */
  live: boolean;
  editable: Editable | null;
  metric: { name: string; context: Context } | null;
  /** What matching runs have there, if they have anything. */
  found: ColumnFound | null;
  cell(run: RunRow, now: number): Cell;
  /** The value itself; undefined while it is on its way. */
  value(run: RunRow): Json | undefined;
  /** A number as this column writes it. */
  written(value: number, now: number): string;
}

/** Ends the id of a small curve, where a figure would stand. */
const CURVE = /\.curve$/;

const HEADINGS: Record<string, string> = {
  name: 'Run',
  created_at: 'Created',
  ended_at: 'Ended',
  id: 'Id',
};
/** What every row has, whether its cells were asked for or not. */
const OWN: Record<string, (run: RunRow) => Json> = {
  id: (run) => run.id,
  name: shownName,
  status: (run) => run.status,
  experiment: (run) => run.experiment,
  tags: (run) => run.tags,
  created_at: (run) => run.created_at,
  ended_at: (run) => run.ended_at,
  duration: (run) => run.duration,
  archived: (run) => run.archived,
  host: (run) => run.host,
  user: (run) => run.user,
  alerts: (run) => run.alerts_total,
};
const KINDS: Record<string, CellKind> = {
  name: 'name',
  status: 'status',
  tags: 'tags',
  created_at: 'number',
  ended_at: 'number',
  duration: 'number',
  alerts: 'number',
};
const EDITABLE: readonly Editable[] = ['name', 'tags', 'notes', 'description', 'experiment'];
const SYSTEM = '__system__/';

/** Words that a query knows of a run by itself; other first keys are params. */
const FIELDS = new Set([
  ...Object.keys(OWN), 'active', 'deleted', 'description', 'notes', 'artifacts', 'error', 'git',
  'group', 'job_type', 'parent', 'project', 'forked_step', 'goals',
]);

/** {"subset": "val", "fold": 2} -> "val 2", short enough for a heading. */
export function contextWords(context: Context): string {
  return Object.values(context).map(formatSetting).join(' ');
}

export function findMetric(run: RunRow, name: string, context: Context): Summary | undefined {
  const key = contextKey(context);
  return run.metrics.find((one) => one.name === name && contextKey(one.context) === key);
}

function nothing(): Cell {
  return { text: NONE, tone: 'none' };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1).replaceAll('_', ' ');
}

type Written = Column['written'];

function pathWritten(path: readonly string[], found: ColumnFound | null): Written {
  const last = path.at(-1) ?? '';
  if (path.length === 1 && last === 'duration') return (value) => formatDuration(value);
  if (found?.kind === 'time' || last === 'created_at' || last === 'ended_at') {
    return (value, now) => formatAgo(value, now);
  }
  return formatSetting;
}

function pathCell(column: Column, path: readonly string[]): Column['cell'] {
  const name = path.join('.');
  return (run, now) => {
    const value = column.value(run);
    if (value === undefined || value === null || value === '') return nothing();
    if (name === 'duration') {
      return { text: formatDuration(shownDuration(run, now)) };
    }
    if (typeof value === 'number' && /^(created|ended)_at$/.test(name)) {
      return { text: column.written(value, now), detail: formatMoment(value) };
    }
    if (column.kind === 'name') return { text: String(value), detail: run.id };
    if (column.kind === 'tags') return { text: run.tags.join('\u0000') };
    const text = typeof value === 'number' ? column.written(value, now) : formatSetting(value);
    return { text: text.split('\n', 1)[0] ?? '', detail: text };
  };
}

function blank(id: string, found: ColumnFound | null): Column {
  return {
    id, asked: id, title: id, subtitle: '', figure: '', band: '', group: 'Params', kind: 'text',
    sortable: true, live: false, editable: null, metric: null, found,
    cell: nothing, value: (run) => run.values.get(id), written: formatSetting,
  };
}

function isNumeric(found: ColumnFound | null): boolean {
  return found !== null && (found.kind === 'number' || found.kind === 'time');
}

function fieldColumn(id: string, path: string[], found: ColumnFound | null): Column {
  const column = blank(id, found);
  const [first = ''] = path;
  const own = path.length === 1 ? OWN[first] : undefined;
  column.group = 'Run';
  column.title = path.length === 1 ? (HEADINGS[first] ?? capital(first)) : capital(path.at(-1)!);
  column.band = path.length === 1 ? '' : capital(first);
  column.kind = (path.length === 1 && KINDS[first]) || (isNumeric(found) ? 'number' : 'text');
  column.live = first === 'status';
  column.sortable = column.kind !== 'tags';
  column.editable = (path.length === 1 && EDITABLE.find((one) => one === first)) || null;
  if (own !== undefined) {
    column.asked = null;
    column.value = own;
  }
  return column;
}

function paramColumn(id: string, path: string[], found: ColumnFound | null): Column {
  const column = blank(id, found);
  const isResult = path[0] === 'summary';
  const keys = isResult || path[0] === 'params' ? path.slice(1) : path;
  column.group = isResult ? 'Results' : 'Params';
  column.title = keys.at(-1) ?? id;
  const parents = keys.slice(0, -1).join(' / ');
  column.band = isResult ? ['Results', parents].filter(Boolean).join(' / ') : parents || 'Params';
  column.kind = isNumeric(found) ? 'number' : 'text';
  return column;
}

/** "train/loss" -> "train" and "loss"; a name without a prefix is under "Metrics". */
function metricHeading(name: string): { band: string; title: string; group: ColumnGroup } {
  if (name.startsWith(SYSTEM)) {
    return { band: 'System', title: name.slice(SYSTEM.length), group: 'System' };
  }
  const slash = name.lastIndexOf('/');
  if (slash <= 0 || slash === name.length - 1) {
    return { band: 'Metrics', title: name, group: 'Metrics' };
  }
  return { band: name.slice(0, slash), title: name.slice(slash + 1), group: 'Metrics' };
}

function metricCell(column: Column, figure: string): Column['cell'] {
  return (run, now) => {
    const value = column.value(run);
    if (value === undefined || value === null) return nothing();
    if (typeof value === 'string') {
      return { text: formatValue(value as 'NaN'), detail: `${figure}: ${value}`, tone: 'warn' };
    }
    if (typeof value !== 'number') return { text: formatSetting(value) };
    return { text: column.written(value, now), detail: `${figure} = ${value}` };
  };
}

function metricColumn(
  id: string,
  metric: { name: string; context: Context },
  figure: string,
  found: ColumnFound | null,
): Column {
  const column = blank(id, found);
  const { name, context } = metric;
  Object.assign(column, metricHeading(name), { metric, kind: 'number', live: true });
  column.subtitle = contextWords(context);
  column.figure = figure;
  const isBytes = name.endsWith('_bytes') && figure !== 'count';
  column.written = isBytes ? formatBytes : (value) => formatValue(value);
  column.cell = metricCell(column, figure);
  if (figure !== 'curve') return column;
  column.kind = 'curve';
  column.asked = null;
  column.sortable = false;
  column.live = false;
  column.figure = '';
  column.value = () => null;
  column.cell = () => ({ text: '' });
  return column;
}

/** A column by its word, whether or not any run has it. */
export function columnOf(id: string, found: ColumnFound | null): Column {
  const place = placeOf(id);
  if (place.kind === 'metric') {
    const { name, context, figure } = place;
    return metricColumn(id, { name, context }, figure, found);
  }
  const column = blank(id, found);
  const path = place.kind === 'path' ? place.path : [];
  if (place.kind === 'path') {
    const isField = FIELDS.has(path[0] ?? '') && found?.source !== 'param';
    Object.assign(column, isField ? fieldColumn(id, path, found) : paramColumn(id, path, found));
    column.written = pathWritten(path, found);
  } else {
    // An expression somebody typed: as likely a number as not, and numbers align to the right.
    Object.assign(column, { band: 'Computed', kind: 'number' });
  }
  column.cell = pathCell(column, path);
  return column;
}

export function isCurve(id: string): boolean {
  return CURVE.test(id) && placeOf(id).kind === 'metric';
}

/** What a group shows in a column: mean ± spread of numbers, or what all members have. */
export function groupCell(column: Column, figures: Figures | undefined, now: number): Cell {
  if (figures === undefined || column.kind === 'curve') return { text: '', tone: 'none' };
  const { count, mean, std, min, max, median, missing, distinct, value } = figures;
  if (count === 0 || mean === null) {
    if (value !== null && value !== undefined) return { text: formatSetting(value) };
    return distinct > 1 ? { text: `${formatCount(distinct)} values`, tone: 'none' } : nothing();
  }
  const write = (one: number | null) => (one === null ? NONE : column.written(one, now));
  // A setting is written whole, what is worked out of several as a measured value is.
  const about = (one: number | null) => (
    one !== null && column.written === formatSetting ? formatValue(one) : write(one)
  );
  const middle = `${about(mean)}${std === null ? '' : ` ± ${about(std)}`}`;
  const detail = [
    `n = ${formatCount(count)}`,
    ...(missing > 0 ? [`missing in ${formatCount(missing)}`] : []),
    `mean ${middle}`,
    `min ${write(min)} · median ${about(median)} · max ${write(max)}`,
  ].join('\n');
  const isTime = column.found?.kind === 'time' || column.title === 'Created';
  if (isTime) return { text: `${write(min)} … ${write(max)}`, detail };
  if (min === max) return { text: write(min), detail };
  return { text: middle, detail };
}

/** How far a number lies between the least and the greatest of all that match, from 0 to 1. */
export function barPart(
  column: Column,
  run: RunRow,
  bounds: readonly [number, number] | null,
): number | null {
  const value = column.value(run);
  if (typeof value !== 'number' || bounds === null) return null;
  const [min, max] = bounds;
  if (max <= min) return null;
  return Math.min(1, Math.max(0, (value - min) / (max - min)));
}

/** Columns of each sort that show before anybody picks. */
const DEFAULT_METRICS = 5;
const DEFAULT_PARAMS = 8;

/** Whether runs differ in a column, one that lacks it among them. */
export function differs(found: ColumnFound | null): boolean {
  return found !== null && found.distinct + (found.missing > 0 ? 1 : 0) > 1;
}

function isIn(found: ColumnFound, group: ColumnGroup): boolean {
  return columnOf(found.column, found).group === group;
}

/** Names and values first, then what tells runs apart, then times and tags. */
export function defaultIds(found: readonly ColumnFound[]): string[] {
  const byUse = found.filter((one) => one.source === 'metric' && isIn(one, 'Metrics'));
  byUse.sort((one, other) => other.runs - one.runs);
  const metrics = byUse.slice(0, DEFAULT_METRICS).map((one) => one.column);
  const params = found.filter((one) => one.source === 'param');
  const telling = params.filter(differs);
  const settings = telling.length > 0 ? telling : params;
  const experiments = found.find((one) => one.column === 'run.experiment');
  return [
    NAME_COLUMN,
    'run.status',
    ...(differs(experiments ?? null) ? ['run.experiment'] : []),
    ...metrics.slice(0, 1).map((word) => word.replace(/\.\w+$/, '.curve')),
    ...metrics,
    ...settings.slice(0, DEFAULT_PARAMS).map((one) => one.column),
    'run.duration',
    'run.created_at',
    'run.tags',
  ];
}
