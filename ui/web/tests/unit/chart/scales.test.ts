/** A scale spaces values the way its axis does, on both sides of zero. */

import { expect, it } from 'vitest';
import { pixelX, pixelY, project } from '../../../src/lib/chart/projection';
import { scaled, scaledValue, scaleFor } from '../../../src/lib/chart/scales';

const box = { left: 0, top: 0, width: 100, height: 100 };

it('leaves a linear axis to the values themselves', () => {
  const values = Float32Array.of(1, 2);
  expect(scaled(values, scaleFor('linear', [0, 1]))).toBe(values);
});

it('spaces decades evenly, and sends what has no logarithm far down', () => {
  const scale = scaleFor('log', [1, 100]);
  expect([...scaled(Float64Array.of(1, 10, 100), scale)]).toEqual([0, 1, 2]);
  expect(scaledValue(0, scale)).toBeLessThan(-300);
  expect(scaledValue(NaN, scale)).toBeNaN();
});

it('mirrors a symlog at zero and keeps all decades of its range apart', () => {
  const scale = scaleFor('symlog', [-1_000, 1_000]);
  expect(scaledValue(-50, scale)).toBeCloseTo(-scaledValue(50, scale));
  const map = project(box, [0, 1], [-1_000, 1_000], scaleFor('linear', [0, 1]), scale);
  const heights = [1, 10, 100, 1_000].map((value) => pixelY(map, value));
  const gaps = heights.slice(1).map((height, index) => heights[index]! - height);
  for (const gap of gaps) expect(gap).toBeGreaterThan(10);
  expect(pixelY(map, 0)).toBeCloseTo(50);
});

it('works values out once for each scale', () => {
  const values = Float32Array.of(1, 10);
  const log = scaleFor('log', [1, 10]);
  expect(scaled(values, log)).toBe(scaled(values, scaleFor('log', [1, 99])));
  expect(scaled(values, scaleFor('symlog', [1, 10]))).not.toBe(scaled(values, log));
});

it('places x by its own scale', () => {
  const map = project(box, [1, 100], [0, 1], scaleFor('log', [1, 100]));
  expect(pixelX(map, 10)).toBeCloseTo(50);
});
