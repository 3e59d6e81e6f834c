/** What is offered while a query is typed fits where the caret stands. */

import { describe, expect, it, vi } from 'vitest';
import { placeAt, suggestions } from '../../src/lib/query/complete';

function placed(text: string) {
  const place = placeAt(text, text.length);
  return place && [place.kind, place.text, place.from];
}

describe('the place of the caret', () => {
  it('is in a name of a run, of a series, or in a word', () => {
    expect(placed('run.hparams.l')).toEqual(['run', 'run.hparams.l', 0]);
    expect(placed('not run.metrics["va')).toEqual(['run', 'run.metrics["va', 4]);
    expect(placed('a and metric.na')).toEqual(['metric', 'metric.na', 6]);
    expect(placed('run.x > 1 an')).toEqual(['word', 'an', 10]);
  });

  it('is behind a comparison', () => {
    const place = placeAt('metric.name == "lo', 18);
    expect(place).toEqual({ kind: 'value', from: 15, text: '"lo', of: 'metric.name' });
    expect(placed('run.opt in ("sgd", ')).toEqual(['value', '', 19]);
    expect(placed('run.lr == 0.')).toEqual(['value', '0.', 10]);
  });

  it('is nowhere in a text of somebody\'s own, and behind a number', () => {
    expect(placed('search("run.lo')).toBeNull();
    expect(placed('run.x > 1 ')).toBeNull();
    expect(placed('')).toBeNull();
  });

  it('leaves alone what stands behind it', () => {
    const place = placeAt('run.l > 1', 5);
    expect([place!.from, place!.text]).toEqual([0, 'run.l']);
  });
});

it('offers columns by a part of their name, and their values as a query spells them', async () => {
  const asked: unknown[] = [];
  vi.stubGlobal('fetch', (_url: string, init: RequestInit) => {
    asked.push(JSON.parse(init.body as string));
    const columns = [{
      column: 'run.hparams.opt', source: 'param', kind: 'text', runs: 2,
      values: [{ value: 'sgd', runs: 1 }, { value: true, runs: 1 }],
    }];
    return Promise.resolve(new Response(JSON.stringify({ columns, total: 1, runs: 2 })));
  });
  const { signal } = new AbortController();
  const names = await suggestions(placeAt('run.hparams.o', 13)!, signal);
  expect(names.map(({ title, note }) => [title, note])).toEqual(
    [['run.hparams.opt', 'text · 2 runs']],
  );
  expect(asked[0]).toMatchObject({ like: 'o', sources: ['field', 'param', 'summary'] });
  const found = await suggestions(placeAt('run.hparams.opt == ', 19)!, signal);
  expect(found.map(({ text, from }) => [text, from])).toEqual([['"sgd"', 19], ['True', 19]]);
  vi.unstubAllGlobals();
});
