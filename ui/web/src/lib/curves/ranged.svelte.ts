/** An answer about a whole axis and, zoomed in, about a part of it; asked again as things move. */

import { type ApiError, asApiError, isAbort } from '../api/client';
import type { Range } from '../chart/model';

/** A drag or wheel in progress asks for nothing until it rests this long. */
const ZOOM_DEBOUNCE_MS = 150;
/** What is worked out of all members is asked again at most this often while they grow. */
const RENEW_MS = 1_000;
/** Asked beyond each end of a zoom, as a share of it: panning a little shows no edge. */
const MARGIN = 0.25;

/** Reads an answer; `range` null is the whole axis. */
export type Read<A, T> = (asked: A, range: Range | null, signal: AbortSignal) => Promise<T>;

export class RangedAnswer<A, T> {
  whole = $state.raw<T | null>(null);
  error = $state.raw<ApiError | null>(null);
  #part = $state.raw<{ readonly range: Range; readonly value: T } | null>(null);
  #zoom = $state.raw<Range | null>(null);
  readonly #read: Read<A, T>;
  #asked: A | null = null;
  #control: AbortController | null = null;
  #zoomTimer: ReturnType<typeof setTimeout> | undefined;
  #renewTimer: ReturnType<typeof setTimeout> | undefined;

  /** What to show: the part where it covers what is visible, else the whole. */
  readonly value: T | null = $derived.by(() => {
    const [part, zoom] = [this.#part, this.#zoom];
    const covers = part && zoom && part.range[0] <= zoom[0] && part.range[1] >= zoom[1];
    return covers ? part.value : this.whole;
  });

  constructor(read: Read<A, T>) {
    this.#read = read;
  }

  /** Ask something else; null wants nothing. What is shown stays until the new answer is there. */
  ask(asked: A | null): void {
    if (JSON.stringify(asked) === JSON.stringify(this.#asked)) return;
    this.#asked = asked;
    this.#control?.abort();
    if (asked !== null) return void this.#load();
    this.whole = this.#part = this.error = null;
  }

  zoomTo(zoom: Range | null): void {
    this.#zoom = zoom;
    clearTimeout(this.#zoomTimer);
    if (zoom && this.#asked !== null) {
      this.#zoomTimer = setTimeout(() => void this.#load(true), ZOOM_DEBOUNCE_MS);
    }
  }

  /** What the answer is made of has changed. */
  renew(): void {
    if (this.#asked === null || this.#renewTimer !== undefined) return;
    this.#renewTimer = setTimeout(() => {
      this.#renewTimer = undefined;
      void this.#load();
    }, RENEW_MS);
  }

  stop(): void {
    this.#control?.abort();
    clearTimeout(this.#zoomTimer);
    clearTimeout(this.#renewTimer);
    this.#renewTimer = undefined;
  }

  async #load(partOnly = false): Promise<void> {
    const [asked, zoom] = [this.#asked, this.#zoom];
    if (asked === null) return;
    this.#control?.abort();
    const { signal } = (this.#control = new AbortController());
    try {
      if (!partOnly || this.whole === null) {
        const whole = await this.#read(asked, null, signal);
        if (signal.aborted) return;
        this.whole = whole;
        this.#part = null;
      }
      this.error = null;
      if (!zoom) return;
      const margin = (zoom[1] - zoom[0]) * MARGIN;
      const range: Range = [zoom[0] - margin, zoom[1] + margin];
      const value = await this.#read(asked, range, signal);
      if (!signal.aborted) this.#part = { range, value };
    } catch (reason) {
      if (isAbort(reason) || signal.aborted) return;
      this.error = asApiError(reason);
    }
  }
}
