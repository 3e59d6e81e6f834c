/** Query text is coloured piece by piece, and values are spelled the way a query reads them. */

import { describe, expect, it } from 'vitest';
import { tokens, touches } from '../../src/lib/query/highlight';
import { literal, metricExpression } from '../../src/lib/query/literal';
import { metricQuery } from '../../src/pages/run/query';

const QUERY = 'run.metrics["loss", {"subset": "val"}].min < 1e-3 and not run.archived';

describe('tokens', () => {
  it('give the query back when put together', () => {
    for (const query of [QUERY, '', '   ', 'run.', '"open', 'ä == "ß" @ 3', "a='b'"]) {
      expect(tokens(query).map((token) => token.text).join('')).toBe(query);
    }
  });

  it('tell words, strings and numbers apart', () => {
    const kinds = new Map(tokens(QUERY).map((token) => [token.text, token.kind]));
    expect(kinds.get('run')).toBe('root');
    expect(kinds.get('"loss"')).toBe('string');
    expect(kinds.get('1e-3')).toBe('number');
    expect(kinds.get('and')).toBe('word');
    expect(kinds.get('<')).toBe('operator');
    expect(kinds.get('archived')).toBe('plain');
  });

  it('do not see a keyword inside a name', () => {
    expect(tokens('run.order').some((token) => token.kind === 'word')).toBe(false);
  });

  it('are marked where they lie in the span of an error', () => {
    const wrong = (span: [number, number]) =>
      tokens('run.lrr > 3').filter((token) => touches(token, span)).map((token) => token.text);
    expect(wrong([4, 7])).toEqual(['lrr']);
    expect(wrong([0, 7])).toEqual(['run', '.', 'lrr']);
    expect(wrong([11, 11])).toEqual([]);
  });
});

describe('literals', () => {
  it('are Python, not JSON', () => {
    expect(literal({ a: null, b: [true, 'x'] })).toBe('{"a": None, "b": [True, "x"]}');
  });

  it('name a metric by its context', () => {
    expect(metricExpression('loss', {})).toBe('run.metrics["loss"]');
    expect(metricExpression('loss', { subset: 'val' })).toBe(
      'run.metrics["loss", {"subset": "val"}]',
    );
  });

  it('lead to one series of one run', () => {
    const metric = { name: 'loss', context: { subset: 'val', 'odd key': 1 } };
    expect(metricQuery('abc', metric)).toBe(
      'run.id == "abc" and metric.name == "loss" and metric.context.subset == "val"',
    );
  });
});
