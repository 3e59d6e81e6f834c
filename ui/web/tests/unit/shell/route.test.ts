/** Addresses lead to pages, and pages to addresses. */

import { describe, expect, it } from 'vitest';
import { metricsHref, pageOf, pathBelow, runHref } from '../../../src/lib/state/route.svelte';

describe('route', () => {
  it('reads the path below a proxy prefix', () => {
    const url = new URL('https://lab.example/tools/foldline/runs/abc?x=1');
    expect(pathBelow(url, 'https://lab.example/tools/foldline/')).toBe('runs/abc');
    expect(pathBelow(new URL('http://localhost/metrics'), 'http://localhost/')).toBe('metrics');
  });

  it('names the page of a path', () => {
    expect(pageOf('')).toEqual({ name: 'home' });
    expect(pageOf('runs/')).toEqual({ name: 'runs' });
    expect(pageOf('runs/a%20b')).toEqual({ name: 'run', id: 'a b', tab: '' });
    expect(pageOf('runs/a/logs')).toEqual({ name: 'run', id: 'a', tab: 'logs' });
    expect(pageOf('metrics')).toEqual({ name: 'metrics' });
    expect(pageOf('settings')).toEqual({ name: 'settings' });
    expect(pageOf('what/else')).toEqual({ name: 'lost', path: 'what/else' });
  });

  it('shows no page for an address that was cut in half', () => {
    expect(pageOf('runs/%E4%B')).toEqual({ name: 'lost', path: 'runs/%E4%B' });
    expect(pageOf('runs/a/logs/more')).toEqual({ name: 'lost', path: 'runs/a/logs/more' });
  });

  it('writes addresses that it can read', () => {
    expect(pageOf(runHref('a/b'))).toEqual({ name: 'run', id: 'a/b', tab: '' });
    expect(pageOf(runHref('a', 'code'))).toEqual({ name: 'run', id: 'a', tab: 'code' });
    const query = 'run.id == "x"';
    expect(new URL(metricsHref(query), 'http://h/').searchParams.get('q')).toBe(query);
  });
});
