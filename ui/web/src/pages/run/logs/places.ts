/** Places in a run's logs, as addresses. */

import { runHref } from '../../../lib/state/route.svelte';

/** Lines counted from 1, both ends included. */
export interface LineRange {
  first: number;
  last: number;
}

export interface LogPlace {
  writer?: string;
  rank?: number;
  /** Unix seconds: the first line that was begun then. */
  at?: number;
  lines?: LineRange;
}

/** "L12", "L12-L20" or "L12-20"; null if it is none. */
export function readLines(hash: string): LineRange | null {
  const found = /^L(\d{1,15})(?:-L?(\d{1,15}))?$/.exec(hash);
  if (found === null) return null;
  const first = Number(found[1]);
  const last = found[2] === undefined ? first : Number(found[2]);
  if (first < 1 || last < 1) return null;
  return { first: Math.min(first, last), last: Math.max(first, last) };
}

export function writeLines({ first, last }: LineRange): string {
  return first === last ? `L${first}` : `L${first}-L${last}`;
}

/** "M17": the number of a message within its writer. */
export function readMessage(hash: string): number | null {
  const found = /^M(\d{1,15})$/.exec(hash);
  return found === null ? null : Number(found[1]);
}

/** Address of the console at a place, relative to the base. */
export function logsHref(id: string, place: LogPlace = {}): string {
  const words = new URLSearchParams();
  if (place.writer !== undefined) words.set('writer', place.writer);
  if (place.rank !== undefined) words.set('rank', String(place.rank));
  if (place.at !== undefined) words.set('at', String(place.at));
  const query = words.size === 0 ? '' : `?${words}`;
  const hash = place.lines === undefined ? '' : `#${writeLines(place.lines)}`;
  return `${runHref(id, 'logs')}${query}${hash}`;
}
