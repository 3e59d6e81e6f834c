/** Numbers and times are shortened without becoming false. */

import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatSetting, formatValue } from '../../src/lib/format/number';
import { formatAgo, formatDuration } from '../../src/lib/format/time';

describe('formatValue', () => {
  it.each([
    [0.42346, '0.4235'],
    [12.3456, '12.346'],
    [123456.7, '123457'],
    [0.00012346, '1.235e-4'],
    [-0.5, '-0.5000'],
    [3, '3'],
    [0, '0'],
    [1.5e9, '1.5e9'],
    [12_000, '12,000'],
  ])('shows %d as %s', (value, text) => {
    expect(formatValue(value)).toBe(text);
  });

  it('names what is not finite, in numbers and as the wire spells it', () => {
    expect(formatValue('NaN')).toBe('NaN');
    expect(formatValue('-Infinity')).toBe('-∞');
    expect(formatValue(Number.POSITIVE_INFINITY)).toBe('∞');
  });

  it('shows a dash for nothing', () => {
    expect(formatValue(null)).toBe('–');
  });
});

describe('formatSetting', () => {
  it('keeps every digit of a setting', () => {
    expect(formatSetting(0.0003)).toBe('3e-4');
    expect(formatSetting(0.1)).toBe('0.1');
    expect(formatSetting(123456789)).toBe('123456789');
  });

  it('spells words as Python does', () => {
    expect([true, false, null].map(formatSetting)).toEqual(['True', 'False', 'None']);
  });

  it('tells a missing setting from one that is None', () => {
    expect(formatSetting(undefined)).toBe('–');
  });
});

describe('sizes and counts', () => {
  it('uses binary units', () => {
    expect([0, 1536, 5 << 20].map(formatBytes)).toEqual(['0 B', '1.5 KiB', '5.0 MiB']);
  });

  it('groups thousands', () => {
    expect(formatCount(1284)).toBe('1,284');
  });
});

describe('times', () => {
  it.each([
    [0.0421, '42ms'],
    [5, '5.0s'],
    [200, '3m 20s'],
    [24_120, '6h 42m'],
    [187_200, '2d 4h'],
  ])('shows a span of %d s as %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it('counts back from now', () => {
    const now = 1_700_000_000;
    expect(formatAgo(now - 3, now)).toBe('just now');
    expect(formatAgo(now - 720, now)).toBe('12m ago');
    expect(formatAgo(now - 3 * 86_400, now)).toBe('3d ago');
  });
});
