/** Distributions as bars, and many of them as stripes over their steps. */

export interface Histogram {
  counts: number[];
  /** One more than counts, ascending. */
  edges: number[];
}

interface Encoded {
  counts: number[];
  range?: [number, number];
  edges?: number[];
}

/** What a value's JSON says, with its edges written out. Null if it says none. */
export function readHistogram(encoded: Encoded): Histogram | null {
  const { counts, range, edges } = encoded;
  if (!Array.isArray(counts) || counts.length === 0) return null;
  if (edges?.length === counts.length + 1) return { counts, edges };
  if (range === undefined) return null;
  const [low, high] = range;
  const width = (high - low) / counts.length;
  return { counts, edges: Array.from({ length: counts.length + 1 }, (_, i) => low + i * width) };
}

/** The lowest and the highest edge of them all. */
export function spanOf(histograms: readonly Histogram[]): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const { edges } of histograms) {
    low = Math.min(low, edges[0] ?? low);
    high = Math.max(high, edges.at(-1) ?? high);
  }
  return low < high ? [low, high] : [low - 0.5, low + 0.5];
}

/**
 * The share of the samples in each of `rows` equal stretches of a span. A bin that lies in several
 * of them is shared out by width.
 */
export function resampled(
  { counts, edges }: Histogram,
  span: readonly [number, number],
  rows: number,
): Float64Array {
  const out = new Float64Array(rows);
  const height = (span[1] - span[0]) / rows;
  const total = counts.reduce((sum, count) => sum + count, 0) || 1;
  counts.forEach((count, bin) => {
    const low = edges[bin]!;
    const high = edges[bin + 1]!;
    const from = Math.max(0, Math.floor((low - span[0]) / height));
    const until = Math.min(rows - 1, Math.floor((high - span[0]) / height));
    for (let row = from; row <= until; row++) {
      const bottom = span[0] + row * height;
      const shared = Math.min(high, bottom + height) - Math.max(low, bottom);
      const part = high > low ? Math.max(0, shared) / (high - low) : Number(row === from);
      out[row] = out[row]! + (count / total) * part;
    }
  });
  return out;
}
