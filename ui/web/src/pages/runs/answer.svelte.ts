/**
 * The answer to the table's question.
 *
 * Its lines and what went wrong; kept fresh by events, and filled up as cells come into view.
 */

import { asApiError, isAbort, type ApiError } from '../../lib/api/client';
import { mergeChanges } from '../../lib/api/events';
import { searchTable, type BestBy } from '../../lib/api/tables';
import type { Change, SeriesDelta, Sort } from '../../lib/api/types';
import type { Span } from '../../lib/grid/layout';
import { PAGE_ROWS } from '../../lib/grid/pages';
import { renewed, type Line, type RunRow } from '../../lib/grid/rows';
import { idsQuery, metricKey } from '../../lib/grid/words';
import { withDelta } from './deltas';
import { GroupList } from './groups';
import { RunList } from './runlist';
import { lacking, NOTHING, oneRequest, rowFrom, type Wanted } from './wanted';

/** Runs on screen that changed are read again at most this often. */
const REREAD_MS = 2_000;
/** Cells that come into view within this time share a request. */
const FILL_MS = 30;
/** Runs read again in one request: more than a screen holds. */
const REREAD_MAX = 100;
/** Groups are counted anew at most this often while their runs grow. */
const REGROUP_MS = 4_000;

export interface Question {
  query: string;
  sort: Sort[];
  by: string[];
  best: BestBy | null;
  open: readonly string[];
}


export class RunsAnswer {
  /** Lines of the table. */
  total = $state(0);
  /** Runs that match; as many as lines unless they are in groups. */
  runs = $state(0);
  groups = $state(0);
  /** Counts up with every change of any line. */
  version = $state(0);
  /** What it took to answer, seen from here. */
  milliseconds = $state(0);
  warnings = $state.raw<string[]>([]);
  error = $state.raw<ApiError | null>(null);
  loading = $state(true);
  /** Runs came or went since the lines were read; the page decides when to show that. */
  outdated = $state(false);
  /** How many more runs match than are shown; less than none if some went. */
  newer = $state(0);
  /** Runs changed, or a series came that nobody had: there may be a new column. */
  novelties = $state(0);

  private question: Question = { query: '', sort: [], by: [], best: null, open: [] };
  private wanted: Wanted = NOTHING;
  /** What the columns in view want: cells that are missing are fetched. */
  private inView: Wanted = NOTHING;
  private known: ReadonlySet<string> = new Set();
  private list: RunList | null = null;
  private grouped: GroupList | null = null;
  private abort = new AbortController();
  private seen: Span = { first: 0, last: 0 };
  private readonly dirty = new Set<string>();
  private strangers = false;
  /** What was told while an answer was on its way, which may be older than that. */
  private early: Change | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private fillTimer: ReturnType<typeof setTimeout> | null = null;
  private filling = false;
  private answeredAt = 0;

  line(index: number): Line | undefined {
    if (this.grouped !== null) return this.grouped.line(index);
    const run = this.list?.row(index);
    return run === undefined ? undefined : { kind: 'run', run, depth: 0 };
  }

  run(index: number): RunRow | undefined {
    const line = this.line(index);
    return line?.kind === 'run' ? line.run : undefined;
  }

  /** A run that is at hand, wherever it stands. */
  find(id: string): RunRow | undefined {
    for (const list of this.lists()) {
      const run = list.row(list.indexOf(id));
      if (run !== undefined) return run;
    }
    return undefined;
  }

  /** Where a run stands, or -1; of grouped ones nobody asks. */
  indexOf(id: string): number {
    return this.list?.indexOf(id) ?? -1;
  }

  /** What the columns want from now on. Lines at hand are filled up as they come into view. */
  want(wanted: Wanted): void {
    this.wanted = wanted;
  }

  /** Metrics that there is a column for, by their keys: others are news. */
  knows(metrics: ReadonlySet<string>): void {
    this.known = metrics;
  }

