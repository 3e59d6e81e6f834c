/** Places of a console: addresses, anchors of a long scroll, times. */

import { describe, expect, it } from 'vitest';
import {
  logsHref, readLines, readMessage, writeLines,
} from '../../../src/pages/run/logs/places';
import {
  atEnd, HEIGHT_PX_MAX, isPast, moved, TOP, Track,
} from '../../../src/pages/run/logs/scrolling';
import { sinceText } from '../../../src/pages/run/logs/stamps';
import { writerNames } from '../../../src/pages/run/logs/writers';

describe('lines in an address', () => {
  it.each([
    ['L12', { first: 12, last: 12 }],
    ['L12-L20', { first: 12, last: 20 }],
    ['L20-12', { first: 12, last: 20 }],
  ])('%s', (hash, range) => {
    expect(readLines(hash)).toEqual(range);
    expect(readLines(writeLines(range))).toEqual(range);
  });

  it.each(['', 'L', 'L0', 'L1-', 'M3', 'L-5', 'Lx', 'notes', 'L1e3', 'L9999999999999999'])(
    'has none in %j',
    (hash) => expect(readLines(hash)).toBeNull(),
  );

  it('names writers, times and messages', () => {
    expect(logsHref('a b', { writer: 'w1', lines: { first: 3, last: 4 } }))
      .toBe('runs/a%20b/logs?writer=w1#L3-L4');
    expect(logsHref('a', { at: 1.5 })).toBe('runs/a/logs?at=1.5');
    expect(readMessage('M17')).toBe(17);
    expect(readMessage('L17')).toBeNull();
  });
});

describe('anchors', () => {
  const even = () => 20;
  const odd = (line: number) => (line === 1 ? 60 : 20);

  it('move by pixels over lines of any height', () => {
    expect(moved(TOP, 30, 10, even)).toEqual({ line: 1, offset: 10 });
    expect(moved(TOP, 70, 10, odd)).toEqual({ line: 1, offset: 50 });
    expect(moved({ line: 2, offset: 0 }, -30, 10, odd)).toEqual({ line: 1, offset: 30 });
    expect(moved({ line: 1, offset: 5 }, -500, 10, even)).toEqual(TOP);
  });

  it('end where the last line is at the lower edge', () => {
    expect(atEnd(10, 100, even)).toEqual({ line: 5, offset: 0 });
    expect(atEnd(10, 90, even)).toEqual({ line: 5, offset: 10 });
    expect(atEnd(3, 90, odd)).toEqual({ line: 0, offset: 10 });
    expect(atEnd(2, 500, even)).toEqual(TOP);
    expect(atEnd(0, 500, even)).toEqual(TOP);
  });

  it('are compared line by line', () => {
    expect(isPast({ line: 2, offset: 0 }, { line: 1, offset: 9 })).toBe(true);
    expect(isPast({ line: 1, offset: 0 }, { line: 1, offset: 9 })).toBe(false);
  });
});

describe('a track', () => {
  it('is true where its pixels are those of the lines', () => {
    const track = new Track(1_000, 20, 600);
    expect(track.isTrue).toBe(true);
    expect(track.heightPx).toBe(20_000);
    expect(track.anchorAt(250)).toEqual({ line: 12, offset: 10 });
    expect(track.scrollTopOf({ line: 12, offset: 10 })).toBeCloseTo(250);
  });

  it('reaches both ends of ten million lines, and every place between', () => {
    const total = 10_000_000;
    const track = new Track(total, 20, 600);
    expect(track.isTrue).toBe(false);
    expect(track.heightPx).toBe(HEIGHT_PX_MAX);
    expect(track.anchorAt(0)).toEqual(TOP);
    const end = track.anchorAt(HEIGHT_PX_MAX - 600);
    expect(end.line + 600 / 20).toBeGreaterThanOrEqual(total - 1);
    const anchor = { line: 6_543_210, offset: 0 };
    const back = track.anchorAt(track.scrollTopOf(anchor));
    expect(Math.abs(back.line - anchor.line)).toBeLessThan(2);
  });

  it('has no way to go where everything is in sight', () => {
    const track = new Track(3, 20, 600);
    expect(track.heightPx).toBe(600);
    expect(track.scrollTopOf({ line: 2, offset: 0 })).toBe(0);
    expect(new Track(0, 20, 0).anchorAt(0)).toEqual(TOP);
  });
});

describe('times and names', () => {
  it.each([[0, '+0:00.0'], [61.25, '+1:01.3'], [3_723.4, '+1:02:03.4'], [-5, '+0:00.0']])(
    '%d seconds are %s',
    (seconds, text) => expect(sinceText(seconds)).toBe(text),
  );

  it('name writers only where there are several', () => {
    const writer = (id: string, rank: number | null) => ({
      writer: id, host: 'node', rank, role: '', beside: '', total: 1,
    });
    expect(writerNames([writer('a', 0)]).size).toBe(0);
    expect([...writerNames([writer('a', 0), writer('b', null)]).values()])
      .toEqual(['rank 0', 'node']);
  });
});
