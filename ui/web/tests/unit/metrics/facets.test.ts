/** Series become charts, groups and rows by the fields that the chips name. */

import { describe, expect, it } from 'vitest';
import { facetsOf, groupsOf, membersOf } from '../../../src/pages/metrics/facets';
import {
  absentFields, askedFields, automaticStroke, compareLabels, fieldChoices, fieldExpression,
  fieldTitle, fieldValue, foundFields, labelOf, paramAt, paramPaths,
} from '../../../src/pages/metrics/fields';
import { gridOf } from '../../../src/pages/metrics/layout';
import { rankGroups } from '../../../src/pages/metrics/rank';
import {
  barSpan, deltaAt, groupRows, paramColumns, runRows, settingSpan, sortRows,
} from '../../../src/pages/metrics/rows';
import type { FacetInput } from '../../../src/pages/metrics/facets';
import { dataOf, headOf, inputOf, runOf, spreadsOf } from './samples';

function build(input: FacetInput) {
  const members = membersOf(input);
  const groups = groupsOf(members, input);
  return { groups, facets: facetsOf(members, groups, input).shown };
}

describe('charts', () => {
  it('are one per value of the facet, in order', () => {
    const { facets } = build(inputOf());
    expect(facets.map((facet) => [facet.title, facet.lines.length])).toEqual([
      ['acc', 2], ['loss', 3],
    ]);
  });

  it('colour lines by group and cap those of broken runs', () => {
    const { facets, groups } = build(inputOf());
    const loss = facets[1]!;
    expect(groups.map((group) => group.label)).toEqual(['adam', 'sgd']);
    expect(loss.lines.map((line) => line.color)).toEqual(
      [groups[1]!.color, groups[0]!.color, groups[0]!.color],
    );
    expect(loss.lines.map((line) => line.broken)).toEqual([false, false, true]);
  });

  it('keep the colour of a run whatever else is loaded', () => {
    const all = build(inputOf({ color: ['run'] })).groups.find((group) => group.label === 'b');
    const heads = [headOf(2, 'b')];
    const alone = build(inputOf({ color: ['run'], heads })).groups[0];
    expect(alone?.color).toBe(all?.color);
  });

  it('leave out hidden runs and groups but keep their chart', () => {
    const hidden = { hiddenRuns: new Set(['b']), hiddenGroups: new Set(['sgd']) };
    const { facets } = build(inputOf(hidden));
    expect(facets.map((facet) => facet.lines.map((line) => line.id))).toEqual([[], [3]]);
  });

  it('show one group alone', () => {
    const { facets, groups } = build(inputOf({ only: 'sgd' }));
    expect(groups.map((group) => group.hidden)).toEqual([true, false]);
    expect(facets.map((facet) => facet.lines.map((line) => line.id))).toEqual([[4], [1]]);
  });

  it('use the finer points only where they cover the zoom', () => {
    const coarse = dataOf([1, 2, 3]).coarse;
    const detail = { ...dataOf([7, 8, 9]).coarse, range: [0, 2] as const };
    const data = new Map([[1, { coarse, detail }]]);
    const heads = [headOf(1, 'a')];
    const inside = build(inputOf({ heads, data, zoom: [0.5, 1.5] })).facets[0]!.lines[0]!;
    const beyond = build(inputOf({ heads, data, zoom: [0.5, 3] })).facets[0]!.lines[0]!;
    expect([inside.y[0], beyond.y[0]]).toEqual([7, 1]);
  });

  it('take a colour that somebody chose', () => {
    const paint = new Map([['sgd', '#123456']]);
    expect(build(inputOf({ paint })).groups[1]!.color).toBe('#123456');
  });

  it('draw the run that others are compared with above all', () => {
    const { facets } = build(inputOf({ baseline: 'b' }));
    expect(facets[1]!.lines.map((line) => line.strong)).toEqual([false, true, false]);
  });
});

