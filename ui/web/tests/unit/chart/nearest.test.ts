/** The crosshair finds the line and the point that the eye would. */

import { describe, expect, it } from 'vitest';
import { carried, firstPlace, moved } from '../../../src/lib/chart/keyboard';
import {
  lowerBound, nearestIndex, nearestLine, stackAt, valueAt,
} from '../../../src/lib/chart/nearest';
import { lineOf, plotOf } from './samples';

describe('index search', () => {
  const x = Float64Array.of(0, 10, 20, 40);

  it('finds the first value that is not below', () => {
    expect([-1, 0, 5, 40, 41].map((value) => lowerBound(x, value))).toEqual([0, 0, 1, 3, 4]);
  });

  it('finds the closest value, also beyond both ends', () => {
    expect([-9, 4, 6, 31, 99].map((value) => nearestIndex(x, value))).toEqual([0, 0, 1, 3, 3]);
    expect(nearestIndex(new Float64Array(0), 1)).toBe(-1);
  });
});

describe('line search', () => {
  const map = plotOf(100, [0, 4], [0, 10]);
  const low = lineOf([1, 1, 1, 1, 1], { id: 1 });
  const high = lineOf([9, 9, 9, 9, 9], { id: 2 });

  it('picks the line that is vertically closest', () => {
    expect(nearestLine([low, high], map, 50, 20)!.line.id).toBe(2);
    expect(nearestLine([low, high], map, 50, 80)!.line.id).toBe(1);
  });

  it('measures to the stroke between two points, not to the points', () => {
    const steep = lineOf([0, 10], { id: 3, x: Float64Array.of(0, 4) });
    const hit = nearestLine([steep, low], map, 50, 50)!;
    expect(hit.line.id).toBe(3);
    expect(hit.distance).toBeCloseTo(0);
  });

  it('passes over lines that end before the pointer and over gaps', () => {
    const ended = lineOf([8, 8], { id: 4 });
    const gap = lineOf([8, 8, NaN, NaN, 8], { id: 5 });
    expect(nearestLine([ended, gap, low], map, 62, 20)!.line.id).toBe(1);
  });

  it('finds nothing among no lines', () => {
    expect(nearestLine([], map, 1, 1)).toBeNull();
  });
});

it('reads no value outside a line', () => {
  const line = lineOf([3, 4, 5]);
  expect(valueAt(line, 1.2)).toBe(4);
  expect(valueAt(line, 9)).toBeNaN();
});

it('walks through points and lines by arrow keys, over gaps and not over the ends', () => {
  const low = lineOf([1, NaN, 1], { id: 1 });
  const high = lineOf([5, 5, 5], { id: 2 });
  const lines = [low, high];
  expect(stackAt(lines, 0).map((line) => line.id)).toEqual([2, 1]);
  expect(moved(lines, { line: low, index: 0 }, 'ArrowRight', false)!.index).toBe(2);
  expect(moved(lines, { line: low, index: 2 }, 'ArrowRight', false)!.index).toBe(2);
  expect(moved(lines, { line: low, index: 0 }, 'ArrowUp', false)!.line.id).toBe(2);
  expect(moved(lines, { line: low, index: 0 }, 'ArrowDown', false)!.line.id).toBe(1);
  expect(moved(lines, { line: high, index: 1 }, 'End', false)!.index).toBe(2);
  expect(moved(lines, { line: high, index: 1 }, 'x', false)).toBeNull();
});

it('starts at the last visible value, and stays in place when a line is loaded anew', () => {
  const line = lineOf([1, 2, 3, 4]);
  expect(firstPlace([line], [0, 2])!.index).toBe(2);
  expect(firstPlace([line], [8, 9])).toBeNull();
  const finer = lineOf([1, 2, 3], { x: Float64Array.of(1, 1.5, 2) });
  expect(carried({ line, index: 2 }, finer)).toEqual({ line: finer, index: 2 });
  expect(carried({ line, index: 3 }, { ...line }).index).toBe(3);
});
