/** Axes and smoothing are one word each in an address. */

import { describe, expect, it } from 'vitest';
import { axisKind, axisOf, axisTitle, axisWord, metricAxis } from '../../../src/lib/curves/axis';
import {
  amountAt, placeOf, readSmoothing, smoothOf, smoothingText,
} from '../../../src/lib/curves/smoothing';
import { both, metricName } from '../../../src/lib/query/columns';

describe('axes', () => {
  it('are plain words, or name another metric', () => {
    const word = metricAxis('a:b');
    expect(axisOf(axisWord(word))).toEqual({ metric: 'a:b' });
    expect([axisOf('epoch'), axisKind('epoch')]).toEqual(['epoch', 'value']);
    expect(axisTitle(word)).toBe('a:b');
  });

  it('are steps where a word means none', () => {
    expect([axisWord(null), axisWord('metric:'), axisWord('x')]).toEqual(['step', 'step', 'step']);
  });
});

describe('smoothing', () => {
  it('is an ema by its weight, or a window by its width', () => {
    expect(smoothOf({ by: 'ema', amount: 0.6 })).toEqual({ by: 'ema', weight: 0.6 });
    expect(smoothOf({ by: 'mean', amount: 50 })).toEqual({ by: 'mean', width: 50 });
    expect(smoothOf({ by: 'mean', amount: 0 })).toBeNull();
  });

  it('goes through an address and back', () => {
    const both = [{ by: 'ema', amount: 0.5 }, { by: 'gaussian', amount: 120 }] as const;
    for (const smoothing of both) {
      expect(readSmoothing(smoothingText(smoothing), 0)).toEqual(smoothing);
    }
    expect(readSmoothing('x:mean', 0)).toEqual({ by: 'mean', amount: 0 });
  });

  it('has a place on a slider for each amount', () => {
    expect(placeOf({ by: 'ema', amount: amountAt('ema', 0.5, 1) }, 1)).toBeCloseTo(0.5, 1);
    const amount = amountAt('mean', 0.5, 4_000);
    expect(placeOf({ by: 'mean', amount }, 4_000)).toBeCloseTo(0.5, 2);
  });
});

it('reads the metric that a column is a figure of', () => {
  expect(metricName('run.metrics["val/\\"loss\\"", {"subset": "a"}].last')).toBe('val/"loss"');
  expect(metricName('run.hparams.lr')).toBeNull();
});

it('joins two conditions, also where one ends in a comment', () => {
  expect(both('a == 1 # why', 'b')).toBe('(a == 1 # why\n) and (b\n)');
  expect(both('', 'b')).toBe('b');
});
