/**
 * The lines of a run's console, of which only those around what is shown are held.
 *
 * They come in pages at fixed places. A page that is full of ended lines stays as it is; the others
 * are read again when the run has printed more.
 */

import { asApiError, isAbort, type ApiError } from '../../../lib/api/client';
import { feed } from '../../../lib/api/events';
import {
  getLines,
  type LineChoice,
  type LineRow,
  type LinesPage,
  type LineWriter,
} from '../../../lib/api/run';
import { concerns } from '../part.svelte';

/** Lines of a page: a few screens, 50 KB. */
export const PAGE_LINES = 500;
/** As many as an answer has at most. */
export const LINES_AT_ONCE = 5_000;
/** Pages that are held: 20,000 lines, a few MB. */
const PAGES_MAX = 40;
/** A console that is printed to all the time is read this often. */
const REREAD_MS = 250;

interface Page {
  /** By place; a line that damage has taken is not there. */
  lines: Map<number, LineRow>;
  settled: boolean;
  stale: boolean;
}

export class Lines {
  total = $state(0);
  writers = $state.raw<readonly LineWriter[]>([]);
  error = $state.raw<ApiError | null>(null);
  /** False until the first answer: nothing is known yet. */
  known = $state(false);
  /** Grows with every page that comes. */
  version = $state(0);

  private readonly pages = new Map<number, Page>();
  private readonly asking = new Map<number, AbortController>();
  private wanted: [number, number] = [0, 0];
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly run: string,
    private readonly choice: LineChoice,
  ) {}

  /** Follows the console. Returns the way to stop. */
  listen(): () => void {
    const offs = [
      feed.onReset(() => this.refresh()),
      feed.onConnection((connection) => {
        if (connection === 'open' && this.error !== null) this.refresh();
      }),
      feed.onChange((change) => {
        if (concerns(change, this.run, 'lines')) this.refreshSoon();
      }),
    ];
    return () => {
      if (this.timer !== null) clearTimeout(this.timer);
      for (const off of offs) off();
      for (const abort of this.asking.values()) abort.abort();
    };
  }

  /** The line at a place, or undefined if it is not here; null if damage has taken it. */
  at(place: number): LineRow | null | undefined {
    // Whoever shows the line shows it anew with every page that comes.
    void this.version;
    const page = this.pages.get(Math.floor(place / PAGE_LINES));
    return page === undefined ? undefined : (page.lines.get(place) ?? null);
  }

  /** Says which places are shown, so that they and their neighbours are read. */
  want(first: number, last: number): void {
    this.wanted = [
      Math.max(0, Math.floor(first / PAGE_LINES)),
      Math.max(0, Math.floor(Math.max(first, last - 1) / PAGE_LINES)),
    ];
    this.readWanted();
  }

  /** The lines from one place up to another; those that are not here are fetched. */
  async range(first: number, last: number, signal?: AbortSignal): Promise<LineRow[]> {
    const found: LineRow[] = [];
    for (let from = first; from < last;) {
      const limit = Math.min(LINES_AT_ONCE, last - from);
      const page = await getLines(this.run, { ...this.choice, from, limit }, signal);
      if (page.next <= from) break;
      found.push(...page.lines);
      from = page.next;
    }
    return found;
  }

  /** The place of the first line that was begun at a time or later. */
  async placeAt(time: number): Promise<number> {
    return (await getLines(this.run, { ...this.choice, at: time, limit: 1 })).start;
  }

  refresh(): void {
    for (const page of this.pages.values()) page.stale = page.stale || !page.settled;
    // The newest page tells how many lines there are by now.
    void this.read(Math.floor(Math.max(0, this.total - 1) / PAGE_LINES));
    this.readWanted();
  }

  private refreshSoon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.refresh();
    }, REREAD_MS);
  }

  private readWanted(): void {
    const [first, last] = this.wanted;
    for (const [number, abort] of this.asking) {
      // What was scrolled past need not come any more.
      if (number < first - 1 || number > last + 1) abort.abort();
    }
    for (let number = first; number <= last; number++) {
      const page = this.pages.get(number);
      if (page === undefined || page.stale) void this.read(number);
    }
  }

  private async read(number: number): Promise<void> {
    if (this.asking.has(number)) return;
    const abort = new AbortController();
    this.asking.set(number, abort);
    try {
      await this.readPage(number, abort.signal);
      this.error = null;
    } catch (reason) {
      if (!isAbort(reason)) this.error = asApiError(reason);
    } finally {
      this.asking.delete(number);
      // It may have come into sight again while it was being given up.
      if (abort.signal.aborted && this.isWanted(number)) void this.read(number);
    }
  }

  /** Lines of 64 KiB fill an answer before the page is full: then it takes several. */
  private async readPage(number: number, signal: AbortSignal): Promise<void> {
    const lines = new Map<number, LineRow>();
    const end = (number + 1) * PAGE_LINES;
    let answer: LinesPage;
    let from = number * PAGE_LINES;
    do {
      answer = await getLines(this.run, { ...this.choice, from, limit: end - from }, signal);
      const { start } = answer;
      const alone = this.isAlone(answer.writers);
      answer.lines.forEach((line, index) => lines.set(alone ? line.number : start + index, line));
      from = Math.max(answer.next, from + 1);
    } while (answer.next < Math.min(end, answer.total));
    const ended = [...lines.values()].every((line) => line.ended);
    this.pages.delete(number);
    this.pages.set(number, { lines, settled: answer.next >= end && ended, stale: false });
    this.forget();
    this.total = answer.total;
    this.writers = answer.writers;
    this.known = true;
    this.version += 1;
  }

  /** Of one writer a line's place is its number, also behind lines that damage has taken. */
  isAlone(writers: readonly LineWriter[] = this.writers): boolean {
    return this.choice.writer !== undefined || writers.length === 1;
  }

  private isWanted(number: number): boolean {
    return number >= this.wanted[0] && number <= this.wanted[1];
  }

  /** Lets go of the pages that came first and are not in sight. */
  private forget(): void {
    for (const number of this.pages.keys()) {
      if (this.pages.size <= PAGES_MAX) return;
      if (!this.isWanted(number)) this.pages.delete(number);
    }
  }
}
