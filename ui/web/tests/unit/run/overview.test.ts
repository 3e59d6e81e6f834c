/** Facts of a run: its command, its lineage, its levels, its edits and how long it will take. */

import { describe, expect, it } from 'vitest';
import type { LineageRun, RunWhole } from '../../../src/lib/api/run';
import { fileTree } from '../../../src/pages/run/code/files';
import { inverse } from '../../../src/pages/run/edits';
import { countFrom, levelName, levelTone } from '../../../src/pages/run/levels';
import { commandLine } from '../../../src/pages/run/overview/command';
import { lineageTree } from '../../../src/pages/run/overview/lineage';
import { remaining } from '../../../src/pages/run/progress';
import { tabOf } from '../../../src/pages/run/tabs';
import { holdsWords } from '../../../src/pages/run/words';

function fork(id: string, parent: string | null, step: number | null = null): LineageRun {
  return {
    id, name: id, experiment: '', status: 'finished', created_at: 0, archived: false,
    deleted: false, parent, step,
  };
}

describe('commandLine', () => {
  it('quotes what a shell would take for something else', () => {
    expect(commandLine(['python', 'a b.py', "it's", '--lr=1e-3', '$HOME', '']))
      .toBe(`python 'a b.py' 'it'"'"'s' --lr=1e-3 '$HOME' ''`);
    expect(commandLine([])).toBe('');
  });
});

describe('lineageTree', () => {
  const lines = (runs: LineageRun[]) =>
    lineageTree(runs).map(({ run, depth }) => `${depth} ${run.id}`);

  it('stands forks below their parents, by their steps', () => {
    const runs = [fork('a', null), fork('c', 'a', 20), fork('b', 'a', 10), fork('d', 'c', 30)];
    expect(lines(runs)).toEqual(['0 a', '1 b', '1 c', '2 d']);
  });

  it('shows each run once, also where a parent is gone or names go in a circle', () => {
    expect(lines([fork('b', 'gone', 1)])).toEqual(['0 b']);
    expect(lines([fork('a', 'b'), fork('b', 'a')])).toEqual(['0 a', '1 b']);
  });
});

describe('inverse', () => {
  const run = {
    name: 'a', experiment: null, description: '', notes: 'n', archived: false, deleted_at: null,
    tags: ['x'],
  } as unknown as RunWhole;

  it('puts back what the run has now, and nothing else', () => {
    expect(inverse(run, { name: 'b' })).toEqual({ name: 'a' });
    expect(inverse(run, { experiment: 'e', notes: null }))
      .toEqual({ experiment: null, notes: 'n' });
    expect(inverse(run, { archived: true })).toEqual({ archived: false });
    expect(inverse(run, { deleted: true })).toEqual({ deleted: false });
  });

  it('takes off only tags that were not there before', () => {
    expect(inverse(run, { tags_added: ['x', 'y'] })).toEqual({ tags_removed: ['y'] });
    expect(inverse(run, { tags_removed: ['x', 'z'] })).toEqual({ tags_added: ['x'] });
  });
});

describe('remaining', () => {
  const at = (done: number | null, total: number | null) =>
    remaining({ created_at: 100, progress: { done, total, expect_next_in: 0, time: 200 } });

  it('goes on as it went so far', () => {
    expect(at(25, 100)).toBe(300);
  });

  it('says nothing where nothing can be said', () => {
    expect(at(null, 100)).toBeNull();
    expect(at(5, null)).toBeNull();
    expect(at(0, 100)).toBeNull();
    expect(at(100, 100)).toBeNull();
    expect(remaining({ created_at: 0, progress: null })).toBeNull();
  });
});

describe('small words', () => {
  it('name levels, also those between', () => {
    expect([levelName(25), levelTone(25)]).toEqual(['info', 'info']);
    expect([levelName(55), levelTone(55)]).toEqual(['critical', 'bad']);
    expect(levelName(3)).toBe('debug');
    expect(countFrom({ 10: 1, 20: 2, 30: 4 }, 20)).toBe(6);
  });

  it('name tabs', () => {
    expect(tabOf('logs')).toBe('logs');
    expect(tabOf('')).toBe('');
    expect(tabOf('nope')).toBeNull();
  });

  it('find words in any order', () => {
    expect(holdsWords('Learning Rate', 'rate learn')).toBe(true);
    expect(holdsWords('a', ' ')).toBe(true);
    expect(holdsWords('a', 'b')).toBe(false);
  });
});

describe('fileTree', () => {
  const files = ['src/a.py', 'src/net/b.py', 'train.py'].map((path) => ({
    path, blob: path, size: 1,
  }));

  it('opens each folder once', () => {
    expect(fileTree(files, '').map((line) => `${line.depth} ${line.name}`)).toEqual([
      '0 src', '1 a.py', '1 net', '2 b.py', '0 train.py',
    ]);
  });

  it('keeps the folders of what is found', () => {
    expect(fileTree(files, 'b.py').map((line) => line.path)).toEqual([
      'src/', 'src/net/', 'src/net/b.py',
    ]);
  });
});
