/** Tags: which there are, on how many runs, and what is said of them. */

import { askJson, sendJson } from './client';

export interface TagRow {
  tag: string;
  /** Runs in sight that have it; archived ones are counted by themselves. */
  runs: number;
  archived: number;
  /** "#rrggbb", or "" for none. */
  color: string;
  description: string;
  last_used: number | null;
}

export interface TagsEdited {
  runs: number;
  /** Runs that are left: the same request goes on. */
  left: number;
  folded: boolean;
  watermark: number;
}

export async function getTags(signal?: AbortSignal): Promise<TagRow[]> {
  return (await askJson<{ tags: TagRow[] }>('tags', signal)).tags;
}

/** Renames one tag, merges several, or with `to` null takes them off all runs. */
export function editTags(tags: string[], to: string | null): Promise<TagsEdited> {
  return sendJson('POST', 'tags/edit', { tags, to });
}

export function describeTag(
  tag: string,
  words: Partial<Pick<TagRow, 'color' | 'description'>>,
): Promise<Pick<TagRow, 'color' | 'description'>> {
  return sendJson('POST', 'tags/describe', { tag, ...words });
}
