/** Hits are cut at their marks, named, and lead to their exact place. */

import { describe, expect, it } from 'vitest';
import type { Hit } from '../../../src/lib/api/types';
import {
  hitHref, hitPlace, nearMark, stretches, typedQuestion,
} from '../../../src/lib/search/hits';

const found = { run: { id: 'a/b' } } as Parameters<typeof hitHref>[0];
const hit = (more: Partial<Hit>): Hit => ({ kind: 'run', text: '', marks: [], ...more });

describe('stretches', () => {
  it('cut at marks that count code points', () => {
    expect(stretches({ text: '🚀 out of memory', marks: [[2, 5], [9, 15]] })).toEqual([
      { text: '🚀 ', marked: false },
      { text: 'out', marked: true },
      { text: ' of ', marked: false },
      { text: 'memory', marked: true },
    ]);
  });

  it('are the whole text where nothing is marked', () => {
    expect(stretches({ text: 'name', marks: [] })).toEqual([{ text: 'name', marked: false }]);
  });
});

describe('near its mark', () => {
  it('a text is cut at its beginning, and its marks stay on their words', () => {
    const near = nearMark({ text: 'x'.repeat(40) + '🚀 loss here', marks: [[42, 46]] }, 3);
    expect(near.text).toBe('…loss here');
    expect(stretches(near).find((one) => one.marked)?.text).toBe('loss');
    const words = nearMark({ text: 'from .network import log_loss', marks: [[25, 29]] }, 12);
    expect(words.text).toBe('…import log_loss');
    expect(nearMark({ text: 'x'.repeat(9), marks: [[6, 9]] }, 3).text).toBe('…xxxxxx');
  });

  it('a short text stays whole', () => {
    const hit = { text: 'a loss', marks: [[2, 6]] as [number, number][] };
    expect(nearMark(hit, 3)).toBe(hit);
  });
});

describe('a hit', () => {
  it.each<[Partial<Hit>, string, string]>([
    [{ kind: 'line', writer: 'w1', line: 41 }, 'line 42', 'runs/a%2Fb/logs?writer=w1#L42'],
    [
      { kind: 'message', writer: 'w0', seq: 7 },
      'message',
      'runs/a%2Fb/logs?view=messages&writer=w0#M7',
    ],
    [{ kind: 'code', name: 'train.py', line: 3 }, 'train.py:3', 'runs/a%2Fb/code?file=train.py#L3'],
    [{ kind: 'code', name: 'train.py', line: 0 }, 'train.py', 'runs/a%2Fb/code?file=train.py#L1'],
    [
      { kind: 'text', name: 'said', step: 300 },
      'said · step 300',
      'runs/a%2Fb/media?kind=text&name=said&step=300',
    ],
    [{ field: 'param', name: 'hparams.lr' }, 'hparams.lr', 'runs/a%2Fb/params?find=hparams.lr'],
    [{ field: 'note' }, 'note', 'runs/a%2Fb#notes'],
    [{ field: 'tag' }, 'tag', 'runs/a%2Fb'],
  ])('%j is at %s', (more, place, href) => {
    expect(hitPlace(hit(more))).toBe(place);
    expect(hitHref(found, hit(more))).toBe(href);
  });
});

describe('a question that is being typed', () => {
  it.each([
    ['mem', 'mem*'],
    ['cuda mem', 'cuda mem*'],
    ['mem ', 'mem'],
    ['m', 'm'],
    ['"out of', '"out of'],
    ['tag:base', 'tag:base'],
    ['-fine', '-fine'],
    ['128', '128'],
    ['1284', '1284*'],
  ])('%s is asked as %s', (typed, asked) => {
    expect(typedQuestion(typed)).toBe(asked);
  });
});
