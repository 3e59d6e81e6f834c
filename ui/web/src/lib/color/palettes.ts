/**
 * The colour of a run or a group.
 *
 * It is the same one on every page and in every session.
 */

import type { Theme } from '../state/theme.svelte';
import { oklch } from './oklch';

/** Up to eight groups: Okabe-Ito, shifted until each shade has 3:1 on its surface. */
export const GROUPS_8: Record<Theme, readonly string[]> = {
  light: [
    '#0072b2', '#d55e00', '#009e73', '#b8559a', '#b78600', '#5b5fc7', '#8a6a4f', '#5f6b7a',
  ],
  dark: [
    '#4aa8e8', '#ff8a4c', '#2fc79a', '#e38cc8', '#e6bd3f', '#9aa0ff', '#c9a687', '#9fabbb',
  ],
};

/** Nine to twenty groups: Tableau's twenty. */
export const GROUPS_20: readonly string[] = [
  '#4e79a7', '#f28e2b', '#59a14f', '#e15759', '#b07aa1', '#76b7b2', '#edc948', '#ff9da7',
  '#9c755f', '#79706e', '#a0cbe8', '#ffbe7d', '#8cd17d', '#ff9d9a', '#d4a6c8', '#86bcb6',
  '#f1ce63', '#fabfd2', '#d7b5a6', '#bab0ac',
];

/** Successive multiples of this angle never bunch up, however many there are. */
const GOLDEN_ANGLE = 137.50776;
const WHEEL_STEPS = 360;

/** Three rings of lightness. Their ends keep 3:1 against the surface of the theme. */
const RINGS: Record<Theme, readonly [number, number, number]> = {
  light: [0.49, 0.56, 0.63],
  dark: [0.66, 0.74, 0.82],
};
const CHROMA: Record<Theme, number> = { light: 0.16, dark: 0.13 };

/** FNV-1a over UTF-16 units, then mixed: ids that differ in one letter end far apart. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** Colour number `index` of an endless wheel. */
export function wheelColor(index: number, theme: Theme): string {
  const rings = RINGS[theme];
  const hue = (index * GOLDEN_ANGLE) % 360;
  return oklch(rings[index % 3] ?? rings[1], CHROMA[theme], hue);
}

const cache = new Map<string, string>();
/** Bound of the cache: a page of runs many times over, a few hundred KB at most. */
const CACHE_MAX = 20_000;

/** The run's own colour, from its id alone. */
export function runColor(id: string, theme: Theme): string {
  const key = `${theme} ${id}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  if (cache.size >= CACHE_MAX) cache.clear();
  const color = wheelColor(hash32(id) % WHEEL_STEPS, theme);
  cache.set(key, color);
  return color;
}

/** Colour of group `index` out of `count`. */
export function groupColor(index: number, count: number, theme: Theme): string {
  if (count <= GROUPS_8.light.length) return GROUPS_8[theme][index] ?? GROUPS_8[theme][0]!;
  if (count <= GROUPS_20.length) return GROUPS_20[index] ?? GROUPS_20[0]!;
  return wheelColor(index, theme);
}