  /** Asks anew. What was on screen stays there until the answer is here. */
  async load(question: Question): Promise<void> {
    this.stop();
    this.question = question;
    this.loading = true;
    this.early = null;
    const { abort } = this;
    const started = performance.now();
    try {
      if (question.by.length > 0) await this.loadGroups(abort.signal);
      else await this.loadRuns(abort.signal);
      if (abort.signal.aborted) return;
      this.milliseconds = performance.now() - started;
    } catch (reason) {
      if (isAbort(reason) || abort.signal.aborted) return;
      this.error = asApiError(reason);
    }
    this.answeredAt = Date.now();
    this.loading = false;
    const { early } = this;
    this.early = null;
    if (early !== null) this.apply(early);
  }

  reload(): Promise<void> {
    return this.load(this.question);
  }

  /** Opens and closes groups. */
  setOpen(open: readonly string[]): void {
    this.question = { ...this.question, open };
    if (this.grouped === null) return;
    this.grouped.setOpen(open);
    this.grown();
    this.grouped.want(this.seen);
  }

  /** The lines that the table is about to draw, and the columns of them. */
  show(rows: Span, columns: Wanted): void {
    this.seen = rows;
    this.inView = columns;
    this.list?.want(rows.first, rows.last);
    this.grouped?.want(rows);
    this.fillSoon(FILL_MS);
  }

  /** Drops requests on the way. */
  stop(): void {
    this.abort.abort();
    this.abort = new AbortController();
    this.list?.stop();
    this.grouped?.stop();
    for (const timer of [this.timer, this.fillTimer]) if (timer !== null) clearTimeout(timer);
    this.timer = null;
    this.fillTimer = null;
  }

  /** Puts another state of runs in their places at once, before the server tells it. */
  patch(ids: readonly string[], change: (run: RunRow) => RunRow): void {
    for (const id of ids) {
      const run = this.find(id);
      if (run !== undefined) this.replace(change(run));
    }
    this.version += 1;
  }

  /** Reads runs again soon, because they were changed. */
  doubt(ids: readonly string[]): void {
    for (const id of ids) this.dirty.add(id);
    this.fillSoon(FILL_MS);
  }

  /** A notice of the event stream: values at once, everything else by reading again soon. */
  apply(change: Change): void {
    if (this.loading) this.early = this.early === null ? change : mergeChanges(this.early, change);
    if (this.list === null && this.grouped === null) return;
    let touched = false;
    for (const delta of change.series) touched = this.applyDelta(delta) || touched;
    if (touched) this.version += 1;
    if (change.runs.length > 0) this.novelties += 1;
    for (const id of change.runs) {
      if (this.find(id) !== undefined) this.dirty.add(id);
      else this.strangers = true;
    }
    if (change.truncated) for (const run of this.runsInView()) this.dirty.add(run.id);
    if (this.grouped !== null) this.strangers = true;
    if (this.dirty.size > 0 || this.strangers) this.rereadSoon();
  }

  private applyDelta(delta: SeriesDelta): boolean {
    const key = metricKey(delta.name, delta.context);
    if (!this.known.has(key)) this.novelties += 1;
    const shown = this.wanted.figures.get(key);
    const run = shown === undefined ? undefined : this.find(delta.run);
    if (run === undefined || shown === undefined) return false;
    const newer = withDelta(run, delta, shown);
    if (newer === null) this.dirty.add(delta.run);
    else this.replace(newer);
    return true;
  }

  private async loadRuns(signal: AbortSignal): Promise<void> {
    const { query, sort } = this.question;
    const list = new RunList({ query, sort, group: null, ...this.hooks(signal) });
    const answer = await list.read({ cursor: null, offset: 0 }, PAGE_ROWS);
    if (signal.aborted) return;
    list.start(answer);
    this.list = list;
    this.grouped = null;
    this.accepted(answer.warnings);
  }

  private async loadGroups(signal: AbortSignal): Promise<void> {
    const grouped = new GroupList({
      ...this.question,
      columns: this.wanted.grouped,
      ...this.hooks(signal),
    });
    const answer = await grouped.read(null, PAGE_ROWS);
    if (signal.aborted) return;
    grouped.start(answer);
    this.grouped = grouped;
    this.list = null;
    this.accepted(answer.warnings);
  }

  private hooks(signal: AbortSignal) {
    return {
      wanted: () => this.wanted,
      signal,
      onload: () => this.grown(),
      onfail: (reason: unknown) => this.failed(reason),
    };
  }

