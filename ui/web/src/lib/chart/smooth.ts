/** Exponential smoothing that starts without bias and holds its shape at any resolution. */

/** Where a smoothed line continues from, so that zooming in does not start it anew. */
export interface SmoothSeed {
  readonly x: number;
  readonly value: number;
}

/**
 * Debiased exponential moving average of `y`.
 *
 * `weight` (0..1) is the share that the past keeps over a distance of `unit` in x: a finer level of
 * the same series, with smaller distances, then gives the same curve. Values that are not finite
 * are kept as they are and leave the average untouched.
 */
export function smoothed(
  x: Float64Array,
  y: Float32Array,
  weight: number,
  unit: number,
  seed: SmoothSeed | null = null,
): Float32Array {
  const out = new Float32Array(y.length);
  const scale = unit > 0 ? unit : 1;
  let average = seed ? seed.value : 0;
  let mass = seed ? 1 : 0;
  let before = seed ? seed.x : x.length ? x[0]! - scale : 0;
  let knownStep = NaN;
  let keep = weight;
  for (let i = 0; i < y.length; i++) {
    const value = y[i]!;
    if (!(value - value === 0)) {
      out[i] = value;
      continue;
    }
    const step = Math.max(0, x[i]! - before);
    if (step !== knownStep) {
      knownStep = step;
      keep = Math.pow(weight, step / scale);
    }
    before = x[i]!;
    average = average * keep + value * (1 - keep);
    mass = mass * keep + (1 - keep);
    out[i] = mass > 0 ? average / mass : value;
  }
  return out;
}

/** The mean distance between points, in x: the unit that a weight is given in. */
export function meanStep(x: Float64Array): number {
  return x.length > 1 ? (x[x.length - 1]! - x[0]!) / (x.length - 1) : 1;
}
