/** Settings survive whatever stands in the browser's storage, and change what is written. */

import { afterEach, describe, expect, it } from 'vitest';
import { formatCount, formatValue } from '../../../src/lib/format/number';
import { formatAgo, formatMoment } from '../../../src/lib/format/time';
import { DEFAULTS, readPreferences, settings } from '../../../src/lib/state/settings.svelte';

describe('preferences', () => {
  it.each([null, 'text', 7, [], { density: 'huge', digits: 'many', smoothing: Number.NaN }])(
    'read %j as the defaults',
    (stored) => {
      expect(readPreferences(stored)).toEqual(DEFAULTS);
    },
  );

  it('keep what holds and bound what is too large', () => {
    const read = readPreferences({ zone: 'utc', digits: 99, smoothing: 2, grouping: false });
    expect(read).toEqual({ ...DEFAULTS, zone: 'utc', digits: 9, smoothing: 0.99, grouping: false });
  });
});

describe('a setting', () => {
  // Without a document there is nothing to mark: what is written is all that is looked at here.
  globalThis.document ??= { documentElement: { dataset: {} } } as unknown as Document;
  afterEach(() => settings.reset());

  it('changes how numbers are written', () => {
    settings.set({ digits: 7, grouping: false });
    expect(formatValue(0.123456789)).toBe('0.1234568');
    expect(formatCount(12_345)).toBe('12345');
  });

  it('changes how moments are written', () => {
    settings.set({ zone: 'utc', times: 'absolute' });
    expect(formatAgo(1_700_000_000, 1_700_000_720)).toBe('Nov 14, 22:13');
    expect(formatAgo(1_600_000_000, 1_700_000_720)).toBe('Sep 13, 2020');
    expect(formatMoment(1_700_000_000)).toMatch(/^Nov 14, 2023, 10:13:20\sPM UTC$/);
  });
});
