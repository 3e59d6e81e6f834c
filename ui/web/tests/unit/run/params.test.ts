/** Settings become leaves, trees, YAML, and differences of two runs. */

import { describe, expect, it } from 'vitest';
import { pairs } from '../../../src/pages/run/params/differences';
import {
  foundLeaves, leafCount, leafText, leavesOf, nested, treeLines, type Leaf,
} from '../../../src/pages/run/params/leaves';
import { rowsOf } from '../../../src/pages/run/params/rows';
import { toYaml } from '../../../src/pages/run/params/yaml';

const params = {
  hparams: { lr: 0.1, opt: { name: 'adam', betas: [0.9, 0.999] } }, seed: 3, files: ['a'], none: {},
};

describe('leaves', () => {
  it('keep the order, and an empty branch is one', () => {
    expect(leavesOf(params).map((leaf) => leaf.path.join('.'))).toEqual([
      'hparams.lr', 'hparams.opt.name', 'hparams.opt.betas', 'seed', 'files', 'none',
    ]);
    expect(leafCount(params)).toBe(6);
  });

  it('become the same tree again, whatever the keys are called', () => {
    const odd = { ...params, 'a.b': { __proto__x: 1 }, 'ä<b>': null };
    expect(nested(leavesOf(odd))).toEqual(odd);
    const proto = JSON.parse('{"__proto__": {"x": 1}}');
    expect(JSON.stringify(nested(leavesOf(proto)))).toBe('{"__proto__":{"x":1}}');
  });

  it('are found by words of path and value', () => {
    const found = (words: string) => foundLeaves(leavesOf(params), words).map((l) => l.path.at(-1));
    expect(found('opt ADAM')).toEqual(['name']);
    expect(found('')).toHaveLength(6);
    expect(found('nowhere')).toEqual([]);
  });

  it('say that they were cut', () => {
    const cut: Leaf = { path: ['a'], value: 'xy', cut: true, size: 9_000 };
    expect(leafText(cut)).toBe('xy…');
    expect(leafText({ ...cut, value: null })).toBe('…');
  });
});

describe('treeLines', () => {
  const lines = (closed: string[] = []) =>
    treeLines(leavesOf(params), new Set(closed)).map((line) => `${line.depth} ${line.key}`);

  it('put branches before their leaves and count what is below', () => {
    expect(lines()).toEqual([
      '0 hparams', '1 lr', '1 opt', '2 name', '2 betas', '0 seed', '0 files', '0 none',
    ]);
    const [hparams] = treeLines(leavesOf(params), new Set());
    expect(hparams).toMatchObject({ kind: 'branch', leaves: 3, open: true });
  });

  it('leave out what is below a closed branch, and go on behind it', () => {
    expect(lines(['hparams'])).toEqual(['0 hparams', '0 seed', '0 files', '0 none']);
    expect(lines(['hparams\u0000opt'])).toEqual([
      '0 hparams', '1 lr', '1 opt', '0 seed', '0 files', '0 none',
    ]);
    const [closed] = treeLines(leavesOf(params), new Set(['hparams']));
    expect(closed).toMatchObject({ leaves: 3, open: false });
  });

  it('is quick with ten thousand params', () => {
    const many = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, i) => [`k${i}`, { a: i, b: { c: 'x' } }]),
    );
    const leaves = leavesOf(many);
    const start = performance.now();
    expect(treeLines(leaves, new Set())).toHaveLength(40_000);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe('toYaml', () => {
  it('writes maps and lists by their indents', () => {
    expect(toYaml(params)).toBe(
      'hparams:\n  lr: 0.1\n  opt:\n    name: adam\n    betas:\n      - 0.9\n      - 0.999\n'
        + 'seed: 3\nfiles:\n  - a\nnone: {}\n',
    );
    expect(toYaml({})).toBe('{}\n');
    expect(toYaml({ a: [{ b: 1, c: 2 }, [3]] })).toBe('a:\n  - b: 1\n    c: 2\n  - - 3\n');
  });

  it.each([
    'yes', 'null', '1e5', '0x10', '', ' a', 'a ', 'a: b', '# a', '- a', 'a\nb', '.5', '~', '1.0',
    '{', '@a', '!tag', '&x', '*y', '%z', '|', '>', "'", '"', '2026-11-28',
  ])('quotes %j, which would be read as something else', (text) => {
    expect(toYaml({ a: text })).toBe(`a: ${JSON.stringify(text)}\n`);
  });

  it('leaves plain words as they are', () => {
    expect(toYaml({ a: 'rand-m9/x_1.py' })).toBe('a: rand-m9/x_1.py\n');
  });
});

describe('pairs', () => {
  const other = { hparams: { lr: 0.2, opt: { name: 'adam', betas: [0.9, 0.999] } }, extra: true };
  const found = pairs(leavesOf(params), leavesOf(other));

  it('tell what is the same, what differs, and what only one has', () => {
    expect(found.map((pair) => `${pair.path.join('.')} ${pair.difference}`)).toEqual([
      'hparams.lr changed', 'hparams.opt.name same', 'hparams.opt.betas same', 'seed mine',
      'files mine', 'none mine', 'extra theirs',
    ]);
  });

  it('are shown where they differ, or all of them', () => {
    const asked = {
      found: [], compared: found, search: '', flat: false, vs: true, closed: new Set<string>(),
    };
    expect(rowsOf({ ...asked, all: false })).toHaveLength(5);
    expect(rowsOf({ ...asked, all: true })).toHaveLength(7);
    expect(rowsOf({ ...asked, all: true, search: 'adam' })).toHaveLength(1);
  });

  it('take long values of other sizes for different', () => {
    const leaf = { path: ['a'], value: 'x', cut: true, size: 5_000 };
    expect(pairs([leaf], [{ ...leaf, size: 5_001 }])[0]?.difference).toBe('changed');
  });
});
