/** The values of groups and runs under the crosshair. */

import type { Line } from '../../lib/chart/model';
import { valueAt } from '../../lib/chart/nearest';
import { meanOf } from './aggregate';
import type { Facet, Group } from './facets';
import { compareLabels } from './fields';

/** One group under the crosshair. */
export interface GroupRank {
  readonly group: Group;
  readonly mean: number;
  readonly std: number;
  readonly lines: number;
  readonly runs: number;
  /** Where strokes tell lines apart, such as train from val: each mean, the main one first. */
  readonly strokes: readonly StrokeMean[];
}

export interface StrokeMean {
  readonly label: string;
  readonly mean: number;
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

/** Means by stroke: of unlike lines, such as train and val, one mean would be of nothing. */
function strokeMeans(values: ReadonlyMap<string, readonly number[]>): StrokeMean[] {
  const labels = [...values.keys()].sort(
    (a, b) => Number(isHeldBack(b)) - Number(isHeldBack(a)) || compareLabels(a, b),
  );
  return labels.map((label) => ({ label, mean: meanOf(values.get(label)!).mean }));
}

/** Every group of a facet with its mean at the crosshair: smallest first, empty ones last. */
export function rankGroups(
  facet: Facet | undefined,
  groups: readonly Group[],
  x: number | null,
): GroupRank[] {
  if (!facet) return [];
  const lines = new Map(facet.lines.map((line) => [line.id, line]));
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
    byStroke.set(member.stroke, [...(byStroke.get(member.stroke) ?? []), readAt(line, x)]);
  }
  const ranks = groups.flatMap((group): GroupRank[] => {
    const count = counts.get(group.label);
    if (!count) return [];
    const byStroke = values.get(group.label) ?? new Map<string, number[]>();
    const strokes = strokeMeans(byStroke);
    const { mean, std } = meanOf(byStroke.get(strokes[0]?.label ?? '') ?? []);
    return [{ group, mean, std, lines: count.lines, runs: count.runs.size, strokes }];
  });
  return ranks.sort((a, b) => {
    const [emptyA, emptyB] = [Number.isNaN(a.mean), Number.isNaN(b.mean)];
    return emptyA || emptyB ? Number(emptyA) - Number(emptyB) : a.mean - b.mean;
  });
}
