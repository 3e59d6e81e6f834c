/** How an axis spaces its values: evenly, by logarithm, or by logarithm on both sides of zero. */

import type { Range } from './model';

export type ScaleKind = 'linear' | 'log' | 'symlog';

/** Every kind, as an address and a list of choices name them. */
export const SCALES: readonly ScaleKind[] = ['linear', 'log', 'symlog'];

/** The scale of one axis. `linear` is how far from zero a symlog is still about linear. */
export interface AxisScale {
  readonly kind: ScaleKind;
  readonly linear: number;
}

export const LINEAR: AxisScale = { kind: 'linear', linear: 1 };

/** A logarithm for values that have none: far below any axis, so that the line leaves downwards. */
const LOG_OF_NOTHING = -400;
/** Decades that a symlog spreads out on either side; what is smaller lies in its linear part. */
const SYMLOG_DECADES = 4;

/** The logarithm to base 10 of one value, defined (far down) for zero and below. */
export function log10(value: number): number {
  if (value > 0) return Math.log10(value);
  return value === value ? LOG_OF_NOTHING : NaN;
}

/** The scale of a kind that fits a range: a symlog is linear where the range has no decades. */
export function scaleFor(kind: ScaleKind, range: Range): AxisScale {
  if (kind !== 'symlog') return { kind, linear: 1 };
  const most = Math.max(Math.abs(range[0]), Math.abs(range[1]));
  const power = most > 0 ? Math.floor(Math.log10(most)) - SYMLOG_DECADES + 1 : 0;
  return { kind, linear: Math.pow(10, power) };
}

/** Where a value stands on a scale, before it is stretched to pixels. */
export function scaledValue(value: number, scale: AxisScale): number {
  switch (scale.kind) {
    case 'linear': return value;
    case 'log': return log10(value);
    case 'symlog': return Math.asinh(value / scale.linear);
  }
}

type Values = Float32Array | Float64Array;

const known = new WeakMap<Values, { kind: ScaleKind; linear: number; values: Values }>();

/** All values on a scale, worked out once for an array: an axis seldom changes its scale. */
export function scaled<T extends Values>(values: T, scale: AxisScale): T {
  if (scale.kind === 'linear') return values;
  const before = known.get(values);
  if (before?.kind === scale.kind && before.linear === scale.linear) return before.values as T;
  const made = new (values.constructor as new (length: number) => T)(values.length);
  for (let i = 0; i < values.length; i++) made[i] = scaledValue(values[i]!, scale);
  known.set(values, { kind: scale.kind, linear: scale.linear, values: made });
  return made;
}
