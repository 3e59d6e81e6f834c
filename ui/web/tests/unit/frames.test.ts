/** Binary frames are read without a copy, and broken ones are refused by name. */

import { describe, expect, it } from 'vitest';
import { decodeFrames, FrameFormatError } from '../../src/lib/api/frames';

interface Sample {
  id: number;
  x: number[] | { start: number; step: number };
  columns: number[][];
}

const NO_X = 0xffffffff;

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** Write a frame as the server does. */
function encode(samples: Sample[], names: string[], watermark = 7): ArrayBuffer {
  const head = JSON.stringify({ watermark, x: 'step', columns: names, warnings: [] });
  const json = head.padEnd(padded(24 + head.length) - 24);
  const points = samples.reduce((sum, sample) => sum + sample.columns[0]!.length, 0);
  const explicit = samples.flatMap((sample) => (Array.isArray(sample.x) ? sample.x : []));
  const tableAt = 24 + json.length;
  const xAt = tableAt + 32 * samples.length;
  const columnAt = xAt + 8 * explicit.length;
  const buffer = new ArrayBuffer(columnAt + names.length * padded(points * 4));
  const view = new DataView(buffer);
  new Uint8Array(buffer).set(new TextEncoder().encode('FOLDFRM1'));
  [json.length, samples.length, points, explicit.length].forEach((value, index) =>
    view.setUint32(8 + 4 * index, value, true));
  new Uint8Array(buffer).set(new TextEncoder().encode(json), 24);
  explicit.forEach((value, index) => view.setFloat64(xAt + 8 * index, value, true));
  let first = 0;
  let firstX = 0;
  samples.forEach((sample, row) => {
    const at = tableAt + 32 * row;
    const count = sample.columns[0]!.length;
    const linear = !Array.isArray(sample.x);
    view.setUint32(at, sample.id, true);
    view.setUint32(at + 4, first, true);
    view.setUint32(at + 8, count, true);
    view.setUint32(at + 12, linear ? NO_X : firstX, true);
    if (!Array.isArray(sample.x)) {
      view.setFloat64(at + 16, sample.x.start, true);
      view.setFloat64(at + 24, sample.x.step, true);
    } else firstX += count;
    sample.columns.slice(0, names.length).forEach((column, index) => column.forEach((value, i) =>
      view.setFloat32(columnAt + index * padded(points * 4) + 4 * (first + i), value, true)));
    first += count;
  });
  return buffer;
}

const two: Sample[] = [
  { id: 11, x: { start: 0, step: 4 }, columns: [[1, NaN, 3], [0.5, NaN, 3]] },
  { id: 12, x: [1, 2.5], columns: [[5, Infinity], [5, 4]] },
];

describe('a frame', () => {
  it('gives each series its x and its columns', () => {
    const frames = decodeFrames(encode(two, ['last', 'min']));
    expect(frames.watermark).toBe(7);
    expect(frames.series.map((series) => series.id)).toEqual([11, 12]);
    expect([...frames.series[0]!.x]).toEqual([0, 4, 8]);
    expect([...frames.series[1]!.x]).toEqual([1, 2.5]);
    expect([...frames.series[0]!.columns.last!]).toEqual([1, NaN, 3]);
    expect([...frames.series[1]!.columns.min!]).toEqual([5, 4]);
    expect(frames.series[1]!.columns.last![1]).toBe(Infinity);
  });

  it('is not copied: values are views into the answer', () => {
    const buffer = encode(two, ['last']);
    const frames = decodeFrames(buffer);
    expect(frames.series[0]!.columns.last!.buffer).toBe(buffer);
    expect(frames.series[1]!.x.buffer).toBe(buffer);
  });

  it('shares one x array between series on one grid', () => {
    const grid = { start: 0, step: 1 };
    const samples = [1, 2].map((id) => ({ id, x: grid, columns: [[1, 2, 3]] }));
    const frames = decodeFrames(encode(samples, ['last']));
    expect(frames.series[0]!.x).toBe(frames.series[1]!.x);
  });

  it('may hold no series at all', () => {
    expect(decodeFrames(encode([], ['last', 'min', 'max'])).series).toEqual([]);
  });
});

describe('broken bytes', () => {
  it('are refused when cut short', () => {
    const buffer = encode(two, ['last', 'min']);
    expect(() => decodeFrames(buffer.slice(0, buffer.byteLength - 8))).toThrow(FrameFormatError);
    expect(() => decodeFrames(buffer.slice(0, 10))).toThrow('shorter than its header');
  });

  it('are refused when they are of another format', () => {
    const buffer = encode(two, ['last']);
    new Uint8Array(buffer)[0] = 0x7b;
    expect(() => decodeFrames(buffer)).toThrow('not FOLDFRM1');
  });

  it('are refused when a series points outside them', () => {
    const buffer = encode([two[0]!], ['last']);
    const view = new DataView(buffer);
    view.setUint32(24 + view.getUint32(8, true) + 8, 400, true);
    expect(() => decodeFrames(buffer)).toThrow('outside its frame');
  });
});
