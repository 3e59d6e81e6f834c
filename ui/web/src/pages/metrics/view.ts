/** What the Metrics page shows, as the address bar keeps it. */

import type { Aggregate } from '../../lib/api/types';
import type { OpenRange, Range } from '../../lib/chart/model';
import type { ScaleKind } from '../../lib/chart/scales';
import { type AxisWord, axisWord } from '../../lib/curves/axis';
import { readSmoothing, type Smoothing, smoothingText } from '../../lib/curves/smoothing';
import { readRange } from '../../lib/panels/view';

/** How the lines of a group become one: not at all, or as this. */
export type CentreWord = 'none' | Aggregate['line'];
/** What is filled around it; the last two are quantiles. */
export type BandWord = Exclude<Aggregate['band'], [number, number]> | 'quartiles' | 'percentiles';

export const CENTRES: readonly CentreWord[] = ['none', 'mean', 'median', 'min', 'max'];
export const BANDS: readonly BandWord[] = [
  'std', 'stderr', 'ci95', 'min-max', 'quartiles', 'percentiles', 'none',
];

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

export type ChartSize = 's' | 'm' | 'l';
/** Charts side by side; 0 lets the width decide, "field" has one for each value of the last one. */
export type ChartColumns = number | 'field';

/**
 * The whole state of the page but for the hover. Colour, facet and stroke go by paths of the query
 * language, such as "run.hparams.lr", the first one first; without any a role is off.
 */
export interface MetricsView {
  readonly query: string;
  readonly color: readonly string[];
  readonly facet: readonly string[];
  /** Null lets the page choose. */
  readonly stroke: readonly string[] | null;
  readonly centre: CentreWord;
  readonly band: BandWord;
  /** Below the lines of groups their members are drawn. */
  readonly members: boolean;
  readonly axis: AxisWord;
  readonly scaleX: ScaleKind;
  readonly scaleY: ScaleKind;
  readonly smoothing: Smoothing;
  /** Share of the values on either side that the y axes need not show: outliers. */
  readonly trim: number;
  /** Ends of the y axes that somebody set. */
  readonly range: OpenRange;
  readonly zoom: Range | null;
  readonly zoomY: ChartZoom | null;
  readonly expressions: readonly string[];
  readonly hiddenRuns: readonly string[];
  readonly hiddenGroups: readonly string[];
  /** The one group that is shown; naming all others would make an endless address. */
  readonly only: string | null;
  /** Colours that somebody chose, by group. */
  readonly paint: ReadonlyMap<string, string>;
  /** The run that others are compared with. */
  readonly baseline: string | null;
  readonly pins: readonly Pin[];
  readonly sort: TableSort;
  /** Params of the table; null lets the page choose. */
  readonly shown: readonly string[] | null;
  readonly columns: ChartColumns;
  readonly size: ChartSize;
  /** The facet shown alone on the whole screen, by its key. */
  readonly full: string | null;
}

export const DEFAULT_VIEW: MetricsView = {
  query: '',
  color: ['run'],
  facet: ['metric.name'],
  stroke: null,
  centre: 'none',
  band: 'std',
  members: true,
  axis: 'step',
  scaleX: 'linear',
  scaleY: 'linear',
  smoothing: { by: 'ema', amount: 0 },
  trim: 0,
  range: [null, null],
  zoom: null,
  zoomY: null,
  expressions: [],
  hiddenRuns: [],
  hiddenGroups: [],
  only: null,
  paint: new Map(),
  baseline: null,
  pins: [],
  sort: { by: 'last', desc: false },
  shown: null,
  columns: 0,
  size: 'm',
  full: null,
};

/** Charts side by side at most: narrower ones show nothing. */
export const COLUMNS_MAX = 6;
/** Fields of a role at most: of more, names of groups can't be read. */
export const FIELDS_MAX = 4;
/** Expressions of a page: as many as the server works out at once. */
export const EXPRESSIONS_MAX = 16;
/** Params in the table at most: each is a cell in every row. */
export const SHOWN_MAX = 30;
/** Points pinned at once: more cards than this hide the charts. */
export const PINS_MAX = 12;
/** Outliers left out on either side at most. */
const TRIM_MAX = 0.25;

