/** What is done to bookmarks, told by a toast and with a way back. */

import type { Bookmark } from '../../lib/api/bookmarks';
import { bookmarks } from '../../lib/state/bookmarks.svelte';
import { toasts } from '../../lib/ui/toasts.svelte';

export async function pin(bookmark: Bookmark): Promise<void> {
  const { id, pinned, name } = bookmark;
  try {
    await bookmarks.change(id, { pinned: !pinned });
    toasts.show(pinned ? `Unpinned ${name}` : `Pinned ${name}`, {
      undo: () => bookmarks.change(id, { pinned }),
    });
  } catch (reason) {
    toasts.failed(`${name} was not changed`, reason);
  }
}

/** Removes one; undone, it comes back as it was, under another id. */
export async function remove(bookmark: Bookmark): Promise<void> {
  const { id, name, page, url, pinned, note } = bookmark;
  try {
    await bookmarks.remove(id);
    toasts.show(`Removed ${name}`, {
      undo: () => bookmarks.keep({ name, page, url, pinned, note }),
    });
  } catch (reason) {
    toasts.failed(`${name} was not removed`, reason);
  }
}
