/** Lines and groups on screen as rows of an export. */

import type { ExportLine } from '../../lib/chart/export';
import type { Facet, GroupBand } from './facets';
import { fieldValue, labelOf } from './fields';
import { runName } from './labels';

/** Words for what an export is made of, and its lines. */
export interface Exported {
  readonly heads: readonly string[];
  readonly lines: readonly ExportLine[];
}

const NAMES = ['run', 'name', 'metric', 'context'];

/**
 * Every line and every group of some charts. Beside the names of each stands what the fields say of
 * it that colours, charts and strokes go by; a group has no run, and a count of its members.
 */
export function exported(facets: readonly Facet[], fields: readonly string[]): Exported {
  const told = fields.filter((path) => path !== 'run' && path !== 'metric.name');
  return {
    heads: [...NAMES, ...told],
    lines: facets.flatMap((facet) => [
      ...facet.bands.map((band) => groupLine(band, facet, fields, told)),
      ...memberLines(facet, told),
    ]),
  };
}

function memberLines(facet: Facet, told: readonly string[]): ExportLine[] {
  const members = new Map(facet.members.map((member) => [member.head.series, member]));
  return facet.lines.map((line) => {
    const { head, run } = members.get(line.id)!;
    const context = Object.entries(head.context)
      .map(([key, value]) => `${key}=${labelOf(value)}`)
      .join(' ');
    const names = [head.run, runName(run, head.run), head.name, context];
    return { names: [...names, ...told.map((path) => labelOf(fieldValue(path, head, run)))], line };
  });
}

function groupLine(
  band: GroupBand,
  facet: Facet,
  fields: readonly string[],
  told: readonly string[],
): ExportLine {
  const { x, mid, low, high, spread } = band;
  const say = (path: string): string => labelOf(spread.by[fields.indexOf(path)]);
  const metric = fields.includes('metric.name') ? say('metric.name') : (facet.metric ?? '');
  return {
    names: ['', band.label, metric, '', ...told.map(say)],
    line: { ...band.line, x, y: mid, low, high },
    counts: spread.counts,
  };
}
