/** The keys of the table. */

import type { KeyBinding } from '../../lib/keys/keys';

export interface TableActions {
  move(to: number, extend?: boolean): void;
  moveColumn(step: number): void;
  /** Rows in a screen. */
  page(): number;
  last(): number;
  active(): number;
  open(): void;
  edit(): void;
  toggle(): void;
  selectAll(): void;
  clear(): void;
  compare(): Promise<void>;
  showCurves(): Promise<void>;
  remove(): void;
  differing(): void;
}

const group = 'Table';

export function tableKeys(table: TableActions): KeyBinding[] {
  const by = (keys: string, label: string, run: (extend: boolean) => void): KeyBinding => ({
    keys, group, label, offered: false, run: (event) => run(event?.shiftKey ?? false),
  });
  const to = (step: number) => (extend: boolean) => table.move(table.active() + step, extend);
  return [
    by('j', 'Next row', to(1)),
    by('k', 'Row before', to(-1)),
    by('ArrowDown', '', to(1)),
    by('ArrowUp', '', to(-1)),
    by('ArrowRight', 'Cell to the right', () => table.moveColumn(1)),
    by('ArrowLeft', 'Cell to the left', () => table.moveColumn(-1)),
    by('PageDown', '', (extend) => table.move(table.active() + table.page(), extend)),
    by('PageUp', '', (extend) => table.move(table.active() - table.page(), extend)),
    by('Home', 'First row', (extend) => table.move(0, extend)),
    by('End', 'Last row', (extend) => table.move(table.last(), extend)),
    by('Enter', 'Open the run or the group', () => table.open()),
    by('F2', 'Change the name, or the cell', () => table.edit()),
    by('x', 'Select the run', () => table.toggle()),
    by(' ', '', () => table.toggle()),
    { keys: 'Mod+a', group, label: 'Select all that match', run: () => table.selectAll() },
    by('Escape', 'Select nothing', () => table.clear()),
    { keys: 'C', group, label: 'Compare the selected runs', run: () => void table.compare() },
    { keys: 'c', group, label: 'Curves of the selected runs', run: () => void table.showCurves() },
    by('Delete', 'Delete the selected runs', () => table.remove()),
    { keys: 'd', group, label: 'Differing columns only', run: () => table.differing() },
  ];
}
