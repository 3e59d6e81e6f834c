/** The values of groups and runs under the crosshair. */

import type { Line } from '../../lib/chart/model';
import { nearestIndex, valueAt } from '../../lib/chart/nearest';
import type { Facet, Group, GroupBand, Stroke } from './facets';
import { meanOf } from './mean';

/** One group under the crosshair. */
export interface GroupRank {
  readonly group: Group;
  /** The group's centre where the server worked it out, else the mean of the lines shown. */
  readonly centre: number;
  /** The band around it; of a mean of lines, its deviation to both sides. */
  readonly low: number;
  readonly high: number;
  readonly lines: number;
  /** Null where more lines were counted than are here to tell their runs. */
  readonly runs: number | null;
  /** Where strokes tell lines apart, such as train from val: each centre, the main one first. */
  readonly strokes: readonly StrokeCentre[];
}

interface Centre {
  readonly centre: number;
  readonly low: number;
  readonly high: number;
}

export interface StrokeCentre extends Centre, Stroke {
  readonly key: string;
}

/**
 * A line's value at x, or its last one where no crosshair stands. A run that ended in NaN is worth
 * NaN: its last finite value would rank a wreck among the living.
 */
export function readAt(line: Line, x: number | null): number {
  return x !== null ? valueAt(line, x) : (line.y.at(-1) ?? NaN);
}

/** Data that was held back judges a model better than the data it was trained on. */
const HELD_BACK = /val|test|eval|dev/i;

/** Whether a stroke's label names such data. */
export function isHeldBack(stroke: string): boolean {
  return HELD_BACK.test(stroke);
}

/** A band's centre and edges at x; at its last bucket with any value where no crosshair stands. */
export function bandAt(band: GroupBand, x: number | null): Centre {
  const { x: xs, mid, low, high } = band;
  let at = x === null ? mid.length - 1 : nearestIndex(xs, x);
  while (x === null && at > 0 && Number.isNaN(mid[at])) at--;
  return { centre: mid[at] ?? NaN, low: low[at] ?? NaN, high: high[at] ?? NaN };
}

function meanOfLines(values: readonly number[]): Centre {
  const { mean, std } = meanOf(values);
  return { centre: mean, low: mean - std, high: mean + std };
}

/** The group's values by stroke: of unlike lines, such as train and val, one mean says nothing. */
function strokesOf(
  bands: readonly GroupBand[],
  values: ReadonlyMap<string, readonly number[]>,
  known: Facet['strokes'],
  x: number | null,
): StrokeCentre[] {
  const own = [...known]
    .filter(([key]) => values.has(key) || bands.some(({ stroke }) => stroke === key))
    .sort(([, a], [, b]) => Number(isHeldBack(b.title)) - Number(isHeldBack(a.title)));
  return own.map(([key, stroke]) => {
    const band = bands.find((one) => one.stroke === key);
    return { key, ...stroke, ...(band ? bandAt(band, x) : meanOfLines(values.get(key) ?? [])) };
  });
}

/** Every group of a facet with its value at the crosshair: smallest first, empty ones last. */
export function rankGroups(
  facet: Facet | undefined,
  groups: readonly Group[],
  x: number | null,
): GroupRank[] {
  if (!facet) return [];
  const lines = new Map(facet.all.map((line) => [line.id, line]));
  const values = new Map<string, Map<string, number[]>>();
  const counts = new Map<string, { lines: number; runs: Set<string> }>();
  for (const member of facet.members) {
    const count = counts.get(member.group) ?? { lines: 0, runs: new Set<string>() };
    counts.set(member.group, count);
    count.lines++;
    count.runs.add(member.head.run);
    const line = lines.get(member.head.series);
    if (!line) continue;
    const byStroke = values.get(member.group) ?? new Map<string, number[]>();
    values.set(member.group, byStroke);
    const list = byStroke.get(member.stroke);
    if (list) list.push(readAt(line, x));
    else byStroke.set(member.stroke, [readAt(line, x)]);
  }
  const ranks = groups.flatMap((group): GroupRank[] => {
    const count = counts.get(group.label);
    if (!count) return [];
    const bands = facet.bands.filter((band) => band.group === group.label);
    const strokes = strokesOf(
      bands, values.get(group.label) ?? new Map(), facet.strokes, x,
    );
    const { centre, low, high } = strokes[0] ?? meanOfLines([]);
    const members = bands.reduce((sum, band) => sum + band.spread.members, 0);
    const runs = members > count.lines ? null : count.runs.size;
    return [{
      group, centre, low, high, lines: Math.max(members, count.lines), runs, strokes,
    }];
  });
  return ranks.sort((a, b) => {
    const [emptyA, emptyB] = [Number.isNaN(a.centre), Number.isNaN(b.centre)];
    return emptyA || emptyB ? Number(emptyA) - Number(emptyB) : a.centre - b.centre;
  });
}
