/** The table's columns, layout, order and geometry. */

import { describe, expect, it } from 'vitest';
import type { ColumnFound, ColumnSource, Figures } from '../../src/lib/api/tables';
import type { Json } from '../../src/lib/api/types';
import {
  barPart,
  columnOf,
  defaultIds,
  differs,
  groupCell,
  NAME_COLUMN,
} from '../../src/lib/grid/columns';
import {
  bandsOver,
  CANVAS_MAX_PX,
  canvasHeight,
  columnsInView,
  place,
  rowShift,
  rowsInView,
  settleWidths,
} from '../../src/lib/grid/layout';
import { formatPick, moved, ordered, parsePick, parsePicks } from '../../src/lib/grid/picks';
import { renewed, type RunRow } from '../../src/lib/grid/rows';
import { clickedSort, formatSort, parseSort } from '../../src/lib/grid/sorting';
import { idsQuery, metricKey, metricWord, placeOf, withFigure } from '../../src/lib/grid/words';
import { aRun, aSummary } from './samples';

const LOSS = 'run.metrics["loss", {"subset": "val"}].last';

function aFound(column: string, source: ColumnSource, parts: Partial<ColumnFound> = {}) {
  const found: ColumnFound = {
    column, source, kind: 'number', runs: 4, missing: 0, distinct: 4, min: 0, max: 1, values: [],
  };
  return { ...found, ...parts };
}

function aRow(id: string, values: Record<string, Json> = {}): RunRow {
  return { ...aRun(id), values: new Map(Object.entries(values)) };
}

describe('words', () => {
  it('say which metric in which context, by which figure', () => {
    const context = { subset: 'val', deep: { fold: 2, best: true, no: null } };
    const word = metricWord('loss', context, 'min');
    expect(placeOf(word)).toEqual({
      kind: 'metric', name: 'loss', figure: 'min',
      context: { subset: 'val', deep: { fold: 2, best: true, no: null } },
    });
    expect(placeOf('run.metrics["a\\"]b"].last')).toMatchObject({ name: 'a"]b', context: {} });
    expect(withFigure(LOSS, 'max')).toBe('run.metrics["loss", {"subset": "val"}].max');
  });

  it('say where a param lies, also under keys that are no names', () => {
    expect(placeOf('run.hparams.lr')).toEqual({ kind: 'path', path: ['hparams', 'lr'] });
    expect(placeOf('run.params["a.b"].c')).toEqual({ kind: 'path', path: ['params', 'a.b', 'c'] });
  });

  it('take anything else for an expression', () => {
    for (const word of [
      'run.duration / 60', 'len(run.tags)', 'run', 'run.a["b', 'run.metrics["x', '',
    ]) {
      expect(placeOf(word)).toEqual({ kind: 'expression' });
    }
  });

  it('name a context whatever the order of its keys', () => {
    expect(metricKey('x', { a: 1, b: 2 })).toBe(metricKey('x', { b: 2, a: 1 }));
  });

  it('read runs by their ids, one alone or several, deleted ones too', () => {
    expect(idsQuery(['a'])).toMatch(/^run.id in \("a",\) and/);
    expect(idsQuery(['a', 'b'])).toBe(
      'run.id in ("a", "b",) and run.deleted in (True, False)',
    );
  });
});

