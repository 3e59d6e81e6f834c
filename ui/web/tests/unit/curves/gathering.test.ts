/** Curves that many ask for at once cost one request. */

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Gathering, type CurveStyle } from '../../../src/lib/curves/gathering';

const STYLE: CurveStyle = {
  axis: 'step', points: 256, range: null, smooth: null, inherit: false,
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function recorded() {
  const asked: [number[], CurveStyle][] = [];
  const gathering = new Gathering((ids, style) => {
    asked.push([[...ids], style]);
    return Promise.resolve(new Map());
  });
  return { asked, gathering };
}

it('sends the series of all askers together, each once', async () => {
  const { asked, gathering } = recorded();
  const answers = [gathering.ask([1, 2], STYLE), gathering.ask([2, 3], STYLE)];
  await vi.runAllTimersAsync();
  await Promise.all(answers);
  expect(asked).toEqual([[[1, 2, 3], STYLE]]);
});

it('keeps apart what is wanted in another way, and what comes later', async () => {
  const { asked, gathering } = recorded();
  void gathering.ask([1], STYLE);
  void gathering.ask([1], { ...STYLE, points: 1_024 });
  await vi.runAllTimersAsync();
  void gathering.ask([2], STYLE);
  await vi.runAllTimersAsync();
  expect(asked.map(([ids]) => ids)).toEqual([[1], [1], [2]]);
});

it('does not wait where a request is full', async () => {
  const { asked, gathering } = recorded();
  void gathering.ask(Array.from({ length: 2_000 }, (_, index) => index), STYLE);
  expect(asked).toHaveLength(1);
  void gathering.ask([5_000], STYLE);
  await vi.runAllTimersAsync();
  expect(asked.map(([ids]) => ids.length)).toEqual([2_000, 1]);
});

it('tells every asker of a failure', async () => {
  const gathering = new Gathering(() => Promise.reject(new Error('gone')));
  const answers = [gathering.ask([1], STYLE), gathering.ask([2], STYLE)].map(
    (answer) => answer.catch((reason: Error) => reason.message),
  );
  await vi.runAllTimersAsync();
  expect(await Promise.all(answers)).toEqual(['gone', 'gone']);
});
