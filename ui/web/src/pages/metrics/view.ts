/** What the Metrics page shows, as the address bar keeps it. */

import type { XAxis } from '../../lib/api/types';
import type { Range } from '../../lib/chart/model';

/** How the lines of a group become one: not at all, mean with deviation, or mean with extremes. */
export type Aggregate = 'none' | 'std' | 'range';

/** A y zoom belongs to one chart: another metric has another scale. */
export interface ChartZoom {
  readonly facet: string;
  readonly range: Range;
}

export interface Pin {
  readonly series: number;
  readonly x: number;
}

export interface TableSort {
  readonly by: string;
  readonly desc: boolean;
}

/**
 * The whole state of the page but for the hover. Fields are paths of the query language, such as
 * "run.hparams.lr"; "none" switches a role off and "auto" lets the page choose.
 */
export interface MetricsView {
  readonly query: string;
  readonly color: string;
  readonly facet: string;
  readonly stroke: string;
  readonly aggregate: Aggregate;
  readonly x: XAxis;
  readonly log: boolean;
  /** Weight of the past, 0 (as logged) to 0.99. */
  readonly smooth: number;
  readonly zoom: Range | null;
  readonly zoomY: ChartZoom | null;
  readonly hiddenRuns: readonly string[];
  readonly hiddenGroups: readonly string[];
  /** The one group that is shown; naming all others would make an endless address. */
  readonly only: string | null;
  readonly pin: Pin | null;
  readonly sort: TableSort;
  /** The facet shown alone on the whole screen, by its key. */
  readonly full: string | null;
}

export const DEFAULT_VIEW: MetricsView = {
  query: '',
  color: 'run',
  facet: 'metric.name',
  stroke: 'auto',
  aggregate: 'none',
  x: 'step',
  log: false,
  smooth: 0,
  zoom: null,
  zoomY: null,
  hiddenRuns: [],
  hiddenGroups: [],
  only: null,
  pin: null,
  sort: { by: 'last', desc: false },
  full: null,
};

/** Smoothing beyond this would need more points than a chart has. */
export const SMOOTH_MAX = 0.99;

/** Eight digits place a zoom within a thousandth of a pixel: more only lengthens the address. */
const NUMBER_DIGITS = 8;

function short(value: number): string {
  return String(Number(value.toPrecision(NUMBER_DIGITS)));
}

function rangeText(range: Range, from = short): string {
  return `${from(range[0])},${from(range[1])}`;
}

function readRange(text: string | null | undefined): Range | null {
  const parts = (text ?? '').split(',').map(Number);
  const [low, high] = parts;
  if (parts.length !== 2 || !(low! < high!)) return null;
  return Number.isFinite(low) && Number.isFinite(high) ? [low!, high!] : null;
}

function readList(text: string | null): string[] {
  return text ? text.split('~').map(decodeURIComponent) : [];
}

function listText(values: readonly string[]): string {
  // The separator is spelled out inside a value: encodeURIComponent leaves it alone.
  return values.map((value) => encodeURIComponent(value).replaceAll('~', '%7E')).join('~');
}

function readPin(text: string | null): Pin | null {
  const [series, x] = (text ?? '').split('@').map(Number);
  return Number.isInteger(series) && Number.isFinite(x) ? { series: series!, x: x! } : null;
}

function readZoomY(text: string | null): ChartZoom | null {
  if (!text) return null;
  const cut = text.indexOf('@');
  const range = readRange(text.slice(0, Math.max(0, cut)));
  return range ? { range, facet: text.slice(cut + 1) } : null;
}

function readSort(text: string | null): TableSort {
  if (!text) return DEFAULT_VIEW.sort;
  const desc = text.startsWith('-');
  return { by: desc ? text.slice(1) : text, desc };
}

function oneOf<T extends string>(text: string | null, known: readonly T[], otherwise: T): T {
  return known.find((value) => value === text) ?? otherwise;
}

function readSmooth(text: string | null): number {
  const value = Number(text ?? 0);
  return Number.isFinite(value) ? Math.min(SMOOTH_MAX, Math.max(0, value)) : 0;
}

/** Read the page's state. What is missing or makes no sense takes its default. */
export function readView(params: URLSearchParams): MetricsView {
  return {
    query: params.get('q') ?? '',
    color: params.get('color') ?? DEFAULT_VIEW.color,
    facet: params.get('facet') ?? DEFAULT_VIEW.facet,
    stroke: params.get('stroke') ?? DEFAULT_VIEW.stroke,
    aggregate: oneOf(params.get('agg'), ['none', 'std', 'range'], 'none'),
    x: oneOf(params.get('x'), ['step', 'relative', 'time'], 'step'),
    log: params.get('log') === '1',
    smooth: readSmooth(params.get('smooth')),
    zoom: readRange(params.get('zoom')),
    zoomY: readZoomY(params.get('zy')),
    hiddenRuns: readList(params.get('hide')),
    hiddenGroups: readList(params.get('off')),
    only: params.get('only'),
    pin: readPin(params.get('pin')),
    sort: readSort(params.get('sort')),
    full: params.get('full'),
  };
}

/** Wall time has ten digits before the point: the usual eight would move it by minutes. */
function exact(value: number): string {
  return String(value);
}

/** Each part of the state as the address bar spells it; null where it has its default. */
export function writeView(view: MetricsView): Record<string, string | null> {
  const unless = (value: string, usual: string): string | null => (value === usual ? null : value);
  const number = view.x === 'time' ? exact : short;
  const sort = `${view.sort.desc ? '-' : ''}${view.sort.by}`;
  return {
    q: unless(view.query, ''),
    color: unless(view.color, DEFAULT_VIEW.color),
    facet: unless(view.facet, DEFAULT_VIEW.facet),
    stroke: unless(view.stroke, DEFAULT_VIEW.stroke),
    agg: unless(view.aggregate, 'none'),
    x: unless(view.x, 'step'),
    log: view.log ? '1' : null,
    smooth: view.smooth > 0 ? String(view.smooth) : null,
    zoom: view.zoom && rangeText(view.zoom, number),
    zy: view.zoomY && `${rangeText(view.zoomY.range)}@${view.zoomY.facet}`,
    hide: view.hiddenRuns.length ? listText(view.hiddenRuns) : null,
    only: view.only,
    off: view.hiddenGroups.length ? listText(view.hiddenGroups) : null,
    pin: view.pin && `${view.pin.series}@${view.pin.x}`,
    sort: unless(sort, DEFAULT_VIEW.sort.by),
    full: view.full,
  };
}
