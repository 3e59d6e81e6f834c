/** The messages of a run that were read so far. */

import { asApiError, isAbort, type ApiError } from '../../../lib/api/client';
import { feed } from '../../../lib/api/events';
import { getMessages, type MessageRow } from '../../../lib/api/run';
import { concerns, REREAD_MS } from '../part.svelte';

/** Messages that are read at once: a few screens. */
const PAGE_MESSAGES = 200;

export class MessageList {
  messages = $state.raw<readonly MessageRow[]>([]);
  total = $state(0);
  known = $state(false);
  loading = $state(false);
  error = $state.raw<ApiError | null>(null);
  private cursor = $state<string | null>(null);

  private level = 0;
  private newest = true;
  private abort = new AbortController();
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly run: string) {}

  get more(): boolean {
    return this.cursor !== null;
  }

  listen(): () => void {
    const offs = [
      feed.onReset(() => void this.show(this.level, this.newest)),
      feed.onChange((change) => {
        if (concerns(change, this.run, 'lines')) this.refreshSoon();
      }),
    ];
    return () => {
      this.abort.abort();
      if (this.timer !== null) clearTimeout(this.timer);
      for (const off of offs) off();
    };
  }

  /** Shows those of a level and above from the start. */
  async show(level: number, newest: boolean): Promise<void> {
    this.abort.abort();
    this.abort = new AbortController();
    this.level = level;
    this.newest = newest;
    await this.read(null);
  }

  /** Reads the next page. */
  async readOn(): Promise<void> {
    if (this.cursor !== null) await this.read(this.cursor);
  }

  private refreshSoon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      void this.refresh();
    }, REREAD_MS);
  }

  /** Puts what is new before what is shown; at the old end it is found by reading on. */
  private async refresh(): Promise<void> {
    if (this.loading) return;
    const words = { level: this.level, newest: this.newest, limit: PAGE_MESSAGES };
    try {
      const page = await getMessages(this.run, words, this.abort.signal);
      this.total = page.total;
      if (this.newest) this.messages = merged(page.messages, this.messages);
      else if (this.cursor === null) await this.show(this.level, this.newest);
    } catch (reason) {
      if (!isAbort(reason)) this.error = asApiError(reason);
    }
  }

  private async read(cursor: string | null): Promise<void> {
    const { signal } = this.abort;
    this.loading = true;
    const words = { level: this.level, newest: this.newest, limit: PAGE_MESSAGES };
    try {
      const page = await getMessages(this.run, { ...words, ...(cursor && { cursor }) }, signal);
      if (signal.aborted) return;
      this.messages = cursor === null ? page.messages : merged(this.messages, page.messages);
      this.total = page.total;
      this.cursor = page.cursor;
      this.known = true;
      this.error = null;
    } catch (reason) {
      if (!isAbort(reason)) this.error = asApiError(reason);
    } finally {
      if (!signal.aborted) this.loading = false;
    }
  }
}

/** One list behind another, what is in both once. */
function merged(first: readonly MessageRow[], rest: readonly MessageRow[]): MessageRow[] {
  const seen = new Set(first.map((one) => `${one.writer} ${one.seq}`));
  return [...first, ...rest.filter((one) => !seen.has(`${one.writer} ${one.seq}`))];
}
