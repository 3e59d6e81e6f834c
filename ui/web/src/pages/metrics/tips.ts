/** What is said beside a point of the Metrics page. */

import type { Line } from '../../lib/chart/model';
import { valueAt } from '../../lib/chart/nearest';
import type { TipRow, TipText } from '../../lib/chart/tip';
import type { AxisWord } from '../../lib/curves/axis';
import { placeRow, valueRows } from '../../lib/curves/told';
import { formatCount, formatSetting, formatValue } from '../../lib/format/number';
import type { Facet, GroupBand, Member } from './facets';
import { fieldTitle, fieldValue, labelOf, settingAt } from './fields';
import { runName } from './labels';

/** Parameters told beside a point. */
const TIP_PARAMS = 3;

export interface CardInput {
  readonly facets: readonly Facet[];
  /** Whose point it is; undefined for a group's. */
  readonly member: Member | undefined;
  readonly axis: AxisWord;
  /** The fields that colour, facet and stroke go by. */
  readonly chips: readonly string[];
  readonly params: readonly string[];
  readonly baseline: string | null;
}

export function describePoint(line: Line, index: number, input: CardInput): TipText {
  const { member, facets } = input;
  if (member) return describeMember(line, index, member, input);
  const band = facets.flatMap((facet) => facet.bands).find((one) => one.line.id === line.id);
  return band ? describeGroup(band, index, input.axis) : { title: line.key, rows: [] };
}

function describeGroup(band: GroupBand, index: number, axis: AxisWord): TipText {
  const { spread, label } = band;
  const rows: TipRow[] = [
    { label: 'centre', value: formatValue(spread.mid[index]), strong: true },
  ];
  const [low, high] = [spread.low[index]!, spread.high[index]!];
  if (low < high) {
    rows.push({ label: 'band', value: `${formatValue(low, 3)} … ${formatValue(high, 3)}` });
  }
  const counted = `${formatCount(spread.counts[index] ?? 0)} of ${formatCount(spread.members)}`;
  rows.push({ label: 'members', value: counted }, placeRow(axis, spread.x[index]!));
  return { title: label, rows };
}

function describeMember(line: Line, index: number, member: Member, input: CardInput): TipText {
  const { head, run } = member;
  const context = Object.values(head.context).map(labelOf).join(' ');
  const rows = valueRows(line, index, context ? `${head.name} ${context}` : head.name);
  const delta = deltaOf(line, index, member, input);
  if (delta !== null) rows.push({ label: 'Δ baseline', value: signed(delta), kept: true });
  rows.push(placeRow(input.axis, line.x[index]!), ...settings(member, input));
  return { title: runName(run, head.run), rows };
}

/** A difference with its sign, also where it is positive. */
export function signed(value: number): string {
  return value > 0 ? `+${formatValue(value)}` : formatValue(value);
}

/** How far a line is above the baseline's line of the same metric and context, at one x. */
function deltaOf(line: Line, index: number, member: Member, input: CardInput): number | null {
  if (input.baseline === null || input.baseline === member.head.run) return null;
  const facet = input.facets.find((one) => one.lines.some(({ id }) => id === line.id));
  const base = facet && baselineLine(facet, member, input.baseline);
  const delta = base ? line.y[index]! - valueAt(base, line.x[index]!) : NaN;
  return Number.isNaN(delta) ? null : delta;
}

/** The baseline's line that a member is compared with: same chart, same name, same stroke. */
export function baselineLine(facet: Facet, member: Member, baseline: string): Line | undefined {
  const other = facet.members.find(({ head, stroke }) =>
    head.run === baseline && head.name === member.head.name && stroke === member.stroke);
  return other && facet.all.find(({ id }) => id === other.head.series);
}

/** What the chips go by, then the table's first parameters: the same words in both places. */
function settings({ head, run }: Member, { chips, params }: CardInput): TipRow[] {
  const fields = chips
    .filter((path) => path === 'run.experiment' || path === 'run.status')
    .map((path) => ({ label: fieldTitle(path), value: labelOf(fieldValue(path, head, run)) }));
  const values = params.slice(0, TIP_PARAMS).map((path) => (
    { label: fieldTitle(path), value: formatSetting(settingAt(run, path)) }
  ));
  return [...fields, ...values];
}