describe('columns', () => {
  it('are what their words say, with or without a run that has them', () => {
    expect(columnOf(LOSS, null)).toMatchObject({
      title: 'loss', subtitle: 'val', figure: 'last', band: 'Metrics', kind: 'number', asked: LOSS,
    });
    expect(columnOf('run.metrics["train/loss"].min', null)).toMatchObject({
      title: 'loss', band: 'train', figure: 'min',
    });
    expect(columnOf('run.hparams.lr', null)).toMatchObject({ title: 'lr', band: 'hparams' });
    expect(columnOf('run.name', null)).toMatchObject({ kind: 'name', asked: null });
    expect(columnOf('run.summary.best.acc', null)).toMatchObject({
      group: 'Results', title: 'acc',
    });
    expect(columnOf('run.metrics["__system__/cpu_percent"].last', null).group).toBe('System');
  });

  it('take a param that is called like a field for a param', () => {
    const found = aFound('run.project', 'param', { kind: 'text' });
    expect(columnOf('run.project', found).group).toBe('Params');
    expect(columnOf('run.project', null).group).toBe('Run');
  });

  it('tell what is on its way from what is not there', () => {
    const column = columnOf('run.hparams.lr', null);
    expect(column.value(aRow('a'))).toBeUndefined();
    expect(column.cell(aRow('a', { 'run.hparams.lr': null }), 0).tone).toBe('none');
    expect(column.cell(aRow('a', { 'run.hparams.lr': 3e-4 }), 0).text).toBe('3e-4');
  });

  it('warn of a measured value that is not a number', () => {
    const row = aRow('a', { [LOSS]: 'NaN' });
    expect(columnOf(LOSS, null).cell(row, 0)).toMatchObject({ text: 'NaN', tone: 'warn' });
  });

  it('show the first line of a text, whatever is in it', () => {
    const row = aRow('a', { 'run.notes': '<script>alert(1)</script>\nsecond' });
    const cell = columnOf('run.notes', null).cell(row, 0);
    expect(cell.text).toBe('<script>alert(1)</script>');
    expect(cell.detail).toContain('second');
  });

  it('are by default those that tell runs apart, the most common metrics among them', () => {
    const found = [
      aFound('run.experiment', 'field', { kind: 'text', distinct: 1 }),
      aFound('run.lr', 'param'),
      aFound('run.same', 'param', { distinct: 1 }),
      aFound('run.some', 'param', { distinct: 1, missing: 2 }),
      aFound('run.metrics["rare"].last', 'metric', { runs: 1 }),
      aFound(LOSS, 'metric'),
      aFound('run.metrics["__system__/cpu"].last', 'metric', { runs: 9 }),
    ];
    expect(defaultIds(found)).toEqual([
      NAME_COLUMN, 'run.status', withFigure(LOSS, 'curve'), LOSS, 'run.metrics["rare"].last',
      'run.lr', 'run.some', 'run.duration', 'run.created_at', 'run.tags',
    ]);
    expect(differs(null)).toBe(false);
  });

  it('show of a group the mean and the spread of all members, and the rest on pointing', () => {
    const figures: Figures = {
      count: 3, missing: 1, distinct: 3, mean: 0.5, std: 0.1, min: 0.4, max: 0.6, median: 0.5,
      value: null,
    };
    const cell = groupCell(columnOf(LOSS, null), figures, 0);
    expect(cell.text).toBe('0.5000 ± 0.1000');
    expect(cell.detail).toContain('n = 3');
    expect(cell.detail).toContain('missing in 1');
    const rates = { ...figures, mean: 0.16726547240000003, std: null };
    expect(groupCell(columnOf('run.lr', null), rates, 0).text).toBe('0.1673');
    const words = { ...figures, count: 0, mean: null, value: 'adam' };
    expect(groupCell(columnOf('run.opt', null), words, 0).text).toBe('adam');
    const column = columnOf('run.opt', null);
    expect(groupCell(column, { ...words, value: null }, 0).text).toBe('3 values');
  });

  it('draw a bar as long as the number lies between the bounds', () => {
    const column = columnOf(LOSS, null);
    expect(barPart(column, aRow('a', { [LOSS]: 3 }), [1, 5])).toBe(0.5);
    expect(barPart(column, aRow('a', { [LOSS]: 'NaN' }), [1, 5])).toBeNull();
    expect(barPart(column, aRow('a', { [LOSS]: 3 }), null)).toBeNull();
    expect(barPart(column, aRow('a', { [LOSS]: 3 }), [3, 3])).toBeNull();
  });
});

describe('rows', () => {
  it('keep the cells that a newer answer was not asked for', () => {
    const older = { ...aRow('a', { x: 1, y: 2 }), metrics: [aSummary(1, 'loss', {}, 1)] };
    const newer = { ...aRow('a', { y: 3 }), name: 'b', metrics: [aSummary(2, 'acc', {}, 1)] };
    const both = renewed(older, newer);
    expect([...both.values]).toEqual([['x', 1], ['y', 3]]);
    expect(both.name).toBe('b');
    expect(both.metrics.map((one) => one.series)).toEqual([1, 2]);
  });
});

describe('picks', () => {
  it('survive the way through the address', () => {
    for (const pick of [
      { id: LOSS }, { id: 'run.name', pinned: true }, { id: 'run.lr', width: 140, bar: true },
      { id: 'run.metrics["a~b"].last' }, { id: 'run.p', pinned: true, width: 99, bar: true },
    ]) {
      expect(parsePick(formatPick(pick))).toEqual(pick);
    }
  });

  it('are read from half an address as far as they go', () => {
    const words = ['', 'p~', 'run.lr', 'p140', 'run.lr', '999999~run.x', 'pb12~run.y'];
    expect(parsePicks(words)).toEqual([
      { id: 'p~' }, { id: 'run.lr' }, { id: 'p140' }, { id: '999999~run.x' },
      { id: 'run.y', pinned: true, bar: true, width: 48 },
    ]);
  });

  it('have the pinned ones first, and change sides where one is put among the others', () => {
    const picks = ordered([{ id: 'a' }, { id: 'b', pinned: true }, { id: 'c' }]);
    expect(picks.map((one) => one.id)).toEqual(['b', 'a', 'c']);
    expect(moved(picks, 'c', 0)).toEqual([{ id: 'c', pinned: true }, picks[0], { id: 'a' }]);
    expect(moved(picks, 'b', 2).map((one) => [one.id, one.pinned])).toEqual([
      ['a', undefined], ['c', undefined], ['b', false],
    ]);
    expect(moved(picks, 'none', 0)).toEqual(picks);
  });
});

