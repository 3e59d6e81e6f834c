/** The Metrics page as state: what the address asks for, what is loaded, what follows from both. */

import { type ApiError, asApiError, searchRuns } from '../../lib/api/client';
import { Crosshair, type Aim } from '../../lib/chart/crosshair';
import { fromZero, xExtent } from '../../lib/chart/extent';
import type { Line, Range } from '../../lib/chart/model';
import { durationText } from '../../lib/chart/ticks';
import type { TipRow, TipText } from '../../lib/chart/tip';
import { formatCount, formatSetting, formatValue } from '../../lib/format/number';
import { formatMoment } from '../../lib/format/time';
import { route } from '../../lib/state/route.svelte';
import { theme } from '../../lib/state/theme.svelte';
import { type FacetInput, facetsOf, groupsOf, type Member, membersOf, runName } from './facets';
import {
  automaticStroke, fieldChoices, fieldTitle, fieldValue, labelOf, paramAt,
} from './fields';
import { CurveLoader } from './loader.svelte';
import { rankGroups } from './rank';
import { paramColumns, runRows } from './rows';
import { firstMetrics, metricClause, type MetricName, metricNames } from './suggest';
import { type MetricsView, readView, writeView } from './view';

/** Points per series: halves of a kibi fit the server's levels, which are powers of two wide. */
const POINTS_LEAST = 256;
const POINTS_MOST = 1_024;
/** The address is rewritten when the wheel rests: browsers refuse hundreds of changes at once. */
const ZOOM_COMMIT_MS = 250;
/** Figures beside the charts change at most this often: faster than this nobody reads them. */
const AIM_MS = 60;
/** Rows of runs that only tell the metric names: the columns come with any answer. */
const COLUMNS_ROWS = 1;
/** Parameters on the card beside a point. */
const TIP_PARAMS = 3;
/** The narrowest part of the x domain that a wheel may reach. */
const ZOOM_LEAST_SHARE = 1e-7;

export class MetricsPage {
  readonly loader = new CurveLoader();
  readonly crosshair = new Crosshair();

  /** Width of the canvas strip in device pixels, which decides how many points are worth asking. */
  canvasPx = $state(0);
  aim = $state.raw<Aim | null>(null);
  hairX = $state.raw<number | null>(null);
  /** Key of the chart that table and groups read from. */
  activeKey = $state<string | null>(null);
  metrics = $state.raw<readonly MetricName[]>([]);
  runsTotal = $state<number | null>(null);
  metricsError = $state.raw<ApiError | null>(null);
  #wheelZoom = $state.raw<Range | null | undefined>(undefined);
  #wheelTimer: ReturnType<typeof setTimeout> | undefined;
  #aimTimer: ReturnType<typeof setTimeout> | undefined;
  #nextAim: { aim: Aim | null; x: number | null } = { aim: null, x: null };

