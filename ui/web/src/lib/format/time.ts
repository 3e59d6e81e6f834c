/**
 * Moments and spans as people read them.
 *
 * They come as unix seconds and seconds.
 */

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

/** "just now", "12m ago", "5h ago", "3d ago", then the date. */
export function formatAgo(time: number, now: number = Date.now() / 1000): string {
  const age = now - time;
  if (age < 10) return 'just now';
  if (age < MINUTE) return `${Math.floor(age)}s ago`;
  if (age < HOUR) return `${Math.floor(age / MINUTE)}m ago`;
  if (age < DAY) return `${Math.floor(age / HOUR)}h ago`;
  if (age < 14 * DAY) return `${Math.floor(age / DAY)}d ago`;
  return formatDate(time, now);
}

const dayThisYear = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short' });
const day = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', year: 'numeric' });
const full = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });

/** "Nov 3", with the year if it is another one. */
export function formatDate(time: number, now: number = Date.now() / 1000): string {
  const date = new Date(time * 1000);
  const sameYear = date.getFullYear() === new Date(now * 1000).getFullYear();
  return (sameYear ? dayThisYear : day).format(date);
}

/** Date and time to the second, in the reader's time zone. */
export function formatMoment(time: number | null | undefined): string {
  return time === null || time === undefined ? NONE : full.format(new Date(time * 1000));
}