  private accepted(warnings: string[]): void {
    this.warnings = warnings;
    this.error = null;
    this.outdated = false;
    this.newer = 0;
    this.dirty.clear();
    this.strangers = false;
    this.grown();
    this.list?.want(this.seen.first, this.seen.last);
    this.grouped?.want(this.seen);
  }

  private grown(): void {
    this.total = this.grouped?.total ?? this.list?.total ?? 0;
    this.runs = this.grouped?.runs ?? this.list?.total ?? 0;
    this.groups = this.grouped?.groupsTotal ?? 0;
    this.version += 1;
    this.fillSoon(FILL_MS);
  }

  private failed(reason: unknown): void {
    if (!isAbort(reason)) this.error = asApiError(reason);
  }

  private lists(): RunList[] {
    return this.grouped?.runLists() ?? (this.list === null ? [] : [this.list]);
  }

  private replace(run: RunRow): void {
    for (const list of this.lists()) list.replace(run);
  }

  private runsInView(): RunRow[] {
    const runs: RunRow[] = [];
    for (let index = this.seen.first; index < this.seen.last; index++) {
      const run = this.run(index);
      if (run !== undefined) runs.push(run);
    }
    return runs;
  }

  private fillSoon(after: number): void {
    this.fillTimer ??= setTimeout(() => {
      this.fillTimer = null;
      void this.fill();
    }, after);
  }

  /** Fetches the cells in view that were never asked for. */
  private async fill(): Promise<void> {
    if (this.filling) return;
    const runs = this.runsInView().filter((run) => {
      const { words, curves } = lacking(run, this.inView);
      return words.length + curves.length > 0;
    });
    if (runs.length === 0) return;
    this.filling = true;
    const { signal } = this.abort;
    const lack = runs.map((run) => lacking(run, this.inView));
    const words = [...new Set(lack.flatMap((one) => one.words))];
    const curves = [...new Set(lack.flatMap((one) => one.curves))];
    try {
      await this.rereadRows(runs.map((run) => run.id), { ...this.inView, words, curves });
      if (!signal.aborted) this.fillSoon(0);
    } catch {
      // The cells stay grey: they are asked for again at the next scroll, or when we reconnect.
    } finally {
      this.filling = false;
    }
  }

  private rereadSoon(): void {
    const wait = this.grouped === null ? REREAD_MS : REGROUP_MS;
    this.timer ??= setTimeout(() => {
      this.timer = null;
      void this.reread();
    }, Math.max(REREAD_MS, this.answeredAt + wait - Date.now()));
  }

  /** Brings the changed rows in view up to date, and finds out whether there are others now. */
  private async reread(): Promise<void> {
    const ids = this.runsInView()
      .map((run) => run.id)
      .filter((id) => this.dirty.has(id))
      .slice(0, REREAD_MAX);
    for (const id of ids) this.dirty.delete(id);
    const { strangers } = this;
    this.strangers = false;
    try {
      await Promise.all([
        this.rereadRows(ids, this.inView),
        strangers ? this.recount() : undefined,
      ]);
    } catch {
      // The rows stay as they are: the next notice or the reconnect tries again.
    }
  }

  private async rereadRows(ids: string[], wanted: Wanted): Promise<void> {
    if (ids.length === 0) return;
    const asked = oneRequest(wanted);
    const answer = await searchTable(
      {
        query: idsQuery(ids.slice(0, REREAD_MAX)),
        sort: [],
        limit: REREAD_MAX,
        cursor: null,
        offset: 0,
        group: null,
        columns: asked.words,
        metrics: asked.curves.map(({ metric }) => metric),
      },
      this.abort.signal,
    );
    for (const excerpt of answer.rows) {
      const run = this.find(excerpt.id);
      if (run !== undefined) this.replace(renewed(run, rowFrom(excerpt, asked)));
    }
    this.version += 1;
  }

  private async recount(): Promise<void> {
    if (this.grouped !== null) {
      this.outdated = true;
      return;
    }
    const { query, sort } = this.question;
    const answer = await searchTable(
      { query, sort, limit: 1, cursor: null, offset: 0, group: null, columns: [], metrics: [] },
      this.abort.signal,
    );
    const sameFirst = answer.rows[0]?.id === this.run(0)?.id;
    this.newer = answer.total - this.total;
    if (this.newer !== 0 || !sameFirst) this.outdated = true;
  }
}
