/** A reload gives the same page: the address holds its whole state. */

import { describe, expect, it } from 'vitest';
import {
  DEFAULT_VIEW, type MetricsView, readView, writeView,
} from '../../../src/pages/metrics/view';

function throughAddress(view: MetricsView): MetricsView {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(writeView(view))) {
    for (const one of [value ?? []].flat()) params.append(key, one);
  }
  return readView(new URLSearchParams(params.toString()));
}

describe('the address', () => {
  it('is empty for a page as it starts', () => {
    expect(Object.values(writeView(DEFAULT_VIEW)).every((value) => !value?.length)).toBe(true);
    expect(readView(new URLSearchParams())).toEqual(DEFAULT_VIEW);
  });

  it('gives every part of the state back', () => {
    const view: MetricsView = {
      query: 'metric.name == "a~b" and run.lr > 1e-3',
      color: ['run.hparams.lr', 'run.hparams.optimizer'], facet: [],
      stroke: ['metric.context.subset'],
      centre: 'median', band: 'quartiles', members: false, axis: 'metric:to,kens',
      scaleX: 'log', scaleY: 'symlog', smoothing: { by: 'gaussian', amount: 500 },
      trim: 0.01, range: [null, 2.5], expressions: ['a / b', 'ema(a, 0.9)'],
      zoom: [100.5, 2_000], zoomY: { facet: 'loss@val', range: [0.1, 0.5] },
      hiddenRuns: ['r1', 'r2'], hiddenGroups: ['1e-3', 'a~b', '–', 'x, y'],
      only: 'x & y', paint: new Map([['a~#b', '#00ff7f']]), baseline: 'r3',
      pins: [{ series: 17, x: 512 }, { series: -4, x: 0.5 }], columns: 3, size: 'l',
      sort: { by: 'hparams.lr', desc: true }, shown: ['lr', 'model.depth'], full: 'loss',
    };
    expect(throughAddress(view)).toEqual(view);
  });

  it('takes one field, several, none and none twice', () => {
    const read = (text: string) => readView(new URLSearchParams(text));
    expect(read('color=run.lr').color).toEqual(['run.lr']);
    expect(read('facet=run.lr&facet=run.lr&facet=metric.name').facet).toEqual(
      ['run.lr', 'metric.name'],
    );
    expect(read('stroke=none').stroke).toEqual([]);
    expect(read('color=').color).toEqual(['run']);
    expect(read('cols=field').columns).toBe('field');
  });

  it('keeps the query readable', () => {
    expect(writeView({ ...DEFAULT_VIEW, query: 'metric.name == "loss"' })['q']).toBe(
      'metric.name == "loss"',
    );
  });

  it('keeps a zoom in wall time to the millisecond', () => {
    const zoom = [1_795_000_000.123, 1_795_000_900.456] as const;
    expect(throughAddress({ ...DEFAULT_VIEW, axis: 'time', zoom }).zoom).toEqual(zoom);
  });

  it('takes the default for what makes no sense', () => {
    const params = new URLSearchParams(
      'agg=mode,none&zoom=5,1&smooth=7&pin=x@1&zy=2,1@loss&x=nothing&paint=a%25red&range=3..1' +
      '&hide=%E0%A4&cols=-2&trim=x',
    );
    expect(readView(params)).toEqual({
      ...DEFAULT_VIEW, smoothing: { by: 'ema', amount: 0.99 }, band: 'none', hiddenRuns: ['\ufffd'],
    });
  });

  it('leaves out the smoothing that a person is used to', () => {
    const view = { ...DEFAULT_VIEW, smoothing: { by: 'ema', amount: 0.6 } } as const;
    expect(writeView(view, 0.6)['smooth']).toBeNull();
    expect(readView(new URLSearchParams(), 0.6).smoothing.amount).toBe(0.6);
    expect(writeView(DEFAULT_VIEW, 0.6)['smooth']).toBe('0');
  });
});
