/** Which metrics runs have, read once and again as new ones come. */

import { type ApiError, asApiError, isAbort } from '../api/client';
import { feed } from '../api/events';
import { findColumns, metricName } from '../query/columns';
import { isSystem } from './sections';

/** Columns of metrics asked for: as many as the server tells. */
const COLUMNS_MAX = 10_000;
/** Names are read again at most this often while new series appear. */
const RENEW_MS = 3_000;

export type Origin = 'tracked' | 'system';

export class PanelNames {
  phase = $state<'loading' | 'ready' | 'failed'>('loading');
  error = $state.raw<ApiError | null>(null);
  names = $state.raw<readonly { name: string; runs: number }[]>([]);
  runs = $state(0);
  /** The columns were more than can be told: some names may be missing. */
  cut = $state(false);

  #query = '';
  #origin: Origin = 'tracked';
  #known = new Set<string>();
  #control: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Follow the server. Returns the way to stop. */
  listen(): () => void {
    const offs = [
      feed.onChange((change) => {
        const fresh = change.series.some((delta) => !this.#known.has(delta.name));
        if (fresh || change.truncated) this.#renewSoon();
      }),
      feed.onReset(() => void this.#read()),
    ];
    return () => {
      for (const off of offs) off();
      this.#control?.abort();
      clearTimeout(this.#timer);
    };
  }

  ask(query: string, origin: Origin): void {
    this.#query = query;
    this.#origin = origin;
    this.phase = 'loading';
    void this.#read();
  }

  retry(): void {
    void this.#read();
  }

  #renewSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#read();
    }, RENEW_MS);
  }

  async #read(): Promise<void> {
    this.#control?.abort();
    const { signal } = (this.#control = new AbortController());
    try {
      const found = await findColumns(
        { query: this.#query, sources: ['metric'], values: 0, limit: COLUMNS_MAX }, signal,
      );
      const runs = new Map<string, number>();
      for (const column of found.columns) {
        const name = metricName(column.column);
        if (name !== null) runs.set(name, Math.max(runs.get(name) ?? 0, column.runs));
      }
      this.#known = new Set(runs.keys());
      this.runs = found.runs;
      this.cut = found.total > found.columns.length;
      this.names = [...runs]
        .filter(([name]) => isSystem(name) === (this.#origin === 'system'))
        .map(([name, count]) => ({ name, runs: count }));
      this.error = null;
      this.phase = 'ready';
    } catch (reason) {
      if (isAbort(reason)) return;
      this.error = asApiError(reason);
      if (this.phase === 'loading') this.phase = 'failed';
    }
  }
}
