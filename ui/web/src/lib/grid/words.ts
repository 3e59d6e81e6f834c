/**
 * What the word of a column says.
 *
 * A word is an expression of the query language; those that name a place are taken apart here.
 */

import type { Context } from '../api/types';
import { literal, metricExpression } from '../query/literal';

/** Figures of a metric that a column can show, in the order in which they are offered. */
export const FIGURES = ['last', 'min', 'max', 'mean', 'best', 'first', 'count'] as const;
export type Figure = (typeof FIGURES)[number];

export type Place =
  | { kind: 'path'; path: string[] }
  | { kind: 'metric'; name: string; context: Context; figure: string }
  | { kind: 'expression' };

const METRIC = /^run\.metrics\[("(?:[^"\\]|\\.)*")(?:, (\{.*\}))?\]\.(\w+)$/s;
const STEP = /\.([\p{L}_][\p{L}\p{N}_]*)|\[("(?:[^"\\]|\\.)*")\]/uy;
const SPELT: Record<string, string> = { True: 'true', False: 'false', None: 'null' };

/** A dict as the query language spells it, or null if this is none. */
function contextOf(text: string): Context | null {
  const json = text.replace(
    /"(?:[^"\\]|\\.)*"|True|False|None/g,
    (part) => SPELT[part] ?? part,
  );
  try {
    return JSON.parse(json) as Context;
  } catch {
    return null;
  }
}

function pathOf(word: string): string[] | null {
  if (!word.startsWith('run')) return null;
  const path: string[] = [];
  STEP.lastIndex = 3;
  while (STEP.lastIndex < word.length) {
    const step = STEP.exec(word);
    if (step === null) return null;
    path.push(step[1] ?? (JSON.parse(step[2] ?? '""') as string));
  }
  return path.length > 0 ? path : null;
}

/** Takes a word apart; what names no single place is an expression. */
export function placeOf(word: string): Place {
  try {
    const metric = METRIC.exec(word);
    if (metric !== null) {
      const [, name = '""', where, figure = 'last'] = metric;
      const context = where === undefined ? {} : contextOf(where);
      if (context !== null) {
        return { kind: 'metric', name: JSON.parse(name) as string, context, figure };
      }
    }
    const path = pathOf(word);
    if (path !== null) return { kind: 'path', path };
  } catch {
    // A quoted key that JSON cannot read: the server still may.
  }
  return { kind: 'expression' };
}

/** run.metrics["loss", {"subset": "val"}].min */
export function metricWord(name: string, context: Context, figure: string): string {
  return `${metricExpression(name, context)}.${figure}`;
}

/** The same metric by another of its figures. */
export function withFigure(word: string, figure: string): string {
  return word.replace(/\.\w+$/, `.${figure}`);
}

/** The same context, in whichever order its keys are told. */
export function contextKey(context: Context): string {
  const keys = Object.keys(context).sort();
  return JSON.stringify(keys.map((key) => [key, context[key]]));
}

/** The name and the context of a metric as one text, to find it by. */
export function metricKey(name: string, context: Context): string {
  return `${name}\u0000${contextKey(context)}`;
}

/** Reads exactly these runs, archived and deleted ones among them. */
export function idsQuery(ids: readonly string[]): string {
  const list = ids.map((id) => `${literal(id)},`).join(' ');
  return `run.id in (${list}) and run.deleted in (True, False)`;
}
