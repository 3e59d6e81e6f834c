/**
 * What the search page asks.
 *
 * The words, where they are looked for and in which runs, as the address says it, and as the
 * question and the query that the server is sent.
 */

import { both } from '../query/columns';
import { literal } from '../query/literal';
import { within } from './within';

/** Fields of a run whose values narrow a search. */
export const FACETS = ['status', 'experiment', 'tag'] as const;
export type Facet = (typeof FACETS)[number];

export interface Asked {
  q: string;
  /** A query: the runs that are looked at. */
  query: string;
  /** The field that the words have to be in, or "". */
  where: string;
  /** Said since, and before: a date or a span as the question takes it, or "". */
  after: string;
  before: string;
  chosen: Record<Facet, readonly string[]>;
}

/** Where words can stand, in the order in which the page lists it. */
export const PLACES: readonly { field: string; name: string }[] = [
  { field: 'line', name: 'Console' },
  { field: 'message', name: 'Messages' },
  { field: 'text', name: 'Texts' },
  { field: 'code', name: 'Code' },
  { field: 'note', name: 'Notes' },
  { field: 'param', name: 'Params' },
  { field: 'name', name: 'Names' },
  { field: 'experiment', name: 'Experiments' },
  { field: 'tag', name: 'Tags' },
  { field: 'git', name: 'Git' },
  { field: 'command', name: 'Commands' },
  { field: 'host', name: 'Hosts' },
];

/** A date as it is typed, or a span such as "7d". Whatever else an address holds is dropped. */
const MOMENT = /^(?:\d{1,6}[smhdw]|\d{4}-\d{2}-\d{2})$/;

/** Reads an address; what is odd in it counts as not said. */
export function readAsked(params: URLSearchParams): Asked {
  const word = (key: string) => params.get(key) ?? '';
  const moment = (key: string) => (MOMENT.test(word(key)) ? word(key) : '');
  const where = word('where');
  return {
    q: word('q'),
    query: word('in'),
    where: PLACES.some((place) => place.field === where) ? where : '',
    after: moment('after'),
    before: moment('before'),
    chosen: {
      status: params.getAll('status'),
      experiment: params.getAll('experiment'),
      tag: params.getAll('tag'),
    },
  };
}

/** Whether anything but the words and the query narrows the search. */
export function isNarrowed(asked: Asked): boolean {
  const chosen = FACETS.some((facet) => asked.chosen[facet].length > 0);
  return chosen || asked.where !== '' || asked.after !== '' || asked.before !== '';
}

/** The question for these words, of which the last may still be typed. */
export function questionOf(asked: Asked, words: string = asked.q, where = asked.where): string {
  const text = where === '' ? words.trim() : within(words.trim(), where);
  const times = [
    asked.after && `after:${asked.after}`,
    asked.before && `before:${asked.before}`,
  ].filter(Boolean);
  return times.length === 0 ? text : `(${text}) ${times.join(' ')}`;
}

function conditionOf(facet: Facet, values: readonly string[]): string {
  if (values.length === 0) return '';
  const list = values.map(literal);
  if (facet === 'tag') return list.map((value) => `${value} in run.tags`).join(' or ');
  return list.length === 1 ? `run.${facet} == ${list[0]}` : `run.${facet} in (${list.join(', ')})`;
}

/** The query beside the question; without one facet it says what else could be chosen there. */
export function queryOfAsked(asked: Asked, without: Facet | null = null): string {
  return FACETS.filter((facet) => facet !== without)
    .map((facet) => conditionOf(facet, asked.chosen[facet]))
    .reduce(both, asked.query);
}

/** The query that finds the same runs on other pages. */
export function runsQuery(asked: Asked): string {
  return both(`search(${literal(questionOf(asked))})`, queryOfAsked(asked));
}
