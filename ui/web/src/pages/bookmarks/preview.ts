/** What an address says in words: the query it asks, and how many other things it holds. */

import type { Bookmark } from '../../lib/api/bookmarks';
import { BASE } from '../../lib/api/client';

export interface Preview {
  /** The query or the words of the search; "" where the page shows everything. */
  query: string;
  /** Its other settings, such as "group run.status". */
  settings: string[];
}

/** Settings shown by name; the others are only counted, since they mean something to a page. */
const TOLD = new Set([
  'by', 'group', 'color', 'facet', 'stroke', 'x', 'sort', 'smooth', 'find', 'in', 'where', 'after',
  'before', 'status', 'experiment', 'tag', 'view', 'file', 'kind', 'name',
]);
const CHARS = 60;

export function preview(bookmark: Pick<Bookmark, 'url'>): Preview {
  // What is no address at all is shown by nothing: it is still text in the title.
  if (!URL.canParse(bookmark.url, BASE)) return { query: '', settings: [] };
  const { searchParams } = new URL(bookmark.url, BASE);
  const others = [...searchParams].filter(([key]) => key !== 'q');
  const told = others.filter(([key, value]) => TOLD.has(key) && value.length <= CHARS);
  const rest = others.length - told.length;
  return {
    query: searchParams.get('q') ?? '',
    settings: [
      ...told.map(([key, value]) => `${key} ${value}`),
      ...(rest > 0 ? [`${rest} more ${rest === 1 ? 'setting' : 'settings'}`] : []),
    ],
  };
}

/** Whether an address is one of our own pages: a bookmark leads nowhere else. */
export function isInside(url: string): boolean {
  return URL.canParse(url, BASE) && new URL(url, BASE).href.startsWith(BASE);
}