describe('sorting', () => {
  it('goes up, down and off with each click', () => {
    const up = clickedSort([], 'run.name', false);
    expect(up).toEqual([{ by: 'run.name', desc: false }]);
    const down = clickedSort(up, 'run.name', false);
    expect(down).toEqual([{ by: 'run.name', desc: true }]);
    expect(clickedSort(down, 'run.name', false)).toEqual([]);
  });

  it('adds a second column when asked, and keeps the rank of one that turns', () => {
    const two = clickedSort([{ by: 'a', desc: false }], 'b', true);
    expect(two.map((sort) => sort.by)).toEqual(['a', 'b']);
    expect(clickedSort(two, 'a', true)).toEqual([
      { by: 'a', desc: true },
      { by: 'b', desc: false },
    ]);
  });

  it('survives the way through the address', () => {
    const sorts = [
      { by: 'run.metrics["loss", {"a": 1}].last', desc: true },
      { by: 'run.name', desc: false },
    ];
    expect(parseSort(formatSort(sorts))).toEqual(sorts);
    expect(parseSort([''])).toEqual([]);
  });
});

const ROW = 30;

describe('layout', () => {
  const view = (rows: number, scrollTop: number, height: number) => ({
    rows, rowPx: ROW, scrollTop, height,
  });
  const many = (count: number, pins = 1) =>
    place(
      Array.from({ length: count }, (_, index) => ({
        column: columnOf(`run.p${index}`, null),
        pick: { id: `run.p${index}`, width: 100, pinned: index < pins },
      })),
      new Map(),
      1600,
    );

  it('draws only the rows around the view', () => {
    const span = rowsInView(view(5_000, 100 * ROW, 20 * ROW));
    expect(span.first).toBeLessThanOrEqual(100);
    expect(span.first).toBeGreaterThan(80);
    expect(span.last).toBeGreaterThanOrEqual(120);
    expect(span.last).toBeLessThan(140);
  });

  it('reaches the last row of a table higher than a browser can scroll', () => {
    const rows = 2_000_000;
    expect(canvasHeight(rows, ROW)).toBe(CANVAS_MAX_PX);
    const bottom = view(rows, CANVAS_MAX_PX - 600, 600);
    expect(rowsInView(bottom).last).toBe(rows);
    expect(rows * ROW - rowShift(bottom)).toBeCloseTo(CANVAS_MAX_PX);
  });

  it('draws only the columns in view, and never a pinned one twice', () => {
    expect(columnsInView(many(20), 0, 250)).toEqual({ first: 1, last: 3 });
    expect(columnsInView(many(20), 320, 250)).toEqual({ first: 4, last: 6 });
    expect(columnsInView(many(20, 2), 0, 250)).toEqual({ first: 2, last: 3 });
    expect(columnsInView(many(10_000), 999_000, 1_000)).toEqual({ first: 9_991, last: 10_000 });
  });

  it('keeps pinned columns from filling a phone', () => {
    const columns = ['run.name', 'run.a', 'run.b'].map((id) => ({
      column: columnOf(id, null), pick: { id, width: 320, pinned: true },
    }));
    expect(place(columns, new Map(), 400)).toMatchObject({ pins: 1, pinnedWidth: 180 });
    expect(place(columns, new Map(), 2_000).pins).toBe(3);
  });

  it('settles a width once, when there is something to measure', () => {
    const widths = new Map<string, number>();
    const name = [columnOf(NAME_COLUMN, null)];
    const line = (text: string) =>
      ({ kind: 'run', run: { ...aRow('a'), name: text }, depth: 0 }) as const;
    settleWidths(widths, name, []);
    expect(widths.size).toBe(0);
    settleWidths(widths, [columnOf('run.lr', null)], [line('a')]);
    expect(widths.size).toBe(0);
    settleWidths(widths, name, [line('short')]);
    const settled = widths.get(NAME_COLUMN);
    settleWidths(widths, name, [line('a name that is a good deal longer than the first one was')]);
    expect(widths.get(NAME_COLUMN)).toBe(settled);
  });

  it('joins neighbours with one band, and leaves the pinned ones by themselves', () => {
    const ids = ['run.name', 'run.hparams.lr', 'run.hparams.seed', 'run.status', 'run.hparams.opt'];
    const placed = place(
      ids.map((id, index) => ({
        column: columnOf(id, null), pick: { id, width: 100, pinned: index < 2 },
      })),
      new Map(),
      2_000,
    );
    const bands = bandsOver(placed, [{ first: 0, last: 2 }, { first: 2, last: 5 }]);
    expect(bands.map(({ text, left, width, pinned }) => [text, left, width, pinned])).toEqual([
      ['hparams', 100, 100, true], ['hparams', 200, 100, false], ['hparams', 400, 100, false],
    ]);
  });
});
