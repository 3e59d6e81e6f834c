/** A curve fits its picture and leaves a gap where there is no number. */

import { describe, expect, it } from 'vitest';
import { CURVE_HEIGHT, CURVE_WIDTH, curvePath } from '../../src/lib/grid/curves.svelte';

/** The vertices of a path as numbers. */
function vertices(path: string): number[][] {
  return path
    .split(/[ML]/)
    .slice(1)
    .map((pair) => pair.split(' ').map(Number));
}

describe('curvePath', () => {
  it('spans the picture from its first to its last step', () => {
    const points = vertices(curvePath([100, 150, 200], [3, 1, 2]));
    expect(points.map(([across]) => across)).toEqual([0, CURVE_WIDTH / 2, CURVE_WIDTH]);
    const downs = points.map(([, down]) => down ?? Number.NaN);
    expect(Math.min(...downs)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...downs)).toBeLessThanOrEqual(CURVE_HEIGHT);
    expect(downs[0]).toBeLessThan(downs[1] ?? 0);
  });

  it('lifts the pen over what is not finite', () => {
    const path = curvePath([0, 1, 2, 3, 4], [1, NaN, 2, Infinity, 3]);
    expect(path.match(/M/g)).toHaveLength(3);
    expect(vertices(path).flat().every(Number.isFinite)).toBe(true);
  });

  it('draws a level line, a single point and nothing at all', () => {
    expect(vertices(curvePath([0, 1], [5, 5]))).toHaveLength(2);
    expect(vertices(curvePath([7], [5]))).toHaveLength(1);
    expect(curvePath([], [])).toBe('');
  });
});
