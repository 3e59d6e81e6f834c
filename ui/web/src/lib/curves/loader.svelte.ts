/** The series that a query picks, loaded, refined and kept alive. */

import { type ApiError, asApiError, isAbort, searchSeries } from '../api/client';
import { feed, mergeChanges } from '../api/events';
import type { Change, RunHead, SeriesHead, SeriesResponse, Smooth } from '../api/types';
import type { Range } from '../chart/model';
import { appended, type CurveArrays, type CurveData, deltaX, wireValue } from './arrays';
import type { AxisWord } from './axis';
import { type Curves, gathering } from './gathering';

/** Series per request: the first answer is on screen while the next ones travel. */
const CHUNK_SERIES = 250;
/**
 * Beyond this many series each is asked for in what the server keeps ready to be drawn whole; more
 * points of so many lines could not be told apart, and zooming in brings them.
 */
const FINE_SERIES = 64;
const READY_POINTS = 256;
/** A page that is still filling is drawn anew at most this often: each time costs a full draw. */
const PARTIAL_MS = 500;
/** Points per series when zoomed in, the most that the server gives. */
const DETAIL_POINTS = 1_024;
/** A drag or wheel in progress asks for no points until it rests this long. */
const ZOOM_DEBOUNCE_MS = 150;
/** Points asked beyond each end of a zoom, as a share of it: panning a little shows no edge. */
const DETAIL_MARGIN = 0.25;
/** Live series are read again at most four times a second. */
const LIVE_MS = 250;
/** A server that does not answer is asked ever more rarely, down to this. */
const LIVE_LAST_MS = 8_000;
/** Names, states and summaries are read again at most this often while changes pour in, */
const HEADS_MS = 2_000;
/** and more rarely the more there are to read: this much later for each series. */
const HEADS_MS_EACH = 4;
/** Up to this many growing series their new points are shown at once, before the true ones. */
const EAGER_SERIES = 64;

/** What stands in some columns, by run, in the order of the columns. */
export interface RunCells {
  readonly columns: readonly string[];
  readonly runs: SeriesResponse['cells'];
}

/** An answer, and what it was asked by. */
interface Found {
  readonly query: string;
  readonly limit: number;
  readonly columns: readonly string[];
  readonly answer: SeriesResponse;
}

export type Phase = 'idle' | 'loading' | 'ready' | 'failed';

/** Which curves are wanted, and how. */
export interface CurvesAsked {
  readonly query: string;
  /** Series shown at most; `total` tells how many there are. */
  readonly limit: number;
  readonly axis: AxisWord;
  /** Points of each series where they are few. */
  readonly points: number;
  readonly smooth: Smooth | null;
  readonly inherit: boolean;
}

export class CurveLoader {
  phase = $state<Phase>('idle');
  error = $state.raw<ApiError | null>(null);
  heads = $state.raw<readonly SeriesHead[]>([]);
  runs = $state.raw<Readonly<Record<string, RunHead>>>({});
  /** What was wanted of the runs beside what their heads say. */
  cells = $state.raw<RunCells>({ columns: [], runs: {} });
  data = $state.raw<ReadonlyMap<number, CurveData>>(new Map());
  warnings = $state.raw<readonly string[]>([]);
  total = $state(0);
  /** What the arrays on screen were asked by, which lags behind what is asked for. */
  shown = $state.raw<CurvesAsked | null>(null);
  /** Counts up whenever values that are shown have changed on the server. */
  version = $state(0);
  /** Milliseconds from asking to the last value. */
  tookMs = $state(0);
  /** 0 to 1 while series arrive. */
  progress = $state(1);

  /** The axis of the arrays on screen. */
  readonly axis: AxisWord = $derived(this.shown?.axis ?? 'step');

  #wanted: CurvesAsked | null = null;
  #columns: readonly string[] = [];
  #found: Found | null = null;
  /** How many series there are to show. */
  #count = 0;
  #zoom: Range | null = null;
  #loading: AbortController | null = null;
  #refining: AbortController | null = null;
  #zoomTimer: ReturnType<typeof setTimeout> | undefined;
  #liveTimer: ReturnType<typeof setTimeout> | undefined;
  #headsTimer: ReturnType<typeof setTimeout> | undefined;
  #liveBusy = false;
  #liveWaitMs = LIVE_MS;
  readonly #dirty = new Set<number>();
  /** What was told while an answer was on its way, which may be older than that. */
  #early: Change | null = null;

