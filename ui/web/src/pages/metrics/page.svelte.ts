/** The Metrics page as state: what the address asks for, what is loaded, what follows from both. */

import { feed } from '../../lib/api/events';
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
import {
  type FacetInput, facetsOf, GROUP_KEY, groupFields, groupsOf, type Member, membersOf,
} from './facets';
import {
  absentFields, askedFields, automaticStroke, type FieldChoice, fieldChoices, fieldExpression,
  foundFields, type KnownRun, paramPaths, STROKES_MAX,
} from './fields';
import { rankGroups } from './rank';
import { paramColumns, type RunRow, runRows } from './rows';
import { type MetricName, metricNames } from './suggest';
import {
  bandOf, type MetricsView, PINS_MAX, readView, writeView,
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
/** Fields and results offered beside the params of the runs that are loaded. */
const FIELDS_FOUND_MAX = 200;
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
  /** Fields and results of the store's runs. */
  #otherFields = $state.raw<readonly FieldChoice[]>([]);
  runsTotal = $state<number | null>(null);
  #wheelZoom = $state.raw<Range | null | undefined>(undefined);
  #wheelTimer: ReturnType<typeof setTimeout> | undefined;
  #aimTimer: ReturnType<typeof setTimeout> | undefined;
  #nextAim: { aim: Aim | null; x: number | null } = { aim: null, x: null };

  readonly view: MetricsView = $derived(readView(route.params, settings.smoothing));
  readonly zoom: Range | null = $derived(
    this.#wheelZoom === undefined ? this.view.zoom : this.#wheelZoom,
  );
  readonly stroke: readonly string[] = $derived(
    this.view.stroke ??
      automaticStroke(this.loader.heads, [...this.view.color, ...this.view.facet]),
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
  /** What colour, facet and stroke go by. */
  readonly fieldsUsed: string[] = $derived(
    groupFields({ facet: this.view.facet, color: this.view.color, stroke: this.stroke }),
  );
  readonly #by: string[] = $derived(this.fieldsUsed.map(fieldExpression));
  /** The groups on screen: those of another grouping than this one would be misread. */
  readonly #spreads: Spreads | null = $derived.by(() => {
    const { value } = this.spreads;
    const asked = value?.asked;
    const fits = asked?.by.join() === this.#by.join() && asked.axis === this.loader.axis;
    return fits ? value : null;
  });
  readonly #paramPaths = $derived(paramPaths(Object.values(this.loader.runs)));
  readonly #cellFields: readonly string[] = $derived(askedFields(
    [...this.fieldsUsed, ...(this.view.shown ?? []).map((path) => `run.${path}`)],
    this.#paramPaths,
  ));
  /** The runs with the cells that were asked for beside their params. */
  readonly #runs: Readonly<Record<string, KnownRun>> = $derived.by(() => {
    const { runs, cells: found } = this.loader;
    const places = this.#cellFields
      .map((path) => [path, found.columns.indexOf(fieldExpression(path))] as const)
      .filter(([, at]) => at >= 0);
    if (!places.length) return runs;
    return Object.fromEntries(Object.entries(runs).map(([id, run]) => {
      const cells = places.map(([path, at]) => [path, found.runs[id]?.[at] ?? null]);
      return [id, { ...run, cells: Object.fromEntries(cells) }];
    }));
  });
  readonly #input: FacetInput = $derived({
    heads: this.#heads,
    runs: this.#runs,
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
  readonly fields = $derived(
    fieldChoices(this.loader.heads, this.#runs, this.#paramPaths, this.#otherFields),
  );
  /** What the fields that were chosen say of nothing here. */
  readonly warnings: readonly string[] = $derived.by(() => {
    const { columns } = this.loader.cells;
    const known = this.fieldsUsed.filter((path) => (
      !this.#cellFields.includes(path) || columns.includes(fieldExpression(path))
    ));
    const strokes = this.facets[0]?.strokes.size ?? 0;
    return [
      ...this.loader.warnings,
      ...absentFields(known, this.loader.heads, this.#runs, this.fields),
      ...(strokes > STROKES_MAX
        ? [`${formatCount(strokes)} values share ${STROKES_MAX} strokes`] : []),
    ];
  });
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
  readonly runCount: number = $derived(new Set(this.rows.map(({ id }) => id)).size);
  readonly params = $derived(
    this.view.shown ?? paramColumns(this.#paramPaths, this.fieldsUsed),
  );
  /** Grouped rows make sense where a group can hold several runs. */
  readonly grouped: boolean = $derived(
    this.view.color.length > 0 &&
      !this.view.color.some((path) => path === 'run' || path === 'run.name'),
  );
  readonly #byId = $derived(new Map(this.#members.map((member) => [member.head.series, member])));
  readonly focusedGroup: string | null = $derived.by(() => {
    const { aim } = this;
    if (!aim) return null;
    if (aim.run.startsWith(GROUP_KEY)) return aim.run.slice(GROUP_KEY.length);
    const member = this.#byId.get(aim.series ?? NaN) ??
      this.#members.find(({ head }) => head.run === aim.run);
    return member?.group ?? null;
  });
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
      // After a break, or while views were made again, less was told than there is.
      feed.onReset(() => void this.readMetrics()),
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

  /** Read which metrics and fields there are. */
  async readMetrics(): Promise<void> {
    try {
      const found = await findColumns({ sources: ['metric'], values: 0, limit: METRICS_MAX });
      this.metrics = metricNames(found.columns);
      this.runsTotal = found.runs;
      const others = await findColumns({
        sources: ['field', 'summary'], values: 0, limit: FIELDS_FOUND_MAX,
      });
      this.#otherFields = foundFields(others.columns);
    } catch {
      // The lists are missing then; what is wrong is said where the charts would be.
    }
  }

  /** Ask for what the address wants. Without a query the panels ask by themselves. */
  load(): void {
    const { query, axis, smoothing } = this.view;
    if (!query || !this.canvasPx) return;
    this.loader.want(this.#cellFields.map(fieldExpression));
    this.loader.ask({
      query, limit: SERIES_MAX, axis, points: this.#points, smooth: smoothOf(smoothing),
      inherit: false,
    });
  }

  // Two charts stand side by side most often.
  readonly #points: number = $derived.by(() => {
    const { columns } = this.view;
    const wanted = this.canvasPx / (columns === 1 ? 1 : 2);
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
    // What was moved beyond an end stays as wide as it was; among logarithms it is cut off.
    const over = this.view.scaleX === 'log'
      ? 0 : Math.max(0, low - x[0]) - Math.max(0, x[1] - high);
    const from = Math.max(low, Math.min(x[0] + over, high - least));
    const to = Math.min(high, Math.max(x[1] + over, from + least));
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

  /** Point at a row's run, or at the one line of it where its lines are of several groups. */
  point(row: RunRow | null): void {
    const split = this.view.color.some((path) => path.startsWith('metric.'));
    const series = row && split ? (row.head?.series ?? null) : null;
    this.crosshair.set(row && { run: row.id, series, x: null, source: null }, null);
  }

  /** A group is pointed at through the first of its rows that is shown. */
  pointGroup(label: string | null): void {
    this.point(this.rows.find(({ group, line }) => group.label === label && line) ?? null);
  }

  /** What the card beside a point says. */
  describe = (line: Line, index: number): TipText => {
    return describePoint(line, index, {
      facets: this.facets, member: this.#byId.get(line.id), axis: this.loader.axis,
      chips: this.fieldsUsed, params: this.params, baseline: this.view.baseline,
    });
  };
}
