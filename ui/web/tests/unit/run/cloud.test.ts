/** Clouds of points: how they are read, seen, and coloured. */

import { describe, expect, it } from 'vitest';
import {
  basisOf, fitted, moved, seenFrom, turned, withdrawn,
} from '../../../src/pages/run/media/camera';
import { readCloud, shapeOf, type Cloud } from '../../../src/pages/run/media/cloud';
import {
  pointAt, projected, shaded, splat, surfaceOf,
} from '../../../src/pages/run/media/splat';
import {
  classesOf, colored, spanOf, tintsOf,
} from '../../../src/pages/run/media/tints';

const COLUMNS = {
  3: ['x', 'y', 'z'], 4: ['x', 'y', 'z', 'label'], 6: ['x', 'y', 'z', 'red', 'green', 'blue'],
};

/** A cloud of these rows, whose bytes come in pieces of any length. */
function read(rows: number[][], options: { most?: number; piece?: number; double?: boolean } = {}) {
  const { most, piece = 1 << 20, double = false } = options;
  const columns = rows[0]!.length as 3 | 4 | 6;
  const numbers = double ? Float64Array.from(rows.flat()) : Float32Array.from(rows.flat());
  const bytes = new Uint8Array(numbers.buffer);
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += piece) {
        controller.enqueue(bytes.slice(at, at + piece));
      }
      controller.close();
    },
  });
  const attributes = { columns: COLUMNS[columns], dtype: double ? '<f8' : '<f4' };
  const shape = shapeOf({ media_type: 'application/octet-stream', size: bytes.length, attributes });
  return readCloud(stream, shape, most);
}

function rowsOf(cloud: Cloud): number[][] {
  return Array.from({ length: cloud.shown }, (_, i) => (
    [0, 1, 2].map((axis) => cloud.xyz[3 * i + axis]! + cloud.origin[axis]!)
  ));
}

describe('readCloud', () => {
  it.each([1, 7, 12, 4096])('has every point, in pieces of %d bytes', async (piece) => {
    const rows = Array.from({ length: 50 }, (_, i) => [i, 49 - i, i % 7]);
    const cloud = await read(rows, { piece });
    expect([cloud.count, cloud.shown, cloud.nowhere]).toEqual([50, 50, 0]);
    expect(rowsOf(cloud).sort((a, b) => a[0]! - b[0]!)).toEqual(rows);
    expect([cloud.low, cloud.high]).toEqual([[0, 0, 0], [49, 49, 6]]);
  });

  it('shows so many at most, from all over, and each once', async () => {
    const rows = Array.from({ length: 10_000 }, (_, i) => [i, 0, 0]);
    const cloud = await read(rows, { most: 1_000, piece: 999 });
    const seen = rowsOf(cloud).map(([x]) => x!);
    expect(cloud.count).toBe(10_000);
    expect(new Set(seen).size).toBe(1_000);
    // The first ten are spread over all of it as well.
    const first = seen.slice(0, 10).map((x) => Math.floor(x / 1_000));
    expect(new Set(first).size).toBeGreaterThanOrEqual(8);
  });

  it('leaves out what is nowhere, and keeps its precision far from zero', async () => {
    const rows = [[5e6 + 0.125, 1, 1], [5e6 + 0.25, 2, 2], [Number.NaN, 0, 0], [0, Infinity, 0]];
    const cloud = await read(rows, { double: true });
    expect([cloud.shown, cloud.nowhere]).toEqual([2, 2]);
    expect(rowsOf(cloud).map(([x]) => x).sort()).toEqual([5e6 + 0.125, 5e6 + 0.25]);
  });

  it('needs to be told how its numbers lie', () => {
    expect(() => shapeOf({ media_type: 'a/b', size: 12 })).toThrow('how its numbers lie');
  });

  it('takes nothing for an empty cloud', async () => {
    const cloud = await readCloud(new Blob([]).stream(), {
      count: 0, columns: 3, size: 4, hasLabels: false, hasColors: false,
    });
    expect([cloud.count, cloud.shown]).toEqual([0, 0]);
    expect(fitted(cloud).distance).toBeGreaterThan(0);
  });
});

