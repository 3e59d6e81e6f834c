/** A year of days as a calendar: weeks side by side, Monday on top. */

import type { ActiveDay } from '../../lib/api/home';

/** From nothing to the most that a day of this calendar had. */
export type Level = 0 | 1 | 2 | 3 | 4;

export interface CalendarDay extends ActiveDay {
  level: Level;
}

export interface Calendar {
  /** A week is seven days from Monday on; days to come are null. */
  weeks: (CalendarDay | null)[][];
  /** Names of the months, over the week in which each begins. */
  months: { name: string; week: number }[];
  runs: number;
  /** Null for whoever may see some experiments only. */
  points: number | null;
}

export const WEEKS_MAX = 53;
const DAY_MS = 86_400_000;
const DAYS_IN_WEEK = 7;
/** Names nearer to each other than this would touch. */
const MONTH_WEEKS_MIN = 3;

const monthName = new Intl.DateTimeFormat('en', { month: 'short', timeZone: 'UTC' });
const longDay = new Intl.DateTimeFormat('en', {
  weekday: 'short', month: 'short', day: 'numeric', year: 'numeric', timeZone: 'UTC',
});

/** Minutes east of UTC of the reader's zone at this moment. */
export function offsetOf(zone: 'local' | 'utc'): number {
  return zone === 'utc' ? 0 : -new Date().getTimezoneOffset();
}

/** The day of a moment, so many minutes east of UTC: "2026-11-28". */
export function dayOf(time: number, offsetMin: number): string {
  return new Date((time + offsetMin * 60) * 1000).toISOString().slice(0, 10);
}

function ordinal(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) / DAY_MS;
}

/** "Sat, Nov 28, 2026". */
export function dayName(day: string): string {
  return longDay.format(new Date(ordinal(day) * DAY_MS));
}

/** A query for the runs that began on a day. */
export function dayQuery(day: string, offsetMin: number): string {
  const start = ordinal(day) * 86_400 - offsetMin * 60;
  return `run.created_at >= ${start} and run.created_at < ${start + 86_400}`;
}

/** The last weeks up to `today`. */
export function calendarOf(days: readonly ActiveDay[], today: string, weeks: number): Calendar {
  const known = new Map(days.map((day) => [ordinal(day.day), day]));
  const last = ordinal(today);
  // Day 0 of the epoch was a Thursday.
  const weekday = (last + 3) % DAYS_IN_WEEK;
  const first = last - weekday - (weeks - 1) * DAYS_IN_WEEK;
  const shown = days.filter((day) => ordinal(day.day) >= first && ordinal(day.day) <= last);
  const most = Math.max(0, ...shown.map((day) => day.runs));
  const none = { runs: 0, points: days.some((day) => day.points === null) ? null : 0 };

  function at(number: number): CalendarDay | null {
    if (number > last) return null;
    const day = new Date(number * DAY_MS).toISOString().slice(0, 10);
    const { runs, points } = known.get(number) ?? none;
    return { day, runs, points, level: levelOf(runs, points ?? 0, most) };
  }

  const columns = Array.from({ length: weeks }, (_, week) =>
    Array.from({ length: DAYS_IN_WEEK }, (_, day) => at(first + week * DAYS_IN_WEEK + day)),
  );
  return {
    weeks: columns,
    months: monthsOf(columns),
    runs: shown.reduce((sum, day) => sum + day.runs, 0),
    points: none.points === null ? null : shown.reduce((sum, day) => sum + (day.points ?? 0), 0),
  };
}

/** By the logarithm: one day of a thousand runs should not make all others look idle. */
function levelOf(runs: number, points: number, most: number): Level {
  if (runs === 0) return points > 0 ? 1 : 0;
  return Math.max(1, Math.ceil((4 * Math.log1p(runs)) / Math.log1p(most))) as Level;
}

function monthsOf(weeks: (CalendarDay | null)[][]): Calendar['months'] {
  const months: Calendar['months'] = [];
  let before = '';
  weeks.forEach((week, index) => {
    const day = week[0]?.day ?? '';
    const month = day.slice(0, 7);
    if (day === '' || month === before) return;
    before = month;
    const name = monthName.format(new Date(`${day}T00:00:00Z`));
    const last = months.at(-1);
    if (last !== undefined && index - last.week < MONTH_WEEKS_MIN) months.pop();
    months.push({ name, week: index });
  });
  return months;
}