/** Eight digits place a zoom within a thousandth of a pixel: more only lengthens the address. */
const NUMBER_DIGITS = 8;

function short(value: number): string {
  return String(Number(value.toPrecision(NUMBER_DIGITS)));
}

function rangeText(range: Range, from = short): string {
  return `${from(range[0])},${from(range[1])}`;
}

function readList(text: string | null): string[] {
  return text ? text.split('~').map(decoded) : [];
}

/** What is no escape, in an address that was cut in half, is taken as it stands. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function listText(values: readonly string[]): string | null {
  // The separator is spelled out inside a value: encodeURIComponent leaves it alone.
  const words = values.map((value) => encodeURIComponent(value).replaceAll('~', '%7E'));
  return words.length ? words.join('~') : null;
}

/** A part that is said several times has several fields; "none" has none. */
function readFields<T>(
  fields: readonly string[],
  usual: T,
  most = FIELDS_MAX,
): readonly string[] | T {
  const named = [...new Set(fields.filter(Boolean))];
  if (!named.length) return usual;
  return named.includes('none') ? [] : named.slice(0, most);
}

function fieldsText(
  fields: readonly string[] | null,
  usual: readonly string[] | null,
): string[] | null {
  if (!fields || fields.join('\n') === usual?.join('\n')) return null;
  return fields.length ? [...fields] : ['none'];
}

function readPins(texts: readonly string[]): Pin[] {
  return texts.slice(0, PINS_MAX).flatMap((text) => {
    const [series, x] = text.split('@').map(Number);
    return Number.isInteger(series) && Number.isFinite(x) ? [{ series: series!, x: x! }] : [];
  });
}

function readZoomY(text: string | null): ChartZoom | null {
  if (!text) return null;
  const cut = text.indexOf('@');
  const range = readRange(text.slice(0, Math.max(0, cut)));
  return range ? { range, facet: text.slice(cut + 1) } : null;
}

function readOpen(text: string | null): OpenRange {
  const [low, high] = (text ?? '').split('..').map((end) => {
    const value = Number(end);
    return end === '' || end === undefined || !Number.isFinite(value) ? null : value;
  });
  const ends: OpenRange = [low ?? null, high ?? null];
  return ends[0] !== null && ends[1] !== null && ends[0] >= ends[1] ? [null, null] : ends;
}

function openText([low, high]: OpenRange): string | null {
  return low === null && high === null ? null : `${low ?? ''}..${high ?? ''}`;
}

function readSort(text: string | null): TableSort {
  if (!text) return DEFAULT_VIEW.sort;
  const desc = text.startsWith('-');
  return { by: desc ? text.slice(1) : text, desc };
}

function oneOf<T extends string>(
  text: string | null | undefined,
  known: readonly T[],
  otherwise: T,
): T {
  return known.find((value) => value === text) ?? otherwise;
}

function clamped(text: string | null, most: number): number {
  const value = Number(text ?? 0);
  return Number.isFinite(value) ? Math.min(most, Math.max(0, value)) : 0;
}

const SCALE_WORDS: Readonly<Record<string, ScaleKind>> = { '1': 'log', sym: 'symlog' };

function readScale(text: string | null): ScaleKind {
  return SCALE_WORDS[text ?? ''] ?? 'linear';
}

function scaleText(scale: ScaleKind): string | null {
  return Object.keys(SCALE_WORDS).find((word) => SCALE_WORDS[word] === scale) ?? null;
}

const COLOR = /^#[0-9a-f]{6}$/;

function readPaint(text: string | null): Map<string, string> {
  const painted = readList(text).flatMap((pair): [string, string][] => {
    const cut = pair.lastIndexOf('#');
    const color = pair.slice(cut);
    return cut >= 0 && COLOR.test(color) ? [[pair.slice(0, cut), color]] : [];
  });
  return new Map(painted);
}

