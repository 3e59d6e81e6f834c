/** The x range after a turn of the wheel, a drag, or a key. */

import type { Range } from './model';
import type { ScaleKind } from './scales';

/** How much a unit of wheel travel zooms: a usual notch of 100 makes the range a fifth smaller. */
const ZOOM_PER_UNIT = 0.0022;
/** A line of wheel travel in units, where a browser counts lines. */
const LINE_UNITS = 33;

/** Zoom around `center`; with Shift, or a sideways wheel, move instead. */
export function wheelRange(
  range: Range,
  center: number,
  event: Pick<WheelEvent, 'deltaX' | 'deltaY' | 'deltaMode' | 'shiftKey'>,
  scale: ScaleKind = 'linear',
): Range {
  const unit = event.deltaMode === 0 ? 1 : LINE_UNITS;
  const sideways = event.deltaX !== 0 ? event.deltaX : event.shiftKey ? event.deltaY : 0;
  if (!sideways) return zoomed(range, center, Math.exp(event.deltaY * unit * ZOOM_PER_UNIT), scale);
  return shifted(range, sideways * unit * ZOOM_PER_UNIT, scale);
}

/** A range moved by a share of its width. */
export function shifted(range: Range, share: number, scale: ScaleKind): Range {
  return onScale(range, scale, ([low, high]) => {
    const shift = share * (high - low);
    return [low + shift, high + shift];
  });
}

/** A range that holds `at`: itself, or as wide as it is, with `at` in its middle. */
export function holding(range: Range, at: number, scale: ScaleKind): Range {
  if (at >= range[0] && at <= range[1]) return range;
  const place = isEven(range, scale) || !(at > 0) ? at : Math.log(at);
  return onScale(range, scale, ([low, high]) => {
    const half = (high - low) / 2;
    return [place - half, place + half];
  });
}

/** A range `factor` times as wide, with `center` where it was. */
export function zoomed(range: Range, center: number, factor: number, scale: ScaleKind): Range {
  const middle = isEven(range, scale) || !(center > 0) ? center : Math.log(center);
  return onScale(range, scale, ([low, high]) => [
    middle - (middle - low) * factor, middle + (high - middle) * factor,
  ]);
}

function isEven(range: Range, scale: ScaleKind): boolean {
  return scale !== 'log' || !(range[0] > 0);
}

/** Change a range where it is even: on a logarithmic axis that is among its logarithms. */
function onScale(range: Range, scale: ScaleKind, change: (range: Range) => Range): Range {
  if (isEven(range, scale)) return change(range);
  const [low, high] = change([Math.log(range[0]), Math.log(range[1])]);
  return [Math.exp(low), Math.exp(high)];
}
