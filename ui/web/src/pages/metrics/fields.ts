/** The fields that colour, facet and stroke can go by. */

import type { Json, RunHead, SeriesHead } from '../../lib/api/types';
import { formatSetting } from '../../lib/format/number';
import type { FoundColumn } from '../../lib/query/columns';
import { literal } from '../../lib/query/literal';

/** One field that the loaded series could be told apart by. */
export interface FieldChoice {
  /** A path of the query language: run, run.status, run.hparams.lr, metric.context.subset. */
  readonly path: string;
  /** What a chip says: lr. */
  readonly title: string;
  readonly kind: 'run' | 'param' | 'metric' | 'field' | 'result';
  readonly distinct: number;
}

/** A run, and cells of it that were asked for beside its params, by their paths. */
export interface KnownRun extends RunHead {
  readonly cells?: Readonly<Record<string, Json>>;
}

const CONTEXT = 'metric.context.';
/** Names below `run.` that are not parameters. */
const RUN_FIELDS = new Set(['experiment', 'status', 'name']);

/** Strokes that the eye tells apart at one pixel. */
export const STROKES_MAX = 6;

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
  run: KnownRun | undefined,
): Json | undefined {
  if (path === 'run') return head.run;
  if (path === 'metric.name') return head.name;
  if (path.startsWith(CONTEXT)) return head.context[path.slice(CONTEXT.length)];
  return settingAt(run, path.slice('run.'.length));
}

/** What stands at a path below `run`: a field, a cell that was asked for, or a param. */
export function settingAt(run: KnownRun | undefined, path: string): Json | undefined {
  if (!run) return undefined;
  if (path === 'experiment' || path === 'status' || path === 'name') return run[path];
  const cell = run.cells?.[`run.${path}`];
  return cell === undefined ? paramAt(run.params, path) : (cell ?? undefined);
}

/** First words of a path that mean something else than a param, or may do so. */
const ASKED = new Set([
  'alerts', 'archived', 'artifacts', 'created_at', 'deleted', 'description', 'duration', 'ended_at',
  'error', 'git', 'group', 'host', 'job_type', 'notes', 'parent', 'project', 'summary', 'tags',
  'user',
]);

/** Of some fields those whose values have to be asked for: they are not among the params. */
export function askedFields(
  fields: readonly string[],
  params: ReadonlyMap<string, number>,
): string[] {
  return fields.filter((field) => {
    if (!field.startsWith('run.') || RUN_FIELDS.has(field.slice('run.'.length))) return false;
    const path = field.slice('run.'.length);
    return ASKED.has(path.split('.')[0]!) || !params.has(path);
  });
}

/** Fields of every run, or with a value of its own for each: nothing goes by them. */
const NEVER = new Set(['id', 'name', 'experiment', 'status', 'deleted', 'description', 'notes']);

/** What the server knows of runs beyond their params and tells them apart, as fields to go by. */
export function foundFields(
  found: readonly Pick<FoundColumn, 'column' | 'source' | 'kind' | 'distinct' | 'missing'>[],
): FieldChoice[] {
  return found.flatMap(({ column, source, kind, distinct, missing }): FieldChoice[] => {
    const word = PATH.test(column) ? column.slice('run.'.length) : '';
    if (!word || NEVER.has(word) || kind === 'time' || word === 'duration') return [];
    const values = distinct + Number(missing > 0);
    if (values < 2) return [];
    const of = source === 'summary' ? 'result' as const : 'field' as const;
    return [{ path: column, title: fieldTitle(column), kind: of, distinct: values }];
  });
}

const PATH = /^run(\.[\p{L}_][\p{L}\p{N}_]*)+$/u;
const WORD = /^[\p{L}_][\p{L}\p{N}_]*$/u;

/** A field the way the query language spells it. */
export function fieldExpression(path: string): string {
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
  into: Map<string, Set<Json>>,
): void {
  for (const [key, value] of Object.entries(params)) {
    const path = prefix ? `${prefix}.${key}` : key;
    if (value && typeof value === 'object' && !Array.isArray(value)) {
      collectParams(value, path, into);
      continue;
    }
    const plain = Array.isArray(value) ? JSON.stringify(value) : value;
    const seen = into.get(path);
    if (seen) seen.add(plain);
    else into.set(path, new Set([plain]));
  }
}

