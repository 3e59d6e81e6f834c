/**
 * The answer to the table's query.
 *
 * Its rows, its columns and what went wrong; kept fresh by events.
 */

import { asApiError, isAbort, searchRuns, type ApiError } from '../../lib/api/client';
import { mergeChanges } from '../../lib/api/events';
import type { Change, Run, RunsResponse, Sort } from '../../lib/api/types';
import { PAGE_ROWS, Pages } from '../../lib/grid/pages';
import { idsQuery, withDelta } from './deltas';

/** Runs on screen that changed are read again at most this often. */
const REREAD_MS = 2_000;
/** Runs read again in one request: more than a screen holds. */
const REREAD_MAX = 100;

export class RunsAnswer {
  total = $state(0);
  /** Counts up with every change of any row. */
  version = $state(0);
  /** What it took to answer, seen from here. */
  milliseconds = $state(0);
  columns = $state.raw<RunsResponse['columns']>({ params: [], metrics: [] });
  warnings = $state.raw<string[]>([]);
  error = $state.raw<ApiError | null>(null);
  loading = $state(true);
  /** Runs came or went since the rows were read; the page decides when to show that. */
  outdated = $state(false);

  private query = '';
  private sort: Sort[] = [];
  private pages: Pages<Run> | null = null;
  private abort = new AbortController();
  private seen = { first: 0, last: 0 };
  private readonly dirty = new Set<string>();
  private strangers = false;
  /** What was told while an answer was on its way, which may be older than that. */
  private early: Change | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;

  row(index: number): Run | undefined {
    return this.pages?.row(index);
  }

  indexOf(id: string): number {
    return this.pages?.indexOf(id) ?? -1;
  }

  /** Asks anew. What was on screen stays there until the answer is here. */
  async load(query: string, sort: readonly Sort[]): Promise<void> {
    this.stop();
    this.query = query;
    this.sort = [...sort];
    this.loading = true;
    this.early = null;
    const abort = this.abort;
    const started = performance.now();
    try {
      const answer = await this.fetchPage(null, PAGE_ROWS);
      if (abort.signal.aborted) return;
      this.milliseconds = performance.now() - started;
      this.take(answer);
    } catch (reason) {
      if (isAbort(reason) || abort.signal.aborted) return;
      this.error = asApiError(reason);
    }
    this.loading = false;
    const early = this.early;
    this.early = null;
    if (early !== null) this.apply(early);
  }

  reload(): Promise<void> {
    return this.load(this.query, this.sort);
  }

  /** The rows that the table is about to draw. */
  want(first: number, last: number): void {
    this.seen = { first, last };
    this.pages?.want(first, last);
  }

  /** Drops requests on the way. */
  stop(): void {
    this.abort.abort();
    this.abort = new AbortController();
    this.pages?.stop();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  /** A notice of the event stream: values at once, everything else by reading again soon. */
  apply(change: Change): void {
    if (this.loading) this.early = this.early === null ? change : mergeChanges(this.early, change);
    if (this.pages === null) return;
    let touched = false;
    for (const delta of change.series) {
      const run = this.row(this.indexOf(delta.run));
      if (run === undefined) continue;
      const newer = withDelta(run, delta);
      if (newer === null) this.dirty.add(delta.run);
      else this.pages.replace(newer);
      touched = true;
    }
    if (touched) this.version += 1;
    for (const id of change.runs) {
      if (this.indexOf(id) >= 0) this.dirty.add(id);
      else this.strangers = true;
    }
    if (change.truncated) for (const run of this.inView()) this.dirty.add(run.id);
    if (this.dirty.size > 0 || this.strangers) this.rereadSoon();
  }

  private take(answer: RunsResponse): void {
    const pages = new Pages<Run>(
      (cursor, limit) => this.fetchPage(cursor, limit),
      () => this.grown(),
      (reason) => this.failed(reason),
    );
    pages.start(answer);
    this.pages = pages;
    this.total = answer.total;
    this.columns = answer.columns;
    this.warnings = answer.warnings;
    this.error = null;
    this.outdated = false;
    this.dirty.clear();
    this.strangers = false;
    this.version += 1;
    pages.want(this.seen.first, this.seen.last);
  }

  private grown(): void {
    this.total = this.pages?.total ?? 0;
    this.version += 1;
  }

  private failed(reason: unknown): void {
    if (!isAbort(reason)) this.error = asApiError(reason);
  }

  private fetchPage(cursor: string | null, limit: number): Promise<RunsResponse> {
    const { query, sort } = this;
    return searchRuns({ query, sort, limit, cursor }, this.abort.signal);
  }

  private inView(): Run[] {
    const runs: Run[] = [];
    for (let index = this.seen.first; index < this.seen.last; index++) {
      const run = this.row(index);
      if (run !== undefined) runs.push(run);
    }
    return runs;
  }

  private rereadSoon(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      void this.reread();
    }, REREAD_MS);
  }

  /** Brings the changed rows in view up to date, and finds out whether there are others now. */
  private async reread(): Promise<void> {
    const ids = this.inView()
      .map((run) => run.id)
      .filter((id) => this.dirty.has(id))
      .slice(0, REREAD_MAX);
    for (const id of ids) this.dirty.delete(id);
    const strangers = this.strangers;
    this.strangers = false;
    try {
      await Promise.all([this.rereadRows(ids), strangers ? this.recount() : undefined]);
    } catch {
      // The rows stay as they are: the next notice or the reconnect tries again.
    }
  }

  private async rereadRows(ids: string[]): Promise<void> {
    if (ids.length === 0) return;
    const request = { query: idsQuery(ids), sort: [], limit: REREAD_MAX, cursor: null };
    const answer = await searchRuns(request, this.abort.signal);
    for (const run of answer.rows) this.pages?.replace(run);
    this.version += 1;
  }

  private async recount(): Promise<void> {
    const answer = await this.fetchPage(null, 1);
    const sameFirst = answer.rows[0]?.id === this.row(0)?.id;
    if (answer.total !== this.total || !sameFirst) this.outdated = true;
  }
}
