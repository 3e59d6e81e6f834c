/** The table's columns, order and geometry. */

import { describe, expect, it } from 'vitest';
import type { MetricColumn, Run } from '../../src/lib/api/types';
import {
  allColumns,
  defaultColumns,
  NAME_COLUMN,
  paramAt,
  pickedColumns,
} from '../../src/lib/grid/columns';
import {
  CANVAS_MAX_PX,
  canvasHeight,
  columnsInView,
  place,
  ROW_PX,
  rowShift,
  rowsInView,
  settleWidths,
} from '../../src/lib/grid/layout';
import { clickedSort, formatSort, parseSort } from '../../src/lib/grid/sorting';
import { aRun, aSummary } from './samples';

const params = ['hparams.lr', 'model.name'].map((path) => ({
  path,
  kind: 'number' as const,
  runs: 1,
}));
const metrics: MetricColumn[] = [
  { name: 'loss', context: { subset: 'val' }, runs: 1 },
  { name: 'lr', context: {}, runs: 1 },
];
const columns = allColumns(params, metrics);
const byId = (id: string) => columns.find((column) => column.id === id);

describe('columns', () => {
  it('carry the expression that the server sorts by', () => {
    expect(columns.map((column) => column.id)).toContain(
      'run.metrics["loss", {"subset": "val"}].last',
    );
    expect(byId('run.hparams.lr')).toBeDefined();
  });

  it('show the whole path of a setting that shares its name with a metric', () => {
    expect(byId('run.hparams.lr')?.subtitle).toBe('hparams');
    expect(byId('run.model.name')).toMatchObject({ title: 'name', subtitle: 'model' });
  });

  it('read nested settings and the last value of a metric', () => {
    const run = aRun('a', {
      params: { hparams: { lr: 3e-4 } },
      metrics: [aSummary(1, 'loss', { subset: 'val' }, 0.25)],
    });
    expect(byId('run.hparams.lr')?.cell(run, 0).text).toBe('3e-4');
    expect(byId('run.metrics["loss", {"subset": "val"}].last')?.cell(run, 0).text).toBe('0.2500');
    expect(byId('run.model.name')?.cell(run, 0).tone).toBe('none');
  });

  it('warn of a last value that is not a number', () => {
    const run = aRun('a', { metrics: [aSummary(1, 'lr', {}, 'NaN')] });
    expect(byId('run.metrics["lr"].last')?.cell(run, 0)).toMatchObject({
      text: 'NaN',
      tone: 'warn',
    });
  });

  it('find a key that holds dots itself', () => {
    expect(paramAt({ 'a.b': { c: 1 } }, 'a.b.c')).toBe(1);
    expect(paramAt({ a: { 'b.c': 2 } }, 'a.b.c')).toBe(2);
    expect(paramAt({ a: 1 }, 'a.b')).toBeUndefined();
  });

  it('always keep the name in front, and drop what no run has any more', () => {
    const picked = pickedColumns(columns, ['run.hparams.lr', 'run.gone'], []);
    expect(picked.map((column) => column.id)).toEqual([NAME_COLUMN, 'run.hparams.lr']);
    expect(pickedColumns(columns, [], [])).toEqual(defaultColumns(columns, []));
  });

  it('show by default the settings that tell the runs apart', () => {
    const rows = [1, 2].map((lr) => aRun(`${lr}`, { params: { hparams: { lr }, model: {} } }));
    const settings = (runs: Run[]) =>
      defaultColumns(columns, runs)
        .filter((column) => column.group === 'Params')
        .map((column) => column.title);
    expect(settings(rows)).toEqual(['lr']);
    expect(settings(rows.slice(1))).toEqual(['lr', 'name']);
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

describe('layout', () => {
  it('draws only the rows around the view', () => {
    const span = rowsInView(5_000, 100 * ROW_PX, 20 * ROW_PX);
    expect(span.first).toBeLessThanOrEqual(100);
    expect(span.first).toBeGreaterThan(80);
    expect(span.last).toBeGreaterThanOrEqual(120);
    expect(span.last).toBeLessThan(140);
  });

  it('reaches the last row of a table higher than a browser can scroll', () => {
    const rows = 2_000_000;
    const view = 600;
    expect(canvasHeight(rows)).toBe(CANVAS_MAX_PX);
    const bottom = CANVAS_MAX_PX - view;
    expect(rowsInView(rows, bottom, view).last).toBe(rows);
    const lastTop = (rows - 1) * ROW_PX - rowShift(rows, bottom, view);
    expect(lastTop + ROW_PX).toBeCloseTo(CANVAS_MAX_PX);
  });

  it('draws only the columns in view, and never the sticky one twice', () => {
    const placed = place(columns, new Map(columns.map((column) => [column.id, 100])), 1600);
    expect(columnsInView(placed, 0, 250)).toEqual({ first: 1, last: 3 });
    const right = columnsInView(placed, 320, 250);
    expect(right).toEqual({ first: 3, last: 6 });
  });

  it('keeps the name from filling a phone', () => {
    const [name] = place(columns, new Map([[NAME_COLUMN, 320]]), 400);
    expect(name?.width).toBe(180);
  });

  it('settles a width once', () => {
    const widths = new Map<string, number>();
    const name = columns.slice(0, 1);
    const run = (text: string): Run => aRun('a', { name: text });
    settleWidths(widths, name, []);
    expect(widths.size).toBe(0);
    settleWidths(widths, name, [run('short')]);
    const settled = widths.get(NAME_COLUMN);
    settleWidths(widths, name, [run('a name that is a good deal longer')]);
    expect(widths.get(NAME_COLUMN)).toBe(settled);
  });
});
