/** Toasts stack up to a bound, and take back what they told of. */

import { beforeEach, describe, expect, it, vi } from 'vitest';
import { TOASTS_MAX, toasts } from '../../../src/lib/ui/toasts.svelte';

beforeEach(() => {
  for (const toast of toasts.list) toasts.drop(toast.id);
});

const texts = () => toasts.list.map((toast) => toast.text);

describe('toasts', () => {
  it('are taken away by what showing them returned', () => {
    const away = toasts.show('one');
    toasts.show('two');
    away();
    expect(texts()).toEqual(['two']);
  });

  it('drop the oldest beyond the bound, but rather one without an undo', () => {
    toasts.show('kept', { undo: () => undefined });
    for (let i = 0; i < TOASTS_MAX; i++) toasts.show(`${i}`);
    expect(texts()).toEqual(['kept', '1', '2', '3']);
  });

  it('undo the newest thing that can be undone', async () => {
    const [first, second] = [vi.fn(), vi.fn()];
    toasts.show('a', { undo: first });
    toasts.show('b', { undo: second });
    toasts.show('c');
    expect(toasts.undoNewest()).toBe(true);
    await vi.waitFor(() => expect(second).toHaveBeenCalledOnce());
    expect(first).not.toHaveBeenCalled();
    expect(texts()).toEqual(['a', 'c']);
  });

  it('say how far something is until it is over', () => {
    const toast = toasts.during('0 of 2');
    toasts.show('else');
    toast.say('1 of 2');
    expect(texts()).toEqual(['1 of 2', 'else']);
    toast.over();
    toast.say('2 of 2');
    expect(texts()).toEqual(['else']);
  });

  it('tell of an undo that failed', async () => {
    toasts.show('a', { undo: () => Promise.reject(new Error('gone')) });
    toasts.undoNewest();
    await vi.waitFor(() => expect(texts()).toEqual(['That could not be undone']));
    expect(toasts.list[0]).toMatchObject({ tone: 'bad', detail: 'gone' });
  });
});
