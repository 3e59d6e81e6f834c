/** The palette puts what is known at once first, and tells each run once. */

import { afterEach, describe, expect, it, vi } from 'vitest';
import type { FoundRun, Hit } from '../../../src/lib/api/types';
import { bindKeys } from '../../../src/lib/keys/keys';
import { Palette } from '../../../src/shell/palette.svelte';

const run = vi.fn();
const off = bindKeys([
  { keys: 'g r', group: 'Go to', label: 'Runs', run },
  { keys: 'e', group: 'Table', label: 'Export the runs', run },
]);
afterEach(() => run.mockClear());

const hit = (more: Partial<Hit>): Hit => ({ kind: 'line', text: 'a run', marks: [], ...more });
const found = (id: string, ...hits: Hit[]) =>
  ({ run: { id, name: id, experiment: 'zoo' }, hits, more: false }) as unknown as FoundRun;

function opened(): Palette {
  const palette = new Palette();
  palette.start();
  return palette;
}

const shown = (palette: Palette) =>
  palette.sections.map(({ title, entries }) => [title, ...entries.map((entry) => entry.text)]);

describe('the palette', () => {
  it('leads to the pages while nothing is typed', () => {
    expect(shown(opened())).toEqual([['Go to', 'Runs']]);
  });

  it('lists actions, then runs by their own words, then what was said', () => {
    const palette = opened();
    palette.text = 'run';
    palette.question.answer = {
      runs: [
        found('one', hit({ kind: 'run', field: 'name' }), hit({ line: 3 })),
        found('two', hit({ line: 1, text: 'first' }), hit({ line: 2, text: 'second' })),
      ],
      total: 2, exact: true, watermark: 0, warnings: [],
    };
    expect(shown(palette)).toEqual([
      ['Actions', 'Runs', 'Export the runs'],
      ['Runs', 'one'],
      ['Said and logged', 'a run', 'first', 'second'],
      ['Everywhere', 'Search for “run”'],
    ]);
    const said = palette.sections[2]?.entries.map((entry) => entry.run?.id ?? '');
    expect(said).toEqual(['one', 'two', '']);
  });

  it('goes round at its ends, and does what it stands on', () => {
    const palette = opened();
    palette.text = 'export';
    palette.move(-1);
    expect(palette.entries[palette.active]?.id).toBe('all');
    palette.move(1);
    expect(palette.take(palette.entries[palette.active]!, false)).toBe(true);
    expect(run).toHaveBeenCalledOnce();
  });

  it('has nothing of keys that are not bound any more', () => {
    off();
    expect(shown(opened())).toEqual([]);
  });
});
