/** The rows of the table below the charts: runs, in their groups, sorted. */

import type { Json, SeriesHead } from '../../lib/api/types';
import type { Line } from '../../lib/chart/model';
import { wireValue } from '../../lib/curves/arrays';
import { baselineLine } from './tips';
import type { Facet, Group, Member } from './facets';
import { compareLabels, type KnownRun, labelOf, settingAt } from './fields';
import { runName } from './labels';
import { isHeldBack, readAt } from './rank';
import type { TableSort } from './view';

/** One run of a group in the table, with the series that it is read from. */
export interface RunRow {
  readonly kind: 'run';
  /** Its own among all rows. */
  readonly key: string;
  /** The run's. */
  readonly id: string;
  readonly name: string;
  readonly run: KnownRun | undefined;
  /** Null where the run has no series of the metric that the table is about. */
  readonly head: SeriesHead | null;
  readonly line: Line | undefined;
  /** The baseline's line beside it; undefined for the baseline itself, and where there is none. */
  readonly base: Line | undefined;
  readonly group: Group;
  readonly hidden: boolean;
}

/** The head of a group of runs. */
export interface GroupRow {
  readonly kind: 'group';
  readonly group: Group;
  readonly rows: readonly RunRow[];
  readonly open: boolean;
}

export type TableRow = RunRow | GroupRow;

/** Columns of parameters: the chips' own first, then those that vary. */
const PARAM_COLUMNS_MAX = 5;

/** Fields of a run that every table has a column for, or none. */
const HAVE_COLUMNS = new Set(['name', 'status', 'duration', 'tags', 'experiment']);

/** Which of the parameters the table shows. `used` are the paths that the chips go by. */
export function paramColumns(
  known: ReadonlyMap<string, number>,
  used: readonly string[],
): string[] {
  const chosen = used
    .filter((path) => path.startsWith('run.'))
    .map((path) => path.slice('run.'.length))
    .filter((path) => !HAVE_COLUMNS.has(path));
  const varying = [...known]
    .filter(([path, distinct]) => distinct > 1 && !chosen.includes(path))
    .map(([path]) => path)
    .sort((a, b) => a.localeCompare(b, 'en'));
  return [...new Set([...chosen, ...varying])].slice(0, PARAM_COLUMNS_MAX);
}

/** From here on a series says nothing about the active chart: it is of another metric. */
const OTHER_METRIC = 2;

/** How well a series stands for its run beside the active chart: lower is better. */
function distance(member: Member, active: Facet): number {
  const second = isHeldBack(member.stroke) ? 0 : 0.5;
  if (member.facet === active.key) return second;
  return (member.head.name === active.metric ? 1 : OTHER_METRIC) + second;
}

/**
 * One row per group and run of any chart: a run whose lines are of several groups has a row in
 * each. It is read from the series that the active chart shows of it, else from one of the same
 * metric, else from none; of several the one on held-back data.
 */
export function runRows(
  facets: readonly Facet[],
  active: Facet | undefined,
  groups: readonly Group[],
  hiddenRuns: ReadonlySet<string>,
  baseline: string | null,
): RunRow[] {
  if (!active) return [];
  const byLabel = new Map(groups.map((group) => [group.label, group]));
  const lines = new Map(facets.flatMap((facet) => facet.all).map((line) => [line.id, line]));
  const chosen = new Map<string, { member: Member; distance: number }>();
  for (const member of facets.flatMap((facet) => facet.members)) {
    const far = distance(member, active);
    // The id of a run has no space in it, so that no two pairs are alike.
    const key = `${member.head.run} ${member.group}`;
    const known = chosen.get(key);
    if (!known || far < known.distance) chosen.set(key, { member, distance: far });
  }
  const byKey = new Map(facets.map((facet) => [facet.key, facet]));
  const baseOf = (member: Member): Line | undefined => (
    baseline === null || baseline === member.head.run
      ? undefined : baselineLine(byKey.get(member.facet)!, member, baseline)
  );
  return [...chosen].map(([key, { member, distance }]) => {
    const { head, run, group } = member;
    const fits = distance < OTHER_METRIC;
    return {
      kind: 'run',
      key,
      id: head.run,
      name: runName(run, head.run),
      run,
      head: fits ? head : null,
      line: fits ? lines.get(head.series) : undefined,
      base: fits ? baseOf(member) : undefined,
      group: byLabel.get(group)!,
      hidden: hiddenRuns.has(head.run),
    };
  });
}

