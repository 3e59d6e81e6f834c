/** When a line was printed: not shown, by the clock, or since the run began. */

import { settings } from '../../../lib/state/settings.svelte';

export type Stamp = 'none' | 'clock' | 'since';

export const STAMPS: readonly Stamp[] = ['none', 'clock', 'since'];

const options: Intl.DateTimeFormatOptions = {
  hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
};
const clocks = {
  local: new Intl.DateTimeFormat('en', options),
  utc: new Intl.DateTimeFormat('en', { ...options, timeZone: 'UTC' }),
};

/** "+1:02:03.4": hours only where there are some, and tenths of seconds. */
export function sinceText(seconds: number): string {
  const tenths = Math.max(0, Math.round(seconds * 10));
  const two = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(tenths / 36_000);
  const minutes = Math.floor(tenths / 600) % 60;
  const rest = `${two(Math.floor(tenths / 10) % 60)}.${tenths % 10}`;
  return hours > 0 ? `+${hours}:${two(minutes)}:${rest}` : `+${minutes}:${rest}`;
}

export function stampText(time: number, stamp: Stamp, since: number): string {
  if (stamp === 'none') return '';
  if (stamp === 'since') return sinceText(time - since).padStart(9);
  return clocks[settings.zone].format(new Date(time * 1000));
}
