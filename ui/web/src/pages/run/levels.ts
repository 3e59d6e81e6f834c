/** The levels of messages and alerts, as Python's logging has them. */

export const LEVELS = [
  { level: 10, name: 'debug' },
  { level: 20, name: 'info' },
  { level: 30, name: 'warning' },
  { level: 40, name: 'error' },
  { level: 50, name: 'critical' },
] as const;

/** The name of the nearest level below: a script may have levels of its own between them. */
export function levelName(level: number): string {
  return LEVELS.findLast((one) => one.level <= level)?.name ?? 'debug';
}

export function levelTone(level: number): 'plain' | 'info' | 'warn' | 'bad' {
  if (level >= 40) return 'bad';
  if (level >= 30) return 'warn';
  return level >= 20 ? 'info' : 'plain';
}

/** Of counts by level, how many are of this level and above. */
export function countFrom(levels: Readonly<Record<string, number>>, level: number): number {
  return Object.entries(levels)
    .filter(([one]) => Number(one) >= level)
    .reduce((sum, [, count]) => sum + count, 0);
}
