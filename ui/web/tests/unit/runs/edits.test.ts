/** What a person changes, and what takes it back. */

import { describe, expect, it } from 'vitest';
import type { RunRow } from '../../../src/lib/grid/rows';
import { withDelta } from '../../../src/pages/runs/deltas';
import { edited, editOf, inverseOf, tagsOf, textOf } from '../../../src/pages/runs/edits';
import { aRun, aSummary } from '../samples';

const run: RunRow = {
  ...aRun('a', { tags: ['base', 'old'], experiment: 'mnist' }),
  values: new Map([['run.notes', 'one\ntwo']]),
};

describe('edits', () => {
  it('read tags between commas, each once', () => {
    expect(tagsOf(' a, b ,,a,c d ')).toEqual(['a', 'b', 'c d']);
  });

  it('name only what changes', () => {
    expect(editOf(run, 'name', 'a')).toBeNull();
    expect(editOf(run, 'name', 'b')).toEqual({ name: 'b' });
    expect(editOf(run, 'name', ' ')).toEqual({ name: null });
    expect(editOf(run, 'tags', 'base, new')).toEqual({
      tags_added: ['new'], tags_removed: ['old'],
    });
    expect(editOf(run, 'tags', 'old, base')).toBeNull();
    expect(editOf(run, 'notes', 'one\ntwo')).toBeNull();
  });

  it('show at once and go back to what was', () => {
    for (const [field, text] of [
      ['name', 'b'], ['tags', 'x'], ['notes', 'three'], ['experiment', ''],
    ] as const) {
      const edit = editOf(run, field, text)!;
      const after = edited(run, edit);
      expect(textOf(after, field)).toBe(text);
      const before = edited(after, inverseOf(run, edit));
      expect(textOf(before, field)).toBe(textOf(run, field));
      expect(before.tags).toEqual(run.tags);
    }
  });
});

describe('deltas', () => {
  const delta = {
    id: 7, run: 'a', name: 'loss', context: {}, count: 11, step: 10, value: 0.25, time: 10,
  };
  const row: RunRow = {
    ...aRun('a', { metrics: [aSummary(7, 'loss', {}, 0.5)] }),
    values: new Map([['last', 0.5], ['min', 0.3], ['max', 0.9], ['mean', 0.6]]),
  };

  it('change the figures that a newest point tells of', () => {
    const newer = withDelta(row, delta, [
      { word: 'last', figure: 'last' }, { word: 'min', figure: 'min' },
      { word: 'max', figure: 'max' }, { word: 'curve', figure: '' },
    ])!;
    expect([...newer.values]).toEqual([['last', 0.25], ['min', 0.25], ['max', 0.9], ['mean', 0.6]]);
    expect(newer.metrics[0]?.count).toBe(11);
    expect(row.values.get('last')).toBe(0.5);
  });

  it('keep NaN out of the least and the greatest', () => {
    const newer = withDelta(row, { ...delta, value: 'NaN' }, [
      { word: 'last', figure: 'last' }, { word: 'min', figure: 'min' },
    ])!;
    expect(newer.values.get('last')).toBe('NaN');
    expect(newer.values.get('min')).toBe(0.3);
  });

  it('ask for what they cannot know', () => {
    expect(withDelta(row, delta, [{ word: 'mean', figure: 'mean' }])).toBeNull();
    const fresh = { ...row, metrics: [] };
    expect(withDelta(fresh, delta, [{ word: 'curve', figure: '' }])).toBeNull();
  });
});
