/** The store's tags: how often they are used, and the colours that people gave them. */

import { asApiError, isAbort, type ApiError } from '../api/client';
import { feed } from '../api/events';
import { describeTag, editTags, getTags, type TagRow } from '../api/tags';

class TagsState {
  /** Null until they were read; by name. */
  list = $state.raw<readonly TagRow[] | null>(null);
  error = $state.raw<ApiError | null>(null);

  private readonly byTag: ReadonlyMap<string, TagRow> = $derived(
    new Map((this.list ?? []).map((row) => [row.tag, row])),
  );

  /** What is known of a tag; undefined for one that is not known yet. */
  row(tag: string): TagRow | undefined {
    return this.byTag.get(tag);
  }

  /** "#rrggbb", or "" for a tag without a colour. */
  color(tag: string): string {
    return this.byTag.get(tag)?.color ?? '';
  }

  /** Starts to follow them. Returns the way to stop. */
  listen(): () => void {
    void this.load();
    const offs = [
      feed.onNotice('tags', () => void this.load()),
      feed.onReset(() => void this.load()),
    ];
    return () => {
      for (const off of offs) off();
    };
  }

  async load(): Promise<void> {
    try {
      this.list = await getTags();
      this.error = null;
    } catch (reason) {
      if (!isAbort(reason)) this.error = asApiError(reason);
    }
  }

  async describe(
    tag: string,
    words: Partial<Pick<TagRow, 'color' | 'description'>>,
  ): Promise<void> {
    await describeTag(tag, words);
    await this.load();
  }

  /** Renames, merges or removes tags on all runs, request by request. Returns how many runs. */
  async edit(tags: string[], to: string | null): Promise<number> {
    let runs = 0;
    let left = 1;
    while (left > 0) {
      const answer = await editTags(tags, to);
      runs += answer.runs;
      left = answer.left;
      // Runs that are left although none was changed would be asked for ever.
      if (answer.runs === 0) break;
    }
    await this.load();
    return runs;
  }
}

export const tags = new TagsState();
