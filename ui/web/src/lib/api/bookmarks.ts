/** Bookmarks: the state of a page, kept under a name for everybody. */

import { askJson, sendJson } from './client';

export interface Bookmark {
  id: string;
  name: string;
  /** First word of the page's path, such as "metrics". */
  page: string;
  /** Path and query below the base, such as "metrics?q=…". */
  url: string;
  pinned: boolean;
  note: string;
  created_at: number;
  updated_at: number;
}

export type BookmarkDraft = Pick<Bookmark, 'name' | 'page' | 'url'> &
  Partial<Pick<Bookmark, 'pinned' | 'note'>>;

interface Bookmarks {
  bookmarks: Bookmark[];
}

/** All of them: pinned ones first, then those that were changed last. */
export async function getBookmarks(signal?: AbortSignal): Promise<Bookmark[]> {
  return (await askJson<Bookmarks>('bookmarks', signal)).bookmarks;
}

export function keepBookmark(draft: BookmarkDraft): Promise<Bookmark> {
  return sendJson('POST', 'bookmarks', draft);
}

export function changeBookmark(id: string, patch: Partial<BookmarkDraft>): Promise<Bookmark> {
  return sendJson('PATCH', `bookmarks/${encodeURIComponent(id)}`, patch);
}

/** Removes one; answers those that are left. */
export async function removeBookmark(id: string): Promise<Bookmark[]> {
  const path = `bookmarks/${encodeURIComponent(id)}`;
  return (await sendJson<Bookmarks>('DELETE', path)).bookmarks;
}
