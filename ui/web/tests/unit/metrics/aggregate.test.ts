/** Group means count every curve once, and their extremes lose no spike. */

import { describe, expect, it } from 'vitest';
import { meanOf, spreadOf } from '../../../src/pages/metrics/aggregate';
import { appended, arraysOf, deltaX, wireValue } from '../../../src/pages/metrics/curves';
import {
  firstMetrics, metricClause, metricNames, metricsIn, risesWhenGood, withMetrics,
} from '../../../src/pages/metrics/suggest';
import { lineOf } from '../chart/samples';
import { dataOf } from './samples';

describe('the spread of a group', () => {
  it('has the mean and the deviation at each place', () => {
    const spread = spreadOf([lineOf([1, 1, 1]), lineOf([3, 3, 3])], [0, 2], 'std');
    expect([...spread.mid]).toEqual([2, 2, 2]);
    expect([...spread.low]).toEqual([1, 1, 1]);
    expect([...spread.high]).toEqual([3, 3, 3]);
  });

  it('counts a curve with many points no more than one with few', () => {
    const many = lineOf(Array.from({ length: 101 }, () => 0), {
      x: Float64Array.from({ length: 101 }, (_, index) => index / 50),
    });
    const spread = spreadOf([many, lineOf([2, 2, 2])], [0, 2], 'std');
    expect(spread.mid[Math.floor(spread.mid.length / 2)]).toBeCloseTo(1);
  });

  it('leaves out curves where they have ended or are NaN', () => {
    const spread = spreadOf([lineOf([1, 1]), lineOf([3, 3, 3, NaN])], [0, 3], 'std');
    expect([...spread.mid]).toEqual([2, 2, 3, NaN]);
  });

  it('reaches to the extremes of every bucket', () => {
    const spiky = lineOf([1, 1, 1], {
      low: Float32Array.of(1, -5, 1), high: Float32Array.of(1, 8, 1),
    });
    const spread = spreadOf([spiky, lineOf([1, 1, 1])], [0, 2], 'range');
    expect([spread.low[1], spread.mid[1], spread.high[1]]).toEqual([-5, 1, 8]);
  });

  it('has a mean of plain numbers that ignores what is not finite', () => {
    expect(meanOf([1, NaN, 3])).toEqual({ mean: 2, std: 1, count: 2 });
    expect(meanOf([]).mean).toBeNaN();
  });
});

describe('live points', () => {
  const { coarse } = dataOf([1, 2]);

  it('join a curve at its end', () => {
    const longer = appended(coarse, 2, 5);
    expect([...longer.x]).toEqual([0, 1, 2]);
    expect([...longer.y]).toEqual([1, 2, 5]);
  });

  it('leave late and repeated ones to the server', () => {
    expect(appended(coarse, 1, 5)).toBe(coarse);
  });

  it('stand where the axis counts', () => {
    const delta = {
      id: 1, run: 'a', name: 'loss', context: {}, count: 3,
      step: 7, value: 'NaN' as const, time: 99,
    };
    expect([deltaX(delta, 'step'), deltaX(delta, 'time'), deltaX(delta, 'relative')]).toEqual(
      [7, 99, null],
    );
    expect(wireValue(delta.value)).toBeNaN();
    expect(wireValue('-Infinity')).toBe(-Infinity);
  });

  it('need no extents where every bucket holds one point', () => {
    const x = Float64Array.of(0, 1);
    const last = Float32Array.of(1, 2);
    const flat = { last, min: last, max: last };
    expect(arraysOf({ id: 1, x, columns: flat }).low).toBeNull();
    const wide = { ...flat, max: Float32Array.of(1, 3) };
    expect(arraysOf({ id: 1, x, columns: wide }).high).not.toBeNull();
  });
});

describe('metric names', () => {
  const names = metricNames([
    { name: 'lr', context: {}, runs: 5 },
    { name: 'loss', context: { subset: 'train' }, runs: 4 },
    { name: 'loss', context: { subset: 'val' }, runs: 5 },
    { name: 'rare', context: {}, runs: 1 },
  ]);

  it('are offered once each, by the number of runs and then by likelihood', () => {
    expect(names.map((entry) => entry.name)).toEqual(['loss', 'lr', 'rare']);
    expect(firstMetrics(names, 5)).toHaveLength(3);
    expect(firstMetrics(names, 5_000)).toEqual(['loss']);
  });

  it('are written into a query and read from it', () => {
    expect(metricClause(['a "b"'])).toBe(String.raw`metric.name == "a \"b\""`);
    expect(metricsIn(metricClause(['a "b"', 'c']))).toEqual(['a "b"', 'c']);
    expect(metricsIn('run.lr > 1')).toBeNull();
  });

  it('change without losing the other conditions', () => {
    expect(withMetrics('metric.name == "a" and run.lr > 1', ['b', 'c'])).toBe(
      'metric.name in ("b", "c") and run.lr > 1',
    );
    expect(withMetrics('run.lr > 1 or run.archived', ['a'])).toBe(
      'metric.name == "a" and (run.lr > 1 or run.archived)',
    );
    expect(withMetrics('', ['a'])).toBe('metric.name == "a"');
  });

  it('tell which direction is the good one', () => {
    expect([risesWhenGood('val/accuracy'), risesWhenGood('loss')]).toEqual([true, false]);
  });
});
