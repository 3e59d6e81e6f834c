/** From loaded series to charts: which line goes where, in which colour and stroke. */

import type { SeriesHead } from '../../lib/api/types';
import type { Band, Line, Range } from '../../lib/chart/model';
import { groupColor, hash32, runColor } from '../../lib/color/palettes';
import { type CurveData, visibleArrays } from '../../lib/curves/arrays';
import type { Spread, Spreads } from '../../lib/curves/spreads';
import type { Theme } from '../../lib/state/theme.svelte';
import { fieldTitle, type KnownRun, labelOf, MISSING } from './fields';
import { keyOf, type Label, partsTitle, seriesKey, sortedLabels } from './labels';

/** One series with the keys of its labels: see `labels`. */
export interface Member {
  readonly head: SeriesHead;
  readonly run: KnownRun | undefined;
  readonly facet: string;
  readonly group: string;
  readonly stroke: string;
}

/** One chart. */
export interface Facet {
  readonly key: string;
  /** What the fields that charts go by say of this one. */
  readonly parts: readonly string[];
  readonly title: string;
  /** The metric's name where all lines share it. */
  readonly metric: string | null;
  readonly members: readonly Member[];
  /** Of every member that is not hidden, drawn or not. */
  readonly all: readonly Line[];
  /** Those that are drawn: all, or those that no group's line stands for. */
  readonly lines: readonly Line[];
  readonly bands: readonly GroupBand[];
  /** The strokes of the page by their keys, in reading order. */
  readonly strokes: ReadonlyMap<string, Stroke>;
}

