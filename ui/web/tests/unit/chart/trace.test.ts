/** A traced line keeps every spike and every gap, however many points share a pixel. */

import { describe, expect, it } from 'vitest';
import { traceLine } from '../../../src/lib/chart/trace';
import { lineOf, plotOf, Recorder } from './samples';

function depths(recorder: Recorder): number[] {
  return recorder.points.map(([, y]) => y);
}

describe('dense lines', () => {
  it('keep a spike of one point among fifty thousand', () => {
    const values = Array.from({ length: 50_000 }, () => 1);
    values[31_337] = 9;
    const pen = new Recorder();
    traceLine(pen, lineOf(values), plotOf(400, [0, 49_999], [0, 10]));
    expect(Math.min(...depths(pen))).toBeCloseTo(10);
    expect(pen.points.length).toBeLessThan(400 * 5);
  });

  it('keep a spike that only a bucket knows of', () => {
    const values = Array.from({ length: 5_000 }, () => 1);
    const low = Float32Array.from(values);
    const high = Float32Array.from(values);
    low[777] = -4;
    high[4_000] = 8;
    const pen = new Recorder();
    traceLine(pen, lineOf(values, { low, high }), plotOf(100, [0, 4_999], [-10, 10]));
    expect(Math.max(...depths(pen))).toBeCloseTo(70);
    expect(Math.min(...depths(pen))).toBeCloseTo(10);
  });

  it('lift the pen at NaN and come down after it', () => {
    const values = Array.from({ length: 1_000 }, (_, index) => (index === 500 ? NaN : 1));
    const pen = new Recorder();
    traceLine(pen, lineOf(values), plotOf(100, [0, 999], [0, 2]));
    expect(pen.strokes).toHaveLength(2);
  });
});

describe('sparse lines', () => {
  it('pass through every point', () => {
    const pen = new Recorder();
    traceLine(pen, lineOf([0, 1, 2]), plotOf(200, [0, 2], [0, 2]));
    expect(pen.strokes).toEqual([[[0, 100], [100, 50], [200, 0]]]);
  });

  it('draw the true extent of each bucket', () => {
    const line = lineOf([1, 1], {
      low: Float32Array.of(1, 0.5), high: Float32Array.of(1, 2),
    });
    const pen = new Recorder();
    traceLine(pen, line, plotOf(200, [0, 1], [0, 2]));
    expect(depths(pen)).toContain(75);
    expect(depths(pen)).toContain(0);
  });

  it('leave ink for a point that stands alone between gaps', () => {
    const pen = new Recorder();
    traceLine(pen, lineOf([NaN, 1, NaN]), plotOf(200, [0, 2], [0, 2]));
    const last = pen.strokes.at(-1)!;
    expect(last).toHaveLength(2);
    expect(last[0]![0]).toBeLessThan(last[1]![0]);
  });

  it('show the finite extent of a bucket whose last value is NaN', () => {
    const line = lineOf([1, NaN], {
      low: Float32Array.of(1, 0), high: Float32Array.of(1, 2),
    });
    const pen = new Recorder();
    traceLine(pen, line, plotOf(200, [0, 1], [0, 2]));
    expect(depths(pen)).toContain(0);
    expect(depths(pen)).toContain(100);
  });
});

it('draws one neighbour beyond each edge, so that lines leave the plot', () => {
  const pen = new Recorder();
  const ramp = lineOf(Array.from({ length: 100 }, (_, index) => index));
  const points = traceLine(pen, ramp, plotOf(100, [40.5, 44.5], [0, 99]));
  expect(points).toBeLessThanOrEqual(8);
  expect(pen.points[0]![0]).toBeLessThan(0);
  expect(pen.points.at(-1)![0]).toBeGreaterThan(100);
});
