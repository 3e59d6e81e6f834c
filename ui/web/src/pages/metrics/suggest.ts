/** Metric names to offer, and queries made of them. */

import { isSystem } from '../../lib/panels/sections';
import { type FoundColumn, metricName } from '../../lib/query/columns';

/** A metric name with the number of runs that logged it. */
export interface MetricName {
  readonly name: string;
  readonly runs: number;
}

/** Names that a training run is first judged by, best first. */
const LIKELY: readonly RegExp[] = [
  /(^|[/._-])val.*loss|loss.*val/i, /loss/i, /acc|f1|auc|map|bleu|score|reward/i, /err/i,
];

const RISING = /acc|auc|f1|map\b|iou|bleu|rouge|score|reward|return|precision|recall|psnr|ssim/i;

/** Whether a higher value of this metric is usually the better one, judging by its name. */
export function risesWhenGood(name: string): boolean {
  return RISING.test(name);
}

/** Each name once, with the most runs that any of its contexts has; the machine's own come last. */
export function metricNames(
  columns: readonly Pick<FoundColumn, 'column' | 'runs'>[],
): MetricName[] {
  const runs = new Map<string, number>();
  for (const { column, runs: count } of columns) {
    const name = metricName(column);
    if (name !== null) runs.set(name, Math.max(runs.get(name) ?? 0, count));
  }
  return [...runs]
    .map(([name, count]) => ({ name, runs: count }))
    .sort((a, b) => Number(isSystem(a.name)) - Number(isSystem(b.name)) || b.runs - a.runs ||
      likelihood(a.name) - likelihood(b.name) || a.name.localeCompare(b.name, 'en'));
}

function likelihood(name: string): number {
  const at = LIKELY.findIndex((rule) => rule.test(name));
  return at < 0 ? LIKELY.length : at;
}

/** The condition that picks these names. */
export function metricClause(names: readonly string[]): string {
  const quoted = names.map((name) => JSON.stringify(name));
  return quoted.length === 1
    ? `metric.name == ${quoted[0]}`
    : `metric.name in (${quoted.join(', ')})`;
}

const STRING = String.raw`"(?:[^"\\]|\\.)*"`;
const STRINGS = String.raw`${STRING}(?:\s*,\s*${STRING})*`;
const CLAUSE = new RegExp(
  String.raw`^\s*metric\.name\s*(?:==\s*(${STRING})|in\s*\(\s*(${STRINGS})\s*,?\s*\))`,
);

/** The names in a query that starts by naming metrics; null where it asks in another way. */
export function metricsIn(query: string): string[] | null {
  const found = CLAUSE.exec(query);
  if (!found) return null;
  const strings = (found[1] ?? found[2] ?? '').match(new RegExp(STRING, 'g')) ?? [];
  return strings.map((text) => JSON.parse(text) as string);
}

/** The query with other metrics, its further conditions kept where that can be done safely. */
export function withMetrics(query: string, names: readonly string[]): string {
  const clause = metricClause(names);
  const found = CLAUSE.exec(query);
  if (!found) return query.trim() ? `${clause} and (${query.trim()})` : clause;
  return clause + query.slice(found[0].length);
}
