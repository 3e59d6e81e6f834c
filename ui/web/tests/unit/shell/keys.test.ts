/** Keys are offered as actions by their labels, and caught with Ctrl where they are bound so. */

import { describe, expect, it, vi } from 'vitest';
import { offerActions, offeredActions } from '../../../src/lib/keys/actions';
import { bindKeys, listenToKeys } from '../../../src/lib/keys/keys';

/** A window with one listener; no document is needed to press a key. */
function keyboard() {
  let listener: (event: unknown) => void = () => undefined;
  vi.stubGlobal('addEventListener', (_: string, heard: typeof listener) => (listener = heard));
  vi.stubGlobal('removeEventListener', () => undefined);
  vi.stubGlobal('HTMLElement', class {});
  vi.stubGlobal('Element', class {});
  const off = listenToKeys();
  const press = (key: string, held: { ctrlKey?: boolean; altKey?: boolean } = {}) => {
    const event = { key, preventDefault: vi.fn(), ctrlKey: false, metaKey: false, ...held };
    listener(event);
    return event.preventDefault.mock.calls.length > 0;
  };
  return { press, off };
}

describe('keys', () => {
  it('tell Ctrl+K from k, and leave every other Ctrl key to the browser', () => {
    const { press, off } = keyboard();
    const [plain, held] = [vi.fn(), vi.fn()];
    const unbind = bindKeys([
      { keys: 'k', group: 'G', label: 'Up', run: plain },
      { keys: 'Mod+k', group: 'G', label: 'Palette', run: held },
    ]);
    expect(press('k')).toBe(true);
    expect(press('K', { ctrlKey: true })).toBe(true);
    expect(press('c', { ctrlKey: true })).toBe(false);
    expect([plain.mock.calls.length, held.mock.calls.length]).toEqual([1, 1]);
    unbind();
    off();
  });

  it('are pressed in turn', () => {
    const { press, off } = keyboard();
    const run = vi.fn();
    const unbind = bindKeys([{ keys: 'g r', group: 'Go to', label: 'Runs', run }]);
    press('g');
    press('r');
    expect(run).toHaveBeenCalledOnce();
    unbind();
    off();
  });
});

describe('offered actions', () => {
  it('are what pages offer, then what keys do, without those that only move', () => {
    const run = vi.fn();
    const offs = [
      bindKeys([
        { keys: 'e', group: 'Table', label: 'Export', run },
        { keys: 'j', group: 'Table', label: 'Next row', offered: false, run },
        { keys: 'ArrowDown', group: 'Table', label: '', run },
      ]),
      offerActions([{ group: 'Table', label: 'Hide all', run }]),
    ];
    const labels = offeredActions().map((action) => `${action.label} ${action.keys}`.trim());
    expect(labels).toEqual(['Hide all', 'Export e']);
    for (const off of offs) off();
    expect(offeredActions()).toEqual([]);
  });
});
