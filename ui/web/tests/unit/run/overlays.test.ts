/** What lies over images: boxes, and masks whose levels are class ids. */

import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Params } from '../../../src/lib/api/types';
import { readGrey } from '../../../src/pages/run/media/grey';
import { isBackground, layerKey } from '../../../src/pages/run/media/layers.svelte';
import { pixelOf, smaller } from '../../../src/pages/run/media/masks';
import { pathOf, readLayers } from '../../../src/pages/run/media/overlays';
import { classesAt, seenIn } from '../../../src/pages/run/media/seen';
import { within } from '../../../src/pages/run/media/within';

const BOXES: Params = {
  guess: {
    labels: { 1: 'car' },
    boxes: [
      { at: [0.1, 0.2, 0.5, 0.6], class: 1, scores: { iou: 0.8, note: 'x' } },
      { at: [0, 0, 1] }, 'nothing', { at: ['a', 0, 0, 0] },
    ],
  },
  odd: 3,
};
const MASKS: Params = { truth: { labels: { 1: 'road' }, blob: 'ab' }, odd: {} };

describe('readLayers', () => {
  it('reads groups, labels and scores, and leaves out what is odd', () => {
    const [mask, guess, odd] = readLayers({ boxes: BOXES, masks: MASKS });
    expect(mask).toMatchObject({ kind: 'masks', group: 'truth', blob: 'ab' });
    expect(guess?.boxes).toHaveLength(1);
    expect(guess?.boxes[0]).toMatchObject({ class: '1', label: 'car iou 0.80' });
    expect(guess?.boxes[0]?.width).toBeCloseTo(0.4);
    expect(odd?.boxes).toEqual([]);
    expect(readLayers({})).toEqual([]);
  });

  it('draws all boxes of a class as one path', () => {
    const box = { class: '', label: '', x: 0.5, y: 0, width: 0.25, height: 1 };
    expect(pathOf([box, box], 8, 4)).toBe('M4 0h2v4h-2zM4 0h2v4h-2z');
  });
});

describe('keys of layers', () => {
  it('tell groups and classes apart, whatever they are called', () => {
    const keys = [
      layerKey({ kind: 'masks', group: 'a/1' }), layerKey({ kind: 'masks', group: 'a' }, '1'),
      layerKey({ kind: 'boxes', group: 'a' }, '1'), layerKey({ kind: 'masks', group: 'a' }),
    ];
    expect(new Set(keys).size).toBe(4);
  });
});

/** A PNG as the tracker writes it, with the filter of each row given. */
function png(levels: number[][], depth: 8 | 16, filters: readonly number[]): ArrayBuffer {
  const size = depth / 8;
  const rows = levels.map((row) => row.flatMap((id) => (size === 1 ? [id] : [id >> 8, id & 255])));
  const encoded = rows.flatMap((row, y) => [
    filters[y]!, ...row.map((byte, x) => {
      const left = row[x - size] ?? 0;
      const up = rows[y - 1]?.[x] ?? 0;
      const corner = rows[y - 1]?.[x - size] ?? 0;
      const guess = left + up - corner;
      const nearest = [left, up, corner]
        .reduce((a, b) => (Math.abs(guess - b) < Math.abs(guess - a) ? b : a));
      return (byte - [0, left, up, (left + up) >> 1, nearest][filters[y]!]!) & 255;
    }),
  ]);
  const number = (value: number): number[] => [24, 16, 8, 0].map((by) => (value >> by) & 255);
  const chunk = (type: string, body: number[]): number[] => (
    [...number(body.length), ...[...type].map((c) => c.charCodeAt(0)), ...body, 0, 0, 0, 0]
  );
  const packed = [...deflateSync(Uint8Array.from(encoded))];
  const half = packed.length >> 1;
  return Uint8Array.from([
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a,
    ...chunk('IHDR', [...number(levels[0]!.length), ...number(levels.length), depth, 0, 0, 0, 0]),
    ...chunk('tEXt', [1, 2, 3]),
    ...chunk('IDAT', packed.slice(0, half)), ...chunk('IDAT', packed.slice(half)),
    ...chunk('IEND', []),
  ]).buffer;
}

