/** The x range after a turn of the wheel. */

import type { Range } from './model';

/** How much a unit of wheel travel zooms: a usual notch of 100 makes the range a fifth smaller. */
const ZOOM_PER_UNIT = 0.0022;
/** A line of wheel travel in units, where a browser counts lines. */
const LINE_UNITS = 33;

/** Zoom around `center`; with Shift, or a sideways wheel, move instead. */
export function wheelRange(
  range: Range,
  center: number,
  event: Pick<WheelEvent, 'deltaX' | 'deltaY' | 'deltaMode' | 'shiftKey'>,
): Range {
  const unit = event.deltaMode === 0 ? 1 : LINE_UNITS;
  const sideways = event.deltaX !== 0 ? event.deltaX : event.shiftKey ? event.deltaY : 0;
  const span = range[1] - range[0];
  if (sideways) {
    const shift = sideways * unit * ZOOM_PER_UNIT * span;
    return [range[0] + shift, range[1] + shift];
  }
  const factor = Math.exp(event.deltaY * unit * ZOOM_PER_UNIT);
  return [center - (center - range[0]) * factor, center + (range[1] - center) * factor];
}
