/** What one or several fields call a series, as a key and as it reads. */

import type { SeriesHead } from '../../lib/api/types';
import { compareLabels, fieldTitle, fieldValue, type KnownRun, labelOf } from './fields';

type Runs = Readonly<Record<string, KnownRun>>;

/** What several fields say of a series, in their order. */
export interface Label {
  /** What maps and addresses know it by. */
  readonly key: string;
  /** As people read it: a run by its name. */
  readonly parts: readonly string[];
}

/** How an empty text reads. */
const EMPTY = '""';

/** A run's name as people know it. */
export function runName(run: KnownRun | undefined, id: string): string {
  return run?.name || id;
}

/** One field's label is the key as it stands, so that an address reads well; no fields give "". */
export function keyOf(labels: readonly string[]): string {
  return labels.length > 1 ? JSON.stringify(labels) : (labels[0] ?? '');
}

/** The key that these fields give a series. */
export function seriesKey(
  fields: readonly string[],
  head: SeriesHead,
  run: KnownRun | undefined,
): string {
  return keyOf(fields.map((path) => labelOf(fieldValue(path, head, run))));
}

function readable(key: string, fields: readonly string[], runs: Runs): string[] {
  const labels = fields.length > 1 ? (JSON.parse(key) as string[]) : fields.length ? [key] : [];
  return labels.map((label, at) => (
    fields[at] === 'run' ? runName(runs[label], label) : label || EMPTY
  ));
}

/** Keys that `keyOf` made of these fields, each once, in reading order. */
export function sortedLabels(
  keys: Iterable<string>,
  fields: readonly string[],
  runs: Runs,
): Label[] {
  const labels = [...new Set(keys)].map((key) => ({ key, parts: readable(key, fields, runs) }));
  return labels.sort((a, b) => compareParts(a.parts, b.parts));
}

function compareParts(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < a.length; at++) {
    const order = compareLabels(a[at]!, b[at]!);
    if (order) return order;
  }
  return 0;
}

/** "adam · 0.001". */
export function partsTitle(parts: readonly string[]): string {
  return parts.join(' · ');
}

/** "optimizer, lr": what a chip says of its fields. */
export function fieldsTitle(fields: readonly string[]): string {
  return fields.map(fieldTitle).join(', ');
}
