/** A question is asked as it is typed, and an answer that comes too late is never shown. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SearchRequest, SearchResponse } from '../../../src/lib/api/types';
import { Question } from '../../../src/lib/search/question.svelte';

const answerOf = (total: number): SearchResponse => ({
  runs: [], total, exact: true, watermark: 0, warnings: [],
});

function asked() {
  const waiting: { q: string; signal: AbortSignal; answer: (total: number) => void }[] = [];
  const ask = vi.fn(
    (request: SearchRequest, signal: AbortSignal) =>
      new Promise<SearchResponse>((resolve) => {
        waiting.push({ q: request.q, signal, answer: (total) => resolve(answerOf(total)) });
      }),
  );
  return { question: new Question(6, 3, ask), waiting, ask };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('a question', () => {
  it('is asked once for keys that come together', async () => {
    const { question, ask } = asked();
    for (const text of ['l', 'lu', 'luc']) question.type(text);
    await vi.runAllTimersAsync();
    expect(ask).toHaveBeenCalledOnce();
    expect(ask.mock.calls[0]?.[0]).toEqual({ q: 'luc*', limit: 6, hits: 3 });
  });

  it('gives up the request of an older text, and its answer', async () => {
    const { question, waiting } = asked();
    question.type('one');
    await vi.runAllTimersAsync();
    question.type('two');
    await vi.runAllTimersAsync();
    expect(waiting[0]?.signal.aborted).toBe(true);
    waiting[1]?.answer(2);
    waiting[0]?.answer(1);
    await vi.runAllTimersAsync();
    expect(question.answer?.total).toBe(2);
    expect(question.asking).toBe(false);
  });

  it('shows nothing for no text, even if an answer is under way', async () => {
    const { question, waiting } = asked();
    question.type('one');
    await vi.runAllTimersAsync();
    question.type('  ');
    waiting[0]?.answer(1);
    await vi.runAllTimersAsync();
    expect(question.answer).toBeNull();
    expect(question.asking).toBe(false);
  });

  it('tells why it was not answered', async () => {
    const question = new Question(6, 3, () => Promise.reject(new Error('no server')));
    question.type('one');
    await vi.runAllTimersAsync();
    expect(question.error?.message).toBe('no server');
    expect(question.asking).toBe(false);
  });
});
