/** From loaded series to charts: which line goes where, in which colour and stroke. */

import type { RunHead, SeriesHead, XAxis } from '../../lib/api/types';
import type { Band, Line, Range } from '../../lib/chart/model';
import { meanStep, smoothed } from '../../lib/chart/smooth';
import { groupColor, runColor } from '../../lib/color/palettes';
import type { Theme } from '../../lib/state/theme.svelte';
import { spreadOf } from './aggregate';
import { type CurveArrays, type CurveData, visibleArrays } from './curves';
import { compareLabels, fieldTitle, fieldValue, labelOf } from './fields';
import type { Aggregate } from './view';

/** One series with the labels that the chips give it. */
export interface Member {
  readonly head: SeriesHead;
  readonly run: RunHead | undefined;
  readonly facet: string;
  readonly group: string;
  readonly stroke: string;
}

/** One chart. */
export interface Facet {
  readonly key: string;
  readonly title: string;
  /** The metric's name where all lines share it. */
  readonly metric: string | null;
  readonly members: readonly Member[];
  readonly lines: readonly Line[];
  readonly bands: readonly Band[];
}

/** One colour of the page. */
export interface Group {
  readonly label: string;
  readonly title: string;
  readonly color: string;
  readonly hidden: boolean;
}

/** What decides labels, colours and arrays. */
export interface FacetInput {
  readonly heads: readonly SeriesHead[];
  readonly runs: Readonly<Record<string, RunHead>>;
  readonly data: ReadonlyMap<number, CurveData>;
  readonly color: string;
  readonly facet: string;
  readonly stroke: string;
  readonly aggregate: Aggregate;
  readonly axis: XAxis;
  readonly smooth: number;
  readonly zoom: Range | null;
  readonly hiddenRuns: ReadonlySet<string>;
  readonly hiddenGroups: ReadonlySet<string>;
  /** Where set, every other group is hidden too. */
  readonly only: string | null;
  readonly theme: Theme;
}

/** Solid, dashed, dotted, dash-dot: four that the eye tells apart at one pixel. */
const STROKES: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [9, 3, 2, 3]];
/** More charts than this on one page cannot be read, and each costs a canvas. */
export const FACETS_MAX = 60;

const smoothings = new WeakMap<Float32Array, { key: string; values: Float32Array }>();

/** A run's name as people know it. */
export function runName(run: RunHead | undefined, id: string): string {
  return run?.name || id;
}

/** The members of the page, each with its labels. */
export function membersOf(input: FacetInput): Member[] {
  return input.heads.map((head) => {
    const run = input.runs[head.run];
    return {
      head,
      run,
      facet: labelOf(fieldValue(input.facet, head, run)),
      group: labelOf(fieldValue(input.color, head, run)),
      stroke: labelOf(fieldValue(input.stroke, head, run)),
    };
  });
}

function isHidden(group: string, input: FacetInput): boolean {
  return input.hiddenGroups.has(group) || (input.only !== null && input.only !== group);
}

/** All groups in reading order, hidden ones too: who hides one must be able to bring it back. */
export function groupsOf(members: readonly Member[], input: FacetInput): Group[] {
  const byRun = input.color === 'run';
  const titles = new Map<string, string>();
  for (const member of members) {
    titles.set(member.group, byRun ? runName(member.run, member.group) : member.group);
  }
  const labels = [...titles.keys()].sort((a, b) =>
    byRun ? compareLabels(titles.get(a)!, titles.get(b)!) : compareLabels(a, b),
  );
  return labels.map((label, index) => ({
    label,
    title: titles.get(label)! || 'all',
    color: byRun ? runColor(label, input.theme) : groupColor(index, labels.length, input.theme),
    hidden: isHidden(label, input),
  }));
}

/** Smoothed values, remembered for as long as their source is: most lines do not change. */
function smoothValues(arrays: CurveArrays, data: CurveData, weight: number): Float32Array {
  const unit = meanStep(data.coarse.x);
  const isDetail = arrays !== data.coarse;
  const key = `${weight}:${unit}:${isDetail}`;
  const known = smoothings.get(arrays.y);
  if (known?.key === key) return known.values;
  const seed = isDetail ? seedAt(data.coarse, weight, unit, arrays.x[0]) : null;
  const values = smoothed(arrays.x, arrays.y, weight, unit, seed);
  smoothings.set(arrays.y, { key, values });
  return values;
}