describe('the camera', () => {
  it('has axes at right angles from everywhere', () => {
    for (const yaw of [-3, 0, 0.7]) {
      for (const pitch of [-Math.PI / 2, 0.4, Math.PI / 2]) {
        const { right, up, forward } = basisOf({ yaw, pitch });
        const dot = (a: number[], b: number[]) => a.reduce((sum, part, i) => sum + part * b[i]!, 0);
        expect(dot(right, up)).toBeCloseTo(0);
        expect(dot(right, forward)).toBeCloseTo(0);
        expect(dot(up, forward)).toBeCloseTo(0);
        expect(dot(right, right)).toBeCloseTo(1);
      }
    }
  });

  it('sees all of a cloud at first, whatever is far outside', async () => {
    const rows = Array.from({ length: 1_000 }, (_, i) => [i % 10, (i * 7) % 10, (i * 3) % 10]);
    const cloud = await read([...rows, [1e6, 0, 0]]);
    const camera = fitted(cloud);
    for (const row of rows.slice(0, 50)) {
      const [x, y] = projected(camera, { width: 300, height: 200 }, row);
      expect(x).toBeGreaterThan(0);
      expect(x).toBeLessThan(300);
      expect(y).toBeGreaterThan(0);
      expect(y).toBeLessThan(200);
    }
  });

  it('has x to the right and y upwards from the top, and moves with the pointer', async () => {
    const camera = seenFrom(fitted(await read([[0, 0, 0], [1, 1, 1]])), 'top');
    const size = { width: 200, height: 200 };
    const [x, y] = projected(camera, size, [0.5, 0.5, 0.5]);
    expect([x, y]).toEqual([100, 100]);
    expect(projected(camera, size, [1, 0.5, 0.5])[0]).toBeGreaterThan(100);
    expect(projected(camera, size, [0.5, 1, 0.5])[1]).toBeLessThan(100);
    const [right, down] = projected(moved(camera, 0.1, 0.2), size, [0.5, 0.5, 0.5]);
    expect(right).toBeCloseTo(120);
    expect(down).toBeCloseTo(140);
  });

  it('never goes over the top, nor so near that numbers end', () => {
    const camera = { target: [0, 0, 0] as [number, number, number], yaw: 0, pitch: 1, distance: 1 };
    expect(turned(camera, 0, 5).pitch).toBeCloseTo(Math.PI / 2);
    expect(withdrawn(camera, 1e-30).distance).toBe(1);
    expect(withdrawn(camera, 2).distance).toBe(2);
  });
});

describe('splat', () => {
  it('shows the nearest point of a pixel, and finds it there', async () => {
    const cloud = await read([[0, 0, 0], [0, 0, 1], [5, 5, 0]]);
    const camera = seenFrom(fitted(cloud), 'top');
    const surface = surfaceOf(60, 60);
    const colors = Uint32Array.from([1, 2, 3], (part) => (255 << 24) | part);
    const size = { spacing: 0.1, leastPx: 3 };
    splat(surface, cloud, camera, colors, cloud.shown, size);
    const [x, y] = projected(camera, surface, [0, 0, 1]);
    const seen = pointAt(surface, x, y, 2);
    expect(rowsOf(cloud)[seen]).toEqual([0, 0, 1]);
    expect(pointAt(surface, 30, 2, 1)).toBe(-1);
    colors[seen] = 0;
    splat(surface, cloud, camera, colors, cloud.shown, size);
    expect(rowsOf(cloud)[pointAt(surface, x, y, 2)]).toEqual([0, 0, 0]);
    const pixels = new Uint32Array(60 * 60);
    shaded(surface, colors, pixels);
    expect(pixels.filter((pixel) => pixel !== 0)).toHaveLength(18);
  });
});

describe('tints', () => {
  it('take whole labels for classes, and others for values', async () => {
    const classes = await read([[0, 0, 0, 2], [0, 0, 1, 2], [0, 0, 2, 5]]);
    const found = classesOf(classes);
    expect(found).toEqual(new Map([[2, 2], [5, 1]]));
    expect(tintsOf(classes, found)[0]).toBe('class');
    const values = await read([[0, 0, 0, 0.5], [0, 0, 1, Number.NaN]]);
    expect(classesOf(values)).toBeNull();
    expect(tintsOf(values, null)[0]).toBe('label');
    expect(spanOf(values, 'label')).toEqual([0.5, 0.5]);
    expect(colored(values, 'label', 'light', new Set())).toContain(0xff808080);
  });

  it('hide classes, and show a cloud in its own colours', async () => {
    const classes = await read([[0, 0, 0, 2], [0, 0, 1, 5]]);
    const colors = colored(classes, 'class', 'light', new Set([5]));
    expect(colors.filter((color) => color === 0)).toHaveLength(1);
    const own = await read([[0, 0, 0, 255, 128, 300]]);
    expect(tintsOf(own, null)).toEqual(['own', 'z', 'x', 'y']);
    expect([...colored(own, 'own', 'dark', new Set())]).toEqual([0xffff80ff]);
    expect(spanOf(own, 'x')).toEqual([0, 0]);
  });
});
