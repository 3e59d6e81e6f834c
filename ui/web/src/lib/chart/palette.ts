/** The canvas colours of the theme on screen. */

import type { Palette } from './model';

/** Read the tokens from the document. Call again when the theme changes. */
export function readPalette(dark: boolean): Palette {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string): string => style.getPropertyValue(name).trim();
  return {
    surface: token('--surface'),
    veil: token('--veil'),
    grid: token('--grid'),
    text: token('--tx'),
    muted: token('--tx-3'),
    bad: token('--bad'),
    dark,
  };
}
