/** From loaded series to charts: which line goes where, in which colour and stroke. */

import type { RunHead, SeriesHead } from '../../lib/api/types';
import type { Band, Line, Range } from '../../lib/chart/model';
import { groupColor, hash32, runColor } from '../../lib/color/palettes';
import { type CurveData, visibleArrays } from '../../lib/curves/arrays';
import type { Spread, Spreads } from '../../lib/curves/spreads';
import type { Theme } from '../../lib/state/theme.svelte';
import { compareLabels, fieldTitle, fieldValue, labelOf } from './fields';

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
  /** Of every member that is not hidden, drawn or not. */
  readonly all: readonly Line[];
  /** Those that are drawn: all, or those that no group's line stands for. */
  readonly lines: readonly Line[];
  readonly bands: readonly GroupBand[];
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
  /** The groups as the server worked them out; null where no groups are asked for. */
  readonly spreads: Spreads | null;
  /** Below the groups their members are drawn. */
  readonly members: boolean;
  readonly zoom: Range | null;
  readonly hiddenRuns: ReadonlySet<string>;
  readonly hiddenGroups: ReadonlySet<string>;
  /** Where set, every other group is hidden too. */
  readonly only: string | null;
  readonly paint: ReadonlyMap<string, string>;
  readonly baseline: string | null;
  readonly theme: Theme;
}

/** What a group's line is told by where others have the id of their run. */
export const GROUP_KEY = 'group:';

/** A group's centre and spread, and the line that the crosshair finds. */
export interface GroupBand extends Band {
  readonly group: string;
  readonly stroke: string;
  readonly spread: Spread;
}

/** Solid, dashed, dotted, dash-dot: four that the eye tells apart at one pixel. */
const STROKES: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [9, 3, 2, 3]];
/** More charts than this on one page cannot be read, and each costs a canvas. */
export const FACETS_MAX = 60;

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
    color: input.paint.get(label) ??
      (byRun ? runColor(label, input.theme) : groupColor(index, labels.length, input.theme)),
    hidden: isHidden(label, input),
  }));
}

const BROKEN = new Set(['failed', 'killed', 'lost']);

function lineOf(
  member: Member,
  data: CurveData,
  input: FacetInput,
  color: string,
  dash: readonly number[],
): Line {
  return {
    ...visibleArrays(data, input.zoom),
    id: member.head.series,
    key: member.head.run,
    color,
    dash,
    broken: BROKEN.has(member.run?.status ?? ''),
    strong: member.head.run === input.baseline,
  };
}

/** Charts, and how many there would be if that many could be drawn. */
export interface Facets {
  readonly shown: readonly Facet[];
  readonly total: number;
}

/** Build every chart of the page, in reading order. */
export function facetsOf(
  members: readonly Member[],
  groups: readonly Group[],
  input: FacetInput,
): Facets {
  const colors = new Map(groups.map((group) => [group.label, group.color]));
  const strokes = [...new Set(members.map((member) => member.stroke))].sort(compareLabels);
  const dashes = new Map(strokes.map((label, index) => [label, STROKES[index % STROKES.length]!]));
  const bands = bandsOf(input, colors, dashes);
  const sorted = new Map<string, Member[]>();
  for (const member of members) {
    const list = sorted.get(member.facet);
    if (list) list.push(member);
    else sorted.set(member.facet, [member]);
  }
  const keys = [...sorted.keys()].sort(compareLabels);
  const shown = keys.slice(0, FACETS_MAX).map((key): Facet => {
    const all = sorted.get(key)!;
    const names = new Set(all.map((member) => member.head.name));
    const own = bands.get(key) ?? [];
    const banded = new Set(own.map((band) => `${band.group} ${band.stroke}`));
    const shown = all.flatMap((member): { line: Line; replaced: boolean }[] => {
      const data = input.data.get(member.head.series);
      if (!data || isHidden(member.group, input)) return [];
      if (input.hiddenRuns.has(member.head.run)) return [];
      const inBand = !input.members && banded.has(`${member.group} ${member.stroke}`);
      const dash = dashes.get(member.stroke) ?? [];
      const line = lineOf(member, data, input, colors.get(member.group)!, dash);
      return [{ line, replaced: inBand && member.head.run !== input.baseline }];
    });
    const drawn = shown.filter(({ replaced }) => !replaced);
    return {
      key,
      title: facetTitle(key, all, input),
      metric: names.size === 1 ? all[0]!.head.name : null,
      members: all,
      all: shown.map(({ line }) => line),
      lines: drawn.map(({ line }) => line),
      bands: own,
    };
  });
  return { shown, total: keys.length };
}

function facetTitle(key: string, members: readonly Member[], input: FacetInput): string {
  if (input.facet === 'none') return 'All series';
  if (input.facet === 'run') return runName(members[0]?.run, key);
  const bare = input.facet === 'metric.name' || input.facet === 'run.experiment';
  return bare || key.length > 12 ? key : `${fieldTitle(input.facet)} ${key}`;
}

/** The fields that tell charts, colours and strokes apart, each once: what the server groups by. */
export function groupFields(input: Pick<FacetInput, 'facet' | 'color' | 'stroke'>): string[] {
  return [...new Set([input.facet, input.color, input.stroke])].filter((path) => path !== 'none');
}

/** The server's groups by chart. One of a single member is that line, and needs no band. */
function bandsOf(
  input: FacetInput,
  colors: ReadonlyMap<string, string>,
  dashes: ReadonlyMap<string, readonly number[]>,
): Map<string, GroupBand[]> {
  const found = new Map<string, GroupBand[]>();
  if (!input.spreads) return found;
  const fields = groupFields(input);
  const labelAt = (spread: Spread, path: string): string =>
    path === 'none' ? '' : labelOf(spread.by[fields.indexOf(path)]);
  for (const spread of input.spreads.groups) {
    const group = labelAt(spread, input.color);
    const stroke = labelAt(spread, input.stroke);
    const facet = labelAt(spread, input.facet);
    const color = colors.get(group);
    if (spread.members < 2 || color === undefined || isHidden(group, input)) continue;
    const list = found.get(facet) ?? [];
    found.set(facet, list);
    const dash = dashes.get(stroke) ?? [];
    const { x, mid, low, high } = spread;
    list.push({
      label: group, group, stroke, spread, x, mid, low, high, color, dash,
      line: {
        id: -1 - hash32(`${facet} ${group} ${stroke}`), key: GROUP_KEY + group,
        x, y: mid, low: null, high: null, raw: null, color, dash, broken: false,
      },
    });
  }
  return found;
}
