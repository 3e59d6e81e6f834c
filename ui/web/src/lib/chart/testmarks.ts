/** What a finished draw leaves on its element, for tests that cannot read a canvas. */

import type { Line } from './model';

/** Beyond this many lines the last points would make the document heavy. */
const LISTED_LINES = 50;

/** Set data-points, data-lines, data-draw-ms and, for few lines, data-last. */
export function testMarks(
  host: HTMLElement,
  lines: readonly Line[],
  points: number,
  ms: number,
): void {
  host.dataset['points'] = String(points);
  host.dataset['lines'] = String(lines.length);
  host.dataset['drawMs'] = ms.toFixed(1);
  if (lines.length > LISTED_LINES) {
    delete host.dataset['last'];
    return;
  }
  const last: Record<number, [number, number | null]> = {};
  for (const line of lines) {
    const index = line.x.length - 1;
    if (index < 0) continue;
    const value = (line.raw ?? line.y)[index]!;
    last[line.id] = [line.x[index]!, value - value === 0 ? value : null];
  }
  host.dataset['last'] = JSON.stringify(last);
}
