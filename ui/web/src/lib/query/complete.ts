/** What could be typed next in a query: names of columns, their values, words of the language. */

import type { Json } from '../api/types';
import { type FoundColumn, findColumns, metricName } from './columns';
import { literal } from './literal';

/** Where the caret stands, and what it is in the middle of. */
export type Place =
  /** A dotted name that begins with `run`. */
  | { readonly kind: 'run'; readonly from: number; readonly text: string }
  /** What a series can be asked. */
  | { readonly kind: 'metric'; readonly from: number; readonly text: string }
  /** Behind a comparison: a value of what stands before it. */
  | { readonly kind: 'value'; readonly from: number; readonly text: string; readonly of: string }
  /** At the beginning of a word. */
  | { readonly kind: 'word'; readonly from: number; readonly text: string };

export interface Suggestion {
  /** What it is called in the list. */
  readonly title: string;
  /** Said in grey behind it. */
  readonly note: string;
  /** What stands in the query instead of what was typed, from `from` up to the caret. */
  readonly text: string;
  readonly from: number;
}

const KEY = String.raw`\.[\p{L}_][\p{L}\p{N}_]*|\["[^"]*"(?:, ?\{[^}]*\})?\]`;
const COMPARED = String.raw`\s*(?:==|!=|in\s*[(\[](?:[^)\]]*,)?)\s*`;
const VALUE = new RegExp(
  String.raw`((?:run|metric)(?:${KEY})*)${COMPARED}("[^"]*|[\w.+-]*)$`, 'u',
);
const RUN = /(?<![\p{L}\p{N}_.])run(?:\.[\p{L}\p{N}_.]*|\.metrics\["[^"]*)$/u;
const METRIC = /(?<![\p{L}\p{N}_.])metric\.[\p{L}\p{N}_.]*$/u;
const WORD = /(?<![\p{L}\p{N}_.")\]])[\p{L}_]+$/u;

/** What the text up to the caret is in the middle of; null where nothing can be offered. */
export function placeAt(query: string, caret: number): Place | null {
  const before = query.slice(0, caret);
  const value = VALUE.exec(before);
  if (value) {
    const text = value[2]!;
    return { kind: 'value', from: caret - text.length, text, of: value[1]! };
  }
  // An open quote is a text of somebody's own: its words are no names.
  const open = (before.replace(/\\./g, '').match(/"/g)?.length ?? 0) % 2 === 1;
  const kinds = [['run', RUN], ['metric', METRIC], ['word', WORD]] as const;
  for (const [kind, rule] of kinds) {
    const text = rule.exec(before)?.[0];
    const quoted = open && !text?.includes('["');
    if (text !== undefined && !quoted) return { kind, from: caret - text.length, text };
  }
  return null;
}

/** Columns asked for at most: a longer list is searched by typing on. */
const OFFERED = 12;
/** Values of a column offered at most. */
const VALUES = 20;

const METRIC_WORDS: readonly (readonly [string, string])[] = [
  ['metric.name', 'what the script called it'],
  ['metric.context.', 'what tells it apart, such as subset'],
  ['metric.last', 'newest value'], ['metric.min', 'smallest value'],
  ['metric.max', 'largest value'], ['metric.mean', 'mean of all values'],
  ['metric.count', 'number of points'], ['metric.has_nan', 'was ever NaN or infinite'],
  ['metric.last_step', 'newest step'],
];
const WORDS: readonly (readonly [string, string])[] = [
  ['run.', 'fields and params of a run'], ['metric.', 'name, context and figures of a series'],
  ['and', ''], ['or', ''], ['not', ''], ['in', ''], ['is None', 'missing'],
  ['search("', 'words in notes, code and consoles'], ['datetime(', 'a date to compare with'],
];

function fromList(list: readonly (readonly [string, string])[], place: Place): Suggestion[] {
  return list
    .filter(([word]) => word.startsWith(place.text) && word !== place.text)
    .map(([word, note]) => ({ title: word, note, text: word, from: place.from }));
}

function runsNote(column: FoundColumn): string {
  return `${column.kind} · ${column.runs} ${column.runs === 1 ? 'run' : 'runs'}`;
}

/** Those that begin with what was typed come first. */
function byFit(columns: readonly FoundColumn[], text: string): FoundColumn[] {
  const begins = (column: FoundColumn) => Number(column.column.startsWith(text));
  return [...columns].sort((a, b) => begins(b) - begins(a));
}

async function runColumns(place: Place, signal: AbortSignal): Promise<Suggestion[]> {
  // What is searched for is a part of the name: the last word that was typed.
  const like = place.text.split(/[.\[]/).at(-1)!.replaceAll('"', '');
  const metrics = place.text.startsWith('run.metrics');
  const found = await findColumns({
    like, values: 0, limit: 4 * OFFERED,
    sources: metrics ? ['metric'] : ['field', 'param', 'summary'],
  }, signal);
  const columns = byFit(found.columns, place.text).slice(0, OFFERED);
  const listed = columns.map((column): Suggestion => (
    { title: column.column, note: runsNote(column), text: column.column, from: place.from }
  ));
  const more = 'run.metrics["'.startsWith(place.text)
    ? [{ title: 'run.metrics["…"]', note: 'figures of a metric', text: 'run.metrics["',
        from: place.from }] : [];
  return [...listed, ...more];
}

async function metricNames(signal: AbortSignal): Promise<{ value: Json; runs: number }[]> {
  const { columns } = await findColumns({ sources: ['metric'], values: 0, limit: 500 }, signal);
  const runs = new Map<string, number>();
  for (const { column, runs: count } of columns) {
    const name = metricName(column);
    if (name !== null) runs.set(name, Math.max(count, runs.get(name) ?? 0));
  }
  return [...runs].map(([value, count]) => ({ value, runs: count }));
}

async function valuesOf(column: string, signal: AbortSignal): Promise<FoundColumn['values']> {
  if (column === 'metric.name') return metricNames(signal);
  if (column.startsWith('metric.')) return [];
  const found = await findColumns({ like: column, values: VALUES, limit: OFFERED }, signal);
  return found.columns.find((one) => one.column === column)?.values ?? [];
}

async function values(
  place: Extract<Place, { kind: 'value' }>,
  signal: AbortSignal,
): Promise<Suggestion[]> {
  const typed = place.text.toLowerCase().replaceAll('"', '');
  const found = await valuesOf(place.of, signal);
  return found
    .map(({ value, runs }) => ({ text: literal(value), runs }))
    .filter(({ text }) => text.toLowerCase().includes(typed) && text !== place.text)
    .slice(0, OFFERED)
    .map(({ text, runs }) => (
      { title: text, note: `${runs} ${runs === 1 ? 'run' : 'runs'}`, text, from: place.from }
    ));
}

/** What fits at a place, best first. */
export async function suggestions(place: Place, signal: AbortSignal): Promise<Suggestion[]> {
  switch (place.kind) {
    case 'word': return fromList(WORDS, place);
    case 'metric': return fromList(METRIC_WORDS, place);
    case 'run': return runColumns(place, signal);
    case 'value': return values(place, signal);
  }
}
