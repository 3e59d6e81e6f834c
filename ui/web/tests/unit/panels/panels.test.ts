/** Panels come in sections that people expect, and are found by patterns. */

import { describe, expect, it } from 'vitest';
import { globTest } from '../../../src/lib/panels/glob';
import { sectionsOf, unitOf } from '../../../src/lib/panels/sections';
import { readPanelsView, writePanelsView } from '../../../src/lib/panels/view';

function named(...names: string[]) {
  return names.map((name) => ({ name, runs: 1 }));
}

describe('sections', () => {
  it('are of what stands before the last slash, names without one first', () => {
    const sections = sectionsOf(named('val/loss', 'train/b/x', 'loss', 'val/acc'));
    expect(sections.map(({ key, panels }) => [key, panels.map(({ title }) => title)])).toEqual([
      ['', ['loss']], ['train/b', ['x']], ['val', ['acc', 'loss']],
    ]);
  });

  it('of a machine are its parts, most looked at first', () => {
    const names = named(
      '__system__/process_threads', '__system__/cpu_percent', '__system__/gpu_memory_bytes',
    );
    expect(sectionsOf(names).map(({ title, panels }) => [title, panels[0]!.title])).toEqual([
      ['GPU', 'gpu memory'], ['Processor', 'cpu'], ['Process', 'process threads'],
    ]);
  });

  it('say the unit of a machine\'s series', () => {
    expect(unitOf('__system__/memory_bytes')!.text(1_536)).toBe('1.5 KiB');
    expect(unitOf('__system__/disk_read_bytes_per_s')!.unit).toBe('bytes a second');
    expect(unitOf('my_percent')).toBeNull();
  });
});

it('finds names by parts of them, or by patterns with stars', () => {
  const names = ['val/loss', 'val/Loss_b', 'train/loss', 'lr'];
  const found = (pattern: string) => names.filter(globTest(pattern));
  expect(found('')).toEqual(names);
  expect(found('loss val')).toEqual(['val/loss', 'val/Loss_b']);
  expect(found('*/loss')).toEqual(['val/loss', 'train/loss']);
  expect(found('l?')).toEqual(['lr']);
  expect(found('a+(b')).toEqual([]);
});

it('keeps how panels are shown in the address, without what is usual', () => {
  const plain = readPanelsView(new URLSearchParams(), 0);
  expect(Object.values(writePanelsView(plain, 0)).every((value) => value === null)).toBe(true);
  const view = {
    ...plain, find: 'val/*', size: 'l', axis: 'epoch', log: true, zoom: [1, 2.5], full: 'a&b',
    smoothing: { by: 'ema', amount: 0.5 },
  } as const;
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(writePanelsView(view, 0))) params.set(key, value!);
  expect(readPanelsView(new URLSearchParams(params.toString()), 0)).toEqual(view);
});