  /** Follow the server's changes. Returns the way to stop. */
  listen(): () => void {
    const offs = [
      feed.onChange((change) => this.#changed(change)),
      feed.onReset(() => this.retry()),
    ];
    return () => {
      for (const off of offs) off();
      this.#loading?.abort();
      this.#refining?.abort();
      clearTimeout(this.#zoomTimer);
      clearTimeout(this.#liveTimer);
      clearTimeout(this.#headsTimer);
    };
  }

  /** Show what a query picks. What is on screen stays until the new series arrive. */
  ask(asked: CurvesAsked): void {
    if (JSON.stringify(asked) === JSON.stringify(this.#wanted)) return;
    this.#wanted = asked;
    void this.#load(asked);
  }

  /** Which cells are wanted of each run: they come with the series. */
  want(columns: readonly string[]): void {
    this.#columns = columns;
    const known = columns.every((column) => this.cells.columns.includes(column));
    if (!known && this.phase === 'ready') void this.#searchAgain();
  }

  /** Load the same again, after an error or a broken thread of changes. */
  retry(): void {
    this.#found = null;
    if (this.#wanted) void this.#load(this.#wanted);
  }

  async #load(wanted: CurvesAsked): Promise<void> {
    this.#loading?.abort();
    const control = new AbortController();
    this.#loading = control;
    this.phase = 'loading';
    this.#early = null;
    this.progress = 0;
    const started = performance.now();
    try {
      const found = await this.#search(wanted, control.signal);
      const ids = found.answer.series.map((head) => head.series);
      this.#count = ids.length;
      await this.#fill(ids, wanted, control.signal, () => {
        this.#take(found);
        this.shown = wanted;
      });
      this.tookMs = performance.now() - started;
      this.error = null;
      this.phase = 'ready';
      if (this.#zoom) this.#refine();
      if (this.#early) this.#changed(this.#early);
    } catch (reason) {
      if (isAbort(reason) || control.signal.aborted) return;
      this.error = asApiError(reason);
      this.phase = 'failed';
    } finally {
      if (this.#loading === control) this.progress = 1;
    }
  }

  /** Which series the query picks; known already where only their look was changed. */
  async #search(wanted: CurvesAsked, signal: AbortSignal): Promise<Found> {
    const { query, limit } = wanted;
    const known = this.#found;
    const has = known?.query === query && known.limit === limit &&
      this.#columns.every((column) => known.columns.includes(column));
    return has ? known : (this.#found = await this.#read(wanted, signal));
  }

  async #read({ query, limit }: CurvesAsked, signal?: AbortSignal): Promise<Found> {
    const columns = [...this.#columns];
    const ask = (wanted: string[]) => searchSeries({ query, limit, columns: wanted }, signal);
    const answer = await ask(columns).catch((reason: unknown) => {
      // A column that makes no sense, of an address by hand: curves are shown without it.
      if (!columns.length || asApiError(reason).code !== 'bad_query') throw reason;
      return ask([]);
    });
    return { query, limit, columns, answer };
  }

  #take({ columns, answer }: Found): void {
    this.heads = answer.series;
    this.cells = { columns, runs: answer.cells };
    this.runs = answer.runs;
    this.total = answer.total;
    this.warnings = answer.warnings;
  }

  /** Fetch series chunk by chunk; `onfirst` swaps the page over together with the first values. */
  async #fill(
    ids: readonly number[],
    wanted: CurvesAsked,
    signal: AbortSignal,
    onfirst: () => void,
  ): Promise<void> {
    const loaded = new Map<number, CurveData>();
    const ask = (from: number): Promise<Curves> => {
      const chunk = ids.slice(from, from + CHUNK_SERIES);
      return chunk.length ? this.#frames(chunk, wanted, null) : Promise.resolve(new Map());
    };
    let coming = ask(0);
    let shownAt = -Infinity;
    for (let from = 0; from < ids.length || from === 0; from += CHUNK_SERIES) {
      const fetched = await coming;
      const last = from + CHUNK_SERIES >= ids.length;
      // The next chunk travels while this one is drawn.
      if (!last) coming = ask(from + CHUNK_SERIES);
      // Awaited in the next round, or not at all after an abort, which must not go unheard.
      coming.catch(() => undefined);
      if (signal.aborted) throw new DOMException('another query was asked', 'AbortError');
      for (const id of ids.slice(from, from + CHUNK_SERIES)) put(loaded, id, fetched.get(id));
      if (from === 0) onfirst();
      this.progress = ids.length ? Math.min(1, (from + CHUNK_SERIES) / ids.length) : 1;
      if (!last && performance.now() - shownAt < PARTIAL_MS) continue;
      this.data = new Map(loaded);
      shownAt = performance.now();
    }
  }

  #frames(ids: readonly number[], wanted: CurvesAsked, range: Range | null): Promise<Curves> {
    const { axis, smooth, inherit } = wanted;
    const many = this.#count > FINE_SERIES;
    const whole = many ? Math.min(READY_POINTS, wanted.points) : wanted.points;
    const points = range ? DETAIL_POINTS : whole;
    return gathering.ask(ids, { axis, points, range, smooth, inherit });
  }

  /** The visible part changed: fetch it finer once the reader rests. */
  zoomTo(zoom: Range | null): void {
    if (zoom?.[0] === this.#zoom?.[0] && zoom?.[1] === this.#zoom?.[1]) return;
    this.#zoom = zoom;
    clearTimeout(this.#zoomTimer);
    this.#refining?.abort();
    if (zoom) this.#zoomTimer = setTimeout(() => this.#refine(), ZOOM_DEBOUNCE_MS);
  }

  #refine(): void {
    const control = new AbortController();
    this.#refining?.abort();
    this.#refining = control;
    const ids = this.heads.map((head) => head.series);
    this.#detail(ids, control.signal).catch((reason: unknown) => {
      // The coarse level stays on screen: a finer one that fails is no reason for an error box.
      if (!isAbort(reason)) console.warn('finer points could not be read', reason);
    });
  }

  async #detail(ids: readonly number[], signal: AbortSignal | undefined): Promise<void> {
    const zoom = this.#zoom;
    const wanted = this.#wanted;
    if (!zoom || !wanted) return;
    const margin = (zoom[1] - zoom[0]) * DETAIL_MARGIN;
    const range: Range = [zoom[0] - margin, zoom[1] + margin];
    for (let from = 0; from < ids.length; from += CHUNK_SERIES) {
      const chunk = ids.slice(from, from + CHUNK_SERIES);
      const fetched = await this.#frames(chunk, wanted, range);
      if (signal?.aborted || this.#zoom !== zoom || this.#wanted !== wanted) return;
      const next = new Map(this.data);
      for (const id of chunk) {
        const [known, arrays] = [next.get(id), fetched.get(id)];
        if (known && arrays) next.set(id, { coarse: known.coarse, detail: { ...arrays, range } });
      }
      this.data = next;
    }
  }

  #changed(change: Change): void {
    if (this.phase === 'loading') {
      this.#early = this.#early ? mergeChanges(this.#early, change) : change;
      return;
    }
    if (!this.#wanted) return;
    const shown = change.series.filter((delta) => this.data.has(delta.id));
    for (const delta of shown) this.#dirty.add(delta.id);
    if (change.truncated) for (const id of this.data.keys()) this.#dirty.add(id);
    if (shown.length <= EAGER_SERIES && !change.truncated) this.#append(shown);
    if (this.#dirty.size) this.#refreshSoon();
    // What others do is no reason to search again: only ours, and what may be ours.
    const concerned = shown.length > 0 || change.truncated ||
      change.runs.length > 0 || change.series.some((delta) => !this.data.has(delta.id));
    if (concerned) this.#searchSoon();
  }

  /** Show new last points at once. The next answer replaces them by what the log truly holds. */
  #append(deltas: Change['series']): void {
    const next = new Map(this.data);
    let grew = false;
    for (const delta of deltas) {
      const known = next.get(delta.id);
      const x = deltaX(delta, this.axis);
      if (!known || x === null) continue;
      const coarse = appended(known.coarse, x, wireValue(delta.value));
      grew ||= coarse !== known.coarse;
      next.set(delta.id, { coarse, detail: known.detail });
    }
    if (grew) this.data = next;
  }

  #refreshSoon(): void {
    if (this.#liveBusy || this.#liveTimer !== undefined) return;
    this.#liveTimer = setTimeout(() => {
      this.#liveTimer = undefined;
      void this.#refresh();
    }, this.#liveWaitMs);
  }

  /** Read the changed series again, one request at a time however fast changes come. */
  async #refresh(): Promise<void> {
    const wanted = this.#wanted;
    if (!wanted || !this.#dirty.size) return;
    const ids = [...this.#dirty];
    this.#dirty.clear();
    this.#liveBusy = true;
    try {
      for (let from = 0; from < ids.length; from += CHUNK_SERIES) {
        const chunk = ids.slice(from, from + CHUNK_SERIES);
        const fetched = await this.#frames(chunk, wanted, null);
        if (this.#wanted !== wanted) return;
        const next = new Map(this.data);
        for (const id of chunk) put(next, id, fetched.get(id), next.get(id)?.detail);
        this.data = next;
      }
      this.version += 1;
      if (this.#zoom) await this.#detail(ids, undefined);
      this.#liveWaitMs = LIVE_MS;
    } catch {
      // The header shows that the server is away: ask again, ever more rarely, until it is back.
      for (const id of ids) this.#dirty.add(id);
      this.#liveWaitMs = Math.min(this.#liveWaitMs * 2, LIVE_LAST_MS);
    } finally {
      this.#liveBusy = false;
      if (this.#dirty.size) this.#refreshSoon();
    }
  }

  #searchSoon(): void {
    if (this.#headsTimer !== undefined) return;
    this.#headsTimer = setTimeout(() => {
      this.#headsTimer = undefined;
      void this.#searchAgain();
    }, HEADS_MS + this.data.size * HEADS_MS_EACH);
  }

  /** Find series that are new, and what changed in names, states and summaries. */
  async #searchAgain(): Promise<void> {
    const wanted = this.#wanted;
    if (!wanted || this.phase !== 'ready') return;
    try {
      const found = await this.#read(wanted);
      if (this.#wanted !== wanted || this.phase !== 'ready') return;
      this.#found = found;
      this.#take(found);
      const fresh = this.heads.filter((head) => !this.data.has(head.series));
      for (const head of fresh) this.#dirty.add(head.series);
      if (fresh.length) this.#refreshSoon();
    } catch {
      // As above: what is on screen stays, and the next change asks again.
    }
  }
}

function put(
  data: Map<number, CurveData>,
  id: number,
  coarse: CurveArrays | undefined,
  detail: CurveData['detail'] = null,
): void {
  if (coarse) data.set(id, { coarse, detail });
}
