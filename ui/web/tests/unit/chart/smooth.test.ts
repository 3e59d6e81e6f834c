/** Smoothing starts without bias, keeps gaps, and holds its shape at any resolution. */

import { expect, it } from 'vitest';
import { meanStep, smoothed } from '../../../src/lib/chart/smooth';

function grid(count: number, step = 1): Float64Array {
  return Float64Array.from({ length: count }, (_, index) => index * step);
}

it('leaves a constant line where it is, from its first point', () => {
  const out = smoothed(grid(5), Float32Array.of(3, 3, 3, 3, 3), 0.9, 1);
  for (const value of out) expect(value).toBeCloseTo(3);
});

it('is the identity at weight zero', () => {
  const y = Float32Array.of(1, 5, 2);
  expect([...smoothed(grid(3), y, 0, 1)]).toEqual([1, 5, 2]);
});

it('keeps what is not finite and goes on after it', () => {
  const out = smoothed(grid(4), Float32Array.of(1, NaN, Infinity, 1), 0.5, 1);
  expect(out[1]).toBeNaN();
  expect(out[2]).toBe(Infinity);
  expect(out[3]).toBeCloseTo(1);
});

it('gives nearly the same curve for a ten times finer level', () => {
  const wave = (x: number): number => Math.sin(x / 40);
  const coarse = grid(200, 10);
  const fine = grid(2_000, 1);
  const a = smoothed(coarse, Float32Array.from(coarse, wave), 0.6, 10);
  const b = smoothed(fine, Float32Array.from(fine, wave), 0.6, 10);
  for (const index of [50, 100, 150]) expect(a[index]).toBeCloseTo(b[index * 10]!, 0);
});

it('continues from a seed, so that zooming in does not start the curve anew', () => {
  const y = Float32Array.of(10);
  const out = smoothed(Float64Array.of(5), y, 0.9, 1, { x: 4, value: 0 });
  expect(out[0]).toBeCloseTo(1);
});

it('takes the unit from the distance of points', () => {
  expect(meanStep(grid(11, 3))).toBe(3);
  expect(meanStep(Float64Array.of(7))).toBe(1);
});
