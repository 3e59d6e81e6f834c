/** The store's bookmarks, read once and kept up to date. */

import {
  changeBookmark,
  getBookmarks,
  keepBookmark,
  removeBookmark,
  type Bookmark,
  type BookmarkDraft,
} from '../api/bookmarks';
import { asApiError, isAbort, type ApiError } from '../api/client';
import { feed } from '../api/events';

class BookmarksState {
  /** Null until they were read: pinned ones first, then those that were changed last. */
  list = $state.raw<readonly Bookmark[] | null>(null);
  error = $state.raw<ApiError | null>(null);

  readonly pinned: readonly Bookmark[] = $derived((this.list ?? []).filter((one) => one.pinned));

  /** Starts to follow them. Returns the way to stop. */
  listen(): () => void {
    void this.load();
    const offs = [
      feed.onNotice('bookmarks', () => void this.load()),
      feed.onReset(() => void this.load()),
    ];
    return () => {
      for (const off of offs) off();
    };
  }

  async load(): Promise<void> {
    try {
      this.list = await getBookmarks();
      this.error = null;
    } catch (reason) {
      if (!isAbort(reason)) this.error = asApiError(reason);
    }
  }

  /** The bookmark of this very address, if there is one. */
  of(url: string): Bookmark | undefined {
    return this.list?.find((one) => one.url === url);
  }

  async keep(draft: BookmarkDraft): Promise<Bookmark> {
    const kept = await keepBookmark(draft);
    await this.load();
    return kept;
  }

  async change(id: string, patch: Partial<BookmarkDraft>): Promise<void> {
    await changeBookmark(id, patch);
    await this.load();
  }

  async remove(id: string): Promise<void> {
    this.list = await removeBookmark(id);
  }
}

export const bookmarks = new BookmarksState();
