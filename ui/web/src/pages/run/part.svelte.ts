/**
 * One part of a run, as the server tells it.
 *
 * It is read when it is first shown, and again when more of the run has come.
 */

import { asApiError, isAbort, type ApiError } from '../../lib/api/client';
import { feed } from '../../lib/api/events';
import type { Change } from '../../lib/api/types';

/** A running run changes all the time; figures that move faster than this cannot be read. */
export const REREAD_MS = 1_000;

/** What was captured changes at the beginning and at the end, whatever else is tracked between. */
export const CAPTURED_REREAD_MS = 15_000;

/** Which views a part comes from, in the words of the event stream; '' for the run itself. */
export type Shelf = '' | 'lines' | 'values' | 'text';

export function concerns(change: Change, run: string, shelf: Shelf): boolean {
  if (change.truncated) return true;
  return (shelf === '' ? change.runs : (change.shelves[shelf] ?? [])).includes(run);
}

export class Part<T> {
  value = $state.raw<T | null>(null);
  error = $state.raw<ApiError | null>(null);

  private abort = new AbortController();
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly run: string,
    private readonly shelf: Shelf,
    private readonly ask: (signal: AbortSignal) => Promise<T>,
    /** It is read anew no more often than this. */
    private readonly everyMs = REREAD_MS,
  ) {}

  /** Reads the part and follows it. Returns the way to stop. */
  listen(): () => void {
    void this.load();
    const offs = [
      feed.onReset(() => void this.load()),
      feed.onConnection((connection) => {
        if (connection === 'open' && this.error !== null) void this.load();
      }),
      feed.onChange((change) => {
        if (concerns(change, this.run, this.shelf)) this.loadSoon();
      }),
    ];
    return () => {
      this.abort.abort();
      if (this.timer !== null) clearTimeout(this.timer);
      for (const off of offs) off();
    };
  }

  /** Reads it anew; an answer that is still on its way is not waited for. */
  async load(): Promise<void> {
    this.abort.abort();
    const abort = (this.abort = new AbortController());
    try {
      const value = await this.ask(abort.signal);
      if (abort.signal.aborted) return;
      this.value = value;
      this.error = null;
    } catch (reason) {
      if (!isAbort(reason)) this.error = asApiError(reason);
    }
  }

  private loadSoon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      void this.load();
    }, this.everyMs);
  }
}
