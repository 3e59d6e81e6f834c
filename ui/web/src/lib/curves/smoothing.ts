/** How curves are smoothed, as an address spells it and as the server takes it. */

import type { Smooth } from '../api/types';

export type Smoother = Smooth['by'];

export const SMOOTHERS: readonly Smoother[] = ['ema', 'gaussian', 'mean'];

/** An ema's amount is its weight, 0 to 0.99; the others' a width in units of x. 0 is none. */
export interface Smoothing {
  readonly by: Smoother;
  readonly amount: number;
}

/** Smoothing beyond this would need more points than a chart has. */
export const WEIGHT_MAX = 0.99;
/** The widest window, as a share of what there is of x. */
const WIDEST_SHARE = 0.3;
/** Digits of a width: more than a slider can set only lengthen the address. */
const WIDTH_DIGITS = 3;

export function smoothingTitle(by: Smoother): string {
  return { ema: 'exponential', gaussian: 'Gaussian', mean: 'moving average' }[by];
}

export function smoothOf({ by, amount }: Smoothing): Smooth | null {
  if (!(amount > 0)) return null;
  return by === 'ema' ? { by, weight: Math.min(WEIGHT_MAX, amount) } : { by, width: amount };
}

/** An amount for a place of the slider, 0 to 1. `span` is the length of the x axis. */
export function amountAt(by: Smoother, place: number, span: number): number {
  if (by === 'ema') return Math.round(place * WEIGHT_MAX * 100) / 100;
  // Narrow windows need a finer choice than wide ones.
  return Number((place * place * WIDEST_SHARE * span).toPrecision(WIDTH_DIGITS));
}

/** The place of the slider for an amount. */
export function placeOf({ by, amount }: Smoothing, span: number): number {
  if (by === 'ema') return Math.min(1, amount / WEIGHT_MAX);
  return span > 0 ? Math.min(1, Math.sqrt(amount / (WIDEST_SHARE * span))) : 0;
}

/** "0.6" or "500:mean". */
export function smoothingText({ by, amount }: Smoothing): string {
  return by === 'ema' ? String(amount) : `${amount}:${by}`;
}

/** What a text means; `otherwise` where there is none, nothing where it makes no sense. */
export function readSmoothing(text: string | null, otherwise: number): Smoothing {
  if (text === null) return { by: 'ema', amount: otherwise };
  const [number = '', word] = text.split(':');
  const by = SMOOTHERS.find((known) => known === word) ?? 'ema';
  const amount = Number(number);
  if (!Number.isFinite(amount) || amount <= 0) return { by, amount: 0 };
  return { by, amount: by === 'ema' ? Math.min(WEIGHT_MAX, amount) : amount };
}
