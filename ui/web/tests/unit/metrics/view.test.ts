/** A reload gives the same page: the address holds its whole state. */

import { describe, expect, it } from 'vitest';
import {
  DEFAULT_VIEW, type MetricsView, readView, writeView,
} from '../../../src/pages/metrics/view';

function throughAddress(view: MetricsView): MetricsView {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(writeView(view))) {
    if (value !== null) params.set(key, value);
  }
  return readView(new URLSearchParams(params.toString()));
}

describe('the address', () => {
  it('is empty for a page as it starts', () => {
    expect(Object.values(writeView(DEFAULT_VIEW)).every((value) => value === null)).toBe(true);
    expect(readView(new URLSearchParams())).toEqual(DEFAULT_VIEW);
  });

  it('gives every part of the state back', () => {
    const view: MetricsView = {
      query: 'metric.name == "a~b" and run.lr > 1e-3',
      color: 'run.hparams.lr', facet: 'none', stroke: 'metric.context.subset',
      aggregate: 'range', x: 'relative', log: true, smooth: 0.6,
      zoom: [100.5, 2_000], zoomY: { facet: 'loss@val', range: [0.1, 0.5] },
      hiddenRuns: ['r1', 'r2'], hiddenGroups: ['1e-3', 'a~b', '–', 'x, y'],
      only: 'x & y',
      pin: { series: 17, x: 512 }, sort: { by: 'hparams.lr', desc: true }, full: 'loss',
    };
    expect(throughAddress(view)).toEqual(view);
  });

  it('keeps the query readable', () => {
    expect(writeView({ ...DEFAULT_VIEW, query: 'metric.name == "loss"' })['q']).toBe(
      'metric.name == "loss"',
    );
  });

  it('keeps a zoom in wall time to the millisecond', () => {
    const zoom = [1_795_000_000.123, 1_795_000_900.456] as const;
    expect(throughAddress({ ...DEFAULT_VIEW, x: 'time', zoom }).zoom).toEqual(zoom);
  });

  it('takes the default for what makes no sense', () => {
    const params = new URLSearchParams('agg=median&zoom=5,1&smooth=7&pin=x@1&zy=2,1@loss&x=epoch');
    expect(readView(params)).toEqual({ ...DEFAULT_VIEW, smooth: 0.99 });
  });
});
