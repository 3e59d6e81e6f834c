/**
 * The one event stream of a tab.
 *
 * It coalesces changes and tells whether we are still connected.
 */

import { apiUrl } from './client';
import type { Change, SeriesDelta } from './types';

/** idle: nobody listens · retrying: it was lost, data on screen may be old. */
export type Connection = 'idle' | 'connecting' | 'open' | 'retrying';

/** First pause before reopening a stream that the server refused; doubles up to the last. */
export const RETRY_FIRST_MS = 1_000;
export const RETRY_LAST_MS = 15_000;

/**
 * A tab in the background gives its stream up after this long. Browsers open six connections per
 * host over HTTP/1.1: a seventh forgotten tab would block every other one.
 */
export const HIDDEN_GRACE_MS = 60_000;

/** While a tab is hidden no frame is drawn; changes are then handed on at this pace. */
const HIDDEN_FLUSH_MS = 1_000;

/** Notices without content, about what people keep: worth a GET. */
export type Notice = 'bookmarks' | 'tags';

type Off = () => void;
type Listener<T> = (value: T) => void;

/** What the feed needs of its surroundings; a test passes its own. */
export interface FeedHost {
  open(url: string): EventSource;
  /** Calls back once, at the next moment that is good for drawing. */
  soon(callback: () => void): void;
  hidden(): boolean;
  onvisibility(callback: () => void): void;
}

const browserHost: FeedHost = {
  open: (url) => new EventSource(url),
  soon: (callback) => {
    if (document.hidden) setTimeout(callback, HIDDEN_FLUSH_MS);
    else requestAnimationFrame(callback);
  },
  hidden: () => document.hidden,
  onvisibility: (callback) => document.addEventListener('visibilitychange', callback),
};

/** Two notices as one: the later delta of a series wins, nothing else is dropped. */
export function mergeChanges(earlier: Change, later: Change): Change {
  const series = new Map<number, SeriesDelta>();
  for (const delta of earlier.series) series.set(delta.id, delta);
  for (const delta of later.series) series.set(delta.id, delta);
  const shelves = { ...earlier.shelves };
  for (const [shelf, runs] of Object.entries(later.shelves)) {
    shelves[shelf] = [...new Set([...(shelves[shelf] ?? []), ...runs])];
  }
  return {
    watermark: later.watermark,
    lag_bytes: later.lag_bytes,
    runs: [...new Set([...earlier.runs, ...later.runs])],
    series: [...series.values()],
    shelves,
    truncated: earlier.truncated || later.truncated,
  };
}

/** Connects while anyone listens; a listener gets at most one change per frame. */
export class EventFeed {
  private readonly host: FeedHost;
  private source: EventSource | null = null;
  private pending: Change | null = null;
  private connection: Connection = 'idle';
  private retryMs = RETRY_FIRST_MS;
  private retryTimer: ReturnType<typeof setTimeout> | null = null;
  private hiddenTimer: ReturnType<typeof setTimeout> | null = null;
  /** True once a stream was lost for good: what was missed in between is unknown. */
  private missed = false;
  private readonly changes = new Set<Listener<Change>>();
  private readonly resets = new Set<Listener<void>>();
  private readonly healths = new Set<Listener<void>>();
  private readonly states = new Set<Listener<Connection>>();
  private readonly notices: Record<Notice, Set<Listener<void>>> = {
    bookmarks: new Set(),
    tags: new Set(),
  };

  constructor(host: FeedHost = browserHost) {
    this.host = host;
  }

  /** What changed since the last call. */
  onChange(listener: Listener<Change>): Off {
    return this.listen(this.changes, listener);
  }

  /** The thread of changes is broken: read everything on screen again. */
  onReset(listener: Listener<void>): Off {
    return this.listen(this.resets, listener);
  }

  /** The server's health changed: worth a GET. */
  onHealth(listener: Listener<void>): Off {
    return this.listen(this.healths, listener);
  }

  /** Somebody changed the bookmarks, or what is kept of tags. */
  onNotice(notice: Notice, listener: Listener<void>): Off {
    return this.listen(this.notices[notice], listener);
  }

  /** Called at once with the present state, then at each change of it. */
  onConnection(listener: Listener<Connection>): Off {
    const before = this.connection;
    const off = this.listen(this.states, listener);
    // The first listener starts the connection and has heard of that already.
    if (this.connection === before) listener(this.connection);
    return off;
  }

  private listen<T>(group: Set<Listener<T>>, listener: Listener<T>): Off {
    group.add(listener);
    if (this.source === null && this.retryTimer === null) this.start();
    return () => group.delete(listener);
  }

  private start(): void {
    if (this.connection === 'idle') this.host.onvisibility(() => this.followVisibility());
    this.connect();
  }

  private connect(): void {
    this.setConnection(this.connection === 'idle' ? 'connecting' : 'retrying');
    const source = this.host.open(apiUrl('events'));
    this.source = source;
    source.onopen = () => this.opened();
    source.onerror = () => this.failed(source);
    source.addEventListener('change', (event) => this.received(event.data as string));
    source.addEventListener('reset', () => this.reset());
    source.addEventListener('health', () => emit(this.healths, undefined));
    for (const [notice, listeners] of Object.entries(this.notices)) {
      source.addEventListener(notice, () => emit(listeners, undefined));
    }
  }

  private opened(): void {
    this.retryMs = RETRY_FIRST_MS;
    this.setConnection('open');
    if (this.missed) this.reset();
    emit(this.healths, undefined);
  }

  private failed(source: EventSource): void {
    this.setConnection('retrying');
    // While it is CONNECTING the browser retries by itself and resumes with Last-Event-ID.
    if (source.readyState !== source.CLOSED) return;
    this.close();
    this.retryTimer = setTimeout(() => {
      this.retryTimer = null;
      this.connect();
    }, this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, RETRY_LAST_MS);
  }

  /** A new EventSource cannot name the event that it resumes from, so a reset has to follow. */
  private close(): void {
    this.source?.close();
    this.source = null;
    this.missed = true;
  }

  private followVisibility(): void {
    if (this.host.hidden()) {
      this.hiddenTimer ??= setTimeout(() => this.pause(), HIDDEN_GRACE_MS);
      return;
    }
    if (this.hiddenTimer !== null) clearTimeout(this.hiddenTimer);
    this.hiddenTimer = null;
    if (this.source === null && this.retryTimer === null) this.connect();
  }

  private pause(): void {
    this.hiddenTimer = null;
    if (this.retryTimer !== null) clearTimeout(this.retryTimer);
    this.retryTimer = null;
    this.close();
  }

  private received(data: string): void {
    const change = JSON.parse(data) as Change;
    if (this.pending !== null) {
      this.pending = mergeChanges(this.pending, change);
      return;
    }
    this.pending = change;
    this.host.soon(() => this.flush());
  }

  private flush(): void {
    const change = this.pending;
    this.pending = null;
    if (change !== null) emit(this.changes, change);
  }

  private reset(): void {
    this.missed = false;
    this.pending = null;
    emit(this.resets, undefined);
  }

  private setConnection(connection: Connection): void {
    if (connection === this.connection) return;
    this.connection = connection;
    emit(this.states, connection);
  }
}

function emit<T>(listeners: Set<Listener<T>>, value: T): void {
  for (const listener of [...listeners]) listener(value);
}

/** The tab's feed. */
export const feed = new EventFeed();