  readonly view: MetricsView = $derived(readView(route.params));
  readonly zoom: Range | null = $derived(
    this.#wheelZoom === undefined ? this.view.zoom : this.#wheelZoom,
  );
  readonly stroke: string = $derived(
    this.view.stroke === 'auto' ? automaticStroke(this.loader.heads) : this.view.stroke,
  );
  readonly #hiddenRuns = $derived(new Set(this.view.hiddenRuns));
  readonly #hiddenGroups = $derived(new Set(this.view.hiddenGroups));
  readonly #input: FacetInput = $derived({
    heads: this.loader.heads,
    runs: this.loader.runs,
    data: this.loader.data,
    color: this.view.color,
    facet: this.view.facet,
    stroke: this.stroke,
    aggregate: this.view.aggregate,
    axis: this.loader.axis,
    smooth: this.view.smooth,
    zoom: this.zoom,
    hiddenRuns: this.#hiddenRuns,
    hiddenGroups: this.#hiddenGroups,
    only: this.view.only,
    theme: theme.current,
  });
  readonly fields = $derived(fieldChoices(this.loader.heads, this.loader.runs));
  readonly #members: Member[] = $derived(membersOf(this.#input));
  readonly groups = $derived(groupsOf(this.#members, this.#input));
  readonly domain: Range | null = $derived.by(() => {
    const range = xExtent([...this.loader.data.values()].map((data) => data.coarse));
    return this.loader.axis === 'time' ? range : fromZero(range);
  });
  readonly facets = $derived(
    facetsOf(this.#members, this.groups, this.#input, this.domain),
  );
  readonly x: Range = $derived(this.zoom ?? this.domain ?? [0, 1]);
  readonly active = $derived(
    this.facets.find((facet) => facet.key === this.activeKey) ?? this.facets[0],
  );
  readonly ranks = $derived(rankGroups(this.active, this.groups, this.hairX));
  readonly rows = $derived(
    runRows(this.facets, this.active, this.groups, this.#hiddenRuns),
  );
  readonly params = $derived(
    paramColumns(
      Object.values(this.loader.runs), [this.view.color, this.view.facet, this.stroke],
    ),
  );
  /** Grouped rows make sense where a group can hold several runs. */
  readonly grouped: boolean = $derived(
    this.view.color.startsWith('run.') && this.view.color !== 'run.name',
  );
  readonly focusedGroup: string | null = $derived(
    this.#members.find((member) => member.head.run === this.aim?.run)?.group ?? null,
  );
  readonly #byId = $derived(new Map(this.#members.map((member) => [member.head.series, member])));
  readonly cut: string = $derived(
    this.loader.total > this.loader.heads.length
      ? `${formatCount(this.loader.heads.length)} of ${formatCount(this.loader.total)}`
      : '',
  );
  readonly answer: string = $derived.by(() => {
    const { heads, runs, phase, tookMs } = this.loader;
    if (phase !== 'ready') return '';
    const count = this.cut || formatCount(heads.length);
    const runCount = Object.keys(runs).length;
    return `${count} series · ${formatCount(runCount)} ${runCount === 1 ? 'run' : 'runs'} · ` +
      `${Math.max(1, Math.round(tookMs))} ms`;
  });

  /** Start to follow server and crosshair. Returns the way to stop. */
  listen(): () => void {
    const offs = [
      this.loader.listen(),
      this.crosshair.listen((aim, x) => this.#aimed(aim, x)),
    ];
    void this.readMetrics();
    return () => {
      clearTimeout(this.#wheelTimer);
      clearTimeout(this.#aimTimer);
      for (const off of offs) off();
    };
  }

  /** Table and groups follow the crosshair at a slower pace; charts never wait for them. */
  #aimed(aim: Aim | null, x: number | null): void {
    this.#nextAim = { aim, x };
    if (this.#aimTimer !== undefined) return;
    this.#tellAim();
    this.#aimTimer = setTimeout(() => {
      this.#aimTimer = undefined;
      this.#tellAim();
    }, AIM_MS);
  }

  #tellAim(): void {
    this.aim = this.#nextAim.aim;
    this.hairX = this.#nextAim.x;
  }

  /** Read which metrics there are; with no query in the address, choose a first one. */
  async readMetrics(): Promise<void> {
    try {
      const found = await searchRuns({ query: '', sort: [], limit: COLUMNS_ROWS, cursor: null });
      this.metrics = metricNames(found.columns.metrics);
      this.runsTotal = found.total;
      this.metricsError = null;
    } catch (reason) {
      this.metricsError = asApiError(reason);
    }
  }

  /** A page without a query asks for the metrics that most runs share. */
  chooseFirst(): void {
    const names = firstMetrics(this.metrics, this.runsTotal ?? 0);
    if (names.length) this.update({ query: metricClause(names) }, true);
  }

  load(): void {
    const { query, x } = this.view;
    if (!query || !this.canvasPx) return;
    // Two charts stand side by side most often.
    const wanted = this.canvasPx / 2;
    let points = POINTS_LEAST;
    while (points < wanted && points < POINTS_MOST) points *= 2;
    this.loader.ask(query, x, points);
  }

  /** Change a part of the state. `replace` keeps steps on the way out of the history. */
  update(patch: Partial<MetricsView>, replace = false): void {
    route.set(writeView({ ...this.view, ...patch }), { replace });
  }

  zoomTo(facet: string, x: Range | null, y: Range | null): void {
    clearTimeout(this.#wheelTimer);
    this.#wheelZoom = undefined;
    this.update({
      zoom: x ? this.#inDomain(x) : this.zoom,
      zoomY: y ? { facet, range: y } : this.view.zoomY,
    });
  }

  /** The wheel turns: show it at once, and tell the address when it rests. */
  wheelTo(x: Range): void {
    this.#wheelZoom = this.#inDomain(x);
    clearTimeout(this.#wheelTimer);
    this.#wheelTimer = setTimeout(() => {
      const zoom = this.#wheelZoom;
      this.#wheelZoom = undefined;
      if (zoom !== undefined) this.update({ zoom }, true);
    }, ZOOM_COMMIT_MS);
  }

  resetZoom(): void {
    clearTimeout(this.#wheelTimer);
    this.#wheelZoom = undefined;
    if (this.view.zoom || this.view.zoomY) this.update({ zoom: null, zoomY: null });
  }

  /** A zoom cut to where there is something to see; null when that is everything. */
  #inDomain(x: Range): Range | null {
    if (!this.domain) return null;
    const [low, high] = this.domain;
    const least = (high - low) * ZOOM_LEAST_SHARE;
    const from = Math.max(low, Math.min(x[0], high - least));
    const to = Math.min(high, Math.max(x[1], from + least));
    return from <= low && to >= high ? null : [from, to];
  }

  toggleRun(run: string): void {
    const hidden = this.view.hiddenRuns;
    const next = hidden.includes(run) ? hidden.filter((id) => id !== run) : [...hidden, run];
    this.update({ hiddenRuns: next });
  }

  toggleGroup(label: string): void {
    const hidden = this.groups.filter((group) => group.hidden).map((group) => group.label);
    const next = hidden.includes(label)
      ? hidden.filter((other) => other !== label)
      : [...hidden, label];
    // Hiding the last one brings all back: a page without lines helps nobody.
    const none = next.length === this.groups.length;
    this.update({ hiddenGroups: none ? [] : next, only: null });
  }

  /** Only this group stays; asked a second time, all come back. */
  isolate(label: string): void {
    this.update({ hiddenGroups: [], only: this.view.only === label ? null : label });
  }

  pin(aim: Aim | null): void {
    const keeps = aim && aim.series !== null && aim.x !== null;
    this.update({ pin: keeps ? { series: aim.series!, x: aim.x! } : null });
  }

  /** The pin of the address as the crosshair knows it; null until its series is loaded. */
  readonly pinned: Aim | null = $derived.by(() => {
    const { pin } = this.view;
    const member = pin && this.#byId.get(pin.series);
    return member ? { run: member.head.run, series: pin.series, x: pin.x, source: null } : null;
  });

  /** Point at a run from outside the charts. */
  point(run: string | null): void {
    this.crosshair.set(run === null ? null : { run, series: null, x: null, source: null }, null);
  }

  /** What the card beside a point says. */
  describe = (line: Line, index: number): TipText => {
    const member = this.#byId.get(line.id);
    if (!member) return { title: line.key, rows: [] };
    const { head, run } = member;
    const context = Object.values(head.context).map(labelOf).join(' ');
    const value = (line.raw ?? line.y)[index]!;
    const rows: TipRow[] = [
      { label: context ? `${head.name} ${context}` : head.name,
        value: formatValue(value), strong: true },
    ];
    if (line.raw) rows.push({ label: 'smoothed', value: formatValue(line.y[index]!) });
    const [low, high] = [line.low?.[index], line.high?.[index]];
    if (low !== undefined && high !== undefined && low < high) {
      rows.push({ label: 'min … max', value: `${formatValue(low, 3)} … ${formatValue(high, 3)}` });
    }
    rows.push(this.#place(line.x[index]!), ...this.#settings(member));
    return { title: runName(run, head.run), rows };
  };

  #place(x: number): TipRow {
    const { axis } = this.loader;
    if (axis === 'step') return { label: 'step', value: formatCount(x) };
    if (axis === 'relative') return { label: 'time', value: durationText(Math.round(x)) };
    return { label: 'at', value: formatMoment(x) };
  }

  /** What the chips go by, then the table's first parameters: the same words in both places. */
  #settings({ head, run }: Member): TipRow[] {
    const chips = [this.view.color, this.view.facet, this.stroke]
      .filter((path) => path === 'run.experiment' || path === 'run.status')
      .map((path) => (
        { label: fieldTitle(path), value: labelOf(fieldValue(path, head, run)) }
      ));
    const params = this.params.slice(0, TIP_PARAMS).map((path) => (
      { label: fieldTitle(path), value: formatSetting(paramAt(run?.params ?? {}, path)) }
    ));
    return [...chips, ...params];
  }
}
