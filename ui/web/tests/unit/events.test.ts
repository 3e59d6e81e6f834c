/** The event feed merges what comes in one frame, and never hides that something was missed. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  EventFeed,
  HIDDEN_GRACE_MS,
  mergeChanges,
  RETRY_FIRST_MS,
  type FeedHost,
} from '../../src/lib/api/events';
import type { Change, SeriesDelta } from '../../src/lib/api/types';

class FakeSource extends EventTarget {
  readonly CLOSED = 2;
  readyState = 1;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  close = vi.fn(() => (this.readyState = this.CLOSED));

  say(type: string, data: unknown): void {
    this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data) }));
  }
}

function delta(id: number, value: number): SeriesDelta {
  return { id, run: `r${id}`, name: 'loss', context: {}, count: 1, step: 1, value, time: 1 };
}

function change(parts: Partial<Change>): Change {
  return {
    watermark: 1, lag_bytes: 0, runs: [], series: [], shelves: {}, truncated: false, ...parts,
  };
}

function setUp() {
  const sources: FakeSource[] = [];
  let frame: (() => void) | null = null;
  let visibility = () => {};
  const state = { hidden: false };
  const host: FeedHost = {
    open: () => {
      const source = new FakeSource();
      sources.push(source);
      return source as unknown as EventSource;
    },
    soon: (callback) => (frame = callback),
    hidden: () => state.hidden,
    onvisibility: (callback) => (visibility = callback),
  };
  const hide = (hidden: boolean) => {
    state.hidden = hidden;
    visibility();
  };
  return { feed: new EventFeed(host), sources, draw: () => frame?.(), hide };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('mergeChanges', () => {
  it('keeps the later value of a series and every run', () => {
    const merged = mergeChanges(
      change({ watermark: 1, runs: ['a'], series: [delta(1, 0.5), delta(2, 7)] }),
      change({ watermark: 2, runs: ['a', 'b'], series: [delta(1, 0.4)], truncated: true }),
    );
    expect(merged.watermark).toBe(2);
    expect(merged.runs).toEqual(['a', 'b']);
    expect(merged.series.map((one) => one.value)).toEqual([0.4, 7]);
    expect(merged.truncated).toBe(true);
  });
});

describe('the feed', () => {
  it('connects once, however many listen', () => {
    const { feed, sources } = setUp();
    feed.onChange(() => {});
    feed.onReset(() => {});
    expect(sources).toHaveLength(1);
  });

  it('hands on one change per frame', () => {
    const { feed, sources, draw } = setUp();
    const heard = vi.fn();
    feed.onChange(heard);
    sources[0]?.say('change', change({ runs: ['a'] }));
    sources[0]?.say('change', change({ runs: ['b'] }));
    expect(heard).not.toHaveBeenCalled();
    draw();
    expect(heard).toHaveBeenCalledExactlyOnceWith(change({ runs: ['a', 'b'] }));
  });

  it('stops calling a listener that left', () => {
    const { feed, sources, draw } = setUp();
    const heard = vi.fn();
    const off = feed.onChange(heard);
    off();
    sources[0]?.say('change', change({}));
    draw();
    expect(heard).not.toHaveBeenCalled();
  });

  it('lets the browser resume a stream that broke', () => {
    const { feed, sources } = setUp();
    const states: string[] = [];
    const reset = vi.fn();
    feed.onConnection((state) => states.push(state));
    feed.onReset(reset);
    sources[0]?.onopen?.();
    sources[0]!.readyState = 0;
    sources[0]?.onerror?.();
    sources[0]?.onopen?.();
    expect(sources).toHaveLength(1);
    expect(reset).not.toHaveBeenCalled();
    expect(states).toEqual(['connecting', 'open', 'retrying', 'open']);
  });

  it('opens a refused stream again after a pause, then asks for a reset', () => {
    const { feed, sources } = setUp();
    const reset = vi.fn();
    feed.onReset(reset);
    sources[0]!.readyState = 2;
    sources[0]?.onerror?.();
    vi.advanceTimersByTime(RETRY_FIRST_MS);
    expect(sources).toHaveLength(2);
    sources[1]?.onopen?.();
    expect(reset).toHaveBeenCalledOnce();
  });

  it('passes the reset of the server on and forgets what was pending', () => {
    const { feed, sources, draw } = setUp();
    const [heard, reset] = [vi.fn(), vi.fn()];
    feed.onChange(heard);
    feed.onReset(reset);
    sources[0]?.say('change', change({}));
    sources[0]?.say('reset', {});
    draw();
    expect(reset).toHaveBeenCalledOnce();
    expect(heard).not.toHaveBeenCalled();
  });

  it('gives the stream up in a tab that stays hidden, and resets when it is seen again', () => {
    const { feed, sources, hide } = setUp();
    const reset = vi.fn();
    feed.onReset(reset);
    sources[0]?.onopen?.();
    hide(true);
    vi.advanceTimersByTime(HIDDEN_GRACE_MS);
    expect(sources[0]?.close).toHaveBeenCalled();
    hide(false);
    sources[1]?.onopen?.();
    expect(reset).toHaveBeenCalledOnce();
  });

  it('keeps the stream of a tab that was hidden for a moment', () => {
    const { feed, sources, hide } = setUp();
    feed.onReset(() => {});
    hide(true);
    vi.advanceTimersByTime(HIDDEN_GRACE_MS / 2);
    hide(false);
    vi.advanceTimersByTime(HIDDEN_GRACE_MS);
    expect(sources).toHaveLength(1);
    expect(sources[0]?.close).not.toHaveBeenCalled();
  });
});
