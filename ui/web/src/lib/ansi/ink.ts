/**
 * The colours of a terminal on our surfaces.
 *
 * A script chose its colours for a screen that we do not know. They keep their hue, and are moved
 * towards black or white until the text has the contrast that WCAG AA asks for.
 */

import { contrast } from '../color/contrast';
import type { Theme } from '../state/theme.svelte';
import type { Ink, InkColor } from './ansi';

/** The sixteen colours, as text on the surface of the theme. */
export const SIXTEEN: Record<Theme, readonly string[]> = {
  light: [
    '#161a22', '#c2352b', '#12734f', '#8a5a00', '#2f55c8', '#8a3fb5', '#0b6e80', '#565e6d',
    '#636c7b', '#b3261e', '#0d6b45', '#7a5200', '#2447b8', '#7a2fa6', '#075f70', '#161a22',
  ],
  dark: [
    '#8a93a4', '#ff8078', '#4fd1a1', '#f0b64a', '#7c98ff', '#d09cf5', '#5bc8dc', '#c7cdd8',
    '#a4acbb', '#ff9d96', '#74e0b8', '#f6ca74', '#9db2ff', '#e0b8fa', '#84d9e8', '#e9ecf2',
  ],
};

/** The surface that lines stand on: the token --surface. */
export const SURFACE: Record<Theme, string> = { light: '#ffffff', dark: '#12151c' };
const VOICE: Record<Theme, string> = { light: '#161a22', dark: '#e9ecf2' };

/** WCAG AA for text of this size. */
const CONTRAST_MIN = 4.5;
/** Parts of black or white that are tried, one after another. */
const MIX_STEP = 0.1;

function mixed(color: string, other: string, part: number): string {
  let out = '#';
  for (const at of [1, 3, 5]) {
    const own = Number.parseInt(color.slice(at, at + 2), 16);
    const its = Number.parseInt(other.slice(at, at + 2), 16);
    out += Math.round(own + (its - own) * part).toString(16).padStart(2, '0');
  }
  return out;
}

/** A colour of the same hue that can be read on a surface. */
export function legible(color: string, surface: string): string {
  const end = contrast('#000000', surface) > contrast('#ffffff', surface) ? '#000000' : '#ffffff';
  for (let part = 0; part < 1; part += MIX_STEP) {
    const tried = mixed(color, end, part);
    if (contrast(tried, surface) >= CONTRAST_MIN) return tried;
  }
  return end;
}

function shade(color: InkColor, theme: Theme): string {
  return typeof color === 'number' ? (SIXTEEN[theme][color] ?? VOICE[theme]) : color;
}

export interface InkStyle {
  readonly color: string | null;
  readonly back: string | null;
}

const cache = new Map<string, InkStyle>();
/** Bound of the cache: a script that fades through true colours makes some thousands. */
const CACHE_MAX = 4_096;

/** The colours of a span as they are shown. */
export function inkStyle(ink: Ink, theme: Theme): InkStyle {
  const key = `${theme} ${ink.color} ${ink.back} ${ink.inverse}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  let color = ink.color === null ? null : shade(ink.color, theme);
  let back = ink.back === null ? null : shade(ink.back, theme);
  if (ink.inverse) [color, back] = [back ?? SURFACE[theme], color ?? VOICE[theme]];
  if (color !== null || back !== null) {
    color = legible(color ?? VOICE[theme], back ?? SURFACE[theme]);
  }
  if (cache.size >= CACHE_MAX) cache.clear();
  const style = { color, back };
  cache.set(key, style);
  return style;
}
