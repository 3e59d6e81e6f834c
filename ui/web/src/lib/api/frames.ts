/** The binary frames of `POST series/frames`, read without copying a value. */

import type { FrameColumn, Json, XAxis } from './types';

/** One series: x ascending as the server sent it, and one value per x in each asked column. */
export interface FrameSeries {
  readonly id: number;
  readonly x: Float64Array;
  readonly columns: Readonly<Partial<Record<FrameColumn, Float32Array>>>;
}

/** A decoded answer. Its arrays are views into the received buffer: treat them as read-only. */
export interface Frames {
  /** Log bytes folded into this answer. */
  readonly watermark: number;
  readonly x: XAxis;
  readonly columns: readonly FrameColumn[];
  readonly warnings: readonly string[];
  readonly series: readonly FrameSeries[];
  /** Of each curve, whether its points are as they were tracked; of groups it is not told. */
  readonly exact: readonly boolean[];
  /** Of each curve of an expression, whose it is and which one. */
  readonly curves: readonly { readonly run: string; readonly expression: number }[];
  /** Of each group, what its members have in common, and how many they are. */
  readonly groups: readonly FrameGroup[];
}

export interface FrameGroup {
  readonly by: readonly Json[];
  readonly members: number;
  readonly expression?: number;
}

/** The bytes are not a frame that this version understands. */
export class FrameFormatError extends Error {
  override readonly name = 'FrameFormatError';
}

const MAGIC = 'FOLDFRM1';
const HEADER_BYTES = 24;
const TABLE_ROW_BYTES = 32;
const LINEAR = 0xffffffff;

interface FrameHeader {
  watermark: number;
  x: XAxis;
  columns: FrameColumn[];
  warnings: string[];
  exact?: boolean[];
  curves?: { run: string; expression: number }[];
  groups?: FrameGroup[];
}

interface Layout {
  readonly tableAt: number;
  readonly xAt: number;
  readonly columnAt: number;
  readonly columnStride: number;
  readonly seriesCount: number;
  readonly pointCount: number;
  readonly xCount: number;
  readonly header: FrameHeader;
}

/** Typed arrays must start on a multiple of their element size, so every part is padded to 8. */
function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

function readLayout(buffer: ArrayBuffer): Layout {
  if (buffer.byteLength < HEADER_BYTES) {
    throw new FrameFormatError(`frame of ${buffer.byteLength} bytes is shorter than its header`);
  }
  const magic = new TextDecoder('latin1').decode(new Uint8Array(buffer, 0, 8));
  if (magic !== MAGIC) {
    throw new FrameFormatError(`frame starts with ${JSON.stringify(magic)}, not ${MAGIC}`);
  }
  const view = new DataView(buffer);
  const jsonBytes = view.getUint32(8, true);
  const seriesCount = view.getUint32(12, true);
  const pointCount = view.getUint32(16, true);
  const xCount = view.getUint32(20, true);
  if (HEADER_BYTES + jsonBytes > buffer.byteLength) {
    throw new FrameFormatError(`frame header wants ${jsonBytes} bytes of JSON, which it lacks`);
  }
  const json = new TextDecoder().decode(new Uint8Array(buffer, HEADER_BYTES, jsonBytes));
  const header = JSON.parse(json) as FrameHeader;
  // The count may or may not include the padding spaces: rounding up serves both.
  const tableAt = padded(HEADER_BYTES + jsonBytes);
  const xAt = tableAt + seriesCount * TABLE_ROW_BYTES;
  const columnAt = xAt + xCount * 8;
  const columnStride = padded(pointCount * 4);
  const needed = columnAt + columnStride * header.columns.length;
  if (needed > buffer.byteLength) {
    throw new FrameFormatError(`frame has ${buffer.byteLength} of ${needed} bytes`);
  }
  return {
    tableAt, xAt, columnAt, columnStride, seriesCount, pointCount, xCount, header,
  };
}

function linearX(start: number, step: number, count: number): Float64Array {
  const x = new Float64Array(count);
  for (let i = 0; i < count; i++) x[i] = start + i * step;
  return x;
}

/**
 * Read one answer of `series/frames`.
 *
 * Value columns and explicit x are views into `buffer`. Series on the same grid share one x array,
 * which lets a crosshair search it once for all of them.
 *
 * @throws FrameFormatError when the bytes are cut short or of another format.
 */
export function decodeFrames(buffer: ArrayBuffer): Frames {
  const layout = readLayout(buffer);
  const { header } = layout;
  const view = new DataView(buffer);
  const sharedX = new Map<string, Float64Array>();
  const series: FrameSeries[] = [];
  for (let row = 0; row < layout.seriesCount; row++) {
    const at = layout.tableAt + row * TABLE_ROW_BYTES;
    const first = view.getUint32(at + 4, true);
    const count = view.getUint32(at + 8, true);
    const firstX = view.getUint32(at + 12, true);
    const start = view.getFloat64(at + 16, true);
    const step = view.getFloat64(at + 24, true);
    const isLinear = firstX === LINEAR;
    const xEnd = isLinear ? 0 : firstX + count;
    if (first + count > layout.pointCount || xEnd > layout.xCount) {
      throw new FrameFormatError(`series ${view.getUint32(at, true)} points outside its frame`);
    }
    const key = isLinear ? `${start}:${step}:${count}` : `@${firstX}:${count}`;
    let x = sharedX.get(key);
    if (!x) {
      x = isLinear
        ? linearX(start, step, count)
        : new Float64Array(buffer, layout.xAt + firstX * 8, count);
      sharedX.set(key, x);
    }
    const columns: Partial<Record<FrameColumn, Float32Array>> = {};
    header.columns.forEach((name, index) => {
      const from = layout.columnAt + index * layout.columnStride + first * 4;
      columns[name] = new Float32Array(buffer, from, count);
    });
    series.push({ id: view.getUint32(at, true), x, columns });
  }
  return {
    watermark: header.watermark,
    x: header.x,
    columns: header.columns,
    warnings: header.warnings,
    series,
    exact: header.exact ?? [],
    curves: header.curves ?? [],
    groups: header.groups ?? [],
  };
}
