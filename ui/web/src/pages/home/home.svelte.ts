/** What Home shows, read anew as the store grows. */

import { asApiError, isAbort, type ApiError } from '../../lib/api/client';
import { feed } from '../../lib/api/events';
import { getActivity, getHome, type ActiveDay, type Home } from '../../lib/api/home';
import type { Change, SeriesDelta } from '../../lib/api/types';
import { server } from '../../lib/state/server.svelte';
import { settings } from '../../lib/state/settings.svelte';
import { offsetOf } from './calendar';

/** Runs and alerts of each list: a screen of them. All others are one click away. */
const LISTED = 12;
/** Runs begin and end: their lists are read again at most this often. */
const REFRESH_MS = 1_500;
/** A year of days changes slowly. */
const ACTIVITY_REFRESH_MS = 60_000;
const ACTIVITY_DAYS = 372;

export class HomeState {
  home = $state.raw<Home | null>(null);
  error = $state.raw<ApiError | null>(null);
  days = $state.raw<readonly ActiveDay[] | null>(null);
  daysError = $state.raw<ApiError | null>(null);
  /** Newest points of the series on screen, ahead of the lists. */
  newest = $state.raw<ReadonlyMap<number, SeriesDelta>>(new Map());

  private readonly abort = new AbortController();
  private asking = false;
  /** Runs that there were when the days were read. */
  private counted: number | null = null;
  private again = false;
  private timer: ReturnType<typeof setTimeout> | null = null;

  /** Reads, and goes on as the store grows. Returns the way to stop. */
  listen(): () => void {
    void this.load();
    const activity = setInterval(() => {
      if (this.hasPoints) void this.loadActivity();
    }, ACTIVITY_REFRESH_MS);
    const offs = [
      feed.onChange((change) => this.follow(change)),
      feed.onReset(() => void this.load()),
      feed.onHealth(() => this.retry()),
    ];
    return () => {
      clearInterval(activity);
      if (this.timer !== null) clearTimeout(this.timer);
      this.abort.abort();
      for (const off of offs) off();
    };
  }

  async load(): Promise<void> {
    if (this.asking) {
      this.again = true;
      return;
    }
    this.asking = true;
    try {
      this.home = await getHome(LISTED, this.abort.signal);
      this.newest = this.ahead();
      this.error = null;
      // A run more is a day that has changed.
      if (this.hasPoints && this.home.total !== this.counted) void this.loadActivity();
    } catch (reason) {
      if (!isAbort(reason)) this.error = asApiError(reason);
    } finally {
      this.asking = false;
      if (this.again) this.loadSoon();
      this.again = false;
    }
  }

  async loadActivity(): Promise<void> {
    try {
      const offset = offsetOf(settings.zone);
      this.counted = this.home?.total ?? null;
      this.days = await getActivity(ACTIVITY_DAYS, offset, this.abort.signal);
      this.daysError = null;
    } catch (reason) {
      if (!isAbort(reason)) this.daysError = asApiError(reason);
    }
  }

  /** Whether the days can be asked for: points are counted from views of their own. */
  readonly hasPoints: boolean = $derived(
    server.health?.shelves.some(({ name, state }) => name === 'points' && state !== 'rebuilding') ??
      false,
  );

  /** Points of each series that is shown, as they were told with its run. */
  private counts(): Map<number, number> {
    const runs = [...(this.home?.running ?? []), ...(this.home?.recent ?? [])];
    const metrics = runs.flatMap((run) => run.metrics);
    return new Map(metrics.map((metric) => [metric.series, metric.count]));
  }

  /** What came while the lists were under way, and they don't have. */
  private ahead(): Map<number, SeriesDelta> {
    const counts = this.counts();
    const isAhead = (delta: SeriesDelta) => delta.count > (counts.get(delta.id) ?? Infinity);
    return new Map([...this.newest].filter(([, delta]) => isAhead(delta)));
  }

  private follow(change: Change): void {
    const shown = this.counts();
    const grown = change.series.filter((delta) => shown.has(delta.id));
    if (grown.length > 0) {
      this.newest = new Map([...this.newest, ...grown.map((delta) => [delta.id, delta] as const)]);
    }
    if (change.runs.length > 0 || change.truncated) this.loadSoon();
  }

  /** What could not be answered before may be answered now. */
  private retry(): void {
    if (this.error !== null) void this.load();
    if (this.daysError !== null) void this.loadActivity();
  }

  private loadSoon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      void this.load();
    }, REFRESH_MS);
  }
}
