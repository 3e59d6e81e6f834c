/** The lines of a console that hold a text, as they are found. */

import { asApiError, isAbort, type ApiError } from '../../../lib/api/client';
import { searchLines, type LineChoice, type LineRow } from '../../../lib/api/run';
import type { Lines } from './lines.svelte';

/** Lines that hold the text are kept up to here: nobody steps through more. */
export const HITS_MAX = 10_000;
const PAGE_HITS = 1_000;
/** Lines around a time that are looked through for a line that is known by its number. */
const NEAR_LINES = 400;

export class Hits {
  found = $state.raw<readonly LineRow[]>([]);
  /** Lines that were looked at. */
  looked = $state(0);
  done = $state(true);
  /** Which one was jumped to. */
  current = $state<number | null>(null);
  /** Its place among all lines. */
  place = $state<number | null>(null);
  error = $state.raw<ApiError | null>(null);

  private abort = new AbortController();

  constructor(
    private readonly run: string,
    private readonly choice: LineChoice,
    private readonly lines: Lines,
  ) {}

  clear(): void {
    this.abort.abort();
    this.found = [];
    this.looked = 0;
    this.done = true;
    this.current = null;
    this.place = null;
    this.error = null;
  }

  /** Looks for a text from the first line on. */
  async start(text: string): Promise<void> {
    this.clear();
    if (text === '') return;
    const { signal } = (this.abort = new AbortController());
    this.done = false;
    try {
      let cursor: string | undefined;
      do {
        const words = { ...this.choice, text, limit: PAGE_HITS, ...(cursor && { cursor }) };
        const page = await searchLines(this.run, words, signal);
        if (signal.aborted) return;
        this.found = [...this.found, ...page.lines];
        this.looked += page.looked;
        cursor = page.cursor ?? undefined;
      } while (cursor !== undefined && this.found.length < HITS_MAX);
      this.done = true;
    } catch (reason) {
      if (isAbort(reason)) return;
      this.error = asApiError(reason);
      this.done = true;
    }
  }

  /** Goes to the hit `by` places further, round at the ends. Returns its place. */
  async step(by: number, from: number): Promise<number | null> {
    const count = this.found.length;
    if (count === 0) return null;
    const next = this.current === null ? await this.nearest(from, by) : this.current + by;
    this.current = (next + count) % count;
    this.place = await this.placeOf(this.found[this.current]!);
    return this.place;
  }

  /** The first hit from a place on; going back, the last one before it. */
  private async nearest(from: number, by: number): Promise<number> {
    const places = this.found.map((line) => this.knownPlace(line));
    const at = places.findIndex((place) => place !== null && place >= from);
    if (by < 0) return at - 1;
    return Math.max(0, at);
  }

  private knownPlace(line: LineRow): number | null {
    return this.lines.isAlone() ? line.number : null;
  }

  /** Among many writers a line is found by its time, and then by its number. */
  private async placeOf(line: LineRow): Promise<number> {
    const known = this.knownPlace(line);
    if (known !== null) return known;
    const start = await this.lines.placeAt(line.time);
    const near = await this.lines.range(start, start + NEAR_LINES);
    const at = near.findIndex((one) => one.writer === line.writer && one.number === line.number);
    return start + Math.max(0, at);
  }
}
