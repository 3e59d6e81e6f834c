/** What is no number: steps of sequences, histograms and figures. */

import { describe, expect, it } from 'vitest';
import { niceTicks } from '../../../src/pages/run/media/axis';
import { valueJson, valueText, valueUrl } from '../../../src/pages/run/media/bytes';
import { readFigure } from '../../../src/pages/run/media/figure';
import { readHistogram, resampled, spanOf } from '../../../src/pages/run/media/histogram';
import {
  inOrder, justAbove, justBelow, stepRange,
} from '../../../src/pages/run/media/steps';

function sequence(kind: string, name: string, first: number | 'NaN', last: number | 'Infinity') {
  return { kind, name, context: {}, count: 2, first_step: first, last_step: last };
}

describe('steps', () => {
  it('span all sequences, without what is no number', () => {
    expect(stepRange([sequence('text', 'a', 5, 9), sequence('image', 'b', 1, 3)])).toEqual([1, 9]);
    expect(stepRange([sequence('text', 'a', 'NaN', 'Infinity')])).toBeNull();
    expect(stepRange([sequence('text', 'a', 4, 4)])).toBeNull();
    expect(stepRange([])).toBeNull();
  });

  it.each([0, 1, -7, 1e15, 0.3])('have neighbours just beside %d', (step) => {
    expect(justAbove(step)).toBeGreaterThan(step);
    expect(justBelow(step)).toBeLessThan(step);
    expect(justAbove(step) - step).toBeLessThan(1);
  });

  it('come with images first', () => {
    const kinds = inOrder([sequence('text', 'b', 0, 1), sequence('image', 'a', 0, 1)]);
    expect(kinds.map((one) => one.kind)).toEqual(['image', 'text']);
  });
});

describe('values', () => {
  const base64 = btoa('{"a": 1}');

  it('are read from the answer, or from their blob', async () => {
    expect(await valueJson({ media_type: 'application/json', size: 8, inline: base64 }))
      .toEqual({ a: 1 });
    expect(await valueText({ media_type: 'text/plain', size: 2, text: 'hi' })).toBe('hi');
    const inline = { media_type: 'image/png', size: 8, inline: base64 };
    expect(valueUrl(inline)).toBe(`data:image/png;base64,${base64}`);
    expect(valueUrl({ media_type: 'image/png', size: 8, blob: 'ab' }))
      .toMatch(/api\/v1\/blobs\/ab\?type=image%2Fpng$/);
  });

  it('never carry another address in their type', () => {
    const odd = { media_type: 'text/html,<script>', size: 1, inline: base64 };
    expect(valueUrl(odd)).toMatch(/^data:application\/octet-stream;base64,/);
  });
});

describe('histograms', () => {
  it('have edges, given or counted', () => {
    expect(readHistogram({ counts: [1, 2], range: [0, 1] })?.edges).toEqual([0, 0.5, 1]);
    expect(readHistogram({ counts: [1], edges: [2, 5] })?.edges).toEqual([2, 5]);
    expect(readHistogram({ counts: [] })).toBeNull();
    expect(readHistogram({ counts: [1] })).toBeNull();
  });

  it('keep all of their samples on another grid', () => {
    const one = { counts: [1, 3, 4], edges: [0, 1, 2, 4] };
    const other = { counts: [2], edges: [-2, 1] };
    const span = spanOf([one, other]);
    expect(span).toEqual([-2, 4]);
    for (const rows of [3, 7, 64]) {
      expect(resampled(one, span, rows).reduce((a, b) => a + b)).toBeCloseTo(1);
    }
    expect(spanOf([{ counts: [5], edges: [1, 1] }])).toEqual([0.5, 1.5]);
  });
});

describe('readFigure', () => {
  it('draws lines, bars and fields, and says what it does not', () => {
    const figure = readFigure({
      data: [
        { type: 'scatter', mode: 'lines', x: [0, 1], y: [2, 3], name: 'a' },
        { type: 'bar', x: ['p', 'q'], y: [1, 2] },
        { type: 'sankey' },
        { type: 'surface', visible: false },
      ],
      layout: { title: { text: 'T' }, xaxis: { title: 'x' }, yaxis: { autorange: 'reversed' } },
    });
    expect(figure.traces.map((trace) => trace.type)).toEqual(['lines', 'bar']);
    expect(figure.undrawn).toEqual(['a trace of type sankey']);
    expect([figure.title, figure.xTitle, figure.reversed]).toEqual(['T', 'x', true]);
  });

  it('reads numbers that plotly packed', () => {
    const bytes = new Uint8Array(new Float64Array([1.5, 2.5]).buffer);
    const bdata = btoa(String.fromCharCode(...bytes));
    const figure = readFigure({ data: [{ type: 'bar', y: { dtype: 'f8', bdata } }] });
    expect(figure.traces[0]).toMatchObject({ type: 'bar', y: [1.5, 2.5], x: [0, 1] });
  });

  it.each([{}, { data: 3 }, { data: [null, 'x'] }, { data: [{ type: 'heatmap', z: 'no' }] }])(
    'takes %j for a figure without anything to draw',
    (json) => expect(readFigure(json as never).traces).toEqual([]),
  );
});

describe('niceTicks', () => {
  it('are round and inside', () => {
    expect(niceTicks([0, 1], 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(niceTicks([-3, 17], 4)).toEqual([0, 5, 10, 15]);
    expect(niceTicks([1, 1], 4)).toEqual([]);
  });
});