describe('several fields', () => {
  const color = ['run.opt.name', 'run.lr'];

  it('make a group of what they all say, in the order of the fields', () => {
    const titles = (fields: string[]) => (
      build(inputOf({ color: fields })).groups.map((group) => group.title)
    );
    expect(titles(color)).toEqual(['adam · 0.001', 'adam · 0.01', 'sgd · 0.1']);
    expect(titles(color.toReversed())).toEqual(['0.001 · adam', '0.01 · adam', '0.1 · sgd']);
  });

  it('are never mixed up by what stands in their values', () => {
    const runs = {
      a: runOf('a', { x: 'p · q', y: 'r' }), b: runOf('b', { x: 'p', y: 'q · r' }),
    };
    const heads = [headOf(1, 'a'), headOf(2, 'b')];
    const { groups } = build(inputOf({ heads, runs, color: ['run.x', 'run.y'] }));
    expect(new Set(groups.map((group) => group.label)).size).toBe(2);
  });

  it('name a run as people know it, and tell an empty text from none', () => {
    const runs = { a: runOf('a', { x: '' }), b: runOf('b') };
    const heads = [headOf(1, 'a'), headOf(2, 'b')];
    const { groups } = build(inputOf({ heads, runs, color: ['run', 'run.x'] }));
    expect(groups.map((group) => group.title)).toEqual(['name-a · ""', 'name-b · –']);
  });

  it('make charts that can stand in rows and columns', () => {
    const { facets } = build(inputOf({ facet: ['metric.name', 'run.opt.name'] }));
    expect(facets.map((facet) => facet.title)).toEqual([
      'acc · adam', 'acc · sgd', 'loss · adam', 'loss · sgd',
    ]);
    const [first] = build(inputOf({ facet: ['run.opt.name', 'run.lr'] })).facets;
    expect(first!.title).toBe('adam · lr 0.001');
    const { columns, places } = gridOf(facets, 1_000, 'field');
    expect(columns).toBe(2);
    expect(facets.map(({ key }) => places!.get(key))).toEqual([
      { row: 1, column: 1 }, { row: 1, column: 2 }, { row: 2, column: 1 }, { row: 2, column: 2 },
    ]);
    expect(gridOf(build(inputOf()).facets, 1_000, 'field').places).toBeNull();
  });

  it('are found in the groups of the server whatever their order there', () => {
    const by = ['metric.name', 'run.opt.name', 'run.lr'];
    const spreads = spreadsOf(by, [{ by: [], members: 2, mid: [1, 2, 3] }]);
    const groups = spreads.groups.map((one) => ({ ...one, by: ['loss', 0.01, 'adam'] }));
    const { facets } = build(
      inputOf({ color: color.toReversed(), spreads: { ...spreads, groups } }),
    );
    expect(facets[1]!.bands.map((band) => band.label)).toEqual(['0.01 · adam']);
  });
});

describe('groups of the server', () => {
  const by = ['metric.name', 'run.opt.name'];
  const spreads = spreadsOf(by, [
    { by: ['loss', 'adam'], members: 2, mid: [9, 6, 3] },
    { by: ['loss', 'sgd'], members: 1, mid: [9, 5, 1] },
    { by: ['acc', 'adam'], members: 1, mid: [0, 0.4, 0.8] },
  ]);

  it('become bands of their chart; one of a single line needs none', () => {
    const { facets, groups } = build(inputOf({ spreads }));
    const [band, ...others] = facets[1]!.bands;
    expect(others).toEqual([]);
    expect(facets[0]!.bands).toEqual([]);
    expect([band!.group, band!.color]).toEqual(['adam', groups[0]!.color]);
    expect([band!.low[2], band!.mid[2], band!.high[2]]).toEqual([2, 3, 4]);
  });

  it('may stand without the lines of their members, but never hide a lone line', () => {
    const { facets } = build(inputOf({ spreads, members: false }));
    expect(facets[1]!.lines.map((line) => line.key)).toEqual(['a']);
    const compared = build(inputOf({ spreads, members: false, baseline: 'c' })).facets[1]!;
    expect(compared.lines.map((line) => line.key)).toEqual(['a', 'c']);
  });

  it('give train and val of a group a band each, told apart by stroke', () => {
    const heads = ['a', 'b'].flatMap((run, index) => ['train', 'val'].map(
      (subset, part) => headOf(index * 2 + part + 1, run, 'loss', { subset }),
    ));
    const stroke = 'metric.context.subset';
    const own = spreadsOf(['metric.name', stroke], [
      { by: ['loss', 'train'], members: 2, mid: [1] },
      { by: ['loss', 'val'], members: 2, mid: [2] },
    ]);
    const input = inputOf({ heads, color: [], stroke: [stroke], spreads: own });
    const { bands } = build(input).facets[0]!;
    expect(bands).toHaveLength(2);
    expect(bands[0]!.dash).not.toEqual(bands[1]!.dash);
  });

  it('are what the legend tells, and how many lines are behind them', () => {
    const { facets, groups } = build(inputOf({ spreads }));
    const rank = rankGroups(facets[1], groups, 1).find(({ group }) => group.label === 'adam')!;
    expect([rank.centre, rank.low, rank.high, rank.lines]).toEqual([6, 5, 7, 2]);
  });
});

