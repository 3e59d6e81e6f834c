/** Every pair of colours that the pages put together keeps the contrast that WCAG AA asks for. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { contrast } from '../../src/lib/color/contrast';
import { GROUPS_8, runColor, wheelColor } from '../../src/lib/color/palettes';

const css = readFileSync(new URL('../../src/styles/tokens.css', import.meta.url), 'utf8');

/** The colour tokens of the block that starts with this selector. */
function tokensOf(selector: string): Record<string, string> {
  const from = css.indexOf(`${selector} {`);
  const block = css.slice(from, css.indexOf('}', from));
  return Object.fromEntries(
    [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((match) => [match[1], match[2]]),
  );
}

const themes = {
  light: tokensOf(':root'),
  dark: tokensOf(":root[data-theme='dark']"),
} as const;

const TEXT = 4.5;
const GRAPHICS = 3;

describe.each(['light', 'dark'] as const)('%s theme', (name) => {
  const theme = themes[name];
  const ratio = (one: string, other: string): number =>
    contrast(theme[one] ?? '', theme[other] ?? '');

  it.each(['tx', 'tx-2', 'tx-3'])('shows text --%s on every surface', (voice) => {
    for (const surface of ['bg', 'surface', 'raised', 'sunken', 'hover', 'accent-bg']) {
      expect(ratio(voice, surface), surface).toBeGreaterThanOrEqual(TEXT);
    }
  });

  it.each(['ok', 'warn', 'bad', 'accent'])('shows --%s on its tint and as text', (tone) => {
    for (const surface of [`${tone}-bg`, 'surface', 'bg']) {
      expect(ratio(tone, surface), surface).toBeGreaterThanOrEqual(TEXT);
    }
  });

  it('shows the label of a filled button', () => {
    expect(ratio('on-accent', 'accent')).toBeGreaterThanOrEqual(TEXT);
  });

  it('shows words that were searched for', () => {
    expect(ratio('tx', 'mark')).toBeGreaterThanOrEqual(TEXT);
  });

  it.each(['kw', 'str', 'num', 'accent'])('shows query syntax --%s on the query line', (part) => {
    expect(ratio(part, 'surface')).toBeGreaterThanOrEqual(TEXT);
  });

  it('draws group colours that stand out, the same ones as the tokens', () => {
    GROUPS_8[name].forEach((color, index) => {
      expect(theme[`g${index}`]).toBe(color);
      expect(contrast(color, theme.surface ?? '')).toBeGreaterThanOrEqual(GRAPHICS);
    });
  });

  it('draws every colour of the wheel so that it stands out', () => {
    for (let index = 0; index < 360; index++) {
      const color = wheelColor(index, name);
      expect(contrast(color, theme.surface ?? ''), color).toBeGreaterThanOrEqual(GRAPHICS);
    }
  });

  it('gives a run the same colour each time, and other runs other ones', () => {
    expect(runColor('abc', name)).toBe(runColor('abc', name));
    const colors = new Set(Array.from({ length: 100 }, (_, i) => runColor(`run-${i}`, name)));
    expect(colors.size).toBeGreaterThan(70);
  });
});

describe('contrast', () => {
  it('is 21 for black on white and 1 for a colour on itself', () => {
    expect(contrast('#000000', '#ffffff')).toBeCloseTo(21);
    expect(contrast('#3a5bd9', '#3a5bd9')).toBe(1);
  });
});
