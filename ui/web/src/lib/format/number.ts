/**
 * Numbers as people read them.
 *
 * Few digits, and never a wrong one.
 */

import type { Json, WireNumber } from '../api/types';
import { settings } from '../state/settings.svelte';

export const NONE = '–';

const grouped = new Intl.NumberFormat('en');

/** 1284 -> "1,284", unless the reader likes it plain. */
export function formatCount(value: number): string {
  return settings.grouping ? grouped.format(value) : String(value);
}

function exponent(value: number, digits: number): string {
  const [mantissa = '', power = '0'] = value.toExponential(digits - 1).split('e');
  const short = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
  return `${short}e${Number(power)}`;
}

/** A measured value with `digits` significant ones; trailing zeros stay, so columns line up. */
export function formatValue(
  value: WireNumber | null | undefined,
  digits: number = settings.digits,
): string {
  if (value === null || value === undefined) return NONE;
  if (typeof value === 'string') return value === 'NaN' ? 'NaN' : value.replace('Infinity', '∞');
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '-∞';
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (Number.isInteger(value) && size < 1e7) return formatCount(value);
  if (size < 1e-3 || size >= 1e7) return exponent(value, digits);
  if (size < 1) return value.toFixed(digits);
  const whole = Math.floor(Math.log10(size)) + 1;
  return value.toFixed(Math.max(0, digits - whole + 1));
}

/** A setting as it was written: 0.0003 -> "3e-4", 0.1 -> "0.1". Nothing is rounded away. */
export function formatSetting(value: Json | undefined): string {
  if (value === undefined || value === null) return value === null ? 'None' : NONE;
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return value;
  if (typeof value !== 'number') return JSON.stringify(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e9)) {
    return value.toExponential().replace('e+', 'e');
  }
  return String(value);
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** 1536 -> "1.5 KiB". */
export function formatBytes(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < BYTE_UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || size >= 100 ? 0 : 1;
  return `${size.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}
