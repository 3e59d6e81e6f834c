/** Round numbers along an axis. */

/** About `count` multiples of 1, 2 or 5 times a power of ten within a span. */
export function niceTicks([low, high]: readonly [number, number], count: number): number[] {
  const rough = (high - low) / Math.max(1, count);
  if (!(rough > 0) || !Number.isFinite(rough)) return [];
  const power = 10 ** Math.floor(Math.log10(rough));
  const times = [1, 2, 5, 10].find((one) => one * power >= rough) ?? 10;
  const gap = times * power;
  const first = Math.ceil(low / gap);
  const last = Math.floor(high / gap + 1e-9);
  // Multiplied out, not added up: 0.1 + 0.2 is no round number.
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) =>
    Number(((first + i) * gap).toPrecision(12)),
  );
}