/** A way to dash lines. */
export interface Stroke {
  readonly title: string;
  readonly dash: readonly number[];
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
  readonly runs: Readonly<Record<string, KnownRun>>;
  readonly data: ReadonlyMap<number, CurveData>;
  /** The fields that each role goes by, the first one first; none switches a role off. */
  readonly color: readonly string[];
  readonly facet: readonly string[];
  readonly stroke: readonly string[];
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

/** Solid, dashed, dotted and mixtures: as many as STROKES_MAX, which the eye tells apart. */
const STROKES: readonly (readonly number[])[] = [
  [], [6, 3], [2, 3], [9, 3, 2, 3], [15, 4], [9, 3, 2, 3, 2, 3],
];
/** More charts than this on one page cannot be read, and each costs a canvas. */
export const FACETS_MAX = 60;

/** The members of the page, each with its labels. */
export function membersOf(input: FacetInput): Member[] {
  return input.heads.map((head) => {
    const run = input.runs[head.run];
    return {
      head,
      run,
      facet: seriesKey(input.facet, head, run),
      group: seriesKey(input.color, head, run),
      stroke: seriesKey(input.stroke, head, run),
    };
  });
}

function isHidden(group: string, input: FacetInput): boolean {
  return input.hiddenGroups.has(group) || (input.only !== null && input.only !== group);
}

/** All groups in reading order, hidden ones too: who hides one must be able to bring it back. */
export function groupsOf(members: readonly Member[], input: FacetInput): Group[] {
  const byRun = input.color.length === 1 && input.color[0] === 'run';
  const labels = sortedLabels(members.map(({ group }) => group), input.color, input.runs);
  return labels.map(({ key, parts }, index) => ({
    label: key,
    title: partsTitle(parts) || 'all',
    color: input.paint.get(key) ??
      (byRun ? runColor(key, input.theme) : groupColor(index, labels.length, input.theme)),
    hidden: isHidden(key, input),
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
  const byLabel = new Map(groups.map((group) => [group.label, group]));
  const strokes = strokesOf(members, input);
  const bands = bandsOf(input, byLabel, strokes);
  const sorted = new Map<string, Member[]>();
  for (const member of members) {
    const list = sorted.get(member.facet);
    if (list) list.push(member);
    else sorted.set(member.facet, [member]);
  }
  const labels = sortedLabels(sorted.keys(), input.facet, input.runs);
  const shown = labels.slice(0, FACETS_MAX).map(({ key, parts }): Facet => {
    const all = sorted.get(key)!;
    const names = new Set(all.map((member) => member.head.name));
    const own = bands.get(key) ?? [];
    const banded = new Set(own.map(({ group, stroke }) => keyOf([group, stroke])));
    const shown = all.flatMap((member): { line: Line; replaced: boolean }[] => {
      const data = input.data.get(member.head.series);
      if (!data || isHidden(member.group, input)) return [];
      if (input.hiddenRuns.has(member.head.run)) return [];
      const inBand = !input.members && banded.has(keyOf([member.group, member.stroke]));
      const dash = strokes.get(member.stroke)?.dash ?? [];
      const line = lineOf(member, data, input, byLabel.get(member.group)!.color, dash);
      return [{ line, replaced: inBand && member.head.run !== input.baseline }];
    });
    const drawn = shown.filter(({ replaced }) => !replaced);
    return {
      key,
      parts,
      title: facetTitle(parts, input.facet),
      metric: names.size === 1 ? all[0]!.head.name : null,
      members: all,
      all: shown.map(({ line }) => line),
      lines: drawn.map(({ line }) => line),
      bands: own,
      strokes,
    };
  });
  return { shown, total: labels.length };
}

function strokesOf(members: readonly Member[], input: FacetInput): Map<string, Stroke> {
  const labels = sortedLabels(members.map(({ stroke }) => stroke), input.stroke, input.runs);
  return new Map(labels.map(({ key, parts }, index) => (
    [key, { title: partsTitle(parts), dash: STROKES[index % STROKES.length]! }]
  )));
}

/** Fields whose values say by themselves what they are. */
const PLAIN = new Set(['run', 'run.name', 'run.experiment', 'metric.name']);
/** A value this long is no number: it says enough without the name of its field. */
const TELLING_CHARS = 12;
/** What says nothing by itself, however little room there is. */
const BARE = new Set(['True', 'False', 'None', MISSING]);

function facetTitle(parts: Label['parts'], fields: readonly string[]): string {
  if (!fields.length) return 'All series';
  return partsTitle(parts.map((part, at) => {
    const field = fields[at]!;
    const words = Number.isNaN(Number(part)) && !BARE.has(part);
    const tells = PLAIN.has(field) || part.length > TELLING_CHARS || (fields.length > 1 && words);
    return tells ? part : `${fieldTitle(field)} ${part}`;
  }));
}

/** The fields that tell charts, colours and strokes apart, each once: what the server groups by. */
export function groupFields(input: Pick<FacetInput, 'facet' | 'color' | 'stroke'>): string[] {
  return [...new Set([...input.facet, ...input.color, ...input.stroke])];
}

/** The server's groups by chart. One of a single member is that line, and needs no band. */
function bandsOf(
  input: FacetInput,
  groups: ReadonlyMap<string, Group>,
  strokes: ReadonlyMap<string, Stroke>,
): Map<string, GroupBand[]> {
  const found = new Map<string, GroupBand[]>();
  if (!input.spreads) return found;
  const all = groupFields(input);
  const keyBy = (spread: Spread, fields: readonly string[]): string =>
    keyOf(fields.map((path) => labelOf(spread.by[all.indexOf(path)])));
  for (const spread of input.spreads.groups) {
    const group = groups.get(keyBy(spread, input.color));
    if (spread.members < 2 || !group || group.hidden) continue;
    const stroke = keyBy(spread, input.stroke);
    const facet = keyBy(spread, input.facet);
    const list = found.get(facet) ?? [];
    found.set(facet, list);
    const { title, dash } = strokes.get(stroke) ?? { title: '', dash: [] };
    const { color } = group;
    const { x, mid, low, high } = spread;
    list.push({
      label: partsTitle([group.title, title].filter(Boolean)),
      group: group.label, stroke, spread, x, mid, low, high, color, dash,
      line: {
        id: -1 - hash32(keyOf([facet, group.label, stroke])), key: GROUP_KEY + group.label,
        x, y: mid, low: null, high: null, raw: null, color, dash, broken: false,
      },
    });
  }
  return found;
}
