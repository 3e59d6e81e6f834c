/** What is told of a point of a curve, wherever one is pointed at. */

import type { Line } from '../chart/model';
import { durationText } from '../chart/ticks';
import type { TipRow } from '../chart/tip';
import { formatCount, formatValue } from '../format/number';
import { formatMoment } from '../format/time';
import { type AxisWord, axisTitle } from './axis';

/** From here on a fraction of x is more than anybody reads. */
const WHOLE_FROM = 1_000;

/** Where a point stands, in the words of its axis. */
export function placeRow(axis: AxisWord, x: number): TipRow {
  const kept = true;
  if (axis === 'step') return { label: 'step', value: formatCount(x), kept };
  if (axis === 'relative') return { label: 'time', value: durationText(Math.round(x)), kept };
  if (axis === 'time') return { label: 'at', value: formatMoment(x), kept };
  const short = Math.abs(x) >= WHOLE_FROM ? Math.round(x) : x;
  return { label: axisTitle(axis), value: formatValue(short), kept };
}

/** Its value, what smoothing made of it, and the extremes of the points that stand in its place. */
export function valueRows(
  line: Line,
  index: number,
  label: string,
  say: (value: number) => string = formatValue,
): TipRow[] {
  const rows: TipRow[] = [{ label, value: say((line.raw ?? line.y)[index]!), strong: true }];
  if (line.raw) rows.push({ label: 'smoothed', value: say(line.y[index]!) });
  const [low, high] = [line.low?.[index], line.high?.[index]];
  if (low !== undefined && high !== undefined && low < high) {
    rows.push({ label: 'min … max', value: `${formatValue(low, 3)} … ${formatValue(high, 3)}` });
  }
  return rows;
}
