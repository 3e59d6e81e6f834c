/** The run on screen, read again as it changes. */

import { asApiError, getRun, isAbort, type ApiError } from '../../lib/api/client';
import { feed } from '../../lib/api/events';
import type { RunDetail } from '../../lib/api/types';

/** A running run changes all the time; figures that move faster than this cannot be read. */
const REREAD_MS = 1_000;

export class OneRun {
  run = $state.raw<RunDetail | null>(null);
  error = $state.raw<ApiError | null>(null);

  private readonly id: string;
  private readonly abort = new AbortController();
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(id: string) {
    this.id = id;
  }

  /** Reads the run and follows it. Returns the way to stop. */
  listen(): () => void {
    void this.load();
    const offs = [
      feed.onReset(() => void this.load()),
      feed.onConnection((connection) => {
        if (connection === 'open' && this.error !== null) void this.load();
      }),
      feed.onChange((change) => {
        if (change.truncated || change.runs.includes(this.id)) this.loadSoon();
      }),
    ];
    return () => {
      this.abort.abort();
      if (this.timer !== null) clearTimeout(this.timer);
      for (const off of offs) off();
    };
  }

  async load(): Promise<void> {
    try {
      this.run = await getRun(this.id, this.abort.signal);
      this.error = null;
    } catch (reason) {
      if (!isAbort(reason)) this.error = asApiError(reason);
    }
  }

  private loadSoon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      void this.load();
    }, REREAD_MS);
  }
}
