/**
 * Curves the size of a word.
 *
 * They are fetched for the rows on screen and kept for a while.
 */

import { getFrames } from '../api/client';
import { decodeFrames, type FrameSeries } from '../api/frames';

export const CURVE_WIDTH = 92;
export const CURVE_HEIGHT = 20;
/** Keeps the stroke's own width inside the picture. */
const PAD = 2;
/** About one vertex for every two pixels: more cannot be told apart. */
const POINTS = 48;

/** Rows that scroll by within this time share a request. */
const GATHER_MS = 60;
/** A growing series is drawn again at most this often. */
const RENEW_MS = 3_000;
/** Series in one request: more than a screen of rows holds. */
const BATCH = 200;
/** Curves kept: about 1 KB each. */
const KEPT = 2_000;

interface Curve {
  /** For the d attribute of an SVG path. */
  path: string;
  /** Points of the series when it was asked for. */
  count: number;
  askedAt: number;
}

/** The last values over the steps, scaled to the picture. NaN and infinities leave a gap. */
export function curvePath(x: ArrayLike<number>, y: ArrayLike<number>): string {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < y.length; i++) {
    const value = y[i] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const start = x[0] ?? 0;
  const wide = (x[x.length - 1] ?? 0) - start || 1;
  const tall = high - low || 1;
  let path = '';
  let pen = 'M';
  for (let i = 0; i < y.length; i++) {
    const value = y[i] ?? Number.NaN;
    if (!Number.isFinite(value)) {
      pen = 'M';
      continue;
    }
    const across = (((x[i] ?? 0) - start) / wide) * CURVE_WIDTH;
    const down = CURVE_HEIGHT - PAD - ((value - low) / tall) * (CURVE_HEIGHT - 2 * PAD);
    path += `${pen}${across.toFixed(1)} ${down.toFixed(1)}`;
    pen = 'L';
  }
  return path;
}

export class CurveCache {
  /** Counts up when curves arrived. */
  version = $state(0);

  private readonly curves = new Map<number, Curve>();
  private readonly queue = new Map<number, number>();
  private readonly abort = new AbortController();
  private timer: ReturnType<typeof setTimeout> | null = null;

  /** The curve as known, or nothing yet. Asking for it is what gets it fetched. */
  path(series: number, count: number): string {
    const known = this.curves.get(series);
    const stale = known === undefined || known.count < count;
    if (stale && (known === undefined || Date.now() - known.askedAt > RENEW_MS)) {
      this.queue.set(series, count);
      this.timer ??= setTimeout(() => void this.fetch(), GATHER_MS);
    }
    return known?.path ?? '';
  }

  stop(): void {
    this.abort.abort();
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private async fetch(): Promise<void> {
    this.timer = null;
    const asked = [...this.queue].slice(0, BATCH);
    this.queue.clear();
    if (this.curves.size > KEPT) this.curves.clear();
    const askedAt = Date.now();
    // Noted before the answer, so that a redraw in between does not ask again.
    for (const [series, count] of asked) {
      const path = this.curves.get(series)?.path ?? '';
      this.curves.set(series, { path, count, askedAt });
    }
    try {
      this.take(await this.frames(asked.map(([series]) => series)));
    } catch {
      // A table without its small curves is still a table: they are asked for again as rows change.
    }
  }

  private async frames(ids: number[]): Promise<readonly FrameSeries[]> {
    const buffer = await getFrames(
      { ids, x: 'step', points: POINTS, range: null, columns: ['last'] },
      this.abort.signal,
    );
    return decodeFrames(buffer).series;
  }

  private take(frames: readonly FrameSeries[]): void {
    for (const frame of frames) {
      const curve = this.curves.get(frame.id);
      if (curve !== undefined) curve.path = curvePath(frame.x, frame.columns.last ?? []);
    }
    this.version += 1;
  }
}
