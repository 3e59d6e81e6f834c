/** A terminal's line becomes spans of text: colours are kept, everything else is left out. */

import { describe, expect, it } from 'vitest';
import { ansiSpans, plainText } from '../../../src/lib/ansi/ansi';
import { SIXTEEN, SURFACE, inkStyle, legible } from '../../../src/lib/ansi/ink';
import { findAll, markedSpans } from '../../../src/lib/ansi/marks';
import { contrast } from '../../../src/lib/color/contrast';

const ESC = '\x1b';

describe('ansiSpans', () => {
  it('leaves a plain line whole', () => {
    expect(ansiSpans('loss 0.4')).toEqual([{ text: 'loss 0.4', ink: null }]);
    expect(ansiSpans('')).toEqual([]);
  });

  it.each([
    [`${ESC}[31m`, { color: 1 }],
    [`${ESC}[93m`, { color: 11 }],
    [`${ESC}[44m`, { back: 4 }],
    [`${ESC}[107m`, { back: 15 }],
    [`${ESC}[1;4m`, { bold: true, underline: true }],
    [`${ESC}[38;5;196m`, { color: '#ff0000' }],
    [`${ESC}[38;5;244m`, { color: '#808080' }],
    [`${ESC}[38;5;9m`, { color: 9 }],
    [`${ESC}[48;2;1;2;300m`, { back: '#01022c' }],
    [`${ESC}[38:2::10:20:30m`, { color: '#0a141e' }],
    [`${ESC}[38:5:196m`, { color: '#ff0000' }],
  ])('reads %j', (sequence, ink) => {
    expect(ansiSpans(`${sequence}x`)[0]?.ink).toMatchObject(ink);
  });

  it('ends a style where it is taken back', () => {
    const spans = ansiSpans(`a${ESC}[32mb${ESC}[0mc${ESC}[1;31md${ESC}[22;39me${ESC}[m`);
    expect(spans.map(({ text, ink }) => [text, ink !== null])).toEqual([
      ['a', false], ['b', true], ['c', false], ['d', true], ['e', false],
    ]);
  });

  it('leaves out moves, titles, links and bells, and keeps tabs', () => {
    const line = `${ESC}[2K${ESC}[1Ga\tb${ESC}]0;title\x07c${ESC}]8;;http://x${ESC}\\d\x07\r`;
    expect(plainText(line)).toBe('a\tbcd');
    expect(ansiSpans(line).map((span) => span.text).join('')).toBe('a\tbcd');
  });

  it('shows a sequence that was cut short as nothing, and HTML as text', () => {
    expect(plainText(`a${ESC}`)).toBe('a');
    expect(plainText(`a${ESC}]0;never ends`)).toBe('a');
    expect(ansiSpans('<b>x</b>')).toEqual([{ text: '<b>x</b>', ink: null }]);
  });

  it('is quick on a long line of sequences', () => {
    const line = `${ESC}[31mx`.repeat(20_000);
    expect(plainText(line)).toHaveLength(20_000);
  });
});

describe.each(['light', 'dark'] as const)('ink in the %s theme', (theme) => {
  it('has sixteen colours that can be read', () => {
    expect(SIXTEEN[theme]).toHaveLength(16);
    for (const color of SIXTEEN[theme]) {
      expect(contrast(color, SURFACE[theme]), color).toBeGreaterThanOrEqual(4.5);
    }
  });

  it('makes any colour readable on any ground', () => {
    for (const color of ['#ffff00', '#000000', '#ffffff', '#777777', '#00ff00', '#0000aa']) {
      expect(contrast(legible(color, SURFACE[theme]), SURFACE[theme])).toBeGreaterThanOrEqual(4.5);
      const ink = ansiSpans(`${ESC}[48;2;120;120;120mx`)[0]!.ink!;
      const style = inkStyle({ ...ink, color }, theme);
      expect(contrast(style.color!, style.back!)).toBeGreaterThanOrEqual(4.5);
    }
  });
});

describe('marks', () => {
  it('are found whatever the case', () => {
    expect(findAll('Loss loss LOSS', 'loss')).toEqual([[0, 4], [5, 9], [10, 14]]);
    expect(findAll('aaa', '')).toEqual([]);
    expect(findAll('aaaa', 'a', 2)).toHaveLength(2);
  });

  it('go over the borders of spans', () => {
    const parts = markedSpans(ansiSpans(`ab${ESC}[31mcd${ESC}[0mef`), [[1, 3], [5, 6]]);
    expect(parts.map(({ text, mark }) => [text, mark])).toEqual([
      ['a', null], ['b', 0], ['c', 0], ['d', null], ['e', null], ['f', 1],
    ]);
  });
});
