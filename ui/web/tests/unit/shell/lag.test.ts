/** Seconds of lag are told from the bytes that notices tell. */

import { describe, expect, it } from 'vitest';
import { Lag } from '../../../src/lib/state/lag';

describe('lag', () => {
  it('is none while every notice finds folded what the one before it saw', () => {
    const lag = new Lag();
    // A busy log is always a little ahead, but never for long.
    for (let second = 0; second < 20; second++) lag.note(second * 100, 100, second);
    expect(lag.seconds(20)).toBeLessThanOrEqual(1);
  });

  it('grows while the watermark stands', () => {
    const lag = new Lag();
    for (let second = 0; second <= 8; second++) lag.note(100, 50 + second * 50, second);
    expect(lag.seconds(8)).toBe(8);
  });

  it('counts from the oldest byte that still waits', () => {
    const lag = new Lag();
    lag.note(0, 100, 0);
    lag.note(0, 200, 5);
    lag.note(150, 50, 9);
    expect(lag.seconds(10)).toBe(5);
    lag.note(200, 0, 11);
    expect(lag.seconds(60)).toBe(0);
  });

  it('starts anew when the views are rebuilt', () => {
    const lag = new Lag();
    lag.note(500, 100, 0);
    lag.note(10, 590, 30);
    expect(lag.seconds(31)).toBe(1);
  });
});
