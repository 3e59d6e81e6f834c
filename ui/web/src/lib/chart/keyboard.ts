/** The crosshair as the arrow keys move it. */

import type { Line, Range } from './model';
import { nearestIndex, stackAt } from './nearest';

/** A point of a line. */
export interface Place {
  readonly line: Line;
  readonly index: number;
}

/** Points that one press with Shift passes over. */
const LEAP_POINTS = 10;

function finite(value: number | undefined): boolean {
  return value !== undefined && value - value === 0;
}

/** The next index in one direction whose value can be shown; the same one when there is none. */
function walk(line: Line, from: number, direction: 1 | -1, points: number): number {
  let left = points;
  let best = from;
  for (let i = from + direction; i >= 0 && i < line.x.length && left > 0; i += direction) {
    if (!finite(line.y[i])) continue;
    best = i;
    left--;
  }
  return best;
}

/** Where to start: the last visible value of the first line that has one. */
export function firstPlace(lines: readonly Line[], [from, to]: Range): Place | null {
  for (const line of lines) {
    let end = line.x.length;
    while (end > 0 && line.x[end - 1]! > to) end--;
    const index = walk(line, end, -1, 1);
    if (index < end && line.x[index]! >= from) return { line, index };
  }
  return null;
}

/** The same place on a line that was loaded anew, coarser or finer than it was. */
export function carried(place: Place, line: Line): Place {
  if (line.x === place.line.x) return { line, index: place.index };
  return { line, index: Math.max(0, nearestIndex(line.x, place.line.x[place.index]!)) };
}

function otherLine(lines: readonly Line[], place: Place, direction: 1 | -1): Place {
  const x = place.line.x[place.index]!;
  const stack = stackAt(lines, x);
  const at = stack.findIndex((line) => line.id === place.line.id);
  const next = stack[at + direction];
  return at < 0 || !next ? place : { line: next, index: nearestIndex(next.x, x) };
}

/** The place after a key press; null for a key that does not move the crosshair. */
export function moved(
  lines: readonly Line[],
  place: Place,
  key: string,
  leap: boolean,
): Place | null {
  const points = leap ? LEAP_POINTS : 1;
  switch (key) {
    case 'ArrowLeft': return { ...place, index: walk(place.line, place.index, -1, points) };
    case 'ArrowRight': return { ...place, index: walk(place.line, place.index, 1, points) };
    case 'ArrowUp': return otherLine(lines, place, -1);
    case 'ArrowDown': return otherLine(lines, place, 1);
    case 'Home': return { ...place, index: walk(place.line, -1, 1, 1) };
    case 'End': return { ...place, index: walk(place.line, place.line.x.length, -1, 1) };
    default: return null;
  }
}
