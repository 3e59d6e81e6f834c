/** Ticks are round numbers, and ranges show all there is. */

import { describe, expect, it } from 'vitest';
import {
  fromPositive, fromZero, xExtent, yRange, type YChoice,
} from '../../../src/lib/chart/extent';
import { marksOf } from '../../../src/lib/chart/marks';
import {
  durationText, durationTicks, linearTicks, logTicks, stepTicks, symlogTicks, tickText,
} from '../../../src/lib/chart/ticks';
import { holding, shifted, wheelRange, zoomed } from '../../../src/lib/chart/wheel';
import { lineOf, plotOf } from './samples';

describe('ticks', () => {
  it('are multiples of 1, 2 or 5', () => {
    expect(linearTicks([0.11, 0.95], 5)).toEqual([0.2, 0.4, 0.6, 0.8]);
    expect(linearTicks([3, 3], 5)).toEqual([]);
  });

  it('never fall between two steps', () => {
    expect(stepTicks([0, 3], 12)).toEqual([0, 1, 2, 3]);
  });

  it('fall on whole minutes and hours of a duration', () => {
    expect(durationTicks([0, 7200], 4)).toEqual([0, 1800, 3600, 5400, 7200]);
    expect([0, 45, 90, 5400, 90_000].map(durationText)).toEqual(
      ['0', '45s', '1m 30s', '1h 30m', '1d 1h'],
    );
  });

  it('name a few digits of each decade and mark the rest', () => {
    const ticks = logTicks([0.05, 20], 4);
    expect(ticks.filter((tick) => tick.major).map((tick) => tick.value)).toEqual([0.1, 1, 10]);
    expect(ticks.length).toBeGreaterThan(20);
  });

  it('are linear where a logarithmic axis spans less than half a decade', () => {
    expect(logTicks([0.4, 0.6], 3).map((tick) => tick.value)).toEqual([0.4, 0.5, 0.6]);
  });

  it('stand on both sides of zero where an axis is logarithmic on both', () => {
    const values = symlogTicks([-200, 1_000], 12, 1).map((tick) => tick.value);
    expect(values).toEqual([-100, -10, -1, 0, 1, 10, 100, 1_000]);
  });

  it('are written short', () => {
    expect([0, 20_000, 1_500_000, 0.02, 0.00004, 1e-7].map(tickText)).toEqual(
      ['0', '20k', '1.5M', '0.02', '4e-5', '1e-7'],
    );
  });
});

const PLAIN: YChoice = { scale: 'linear', trim: 0 };

describe('ranges', () => {
  it('hold every finite value and leave out NaN', () => {
    const [low, high] = yRange([lineOf([1, NaN, 5])], [], [0, 2], PLAIN);
    expect(low).toBeLessThanOrEqual(1);
    expect(high).toBeGreaterThan(5);
  });

  it('follow the visible part', () => {
    const [, high] = yRange([lineOf([1, 100, 1, 1, 1])], [], [2, 4], PLAIN);
    expect(high).toBeLessThan(2);
  });

  it('start a logarithmic axis at the least positive value', () => {
    const [low] = yRange([lineOf([0, 0.01, 1])], [], [0, 2], { scale: 'log', trim: 0 });
    expect(low).toBeGreaterThan(0.001);
    expect(low).toBeLessThanOrEqual(0.01);
  });

  it('leave out a share of outliers on either side, where that is asked', () => {
    const noisy = lineOf([...Array.from({ length: 98 }, () => 1), 1e6, -1e6]);
    const [low, high] = yRange([noisy], [], [0, 99], { scale: 'linear', trim: 0.01 });
    expect([low > -10, high < 10]).toEqual([true, true]);
  });

  it('start a logarithmic x axis at the first positive x', () => {
    expect(fromPositive([0, 90], [{ x: Float64Array.of(0, 3, 90) }])).toEqual([3, 90]);
  });

  it('start at zero where steps do', () => {
    expect(fromZero([7, 4_999])).toEqual([0, 4_999]);
    expect(fromZero([3_000, 4_999])).toEqual([3_000, 4_999]);
    expect(xExtent([lineOf([])])).toBeNull();
  });
});

it('marks where a line turned NaN, and each column of it', () => {
  const marks = marksOf(lineOf([1, 2, NaN, NaN, 3]), plotOf(100, [0, 4], [0, 4]));
  expect(marks.map((mark) => mark.kind)).toEqual(['cross', 'rug-low', 'rug-low']);
  expect(marks[0]!.y).toBe(50);
});

it('caps the end of a broken run at its last finite point', () => {
  const marks = marksOf(lineOf([1, 2], { broken: true }), plotOf(100, [0, 1], [0, 4]));
  expect(marks).toEqual([{ kind: 'cap', x: 100, y: 50 }]);
});

it('zooms with the wheel around the pointer and moves with Shift', () => {
  const turn = { deltaX: 0, deltaY: -100, deltaMode: 0, shiftKey: false };
  const [low, high] = wheelRange([0, 100], 25, turn);
  expect((25 - low) / (high - low)).toBeCloseTo(0.25);
  expect(high - low).toBeLessThan(100);
  const [from, to] = wheelRange([0, 100], 25, { ...turn, shiftKey: true });
  expect(to - from).toBeCloseTo(100);
  expect(from).toBeLessThan(0);
});

it('zooms a logarithmic axis by decades', () => {
  const [low, high] = zoomed([1, 10_000], 100, 0.5, 'log');
  expect([low, high]).toEqual([expect.closeTo(10), expect.closeTo(1_000)]);
});

it('moves by a share of its width, also among logarithms', () => {
  expect(shifted([0, 100], 0.25, 'linear')).toEqual([25, 125]);
  const [low, high] = shifted([1, 100], 0.5, 'log');
  expect(low).toBeCloseTo(10);
  expect(high).toBeCloseTo(1_000);
});

it('follows a point that leaves the range, and stays where it is for one inside', () => {
  const range = [10, 20] as const;
  expect(holding(range, 12, 'linear')).toBe(range);
  expect(holding(range, 30, 'linear')).toEqual([25, 35]);
});