describe('fields', () => {
  const run = runOf('a', { 'opt.lr': 1, model: { depth: 12, 'head.size': 3 } });

  it('are found below dotted and nested keys', () => {
    expect(paramAt(run.params, 'opt.lr')).toBe(1);
    expect(paramAt(run.params, 'model.depth')).toBe(12);
    expect(paramAt(run.params, 'model.head.size')).toBe(3);
    expect(paramAt(run.params, 'model.width')).toBeUndefined();
  });

  it('read run, metric and context', () => {
    const head = headOf(1, 'a', 'loss', { subset: 'val' });
    const paths = ['run', 'metric.name', 'metric.context.subset', 'run.status', 'run.model.depth'];
    expect(paths.map((path) => fieldValue(path, head, run))).toEqual(
      ['a', 'loss', 'val', 'finished', 12],
    );
  });

  it('are offered with the number of their values', () => {
    const { heads, runs } = inputOf();
    const known = paramPaths(Object.values(runs));
    const offered = new Map(fieldChoices(heads, runs, known).map((f) => [f.path, f.distinct]));
    expect(offered.get('run')).toBe(3);
    expect(offered.get('run.opt.name')).toBe(2);
    expect(fieldTitle('run.opt.name')).toBe('opt.name');
    expect(fieldTitle('run.hparams.lr')).toBe('lr');
  });

  it('are spelled for the server, also where a key is no word', () => {
    expect(['run', 'run.opt.lr', 'run.opt.weird-key'].map(fieldExpression)).toEqual(
      ['run.id', 'run.opt.lr', 'run["opt", "weird-key"]'],
    );
  });

  it('are asked of the server where they are no params', () => {
    const known = new Map([['opt.lr', 2], ['group', 1]]);
    const fields = [
      'run', 'run.status', 'metric.name', 'run.opt.lr', 'run.group', 'run.git.branch',
    ];
    expect(askedFields(fields, known)).toEqual(['run.group', 'run.git.branch']);
    const asked = { ...run, cells: { 'run.git.branch': 'main', 'run.host': null } };
    const head = headOf(1, 'a');
    expect(fieldValue('run.git.branch', head, asked)).toBe('main');
    expect(labelOf(fieldValue('run.host', head, asked))).toBe('–');
  });

  it('are told where none of the series has them', () => {
    const { heads, runs } = inputOf();
    const offered = fieldChoices(heads, runs, paramPaths(Object.values(runs)));
    expect(absentFields(['run', 'run.lr', 'metric.name'], heads, runs, offered)).toEqual([]);
    expect(absentFields(['run.model.lr', 'run.x'], heads, runs, offered)).toEqual([
      'None of these series has `run.model.lr`, but perhaps `run.lr`',
      'None of these series has `run.x`',
    ]);
  });

  it('are offered of what the server knows, but for what goes by nothing', () => {
    const found = (column: string, source: 'field' | 'summary', kind = 'text') => (
      { column, source, kind, distinct: 2, missing: 1 }
    );
    const offered = foundFields([
      found('run.host', 'field'), found('run.id', 'field'),
      found('run.created_at', 'field', 'time'),
      found('run.summary.best', 'summary', 'number'), found('run["odd key"]', 'field'),
      { ...found('run.user', 'field'), distinct: 1, missing: 0 },
    ]);
    expect(offered.map(({ path, kind, distinct }) => [path, kind, distinct])).toEqual(
      [['run.host', 'field', 3], ['run.summary.best', 'result', 3]],
    );
  });

  it('choose a stroke that tells train from val', () => {
    const heads = [
      headOf(1, 'a', 'loss', { subset: 'train' }), headOf(2, 'a', 'loss', { subset: 'val' }),
    ];
    expect(automaticStroke(heads)).toEqual(['metric.context.subset']);
    expect(automaticStroke(heads.slice(1))).toEqual([]);
    expect(automaticStroke(heads, ['metric.context.subset'])).toEqual([]);
    const ranks = Array.from({ length: 64 }, (_, rank) => (
      headOf(rank, 'a', 'loss', { rank, subset: rank % 2 ? 'train' : 'val' })
    ));
    expect(automaticStroke(ranks)).toEqual(['metric.context.subset']);
  });

  it('sort numbers by size and what is missing last', () => {
    expect(['10', '–', '9', '1e-3'].sort(compareLabels)).toEqual(['1e-3', '9', '10', '–']);
  });
});

