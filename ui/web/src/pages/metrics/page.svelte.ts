/** The Metrics page as state: what the address asks for, what is loaded, what follows from both. */

import type { SeriesHead } from '../../lib/api/types';
import { Crosshair, type Aim } from '../../lib/chart/crosshair';
import { fromPositive, fromZero, xExtent } from '../../lib/chart/extent';
import type { Line, Range } from '../../lib/chart/model';
import type { TipText } from '../../lib/chart/tip';
import type { CurveData } from '../../lib/curves/arrays';
import { type ExpressionCurve, type ExpressionsAsked, readExpressions }
  from '../../lib/curves/expressions';
import { CurveLoader } from '../../lib/curves/loader.svelte';
import { RangedAnswer } from '../../lib/curves/ranged.svelte';
import { smoothOf } from '../../lib/curves/smoothing';
import { readSpreads, type Spreads, type SpreadsAsked } from '../../lib/curves/spreads';
import { formatCount } from '../../lib/format/number';
import { both, findColumns } from '../../lib/query/columns';
import { literal } from '../../lib/query/literal';
import { route } from '../../lib/state/route.svelte';
import { settings } from '../../lib/state/settings.svelte';
import { theme } from '../../lib/state/theme.svelte';
import { describePoint } from './tips';
import { expressionData, expressionHeads } from './expressed';
import { type FacetInput, facetsOf, groupFields, groupsOf, type Member, membersOf } from './facets';
import { automaticStroke, fieldChoices, fieldExpression } from './fields';
import { rankGroups } from './rank';
import { paramColumns, runRows } from './rows';
import { type MetricName, metricNames } from './suggest';
import {
  bandOf, COLUMNS_MAX, type MetricsView, PINS_MAX, readView, writeView,
} from './view';

/** Series shown at most; the page says "n of m" when a query picks more. */
export const SERIES_MAX = 2_000;
/** Points per series: halves of a kibi fit the server's levels, which are powers of two wide. */
const POINTS_LEAST = 256;
const POINTS_MOST = 1_024;
/** The address is rewritten when the wheel rests: browsers refuse hundreds of changes at once. */
const ZOOM_COMMIT_MS = 250;
/** Figures beside the charts change at most this often: faster than this nobody reads them. */
const AIM_MS = 80;
/** Groups up to which the best under the crosshair comes first. */
const RANKED_MAX = 12;
/** Metrics offered: a longer list is no list. */
const METRICS_MAX = 2_000;
/** The narrowest part of the x domain that a wheel may reach. */
const ZOOM_LEAST_SHARE = 1e-7;

export class MetricsPage {
  readonly loader = new CurveLoader();
  readonly spreads = new RangedAnswer<SpreadsAsked, Spreads>(readSpreads);
  readonly expressed = new RangedAnswer<ExpressionsAsked, ExpressionCurve[]>(readExpressions);
  readonly crosshair = new Crosshair();

  /** Width of the canvas strip in device pixels, which decides how many points are worth asking. */
  canvasPx = $state(0);
  aim = $state.raw<Aim | null>(null);
  hairX = $state.raw<number | null>(null);
  /** Key of the chart that table and groups read from. */
  activeKey = $state<string | null>(null);
  metrics = $state.raw<readonly MetricName[]>([]);
  runsTotal = $state<number | null>(null);
  #wheelZoom = $state.raw<Range | null | undefined>(undefined);
  #wheelTimer: ReturnType<typeof setTimeout> | undefined;
  #aimTimer: ReturnType<typeof setTimeout> | undefined;
  #nextAim: { aim: Aim | null; x: number | null } = { aim: null, x: null };

