/** How panels are shown, as the address bar keeps it. */

import type { Range } from '../chart/model';
import { type AxisWord, axisWord } from '../curves/axis';
import { readSmoothing, type Smoothing, smoothingText } from '../curves/smoothing';

export type PanelSize = 's' | 'm' | 'l';

/** Width and height of a panel's place, in CSS pixels: at least this wide. */
export const SIZES: Readonly<Record<PanelSize, { width: number; height: number }>> = {
  s: { width: 230, height: 150 },
  m: { width: 320, height: 212 },
  l: { width: 520, height: 320 },
};

export interface PanelsView {
  /** A pattern that names have to fit. */
  readonly find: string;
  readonly size: PanelSize;
  readonly axis: AxisWord;
  readonly log: boolean;
  readonly smoothing: Smoothing;
  readonly zoom: Range | null;
  /** The panel that is shown alone. */
  readonly full: string | null;
}

/** Read a range that an address spells "low,high"; null for anything else. */
export function readRange(text: string | null | undefined): Range | null {
  const parts = (text ?? '').split(',').map(Number);
  const [low, high] = parts;
  if (parts.length !== 2 || !(low! < high!)) return null;
  return Number.isFinite(low) && Number.isFinite(high) ? [low!, high!] : null;
}

export function readPanelsView(params: URLSearchParams, usualSmoothing: number): PanelsView {
  const size = params.get('size');
  return {
    find: params.get('find') ?? '',
    size: size === 's' || size === 'l' ? size : 'm',
    axis: axisWord(params.get('x')),
    log: params.get('log') === '1',
    smoothing: readSmoothing(params.get('smooth'), usualSmoothing),
    zoom: readRange(params.get('zoom')),
    full: params.get('panel'),
  };
}

/** Each part as the address spells it; null where it has its default. */
export function writePanelsView(
  view: PanelsView,
  usualSmoothing: number,
): Record<string, string | null> {
  const { find, size, axis, log, smoothing, zoom, full } = view;
  const usual = smoothing.by === 'ema' && smoothing.amount === usualSmoothing;
  return {
    find: find || null,
    size: size === 'm' ? null : size,
    x: axis === 'step' ? null : axis,
    log: log ? '1' : null,
    smooth: usual ? null : smoothingText(smoothing),
    zoom: zoom && zoom.join(','),
    panel: full,
  };
}