describe('figures beside the charts', () => {
  const input = inputOf();
  const { facets, groups } = build(input);
  const loss = facets[1]!;

  it('rank groups by their mean under the crosshair', () => {
    const ranks = rankGroups(loss, groups, 2);
    expect(ranks.map((rank) => [rank.group.label, rank.centre])).toEqual([['sgd', 1], ['adam', 3]]);
    expect(ranks[1]!.runs).toBe(2);
    expect(rankGroups(loss, groups, 50)[0]!.centre).toBeNaN();
  });

  it('never take the mean of train and val together', () => {
    const heads = [
      headOf(1, 'a', 'loss', { subset: 'train' }), headOf(2, 'a', 'loss', { subset: 'val' }),
    ];
    const mixed = build(inputOf({ heads, color: ['run'], stroke: ['metric.context.subset'] }));
    const [rank] = rankGroups(mixed.facets[0], mixed.groups, 2);
    expect(rank!.centre).toBe(2);
    expect(rank!.strokes.map(({ title, centre }) => [title, centre])).toEqual(
      [['val', 2], ['train', 1]],
    );
  });

  it('list every run once, read from the active chart and never from another metric', () => {
    const rows = runRows(facets, facets[0], groups, new Set(['b']), null);
    expect(rows.map((row) => [row.id, row.head?.name, row.hidden])).toEqual([
      ['a', 'acc', false], ['b', 'acc', true], ['c', undefined, false],
    ]);
  });

  it('give a run a row in each group that its lines are of', () => {
    const subset = ['metric.context.subset'];
    const heads = ['train', 'val'].map((value, at) => (
      headOf(at + 1, 'a', 'loss', { subset: value })
    ));
    const split = build(inputOf({ heads, color: subset }));
    const rows = runRows(split.facets, split.facets[0], split.groups, new Set(), null);
    expect(rows.map(({ id, group, head }) => [id, group.label, head?.series])).toEqual(
      [['a', 'train', 1], ['a', 'val', 2]],
    );
    expect(new Set(rows.map(({ key }) => key)).size).toBe(2);
  });

  it('tell how far each run is from the baseline', () => {
    const rows = runRows(facets, loss, groups, new Set(), 'b');
    expect(rows.map((row) => deltaAt(row, 2))).toEqual([-1, NaN, 2]);
    expect(sortRows(rows, { by: 'delta', desc: true }, 2).map((row) => row.id)).toEqual(
      ['c', 'a', 'b'],
    );
  });

  it('sort rows by value, setting or name, with empty ones last', () => {
    const rows = runRows(facets, loss, groups, new Set(), null);
    const order = (by: string, desc = false, x: number | null = null): string =>
      sortRows(rows, { by, desc }, x).map((row) => row.id).join('');
    expect(order('lr')).toBe('cba');
    expect(order('value', true, 2)).toBe('cba');
    expect(order('nothing', true)).toBe('abc');
  });

  it('put rows below their groups, and close groups', () => {
    const rows = runRows(facets, loss, groups, new Set(), null);
    const listed = groupRows(sortRows(rows, { by: 'last', desc: false }, null), new Set(['adam']));
    expect(listed.map((row) => row.kind)).toEqual(['group', 'run', 'group']);
    expect(settingSpan(rows, 'lr')).toBe('0.001 … 0.1');
  });

  it('draw bars from the least value to the greatest, or none where one is far beyond', () => {
    expect(barSpan([3, 1, 2])).toEqual([1, 3]);
    expect(barSpan([1e-4, 2e-4, 3e-4, 50])).toBeNull();
    expect([barSpan([]), barSpan([2, 2]), barSpan([1, NaN])]).toEqual([null, null, null]);
  });

  it('show the settings that chips use first, then those that vary', () => {
    const runs = Object.values(input.runs).map((run) => (
      { ...run, params: { ...run.params, seed: 1 } }
    ));
    expect(paramColumns(paramPaths(runs), ['run.opt.name'])).toEqual(['opt.name', 'lr']);
  });
});
