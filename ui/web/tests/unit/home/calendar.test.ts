/** The calendar puts each day into its week, and leads to exactly the runs of that day. */

import { describe, expect, it } from 'vitest';
import { calendarOf, dayName, dayOf, dayQuery } from '../../../src/pages/home/calendar';

const days = [
  { day: '2026-11-28', runs: 3, points: 900 },
  { day: '2026-11-23', runs: 100, points: 5 },
  { day: '2026-11-02', runs: 0, points: 40 },
  { day: '2025-01-01', runs: 7, points: 7 },
];

describe('calendar', () => {
  // November 28th of 2026 is a Saturday.
  const calendar = calendarOf(days, '2026-11-28', 53);

  it('ends with the week of today, and has no days to come', () => {
    expect(calendar.weeks).toHaveLength(53);
    expect(calendar.weeks.at(-1)?.map((day) => day?.day ?? null)).toEqual([
      '2026-11-23', '2026-11-24', '2026-11-25', '2026-11-26', '2026-11-27', '2026-11-28', null,
    ]);
    expect(calendar.weeks[0]?.[0]?.day).toBe('2025-11-24');
  });

  it('counts what it shows and no more', () => {
    expect([calendar.runs, calendar.points]).toEqual([103, 945]);
  });

  it('counts no points for whoever is not told of them', () => {
    const told = calendarOf([{ day: '2026-11-28', runs: 3, points: null }], '2026-11-28', 53);
    expect([told.runs, told.points]).toEqual([3, null]);
    expect(told.weeks.at(-1)?.[0]?.points).toBeNull();
  });

  it('is full on the busiest day, and not empty where only points came', () => {
    const levels = new Map(calendar.weeks.flat().map((day) => [day?.day, day?.level]));
    expect(levels.get('2026-11-23')).toBe(4);
    expect(levels.get('2026-11-28')).toBe(2);
    expect(levels.get('2026-11-02')).toBe(1);
    expect(levels.get('2026-11-27')).toBe(0);
  });

  it('names each month over its first week, without names that would touch', () => {
    expect(calendar.months.map((month) => month.name)).toEqual([
      'Dec', 'Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov',
    ]);
  });
});

describe('a day', () => {
  it('is that of the zone it is asked for', () => {
    const late = Date.parse('2026-11-28T23:30:00Z') / 1000;
    expect(dayOf(late, 0)).toBe('2026-11-28');
    expect(dayOf(late, 60)).toBe('2026-11-29');
    expect(dayName('2026-11-28')).toBe('Sat, Nov 28, 2026');
  });

  it('is a query from midnight to midnight there', () => {
    const midnight = Date.parse('2026-11-28T00:00:00Z') / 1000;
    expect(dayQuery('2026-11-28', 60)).toBe(
      `run.created_at >= ${midnight - 3_600} and run.created_at < ${midnight + 82_800}`,
    );
  });
});
