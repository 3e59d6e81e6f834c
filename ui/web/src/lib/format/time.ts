/**
 * Moments and spans as people read them.
 *
 * They come as unix seconds and seconds.
 */

import { settings } from '../state/settings.svelte';
import { NONE } from './number';

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

/** Two units at most: "42 s", "3m 20s", "6h 42m", "2d 4h". */
export function formatDuration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NONE;
  if (seconds < 1) return `${Math.max(0, Math.round(seconds * 1000))}ms`;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < MINUTE) return `${whole}s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}m ${whole % MINUTE}s`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)}h ${Math.floor((whole % HOUR) / MINUTE)}m`;
  return `${Math.floor(whole / DAY)}d ${Math.floor((whole % DAY) / HOUR)}h`;
}

/** "just now", "12m ago", "5h ago", "3d ago", then the date; or the moment, if that is liked. */
export function formatAgo(time: number, now: number = Date.now() / 1000): string {
  if (settings.times === 'absolute') return formatBriefly(time, now);
  const age = now - time;
  if (age < 10) return 'just now';
  if (age < MINUTE) return `${Math.floor(age)}s ago`;
  if (age < HOUR) return `${Math.floor(age / MINUTE)}m ago`;
  if (age < DAY) return `${Math.floor(age / HOUR)}h ago`;
  if (age < 14 * DAY) return `${Math.floor(age / DAY)}d ago`;
  return formatDate(time, now);
}

/** A way to write moments, in the reader's zone and in UTC. */
function inZones(
  options: Intl.DateTimeFormatOptions,
): Record<'local' | 'utc', Intl.DateTimeFormat> {
  return {
    local: new Intl.DateTimeFormat('en', options),
    utc: new Intl.DateTimeFormat('en', { ...options, timeZone: 'UTC' }),
  };
}

const brief = inZones({
  day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23',
});
const dayThisYear = inZones({ day: 'numeric', month: 'short' });
const day = inZones({ day: 'numeric', month: 'short', year: 'numeric' });
const full = inZones({ dateStyle: 'medium', timeStyle: 'medium' });

/** "Nov 3, 14:05", and the date alone of another year. */
function formatBriefly(time: number, now: number): string {
  if (!isSameYear(time, now)) return formatDate(time, now);
  return brief[settings.zone].format(new Date(time * 1000));
}

function isSameYear(one: number, other: number): boolean {
  const year = (time: number) => {
    const date = new Date(time * 1000);
    return settings.zone === 'utc' ? date.getUTCFullYear() : date.getFullYear();
  };
  return year(one) === year(other);
}

/** "Nov 3", with the year if it is another one. */
export function formatDate(time: number, now: number = Date.now() / 1000): string {
  const format = isSameYear(time, now) ? dayThisYear : day;
  return format[settings.zone].format(new Date(time * 1000));
}

/** Date and time to the second, in the zone that the reader chose. */
export function formatMoment(time: number | null | undefined): string {
  if (time === null || time === undefined) return NONE;
  const text = full[settings.zone].format(new Date(time * 1000));
  return settings.zone === 'utc' ? `${text} UTC` : text;
}