describe('readGrey', () => {
  const levels = [[0, 7, 7, 255], [1, 7, 9, 200], [3, 0, 9, 1], [3, 4, 5, 6], [0, 250, 3, 17]];

  it.each([8, 16] as const)('reads every filter of %d bits as it was written', async (depth) => {
    const wide = levels.map((row) => row.map((id) => (depth === 16 ? id * 257 - (id % 5) : id)));
    const grey = await readGrey(png(wide, depth, [1, 0, 2, 3, 4]));
    expect([grey.width, grey.height]).toEqual([4, 5]);
    expect([...grey.levels]).toEqual(wide.flat());
  });

  it('says what it does not read', async () => {
    await expect(readGrey(new ArrayBuffer(64))).rejects.toThrow('no PNG');
    const whole = new Uint8Array(png(levels, 8, [0, 0, 0, 0, 0]));
    const colored = whole.slice();
    colored[25] = 2;
    await expect(readGrey(colored.buffer)).rejects.toThrow('grey');
    const huge = whole.slice();
    huge.set([0, 1, 0, 0, 0, 1, 0, 0], 16);
    await expect(readGrey(huge.buffer)).rejects.toThrow('too many');
    const taller = whole.slice();
    taller[23] = 200;
    await expect(readGrey(taller.buffer)).rejects.toThrow('cut short');
  });
});

describe('masks', () => {
  const grey = { width: 4, height: 2, levels: Uint8Array.from([1, 1, 2, 0, 1, 1, 2, 9]) };

  it('are made smaller without new classes, and counted whole', () => {
    const mask = smaller(grey, 2);
    expect([mask.width, mask.height]).toEqual([2, 1]);
    expect([...mask.levels].every((id) => grey.levels.includes(id))).toBe(true);
    expect(mask.counts).toEqual(new Map([[0, 1], [1, 4], [2, 2], [9, 1]]));
    expect(smaller(grey, 4).levels).toBe(grey.levels);
  });

  it('tell what they show, but for a background without a name', () => {
    const layers = readLayers({ boxes: BOXES, masks: MASKS });
    const mask = smaller(grey, 4);
    const masks = new Map([[layerKey(layers[0]!), mask]]);
    const [truth, guess] = seenIn([{ layers, masks }, { layers, masks: new Map() }]);
    expect(truth?.classes).toEqual([
      { id: '1', name: 'road', share: '50.0 %' }, { id: '2', name: 'class 2', share: '25.0 %' },
      { id: '9', name: 'class 9', share: '12.5 %' },
    ]);
    expect(guess?.classes).toEqual([{ id: '1', name: 'car', share: '2' }]);
    expect(classesAt(layers, masks, [0.2, 0.3])).toEqual(['truth: road', 'car iou 0.80']);
    expect(classesAt(layers, masks, [0.9, 0.1])).toEqual([]);
    const [named] = readLayers({ masks: { truth: { labels: { 0: 'sky' }, blob: 'ab' } } });
    expect([isBackground(layers[0]!, 0), isBackground(named!, 0)]).toEqual([true, false]);
  });

  it('have pixels with red in the lowest byte', () => {
    expect(pixelOf('#010203')).toBe(0xff030201);
    expect(pixelOf('#010203', 0)).toBe(0x00030201);
  });
});

describe('within', () => {
  it('finds the pointer in a picture that is fitted into its place', () => {
    const place = { left: 10, top: 20, width: 200, height: 100 };
    const size = { width: 50, height: 50 };
    expect(within(place, size, { clientX: 110, clientY: 45 })).toEqual([0.5, 0.25]);
    expect(within(place, size, { clientX: 50, clientY: 45 })).toBeNull();
  });
});
