/** Home's words: progress that is known, series by name, commands that a shell can read. */

import { describe, expect, it } from 'vitest';
import { movedScript, shellWord } from '../../../src/pages/home/beginnings';
import { levelName, partDone, seriesName } from '../../../src/pages/home/words';

describe('progress', () => {
  const progress = { done: 3, total: 12, expect_next_in: 0, time: 0 };

  it('is a part of the whole', () => {
    expect(partDone(progress)).toBe(0.25);
    expect(partDone({ ...progress, done: 20 })).toBe(1);
  });

  it('is unknown where either is missing', () => {
    expect(partDone(null)).toBeNull();
    expect(partDone({ ...progress, total: null })).toBeNull();
    expect(partDone({ ...progress, total: 0 })).toBeNull();
  });
});

describe('words', () => {
  it('name a series with what tells it apart', () => {
    expect(seriesName({ name: 'loss', context: { subset: 'val' } })).toBe('val loss');
    expect(seriesName({ name: 'lr', context: {} })).toBe('lr');
  });

  it('name a level, also one between two', () => {
    expect([10, 20, 35, 40, 60].map(levelName)).toEqual([
      'debug', 'info', 'warning', 'error', 'critical',
    ]);
  });
});

describe('a shell', () => {
  it('reads any path as one word', () => {
    expect(shellWord('/data/.foldline')).toBe('/data/.foldline');
    expect(shellWord("/my data/it's")).toBe(`'/my data/it'\\''s'`);
    expect(movedScript('/my data')).toContain("FOLDLINE_STORE='/my data' python train.py");
  });
});
