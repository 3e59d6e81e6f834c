/**
 * Figures of plotly that are drawn here: lines, points, bars, histograms of bars and heat maps.
 *
 * They are what `foldline.confusion_matrix`, `pr_curve` and `roc_curve` make, and most of what
 * scripts make by hand. plotly.js has a hundred times the size of this page's charts.
 */

import type { Json, Params } from '../../../lib/api/types';

type Coordinate = number | string;

export interface XyTrace {
  type: 'lines' | 'markers' | 'both' | 'bar';
  name: string;
  x: Coordinate[];
  y: Coordinate[];
  dash: boolean;
}

export interface FieldTrace {
  type: 'heatmap';
  name: string;
  x: Coordinate[];
  y: Coordinate[];
  z: (number | null)[][];
  text: string[][] | null;
}

export type Trace = XyTrace | FieldTrace;

export interface Figure {
  title: string;
  xTitle: string;
  yTitle: string;
  /** Rows of a field from the top down. */
  reversed: boolean;
  traces: Trace[];
  /** Types of traces that are not drawn. */
  undrawn: string[];
}

/** Points of a trace that are drawn: more is no figure for a card. */
const POINTS_MAX = 20_000;
const CELLS_MAX = 10_000;

function mapOf(value: Json | undefined): Params {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
}

/** A title is a text, or a map that has one. */
function titleOf(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  const { text } = mapOf(value);
  return typeof text === 'string' ? text : '';
}

const TYPED: Readonly<Record<string, (buffer: ArrayBuffer) => ArrayLike<number>>> = {
  f8: (buffer) => new Float64Array(buffer),
  f4: (buffer) => new Float32Array(buffer),
  i4: (buffer) => new Int32Array(buffer),
  i2: (buffer) => new Int16Array(buffer),
  i1: (buffer) => new Int8Array(buffer),
  u4: (buffer) => new Uint32Array(buffer),
  u2: (buffer) => new Uint16Array(buffer),
  u1: (buffer) => new Uint8Array(buffer),
};

/** A list, also where plotly packed it: {"dtype": "f8", "bdata": base64}. */
function listOf(value: Json | undefined): Json[] {
  if (Array.isArray(value)) return value;
  const { dtype, bdata } = mapOf(value);
  const typed = typeof dtype === 'string' ? TYPED[dtype] : undefined;
  if (typed === undefined || typeof bdata !== 'string') return [];
  const bytes = Uint8Array.from(atob(bdata), (letter) => letter.charCodeAt(0));
  return Array.from(typed(bytes.buffer));
}

function coordinates(value: Json | undefined, count: number): Coordinate[] {
  const list = listOf(value);
  if (list.length === 0) return Array.from({ length: count }, (_, index) => index);
  return list.map((one) => (typeof one === 'number' ? one : String(one)));
}

function xyTrace(trace: Params, type: string, at: number): XyTrace | null {
  const horizontal = trace.orientation === 'h';
  const values = listOf(horizontal ? trace.x : trace.y);
  if (values.length === 0 || values.length > POINTS_MAX || horizontal) return null;
  const mode = typeof trace.mode === 'string' ? trace.mode : 'lines';
  const both = mode.includes('lines') && mode.includes('markers');
  const shape = both ? 'both' : mode.includes('lines') ? 'lines' : 'markers';
  return {
    type: type === 'bar' ? 'bar' : shape,
    name: typeof trace.name === 'string' ? trace.name : `trace ${at}`,
    x: coordinates(trace.x, values.length),
    y: coordinates(trace.y, values.length),
    dash: mapOf(trace.line).dash !== undefined && mapOf(trace.line).dash !== 'solid',
  };
}

function fieldTrace(trace: Params, at: number): FieldTrace | null {
  const rows = listOf(trace.z).map(listOf);
  const width = rows.reduce((most, row) => Math.max(most, row.length), 0);
  if (rows.length === 0 || width === 0 || rows.length * width > CELLS_MAX) return null;
  const text = listOf(trace.text).map((row) => listOf(row).map(String));
  return {
    type: 'heatmap',
    name: typeof trace.name === 'string' ? trace.name : `trace ${at}`,
    x: coordinates(trace.x, width),
    y: coordinates(trace.y, rows.length),
    z: rows.map((row) => row.map((cell) => (typeof cell === 'number' ? cell : null))),
    text: text.length === rows.length ? text : null,
  };
}

function traceOf(trace: Params, at: number): Trace | string {
  const type = typeof trace.type === 'string' ? trace.type : 'scatter';
  if (trace.visible === false) return '';
  const known = ['scatter', 'scattergl', 'bar', 'heatmap'].includes(type);
  const drawn = type === 'heatmap' ? fieldTrace(trace, at) : known && xyTrace(trace, type, at);
  return drawn || `a trace of type ${type}`;
}

/** What a figure's JSON says, as far as it is drawn. A field stands alone: nothing lies over it. */
export function readFigure(json: { data?: Json; layout?: Json }): Figure {
  const layout = mapOf(json.layout);
  const read = listOf(json.data).map((trace, at) => traceOf(mapOf(trace), at));
  const traces = read.filter((one): one is Trace => typeof one !== 'string');
  const field = traces.find((one) => one.type === 'heatmap');
  const shown = field === undefined ? traces : [field];
  const undrawn = read.filter((one): one is string => typeof one === 'string' && one !== '');
  if (shown.length < traces.length) undrawn.push('what lies over the field');
  const yaxis = mapOf(layout.yaxis);
  return {
    title: titleOf(layout.title),
    xTitle: titleOf(mapOf(layout.xaxis).title),
    yTitle: titleOf(yaxis.title),
    reversed: yaxis.autorange === 'reversed',
    traces: shown,
    undrawn: [...new Set(undrawn)],
  };
}
