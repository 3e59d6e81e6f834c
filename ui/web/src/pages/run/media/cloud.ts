/** A cloud of points, as much of it as a page shows. */

import type { Value } from '../../../lib/api/run';

export type Vector = [number, number, number];

export interface Cloud {
  /** How many points there are. */
  count: number;
  /** Points that are here: `xyz` has three numbers for each, from `origin` on. */
  shown: number;
  /** Of those that were looked at, how many are nowhere: NaN or infinite. */
  nowhere: number;
  /** The middle. Near it single precision is enough, however far it lies from zero. */
  origin: Vector;
  xyz: Float32Array;
  low: Vector;
  high: Vector;
  label: Float32Array | null;
  /** As pixels of a canvas. */
  rgb: Uint32Array | null;
}

/**
 * Points that are shown of a cloud: the rest is left out evenly. A frame of so many takes about
 * 30 ms where no graphics card helps, and one sees no gap between them.
 */
export const POINTS_MAX = 500_000;
const GOLDEN = 0.618_033_988_75;

interface Shape {
  count: number;
  columns: number;
  /** Bytes of a number, 4 or 8. */
  size: number;
  hasLabels: boolean;
  hasColors: boolean;
}

/** How the numbers of a value lie. Raises Error where its attributes do not say it. */
export function shapeOf({ size: bytes, attributes = {} }: Value): Shape {
  const columns = Array.isArray(attributes.columns) ? attributes.columns.length : 0;
  const size = { '<f4': 4, '<f8': 8 }[String(attributes.dtype)];
  if (size === undefined || ![3, 4, 6].includes(columns)) {
    throw new Error('Its attributes do not say how its numbers lie');
  }
  const count = Math.floor(bytes / (columns * size));
  return { count, columns, size, hasLabels: columns === 4, hasColors: columns === 6 };
}

/** Reads a cloud from its bytes, of which no more is held than is shown. */
export async function readCloud(
  stream: ReadableStream<Uint8Array>,
  shape: Shape,
  most = POINTS_MAX,
): Promise<Cloud> {
  const every = Math.max(1, Math.ceil(shape.count / most));
  const { count, columns } = shape;
  const rows = new Float64Array(Math.ceil(count / every) * columns);
  const taken = await pick(stream, shape, every, rows);
  return cloudOf(rows.subarray(0, taken * columns), shape);
}

/** Which of each `every` points is taken: not always the same, or whole rows could be missed. */
function chosenOf(group: number, every: number): number {
  return group * every + ((Math.imul(group, 0x9e3779b1) >>> 8) % every);
}

/** Copies the rows that are taken. Returns how many came. */
async function pick(
  stream: ReadableStream<Uint8Array>, shape: Shape, every: number, rows: Float64Array,
): Promise<number> {
  const { count, columns, size } = shape;
  const rowBytes = columns * size;
  const reader = stream.getReader();
  let rest: Uint8Array = new Uint8Array(0);
  let first = 0;
  let taken = 0;
  let next = Math.min(chosenOf(0, every), count - 1);
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const bytes = joined(rest, part.value);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const whole = Math.floor(bytes.length / rowBytes);
    while (next < first + whole && taken * columns < rows.length) {
      for (let column = 0; column < columns; column++) {
        const at = (next - first) * rowBytes + column * size;
        rows[taken * columns + column] =
          size === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true);
      }
      taken += 1;
      next = Math.min(chosenOf(taken, every), count - 1);
    }
    first += whole;
    rest = bytes.slice(whole * rowBytes);
  }
  return taken;
}

function joined(rest: Uint8Array, more: Uint8Array): Uint8Array {
  if (rest.length === 0) return more;
  const both = new Uint8Array(rest.length + more.length);
  both.set(rest);
  both.set(more, rest.length);
  return both;
}

/**
 * Points come in an order in which the first n are spread over all of them, for every n: while a
 * cloud is turned, fewer of them are drawn.
 */
function cloudOf(rows: Float64Array, { count, columns, hasLabels, hasColors }: Shape): Cloud {
  const taken = rows.length / columns;
  const here: number[] = [];
  const stride = strideOf(taken);
  for (let i = 0, at = 0; i < taken; i++, at = (at + stride) % taken) {
    if (isSomewhere(rows, at * columns)) here.push(at * columns);
  }
  const [low, high] = boundsOf(rows, here);
  const origin = low.map((edge, axis) => (edge + high[axis]!) / 2) as Vector;
  const shown = here.length;
  const cloud: Cloud = {
    count, shown, nowhere: taken - shown, origin, low, high,
    xyz: new Float32Array(3 * shown),
    label: hasLabels ? new Float32Array(shown) : null,
    rgb: hasColors ? new Uint32Array(shown) : null,
  };
  here.forEach((from, to) => {
    for (let axis = 0; axis < 3; axis++) {
      cloud.xyz[3 * to + axis] = rows[from + axis]! - origin[axis]!;
    }
    if (cloud.label) cloud.label[to] = rows[from + 3]!;
    if (cloud.rgb) cloud.rgb[to] = pixel(rows[from + 3]!, rows[from + 4]!, rows[from + 5]!);
  });
  return cloud;
}

/** About a golden part of `count`, and without a common divisor: every place is come to once. */
function strideOf(count: number): number {
  let stride = Math.max(1, Math.floor(count * GOLDEN));
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  while (divisor(count, stride) > 1) stride += 1;
  return stride;
}

function isSomewhere(rows: Float64Array, at: number): boolean {
  // An infinity among them makes the sum one, or no number.
  return Number.isFinite(rows[at]! + rows[at + 1]! + rows[at + 2]!);
}

function boundsOf(rows: Float64Array, here: readonly number[]): [Vector, Vector] {
  if (here.length === 0) return [[0, 0, 0], [0, 0, 0]];
  const low: Vector = [Infinity, Infinity, Infinity];
  const high: Vector = [-Infinity, -Infinity, -Infinity];
  for (const from of here) {
    for (let axis = 0; axis < 3; axis++) {
      const value = rows[from + axis]!;
      if (value < low[axis]!) low[axis] = value;
      if (value > high[axis]!) high[axis] = value;
    }
  }
  return [low, high];
}

function pixel(red: number, green: number, blue: number): number {
  const [r, g, b] = [red, green, blue].map((part) => Math.min(255, Math.max(0, Math.round(part))));
  return ((255 << 24) | (b! << 16) | (g! << 8) | r!) >>> 0;
}
