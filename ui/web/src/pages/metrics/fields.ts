/** The fields that colour, facet and stroke can go by. */

import type { Json, RunHead, SeriesHead } from '../../lib/api/types';
import { formatSetting } from '../../lib/format/number';
import { literal } from '../../lib/query/literal';

/** One field that the loaded series could be told apart by. */
export interface FieldChoice {
  /** A path of the query language: run, run.status, run.hparams.lr, metric.context.subset. */
  readonly path: string;
  /** What a chip says: lr. */
  readonly title: string;
  readonly kind: 'run' | 'param' | 'metric';
  readonly distinct: number;
}

const CONTEXT = 'metric.context.';
/** Names below `run.` that are not parameters. */
const RUN_FIELDS = new Set(['experiment', 'status', 'name']);

/** How a missing value is shown and grouped. */
export const MISSING = '–';

/** Follow a dotted path into nested parameters. A key may itself hold dots: longest match first. */
export function paramAt(params: { [key: string]: Json }, path: string): Json | undefined {
  if (path in params) return params[path];
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
    const below = params[path.slice(0, dot)];
    if (below && typeof below === 'object' && !Array.isArray(below)) {
      const found = paramAt(below, path.slice(dot + 1));
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** The value of a field for one series; undefined where it has none. */
export function fieldValue(
  path: string,
  head: SeriesHead,
  run: RunHead | undefined,
): Json | undefined {
  if (path === 'none') return '';
  if (path === 'run') return head.run;
  if (path === 'metric.name') return head.name;
  if (path.startsWith(CONTEXT)) return head.context[path.slice(CONTEXT.length)];
  if (!run) return undefined;
  if (path === 'run.experiment') return run.experiment;
  if (path === 'run.status') return run.status;
  if (path === 'run.name') return run.name;
  return paramAt(run.params, path.slice('run.'.length));
}

const WORD = /^[\p{L}_][\p{L}\p{N}_]*$/u;

/** A field the way the query language spells it; null where it is none. */
export function fieldExpression(path: string): string | null {
  if (path === 'none') return null;
  if (path === 'run') return 'run.id';
  const [root = '', ...keys] = path.split('.');
  if (keys.every((key) => WORD.test(key))) return path;
  if (!path.startsWith(CONTEXT)) return `${root}[${keys.map(literal).join(', ')}]`;
  return `metric.context.get(${literal(path.slice(CONTEXT.length))})`;
}

/** A value as a group's label. */
export function labelOf(value: Json | undefined): string {
  return value === undefined || value === null ? MISSING : formatSetting(value);
}

/** Last words that say nothing without the one before: data.name, model.type. */
const VAGUE = new Set(['name', 'type', 'id', 'kind', 'value', 'version']);

/** What a chip or a column head says for a field. */
export function fieldTitle(path: string): string {
  if (path === 'none') return 'none';
  if (path === 'metric.name') return 'metric';
  const parts = path.split('.');
  const last = parts.at(-1)!;
  const parent = parts.at(-2);
  return VAGUE.has(last) && parent && parent !== 'run' ? `${parent}.${last}` : last;
}

/** Numbers by size, the rest by name, missing last. */
export function compareLabels(a: string, b: string): number {
  if (a === b) return 0;
  if (a === MISSING) return 1;
  if (b === MISSING) return -1;
  const [numberA, numberB] = [Number(a), Number(b)];
  if (!Number.isNaN(numberA) && !Number.isNaN(numberB)) return numberA - numberB;
  return a.localeCompare(b, 'en', { numeric: true });
}

function collectParams(
  params: { [key: string]: Json },
  prefix: string,
  into: Map<string, Set<string>>,
): void {
  for (const [key, value] of Object.entries(params)) {
    const path = prefix ? `${prefix}.${key}` : key;
    if (value && typeof value === 'object' && !Array.isArray(value)) {
      collectParams(value, path, into);
      continue;
    }
    const seen = into.get(path);
    if (seen) seen.add(labelOf(value));
    else into.set(path, new Set([labelOf(value)]));
  }
}

/** Every parameter path of these runs with the number of its distinct values. */
export function paramPaths(runs: readonly RunHead[]): Map<string, number> {
  const seen = new Map<string, Set<string>>();
  for (const run of runs) collectParams(run.params, '', seen);
  return new Map([...seen].map(([path, values]) => [path, values.size]));
}

/** The fields to offer: the fixed ones, each context key, then parameters that vary first. */
export function fieldChoices(
  heads: readonly SeriesHead[],
  runs: Readonly<Record<string, RunHead>>,
): FieldChoice[] {
  const list = Object.values(runs);
  const count = (path: string): number =>
    new Set(heads.map((head) => labelOf(fieldValue(path, head, runs[head.run])))).size;
  const fixed: FieldChoice[] = [
    { path: 'run', title: 'run', kind: 'run', distinct: list.length },
    { path: 'metric.name', title: 'metric', kind: 'metric', distinct: count('metric.name') },
    { path: 'run.experiment', title: 'experiment', kind: 'run', distinct: count('run.experiment') },
    { path: 'run.status', title: 'status', kind: 'run', distinct: count('run.status') },
  ];
  const contextKeys = new Set(heads.flatMap((head) => Object.keys(head.context)));
  const contexts = [...contextKeys].sort().map((key): FieldChoice => {
    const path = CONTEXT + key;
    return { path, title: key, kind: 'metric', distinct: count(path) };
  });
  const params = [...paramPaths(list)]
    .filter(([path]) => !RUN_FIELDS.has(path))
    .map(([path, distinct]): FieldChoice => (
      { path: `run.${path}`, title: fieldTitle(path), kind: 'param', distinct }
    ))
    .sort((a, b) => Number(b.distinct > 1) - Number(a.distinct > 1) ||
      a.path.localeCompare(b.path, 'en'));
  return [...fixed, ...contexts, ...params];
}

/**
 * The field that strokes go by when nobody chose one: the first context key with two or more
 * values that nothing else tells apart, so that train and val of one run are told apart. "none"
 * when there is no such key. `taken` are the fields that colour and facet go by.
 */
export function automaticStroke(
  heads: readonly SeriesHead[],
  taken: readonly string[] = [],
): string {
  const values = new Map<string, Set<string>>();
  for (const head of heads) {
    for (const [key, value] of Object.entries(head.context)) {
      const seen = values.get(key) ?? new Set();
      values.set(key, seen.add(labelOf(value)));
    }
  }
  const found = [...values]
    .sort(([a], [b]) => a.localeCompare(b))
    .find(([key, set]) => set.size > 1 && !taken.includes(CONTEXT + key));
  return found ? CONTEXT + found[0] : 'none';
}
