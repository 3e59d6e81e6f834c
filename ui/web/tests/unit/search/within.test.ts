import { describe, expect, it } from 'vitest';
import { within } from '../../../src/lib/search/within';

/** A question, and the same asked of lines of consoles alone. */
const CASES = [
  ['cuda memory', 'line:cuda line:memory'],
  ['"out of memory"', 'line:"out of memory"'],
  ['"out of mem"*', 'line:"out of mem"*'],
  ['cuda OR (disk -full)', 'line:cuda OR (line:disk -line:full)'],
  ['NOT cuda AND disk', 'NOT line:cuda AND line:disk'],
  ['experiment:mnist memory', 'experiment:mnist line:memory'],
  ['note:"a b" cuda', 'note:"a b" line:cuda'],
  ['epoch:3', 'line:epoch:3'],
  ['--learning_rate', 'line:--learning_rate'],
  ['f(x) (a b)', 'line:f(x) (line:a line:b)'],
  ['memor*', 'line:memor*'],
  ['学习', 'line:学习'],
  ['', ''],
] as const;

describe('a question within one field', () => {
  it.each(CASES)('%s becomes %s', (question, narrowed) => {
    expect(within(question, 'line')).toBe(narrowed);
  });
});
