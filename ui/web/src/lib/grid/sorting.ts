/**
 * The order of the table.
 *
 * Which columns, which way, and how that reads in the address.
 */

import type { Sort } from '../api/types';

/** Newest first, as long as nobody asked for another order. */
export const DEFAULT_SORT: readonly Sort[] = [{ by: 'run.created_at', desc: true }];

/** "-run.duration" is descending. */
export function parseSort(texts: readonly string[]): Sort[] {
  return texts
    .filter((text) => text !== '' && text !== '-')
    .map((text) =>
      text.startsWith('-') ? { by: text.slice(1), desc: true } : { by: text, desc: false },
    );
}

export function formatSort(sorts: readonly Sort[]): string[] {
  return sorts.map((sort) => (sort.desc ? `-${sort.by}` : sort.by));
}

/**
 * The order after a click on a heading: up, down, then none. `add` keeps the other columns and
 * sorts by this one after them.
 */
export function clickedSort(sorts: readonly Sort[], by: string, add: boolean): Sort[] {
  const present = sorts.find((sort) => sort.by === by);
  const others = add ? sorts.filter((sort) => sort.by !== by) : [];
  if (present === undefined) return [...others, { by, desc: false }];
  if (present.desc) return others;
  const turned = { by, desc: true };
  return add ? sorts.map((sort) => (sort.by === by ? turned : sort)) : [turned];
}