  readonly view: MetricsView = $derived(readView(route.params, settings.smoothing));
  readonly zoom: Range | null = $derived(
    this.#wheelZoom === undefined ? this.view.zoom : this.#wheelZoom,
  );
  readonly stroke: string = $derived(
    this.view.stroke === 'auto'
      ? automaticStroke(this.loader.heads, [this.view.color, this.view.facet])
      : this.view.stroke,
  );
  /** Series, and expressions as if they were series. */
  readonly #heads: readonly SeriesHead[] = $derived(
    this.expressed.whole
      ? [...this.loader.heads, ...expressionHeads(this.expressed.whole)]
      : this.loader.heads,
  );
  readonly #data: ReadonlyMap<number, CurveData> = $derived(
    this.expressed.value
      ? new Map([...this.loader.data, ...expressionData(this.expressed.value)])
      : this.loader.data,
  );
  readonly #hiddenRuns = $derived(new Set(this.view.hiddenRuns));
  readonly #hiddenGroups = $derived(new Set(this.view.hiddenGroups));
  readonly #by: string[] = $derived(
    groupFields({ facet: this.view.facet, color: this.view.color, stroke: this.stroke })
      .flatMap((path) => fieldExpression(path) ?? []),
  );
  /** The groups on screen: those of another grouping than this one would be misread. */
  readonly #spreads: Spreads | null = $derived.by(() => {
    const { value } = this.spreads;
    const asked = value?.asked;
    const fits = asked?.by.join() === this.#by.join() && asked.axis === this.loader.axis;
    return fits ? value : null;
  });
  readonly #input: FacetInput = $derived({
    heads: this.#heads,
    runs: this.loader.runs,
    data: this.#data,
    color: this.view.color,
    facet: this.view.facet,
    stroke: this.stroke,
    spreads: this.#spreads,
    members: this.view.members,
    zoom: this.zoom,
    hiddenRuns: this.#hiddenRuns,
    hiddenGroups: this.#hiddenGroups,
    only: this.view.only,
    paint: this.view.paint,
    baseline: this.view.baseline,
    theme: theme.current,
  });
  readonly fields = $derived(fieldChoices(this.loader.heads, this.loader.runs));
  readonly #members: Member[] = $derived(membersOf(this.#input));
  readonly groups = $derived(groupsOf(this.#members, this.#input));
  readonly domain: Range | null = $derived.by(() => {
    const curves = [...this.loader.data.values()].map((data) => data.coarse);
    const extent = xExtent(curves);
    if (!extent) return null;
    if (this.view.scaleX === 'log') return fromPositive(extent, curves);
    return this.loader.axis === 'time' ? extent : fromZero(extent);
  });
  readonly #facets = $derived(facetsOf(this.#members, this.groups, this.#input));
  readonly facets = $derived(this.#facets.shown);
  readonly x: Range = $derived(this.zoom ?? this.domain ?? [0, 1]);
  readonly active = $derived(
    this.facets.find((facet) => facet.key === this.activeKey) ?? this.facets[0],
  );
  /** Many groups keep the places of their last values: rows that jump cannot be read. */
  readonly #places = $derived(
    this.groups.length > RANKED_MAX
      ? rankGroups(this.active, this.groups, null).map(({ group }) => group.label) : null,
  );
  readonly ranks = $derived.by(() => {
    const ranks = rankGroups(this.active, this.groups, this.hairX);
    if (!this.#places) return ranks;
    const byLabel = new Map(ranks.map((rank) => [rank.group.label, rank]));
    return this.#places.flatMap((label) => byLabel.get(label) ?? []);
  });
  readonly rows = $derived(
    runRows(this.facets, this.active, this.groups, this.#hiddenRuns, this.view.baseline),
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
  readonly #bandKeys = $derived(new Map(
    this.facets.flatMap((facet) => facet.bands.map(({ line }) => [line.id, line.key] as const)),
  ));
  /** What is not on screen of what was asked for; empty where all of it is. */
  readonly cut: string = $derived.by(() => {
    const { total, heads } = this.loader;
    const parts = [
      total > heads.length ? `${formatCount(heads.length)} of ${formatCount(total)} series` : '',
      this.#facets.total > this.facets.length
        ? `${formatCount(this.facets.length)} of ${formatCount(this.#facets.total)} charts` : '',
    ];
    return parts.filter(Boolean).join(', ');
  });
  readonly answer: string = $derived.by(() => {
    const { heads, total, runs, phase, tookMs } = this.loader;
    if (phase !== 'ready') return '';
    const count = total > heads.length
      ? `${formatCount(heads.length)} of ${formatCount(total)}` : formatCount(total);
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
      this.spreads.stop();
      this.expressed.stop();
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

  /** Read which metrics there are. */
  async readMetrics(): Promise<void> {
    try {
      const found = await findColumns({ sources: ['metric'], values: 0, limit: METRICS_MAX });
      this.metrics = metricNames(found.columns);
      this.runsTotal = found.runs;
    } catch {
      // The list of metrics is missing then; what is wrong is said where the charts would be.
    }
  }

  /** Ask for what the address wants. Without a query the panels ask by themselves. */
  load(): void {
    const { query, axis, smoothing } = this.view;
    if (!query || !this.canvasPx) return;
    this.loader.ask({
      query, limit: SERIES_MAX, axis, points: this.#points, smooth: smoothOf(smoothing),
      inherit: false,
    });
  }

  // Two charts stand side by side most often.
  readonly #points: number = $derived.by(() => {
    const wanted = this.canvasPx / Math.min(2, this.view.columns || COLUMNS_MAX);
    let points = POINTS_LEAST;
    while (points < wanted && points < POINTS_MOST) points *= 2;
    return points;
  });

  /** Ask for what is worked out of all members: groups, and expressions of the runs found. */
  loadDerived(): void {
    // A query that was refused leaves on screen what was there, groups and all.
    if (this.loader.phase === 'failed') return;
    const { query, centre, band, axis, smoothing, hiddenRuns, expressions } = this.view;
    const { shown, heads } = this.loader;
    const ready = query !== '' && shown?.query === query && heads.length > 0;
    const look = { axis, points: this.#points, smooth: smoothOf(smoothing) };
    const without = hiddenRuns.length ? `run.id not in ${literal([...hiddenRuns])}` : '';
    this.spreads.ask(
      ready && centre !== 'none'
        ? {
          query: both(query, without), by: this.#by, expressions, line: centre,
          band: bandOf(band), ...look,
        }
        : null,
    );
    this.expressed.ask(
      ready && expressions.length
        ? { ids: heads.map((head) => head.series), expressions, ...look }
        : null,
    );
  }

  /** The visible part changed. */
  refine(): void {
    this.loader.zoomTo(this.zoom);
    this.spreads.zoomTo(this.zoom);
    this.expressed.zoomTo(this.zoom);
  }

  /** Points that are shown have changed on the server, and with them what is made of them. */
  renew(): void {
    this.spreads.renew();
    this.expressed.renew();
  }

  /** Change a part of the state. `replace` keeps steps on the way out of the history. */
  update(patch: Partial<MetricsView>, replace = false): void {
    route.set(writeView({ ...this.view, ...patch }, settings.smoothing), { replace });
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

  /** Pin a point or, if it is pinned, let it go. */
  pin({ series, x }: Aim): void {
    if (series === null || x === null) return;
    const { pins } = this.view;
    const rest = pins.filter((pin) => pin.series !== series || pin.x !== x);
    const next = rest.length < pins.length ? rest : [...rest, { series, x }].slice(-PINS_MAX);
    this.update({ pins: next });
  }

  /** The pins of the address as the crosshair knows them; those that are not loaded wait. */
  readonly pinned: readonly Aim[] = $derived(
    this.view.pins.flatMap(({ series, x }): Aim[] => {
      const run = this.#byId.get(series)?.head.run ?? this.#bandKeys.get(series);
      return run === undefined ? [] : [{ run, series, x, source: null }];
    }),
  );

  /** Compare with this run; asked a second time, with none. */
  compareWith(run: string): void {
    this.update({ baseline: this.view.baseline === run ? null : run });
  }

  paintGroup(label: string, color: string | null): void {
    const paint = new Map(this.view.paint);
    if (color === null) paint.delete(label);
    else paint.set(label, color);
    this.update({ paint });
  }

  /** Point at a run from outside the charts. */
  point(run: string | null): void {
    this.crosshair.set(run === null ? null : { run, series: null, x: null, source: null }, null);
  }

  /** What the card beside a point says. */
  describe = (line: Line, index: number): TipText => {
    const chips = [this.view.color, this.view.facet, this.stroke];
    return describePoint(line, index, {
      facets: this.facets, member: this.#byId.get(line.id), axis: this.loader.axis,
      chips, params: this.params, baseline: this.view.baseline,
    });
  };
}
