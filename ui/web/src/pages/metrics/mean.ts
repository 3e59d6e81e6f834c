/** Mean and deviation of plain numbers. */

export interface Mean {
  readonly mean: number;
  /** Of a population, not of a sample. */
  readonly std: number;
  /** How many were finite. */
  readonly count: number;
}

/** The mean of what is finite: by Welford's way, which does not cancel. NaN of nothing. */
export function meanOf(values: readonly number[]): Mean {
  let count = 0;
  let mean = 0;
  let square = 0;
  for (const value of values) {
    if (!(value - value === 0)) continue;
    count++;
    const gap = value - mean;
    mean += gap / count;
    square += gap * (value - mean);
  }
  if (!count) return { mean: NaN, std: NaN, count };
  return { mean, std: Math.sqrt(square / count), count };
}
