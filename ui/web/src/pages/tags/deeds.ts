/** What is said of tags, told by a toast and with a way back. */

import type { TagRow } from '../../lib/api/tags';
import { tags } from '../../lib/state/tags.svelte';
import { toasts } from '../../lib/ui/toasts.svelte';

export type Words = Partial<Pick<TagRow, 'color' | 'description'>>;

export async function describe(row: TagRow, words: Words): Promise<void> {
  const { tag, color, description } = row;
  const before: Words = {
    ...('color' in words && { color }),
    ...('description' in words && { description }),
  };
  try {
    await tags.describe(tag, words);
    toasts.show(`Changed ${tag}`, { undo: () => tags.describe(tag, before) });
  } catch (reason) {
    toasts.failed(`${tag} was not changed`, reason);
  }
}