/** The coarse curve's smoothed height just before `x`: a zoomed curve goes on from there. */
function seedAt(
  coarse: CurveArrays,
  weight: number,
  unit: number,
  x: number | undefined,
): { x: number; value: number } | null {
  if (x === undefined) return null;
  const values = smoothed(coarse.x, coarse.y, weight, unit);
  for (let i = coarse.x.length - 1; i >= 0; i--) {
    const value = values[i]!;
    if (coarse.x[i]! < x && value - value === 0) return { x: coarse.x[i]!, value };
  }
  return null;
}

const BROKEN = new Set(['failed', 'killed', 'lost']);

function lineOf(
  member: Member,
  data: CurveData,
  input: FacetInput,
  color: string,
  dash: readonly number[],
): Line {
  const arrays = visibleArrays(data, input.zoom);
  const smooth = input.smooth > 0;
  return {
    id: member.head.series,
    key: member.head.run,
    x: arrays.x,
    y: smooth ? smoothValues(arrays, data, input.smooth) : arrays.y,
    low: arrays.low,
    high: arrays.high,
    raw: smooth ? arrays.y : null,
    color,
    dash,
    broken: BROKEN.has(member.run?.status ?? ''),
  };
}

/** Build every chart of the page, in reading order. */
export function facetsOf(
  members: readonly Member[],
  groups: readonly Group[],
  input: FacetInput,
  domain: Range | null,
): Facet[] {
  const colors = new Map(groups.map((group) => [group.label, group.color]));
  const strokes = [...new Set(members.map((member) => member.stroke))].sort(compareLabels);
  const dashes = new Map(strokes.map((label, index) => [label, STROKES[index % STROKES.length]!]));
  const sorted = new Map<string, Member[]>();
  for (const member of members) {
    const list = sorted.get(member.facet);
    if (list) list.push(member);
    else sorted.set(member.facet, [member]);
  }
  const keys = [...sorted.keys()].sort(compareLabels);
  return keys.slice(0, FACETS_MAX).map((key) => {
    const all = sorted.get(key)!;
    const names = new Set(all.map((member) => member.head.name));
    const shown: { member: Member; line: Line }[] = [];
    for (const member of all) {
      if (isHidden(member.group, input)) continue;
      if (input.hiddenRuns.has(member.head.run)) continue;
      const data = input.data.get(member.head.series);
      if (!data) continue;
      const line = lineOf(
        member, data, input, colors.get(member.group)!, dashes.get(member.stroke) ?? [],
      );
      shown.push({ member, line });
    }
    return {
      key,
      title: facetTitle(key, all, input),
      metric: names.size === 1 ? all[0]!.head.name : null,
      members: all,
      lines: shown.map((entry) => entry.line),
      bands: bandsOf(shown, groups, input, domain),
    };
  });
}

function facetTitle(key: string, members: readonly Member[], input: FacetInput): string {
  if (input.facet === 'none') return 'All series';
  if (input.facet === 'run') return runName(members[0]?.run, key);
  const bare = input.facet === 'metric.name' || input.facet === 'run.experiment';
  return bare || key.length > 12 ? key : `${fieldTitle(input.facet)} ${key}`;
}

/** One band for each group and stroke: a mean of train and val together would be of nothing. */
function bandsOf(
  shown: readonly { member: Member; line: Line }[],
  groups: readonly Group[],
  input: FacetInput,
  domain: Range | null,
): Band[] {
  const range = input.zoom ?? domain;
  if (input.aggregate === 'none' || !range) return [];
  const kind = input.aggregate;
  const curves = new Map<string, Map<string, Line[]>>();
  for (const { member, line } of shown) {
    const strokes = curves.get(member.group) ?? new Map<string, Line[]>();
    curves.set(member.group, strokes);
    const list = strokes.get(member.stroke);
    if (list) list.push(line);
    else strokes.set(member.stroke, [line]);
  }
  return groups.flatMap(({ label, color }) =>
    [...(curves.get(label)?.values() ?? [])]
      // A group of one line is that line: a band of no width over it would only hide it.
      .filter((lines) => lines.length > 1)
      .map((lines) => ({ label, color, dash: lines[0]!.dash, ...spreadOf(lines, range, kind) })),
  );
}