/** Read the page's state. What is missing or makes no sense takes its default. */
export function readView(params: URLSearchParams, usualSmoothing = 0): MetricsView {
  const [centre, band] = (params.get('agg') ?? '').split(',');
  return {
    query: params.get('q') ?? '',
    color: readFields(params.getAll('color'), DEFAULT_VIEW.color),
    facet: readFields(params.getAll('facet'), DEFAULT_VIEW.facet),
    stroke: readFields(params.getAll('stroke'), null),
    centre: oneOf(centre, CENTRES, 'none'),
    band: oneOf(band, BANDS, DEFAULT_VIEW.band),
    members: params.get('members') !== '0',
    axis: axisWord(params.get('x')),
    scaleX: readScale(params.get('logx')),
    scaleY: readScale(params.get('log')),
    smoothing: readSmoothing(params.get('smooth'), usualSmoothing),
    trim: clamped(params.get('trim'), TRIM_MAX),
    range: readOpen(params.get('range')),
    zoom: readRange(params.get('zoom')),
    zoomY: readZoomY(params.get('zy')),
    expressions: params.getAll('expr').slice(0, EXPRESSIONS_MAX),
    hiddenRuns: readList(params.get('hide')),
    hiddenGroups: readList(params.get('off')),
    only: params.get('only'),
    paint: readPaint(params.get('paint')),
    baseline: params.get('base'),
    pins: readPins(params.getAll('pin')),
    sort: readSort(params.get('sort')),
    shown: readFields(params.getAll('col'), null, SHOWN_MAX),
    columns: params.get('cols') === 'field'
      ? 'field' : Math.round(clamped(params.get('cols'), COLUMNS_MAX)),
    size: oneOf(params.get('size'), ['s', 'm', 'l'], 'm'),
    full: params.get('full'),
  };
}

/** Wall time has ten digits before the point: the usual eight would move it by minutes. */
function exact(value: number): string {
  return String(value);
}

/** Each part of the state as the address bar spells it; null where it has its default. */
export function writeView(
  view: MetricsView,
  usualSmoothing = 0,
): Record<string, string | string[] | null> {
  const unless = (value: string, usual: string): string | null => (value === usual ? null : value);
  const number = view.axis === 'time' ? exact : short;
  const sort = `${view.sort.desc ? '-' : ''}${view.sort.by}`;
  const usual = view.smoothing.by === 'ema' && view.smoothing.amount === usualSmoothing;
  return {
    q: unless(view.query, ''),
    color: fieldsText(view.color, DEFAULT_VIEW.color),
    facet: fieldsText(view.facet, DEFAULT_VIEW.facet),
    stroke: fieldsText(view.stroke, null),
    agg: view.centre === 'none' ? null : `${view.centre},${view.band}`,
    members: view.members ? null : '0',
    x: unless(view.axis, 'step'),
    logx: scaleText(view.scaleX),
    log: scaleText(view.scaleY),
    smooth: usual ? null : smoothingText(view.smoothing),
    trim: view.trim > 0 ? String(view.trim) : null,
    range: openText(view.range),
    zoom: view.zoom && rangeText(view.zoom, number),
    zy: view.zoomY && `${rangeText(view.zoomY.range)}@${view.zoomY.facet}`,
    expr: [...view.expressions],
    hide: listText(view.hiddenRuns),
    only: view.only,
    off: listText(view.hiddenGroups),
    paint: listText([...view.paint].map(([label, color]) => label + color)),
    base: view.baseline,
    pin: view.pins.map(({ series, x }) => `${series}@${x}`),
    sort: unless(sort, DEFAULT_VIEW.sort.by),
    col: fieldsText(view.shown, null),
    cols: view.columns ? String(view.columns) : null,
    size: unless(view.size, 'm'),
    full: view.full,
  };
}

/** What the server calls a band. */
export function bandOf(word: BandWord): Aggregate['band'] {
  if (word === 'quartiles') return [0.25, 0.75];
  return word === 'percentiles' ? [0.05, 0.95] : word;
}

export function centreTitle(word: CentreWord): string {
  return { none: 'none', mean: 'mean', median: 'median', min: 'min', max: 'max' }[word];
}

const BAND_TITLES: Record<BandWord, string> = {
  'none': 'no band',
  'min-max': 'min–max',
  'std': '± std',
  'stderr': '± std error',
  'ci95': '95 % CI',
  'quartiles': '25–75 %',
  'percentiles': '5–95 %',
};

export function bandTitle(word: BandWord): string {
  return BAND_TITLES[word];
}
