/** What can be done with a column of the table. */

import { NAME_COLUMN, type Column } from '../../lib/grid/columns';
import type { MenuItem } from '../../lib/grid/menu';
import { FIGURES, withFigure } from '../../lib/grid/words';
import type { TableView } from './view.svelte';

function sortItems(view: TableView, column: Column): MenuItem[] {
  const { id } = column;
  const sort = view.sorts.find((one) => one.by === id);
  const others = view.sorts.filter((one) => one.by !== id);
  const set = (desc: boolean) => view.setSorts([{ by: id, desc }]);
  const items: MenuItem[] = [
    { label: 'Sort ascending', checked: sort?.desc === false, run: () => set(false) },
    { label: 'Sort descending', checked: sort?.desc === true, run: () => set(true) },
  ];
  if (others.length > 0 && sort === undefined) {
    items.push({
      label: 'Sort by it after the others',
      run: () => view.setSorts([...view.sorts, { by: id, desc: false }]),
    });
  }
  if (sort !== undefined) {
    items.push({ label: 'Do not sort by it', run: () => view.setSorts(others) });
  }
  return items;
}

function figureItems(view: TableView, column: Column): MenuItem[] {
  const shown = new Set(view.picks.map((pick) => pick.id));
  return ['curve', ...FIGURES].map((figure, place) => {
    const id = withFigure(column.id, figure);
    return {
      label: figure === 'curve' ? 'Small curve' : `${figure[0]!.toUpperCase()}${figure.slice(1)}`,
      checked: id === column.id,
      disabled: shown.has(id) && id !== column.id,
      apart: place === 0,
      run: () => view.replace(column.id, id),
    };
  });
}

export function columnMenu(view: TableView, column: Column): MenuItem[] {
  const { id } = column;
  const pick = view.picks.find((one) => one.id === id);
  const isName = id === NAME_COLUMN;
  const at = view.shown.findIndex((one) => one.column.id === id);
  const items = column.sortable ? sortItems(view, column) : [];
  if (column.kind !== 'curve' && column.metric === null && !isName) {
    const by = view.by.includes(id);
    items.push({
      label: 'Group by it',
      checked: by,
      apart: true,
      run: () => view.groupBy(by ? view.by.filter((one) => one !== id) : [...view.by, id]),
    });
  }
  if (column.metric !== null) items.push(...figureItems(view, column));
  if (column.kind === 'number') {
    items.push({
      label: 'Bars',
      checked: pick?.bar === true,
      apart: true,
      run: () => view.change(id, { bar: pick?.bar !== true }),
    });
  }
  items.push({
    label: 'A width that fits', apart: true,
    disabled: pick?.width === undefined,
    run: () => view.change(id, { width: undefined }),
  });
  if (isName) return items;
  items.push(
    {
      label: 'Pinned at the left', checked: pick?.pinned === true,
      run: () => view.change(id, { pinned: pick?.pinned !== true }),
    },
    { label: 'Move left', keys: 'Alt Left', disabled: at <= 1, run: () => view.move(id, at - 1) },
    {
      label: 'Move right', keys: 'Alt Right', disabled: at === view.shown.length - 1,
      run: () => view.move(id, at + 1),
    },
    { label: 'Hide', keys: 'Del', run: () => view.toggle(id) },
  );
  return items;
}
