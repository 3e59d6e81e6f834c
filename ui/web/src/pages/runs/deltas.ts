/** Small changes written into runs on screen. */

import type { SeriesDelta, Summary, WireNumber } from '../../lib/api/types';
import type { RunRow } from '../../lib/grid/rows';

/** The smaller or the larger of what is known and a new point, which counts if it is finite. */
function extreme(known: unknown, value: WireNumber, smaller: boolean): unknown {
  if (typeof value !== 'number') return known;
  if (typeof known !== 'number') return value;
  return smaller ? Math.min(known, value) : Math.max(known, value);
}

function grown(summary: Summary, delta: SeriesDelta): Summary {
  const last = { value: delta.value, step: delta.step, time: delta.time };
  return { ...summary, count: delta.count, last };
}

/**
 * The run with a newer last point in the figures that are shown of its series; null if one of them
 * has to be read again. Points between two notices are not in them, so that the least and the
 * greatest value are only bounds until then.
 */
export function withDelta(
  row: RunRow,
  delta: SeriesDelta,
  shown: readonly { word: string; figure: string }[],
): RunRow | null {
  const values = new Map(row.values);
  let whole = true;
  for (const { word, figure } of shown) {
    if (!values.has(word)) continue;
    const known = values.get(word);
    if (figure === 'last') values.set(word, delta.value);
    else if (figure === 'count') values.set(word, delta.count);
    else if (figure === 'min' || figure === 'max') {
      values.set(word, extreme(known, delta.value, figure === 'min') as number | null);
    } else if (figure !== '' && (figure !== 'first' || known === null)) whole = false;
  }
  const at = row.metrics.findIndex((summary) => summary.series === delta.id);
  const summary = row.metrics[at];
  // A curve that began since: only the server knows the series that draws it.
  if (summary === undefined && shown.some(({ figure }) => figure === '')) return null;
  if (!whole) return null;
  const metrics = summary === undefined ? row.metrics : row.metrics.with(at, grown(summary, delta));
  return { ...row, metrics, values };
}
