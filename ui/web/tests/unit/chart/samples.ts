/** Lines and recorders that the chart tests share. */

import type { Line } from '../../../src/lib/chart/model';
import { project, type Projection } from '../../../src/lib/chart/projection';
import type { Pen } from '../../../src/lib/chart/trace';

/** A line through these values at x = 0, 1, 2, …; all else is plain. */
export function lineOf(values: readonly number[], rest: Partial<Line> = {}): Line {
  return {
    id: 1,
    key: 'run',
    x: Float64Array.from(values, (_, index) => index),
    y: Float32Array.from(values),
    low: null,
    high: null,
    raw: null,
    color: '#000000',
    dash: [],
    broken: false,
    ...rest,
  };
}

/** A plot of `width` x 100 pixels at the origin. */
export function plotOf(width: number, x: [number, number], y: [number, number]): Projection {
  return project({ left: 0, top: 0, width, height: 100 }, x, y);
}

/** Keeps what a trace writes: one list of points for each time the pen came down. */
export class Recorder implements Pen {
  readonly strokes: [number, number][][] = [];

  moveTo(x: number, y: number): void {
    this.strokes.push([[x, y]]);
  }

  lineTo(x: number, y: number): void {
    this.strokes.at(-1)!.push([x, y]);
  }

  get points(): [number, number][] {
    return this.strokes.flat();
  }
}
