/** Where axes put their marks, and what the marks say. */

import type { Range } from './model';

/** Number of seconds between marks of an axis of durations, from a tenth of a second to 30 days. */
const DURATION_STEPS = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800,
  3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000, 864_000, 2_592_000,
];

/** The smallest of 1, 2, 5 times a power of ten that is not below `rough`. */
export function niceStep(rough: number): number {
  const power = Math.pow(10, Math.floor(Math.log10(rough)));
  const share = rough / power;
  const factor = share <= 1.0001 ? 1 : share <= 2.0001 ? 2 : share <= 5.0001 ? 5 : 10;
  return factor * power;
}

function multiples(range: Range, step: number): number[] {
  const found: number[] = [];
  const first = Math.ceil(range[0] / step - 1e-9);
  const last = Math.floor(range[1] / step + 1e-9);
  // Dividing by the inverse keeps 0.3 from becoming 0.30000000000000004.
  const inverse = step < 1 ? Math.round(1 / step) : 0;
  // Adding zero turns the -0 of Math.ceil into 0, which a label would show as "-0".
  for (let k = first; k <= last; k++) found.push((inverse ? k / inverse : k * step) + 0);
  return found;
}

/** At most about `count` round numbers inside `range`. */
export function linearTicks(range: Range, count: number): number[] {
  const span = range[1] - range[0];
  if (!(span > 0) || !Number.isFinite(span)) return [];
  return multiples(range, niceStep(span / Math.max(1, count)));
}

/** Like linearTicks, for steps: never a fraction of a step. */
export function stepTicks(range: Range, count: number): number[] {
  const span = range[1] - range[0];
  if (!(span > 0) || !Number.isFinite(span)) return [];
  return multiples(range, Math.max(1, niceStep(span / Math.max(1, count))));
}

/** Marks for seconds of duration, at whole minutes, hours and days where the span allows. */
export function durationTicks(range: Range, count: number): number[] {
  const span = range[1] - range[0];
  if (!(span > 0) || !Number.isFinite(span)) return [];
  const rough = span / Math.max(1, count);
  const step = DURATION_STEPS.find((candidate) => candidate >= rough) ?? niceStep(rough);
  return multiples(range, rough < DURATION_STEPS[0]! ? niceStep(rough) : step);
}

/** One mark of a logarithmic axis; a minor one has a grid line but no text. */
export interface LogTick {
  readonly value: number;
  readonly major: boolean;
}

/** A range of fewer decades than this is marked like a linear axis: 1-2-5 would be too sparse. */
const NARROW_DECADES = 0.35;

/** Marks at 1..9 of each decade; which of them carry text depends on the room for `count`. */
export function logTicks(range: Range, count: number): LogTick[] {
  const low = Math.max(range[0], Number.MIN_VALUE);
  const decades = Math.log10(range[1] / low);
  if (!(decades > 0) || !Number.isFinite(decades)) return [];
  if (decades < NARROW_DECADES) {
    return linearTicks(range, count).map((value) => ({ value, major: true }));
  }
  const perDecade = count / decades;
  const named = perDecade >= 5 ? [1, 2, 3, 5, 7] : perDecade >= 2 ? [1, 2, 5] : [1];
  const every = perDecade >= 1 ? 1 : Math.ceil(1 / perDecade);
  const ticks: LogTick[] = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(range[1])); e++) {
    for (let mantissa = 1; mantissa < 10; mantissa++) {
      if (every > 1 && mantissa > 1) break;
      const value = Number(`${mantissa}e${e}`);
      if (value < low * (1 - 1e-9) || value > range[1] * (1 + 1e-9)) continue;
      ticks.push({ value, major: named.includes(mantissa) && e % every === 0 });
    }
  }
  return ticks;
}

/** Zero and the decades on both sides of it; the smaller ones only where there is room. */
export function symlogTicks(range: Range, count: number, linear: number): LogTick[] {
  const most = Math.max(Math.abs(range[0]), Math.abs(range[1]));
  if (!(most > 0) || !Number.isFinite(most)) return [];
  const last = Math.floor(Math.log10(most) + 1e-9);
  const first = Math.min(last, Math.round(Math.log10(linear)));
  const sides = range[0] < 0 && range[1] > 0 ? 2 : 1;
  const every = Math.max(1, Math.ceil(((last - first + 1) * sides) / Math.max(1, count)));
  const sizes: number[] = [];
  for (let e = last; e >= first; e -= every) sizes.push(Number(`1e${e}`));
  return [...sizes.map((size) => -size), 0, ...sizes.reverse()]
    .filter((value) => value >= range[0] && value <= range[1])
    .map((value) => ({ value, major: true }));
}

const SUFFIXES: readonly (readonly [number, string])[] = [
  [1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k'],
];

/** A number as an axis says it: 0.02, 1.5, 20k, 3M, 4e-7. */
export function tickText(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 1e-4 || size >= 1e15) return shortest(value.toExponential(2));
  for (const [unit, suffix] of SUFFIXES) {
    if (size >= unit) return `${Number((value / unit).toPrecision(4))}${suffix}`;
  }
  return String(Number(value.toPrecision(6)));
}

function shortest(exponential: string): string {
  return exponential.replace(/\.?0+e/, 'e').replace('e+', 'e');
}

/** A duration as an axis says it: 30s, 5m, 2h, 1h 30m, 3d. */
export function durationText(seconds: number): string {
  if (seconds === 0) return '0';
  const sign = seconds < 0 ? '-' : '';
  const size = Math.abs(seconds);
  if (size < 60) return `${sign}${Number(size.toPrecision(3))}s`;
  const units: readonly (readonly [number, string])[] = [
    [86_400, 'd'], [3600, 'h'], [60, 'm'], [1, 's'],
  ];
  const parts: string[] = [];
  let rest = Math.round(size);
  for (const [unit, suffix] of units) {
    const whole = Math.floor(rest / unit);
    if (whole) parts.push(`${whole}${suffix}`);
    rest -= whole * unit;
  }
  return sign + parts.slice(0, 2).join(' ');
}