/** How far a row's value is above the baseline's; NaN where they can't be compared. */
export function deltaAt({ line, base }: RunRow, x: number | null): number {
  return line && base ? readAt(line, x) - readAt(base, x) : NaN;
}

/** What a row sorts by: a number, a text, or undefined for "at the end". */
function sortValue(row: RunRow, by: string, x: number | null): number | string | undefined {
  switch (by) {
    case 'name': return row.name;
    case 'status': return row.run?.status;
    case 'value': return row.line ? readAt(row.line, x) : undefined;
    case 'delta': return deltaAt(row, x);
    case 'last': return row.head?.last ? wireValue(row.head.last.value) : undefined;
    case 'min': return row.head?.min?.value ?? undefined;
    case 'max': return row.head?.max?.value ?? undefined;
    case 'duration': return row.run?.duration;
    default: return settingOf(settingAt(row.run, by));
  }
}

function settingOf(value: Json | undefined): number | string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'number' ? value : labelOf(value);
}

function isEmpty(value: number | string | undefined): boolean {
  return value === undefined || Number.isNaN(value);
}

/** Sorted rows; what has no value stands last in either direction. */
export function sortRows(rows: readonly RunRow[], sort: TableSort, x: number | null): RunRow[] {
  const keyed = rows.map((row) => ({ row, value: sortValue(row, sort.by, x) }));
  const sign = sort.desc ? -1 : 1;
  keyed.sort((a, b) => {
    const [emptyA, emptyB] = [isEmpty(a.value), isEmpty(b.value)];
    if (emptyA || emptyB) return Number(emptyA) - Number(emptyB);
    const order = typeof a.value === 'number' && typeof b.value === 'number'
      ? a.value - b.value
      : compareLabels(String(a.value), String(b.value));
    return sign * order || compareLabels(a.row.name, b.row.name);
  });
  return keyed.map((entry) => entry.row);
}

/** Sorted rows below the heads of their groups; a closed group shows its head only. */
export function groupRows(rows: readonly RunRow[], closed: ReadonlySet<string>): TableRow[] {
  const byGroup = new Map<string, RunRow[]>();
  for (const row of rows) {
    const list = byGroup.get(row.group.label);
    if (list) list.push(row);
    else byGroup.set(row.group.label, [row]);
  }
  return [...byGroup.values()].flatMap((list): TableRow[] => {
    const { group } = list[0]!;
    const open = !closed.has(group.label);
    return [{ kind: 'group', group, rows: list, open }, ...(open ? list : [])];
  });
}

/** "1e-4 … 3e-3", or the one value that all share. */
export function settingSpan(rows: readonly RunRow[], path: string): string {
  const labels = [...new Set(rows.map((row) => labelOf(settingAt(row.run, path))))];
  labels.sort(compareLabels);
  return labels.length <= 1 ? (labels[0] ?? '') : `${labels[0]} … ${labels.at(-1)}`;
}

/** The least and the greatest value of a column. */
export type Span = readonly [number, number];

/** Where the bar of the middle value is shorter than this part of the longest, most are stubs. */
const MIDDLE_LEAST = 0.1;

/** What the bars of a column are drawn to; null where they would tell nothing. */
export function barSpan(values: readonly number[]): Span | null {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const [low, middle, high] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)];
  if (low === undefined || middle === undefined || high === undefined || low >= high) return null;
  return (middle - low) / (high - low) < MIDDLE_LEAST ? null : [low, high];
}
