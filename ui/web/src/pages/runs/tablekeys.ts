/** The keys of the table. */

import type { KeyBinding } from '../../lib/keys/keys';
import type { Cursor } from './cursor.svelte';
import type { Deeds } from './deeds';
import type { TableView } from './view.svelte';

const group = 'Table';

export function tableKeys(
  cursor: Cursor,
  deeds: Deeds,
  view: TableView,
  last: () => number,
): KeyBinding[] {
  const by = (keys: string, label: string, run: (extend: boolean) => void): KeyBinding => ({
    keys, group, label, offered: false, run: (event) => run(event?.shiftKey ?? false),
  });
  const to = (step: number) => (extend: boolean) => cursor.move(cursor.row + step, extend);
  const page = () => cursor.grid?.rowsPerPage() ?? 1;
  return [
    by('j', 'Next row', to(1)),
    by('k', 'Row before', to(-1)),
    by('ArrowDown', '', to(1)),
    by('ArrowUp', '', to(-1)),
    by('ArrowRight', 'Cell to the right', () => cursor.moveColumn(1)),
    by('ArrowLeft', 'Cell to the left', () => cursor.moveColumn(-1)),
    by('PageDown', '', (extend) => cursor.move(cursor.row + page(), extend)),
    by('PageUp', '', (extend) => cursor.move(cursor.row - page(), extend)),
    by('Home', 'First row', (extend) => cursor.move(0, extend)),
    by('End', 'Last row', (extend) => cursor.move(last(), extend)),
    by('Enter', 'Open the run or the group', () => cursor.open()),
    by('F2', 'Change the name, or the cell', () => cursor.edit()),
    by('x', 'Select the run', () => cursor.toggle()),
    by(' ', '', () => cursor.toggle()),
    { keys: 'Mod+a', group, label: 'Select all that match', run: () => cursor.selectAll() },
    by('Escape', 'Select nothing', () => cursor.clear()),
    { keys: 'C', group, label: 'Compare the selected runs', run: () => void deeds.compare() },
    { keys: 'c', group, label: 'Curves of the selected runs', run: () => void deeds.showCurves() },
    by('Delete', 'Delete the selected runs', () => void deeds.setAside({ deleted: true })),
    {
      keys: 'd', group, label: 'Differing columns only',
      run: () => view.setDiffering(!view.differing),
    },
  ];
}