/** Every parameter path of these runs with the number of its distinct values. */
export function paramPaths(runs: readonly RunHead[]): Map<string, number> {
  const seen = new Map<string, Set<Json>>();
  for (const run of runs) collectParams(run.params, '', seen);
  return new Map([...seen].map(([path, values]) => [path, values.size]));
}

/** The fields to offer: fixed ones, each context key, parameters that vary first, then others. */
export function fieldChoices(
  heads: readonly SeriesHead[],
  runs: Readonly<Record<string, RunHead>>,
  params: ReadonlyMap<string, number>,
  others: readonly FieldChoice[] = [],
): FieldChoice[] {
  const count = (path: string): number =>
    new Set(heads.map((head) => labelOf(fieldValue(path, head, runs[head.run])))).size;
  const fixed: FieldChoice[] = [
    { path: 'run', title: 'run', kind: 'run', distinct: Object.keys(runs).length },
    { path: 'metric.name', title: 'metric', kind: 'metric', distinct: count('metric.name') },
    { path: 'run.experiment', title: 'experiment', kind: 'run', distinct: count('run.experiment') },
    { path: 'run.status', title: 'status', kind: 'run', distinct: count('run.status') },
  ];
  const contextKeys = new Set(heads.flatMap((head) => Object.keys(head.context)));
  const contexts = [...contextKeys].sort().map((key): FieldChoice => {
    const path = CONTEXT + key;
    return { path, title: key, kind: 'metric', distinct: count(path) };
  });
  const titles = new Set<string>();
  const twice = new Set([...params.keys()].map(fieldTitle).filter(
    (title) => titles.size === titles.add(title).size,
  ));
  const listed = [...params]
    .filter(([path]) => !RUN_FIELDS.has(path))
    .map(([path, distinct]): FieldChoice => {
      // Where two paths end alike, the whole of them tells them apart.
      const title = twice.has(fieldTitle(path)) ? path : fieldTitle(path);
      return { path: `run.${path}`, title, kind: 'param', distinct };
    })
    .sort((a, b) => Number(b.distinct > 1) - Number(a.distinct > 1) ||
      a.path.localeCompare(b.path, 'en'));
  return [...fixed, ...contexts, ...listed, ...others];
}

/** Of some fields those that none of the series has, each in a sentence. */
export function absentFields(
  fields: readonly string[],
  heads: readonly SeriesHead[],
  runs: Readonly<Record<string, KnownRun>>,
  offered: readonly FieldChoice[],
): string[] {
  const absent = fields.filter((path) => (
    heads.length && heads.every((head) => fieldValue(path, head, runs[head.run]) === undefined)
  ));
  return absent.map((path) => {
    const alike = offered.find((one) => one.path !== path && one.title === fieldTitle(path));
    return `None of these series has \`${path}\`${alike ? `, but perhaps \`${alike.path}\`` : ''}`;
  });
}

/**
 * The fields that strokes go by when nobody chose any: the first context key with two or more
 * values, and no more than there are strokes, that nothing else tells apart, so that train and val
 * of one run are told apart; none when there is no such key. `taken` are the fields that colour and
 * facet go by.
 */
export function automaticStroke(
  heads: readonly SeriesHead[],
  taken: readonly string[] = [],
): string[] {
  const values = new Map<string, Set<string>>();
  for (const head of heads) {
    for (const [key, value] of Object.entries(head.context)) {
      const seen = values.get(key) ?? new Set();
      values.set(key, seen.add(labelOf(value)));
    }
  }
  const found = [...values]
    .sort(([a], [b]) => a.localeCompare(b))
    .find(([key, { size }]) => (
      size > 1 && size <= STROKES_MAX && !taken.includes(CONTEXT + key)
    ));
  return found ? [CONTEXT + found[0]] : [];
}
