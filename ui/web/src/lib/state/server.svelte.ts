/** The server's health, and whether it can be heard. */

import { asApiError, getHealth, isAbort, type ApiError } from '../api/client';
import { feed, type Connection } from '../api/events';
import type { FoldState, Health } from '../api/types';
import { clock } from './clock.svelte';
import { Lag } from './lag';

/** Counts of runs are re-read at most this often while changes pour in. */
const REFRESH_MS = 4_000;
/** Without a connection we ask now and then, so that the page heals by itself. */
const OFFLINE_POLL_MS = 5_000;
/** Less than this behind is the ordinary delay of a fold, not worth a word. */
export const LAG_SHOWN_S = 2;

function isReading(state: FoldState | undefined): boolean {
  return state === 'catching_up' || state === 'rebuilding';
}

class ServerState {
  health = $state.raw<Health | null>(null);
  error = $state.raw<ApiError | null>(null);
  connection = $state<Connection>('idle');
  lagBytes = $state(0);
  /** Since when the server has not been heard; null while it is. Unix seconds. */
  lostAt = $state<number | null>(null);

  private readonly lag = new Lag();
  private noticed = $state(0);

  readonly offline: boolean = $derived(this.connection === 'retrying');
  /** Much of the log is still to be folded: what is not there may only not be there yet. */
  readonly reading: boolean = $derived(isReading(this.health?.fold.state));
  /** The same of what is searched. */
  readonly readingTexts: boolean = $derived(
    isReading(this.health?.shelves.find(({ name }) => name === 'text')?.state),
  );
  /** For how long something has been logged and not shown. */
  readonly lagSeconds: number = $derived.by(() => {
    void this.noticed;
    return this.lag.seconds(clock.now);
  });

  private asking = false;
  private askedAt = 0;
  private timer: ReturnType<typeof setTimeout> | null = null;

  /** Starts to follow the server. Returns the way to stop. */
  listen(): () => void {
    void this.refresh();
    const offs = [
      feed.onConnection((connection) => this.connected(connection)),
      feed.onHealth(() => void this.refresh()),
      feed.onReset(() => void this.refresh()),
      feed.onChange((change) => {
        this.note(change.watermark, change.lag_bytes);
        this.refreshSoon();
      }),
    ];
    const poll = setInterval(() => {
      if (this.connection !== 'open') void this.refresh();
    }, OFFLINE_POLL_MS);
    return () => {
      clearInterval(poll);
      if (this.timer !== null) clearTimeout(this.timer);
      for (const off of offs) off();
    };
  }

  private connected(connection: Connection): void {
    this.connection = connection;
    if (connection === 'open') this.lostAt = null;
    if (connection === 'retrying') this.lostAt ??= Date.now() / 1000;
  }

  private note(watermark: number, lagBytes: number): void {
    this.lag.note(watermark, lagBytes, Date.now() / 1000);
    this.lagBytes = lagBytes;
    this.noticed += 1;
  }

  private refreshSoon(): void {
    if (this.timer !== null) return;
    const wait = Math.max(0, this.askedAt + REFRESH_MS - Date.now());
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.refresh();
    }, wait);
  }

  async refresh(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    this.askedAt = Date.now();
    try {
      this.health = await getHealth();
      this.note(this.health.watermark, this.health.lag_bytes);
      this.error = null;
    } catch (reason) {
      if (!isAbort(reason)) this.error = asApiError(reason);
    } finally {
      this.asking = false;
    }
  }
}

export const server = new ServerState();
