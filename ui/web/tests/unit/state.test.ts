/** Deltas move a run on. */

import { describe, expect, it } from 'vitest';
import { withDelta } from '../../src/pages/runs/deltas';
import { firstScript } from '../../src/pages/runs/first-script';
import { aRun, aSummary } from './samples';

describe('withDelta', () => {
  const run = aRun('a', { metrics: [aSummary(7, 'loss', {}, 0.5)] });
  const delta = { run: 'a', name: 'loss', context: {}, count: 11, step: 10, time: 10 };

  it('moves the last point and the minimum, in a new object', () => {
    const newer = withDelta(run, { ...delta, id: 7, value: 0.4 });
    expect(newer).not.toBe(run);
    expect(newer?.metrics[0]).toMatchObject({
      count: 11,
      last: { value: 0.4, step: 10 },
      min: { value: 0.4, step: 10 },
      max: { value: 0.5 },
    });
    expect(run.metrics[0]?.count).toBe(10);
  });

  it('keeps the extremes when the new value is not a number', () => {
    const newer = withDelta(run, { ...delta, id: 7, value: 'NaN' });
    expect(newer?.metrics[0]?.last?.value).toBe('NaN');
    expect(newer?.metrics[0]?.min?.value).toBe(0.5);
  });

  it('says so when the run has no such series yet', () => {
    expect(withDelta(run, { ...delta, id: 8, value: 1 })).toBeNull();
  });
});

describe('the first script', () => {
  it('is ten lines that name the store and this address', () => {
    const script = firstScript('/data/.foldline', 'http://127.0.0.1:43800');
    expect(script.trimEnd().split('\n')).toHaveLength(10);
    expect(script).toContain('store = "/data/.foldline"');
    expect(script).toContain('http://127.0.0.1:43800');
  });
});
